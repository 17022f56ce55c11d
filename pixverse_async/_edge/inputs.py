"""Images as jobs: a folder of them, or a list of files, each with what a sidecar beside it says of it.

A list of jobs holds nothing that is wrong, so all that is wrong is told in one error.  A caller that takes rows as
well, as the command line does, gets a row in the place of each job that cannot be made, and it fails alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import attrs

from .._core.errors import ConfigError, InvalidJobError
from .._core.job import Job, Quality
from .._core.redaction import redact
from .._core.rows import JobLike, job_from_row
from .._core.urls import url_scheme
from .arguments import path_of

_WRONG: Final = "wrong"
"""The field of a row that holds what is wrong beside its image."""
IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".avif"})


class _Beside(NamedTuple):
    """What the two sidecars of an image say."""

    prompt: Mapping[str, object]
    parameters: Mapping[str, object]


def jobs_from_folder(
    folder: str | os.PathLike[str],
    *,
    prompt: str | None = None,
    duration: int = 5,
    quality: Quality = "540p",
    audio: bool = False,
    multi_clip: bool = False,
    seed: int | None = None,
) -> list[Job]:
    """A job for every image in the folder, in the order of their names; folders within it are left alone.

    The parameters are those of `Job`, for every image. Files that are no images by their suffix are ignored; sidecars
    are read as `jobs_from_images` reads them.
    *Charges* nothing. *Raises* `ConfigError` when there is no such folder, no image in it, or no prompt for any of
    them; `InvalidJobError` for a parameter out of range, and for all that is wrong beside the images, in one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "cat.jpg").write_bytes(b"not looked at yet")
    ...     _ = Path(folder, "cat.txt").write_text("the cat yawns")
    ...     [(job.stem, job.prompt) for job in jobs_from_folder(folder, prompt="it snows")]
    [('cat', 'the cat yawns')]
    """
    return _jobs_of(rows_from_folder(folder, _given(prompt, duration, quality, audio, multi_clip, seed)))


def rows_from_folder(folder: str | os.PathLike[str], given: Mapping[str, object]) -> list[JobLike]:
    """What `jobs_from_folder` makes, with a row that fails alone for each image beside which something is wrong."""
    directory = Path(folder)
    try:
        images = sorted(path for path in directory.iterdir() if _is_image(path))
    except OSError as problem:
        is_none = isinstance(problem, NotADirectoryError | FileNotFoundError)
        what = "is not a folder" if is_none else f"cannot be read ({problem.strerror})"
        remedy = "Give the folder that holds the images."
        raise ConfigError("folder", f"{str(directory)!r} {what}", remedy) from problem
    if not images:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise ConfigError("folder", f"no image in {str(directory)!r}", f"Put images into it: {kinds}.")
    return rows_from_images(images, given)


def jobs_from_images(
    images: Iterable[str | os.PathLike[str]],
    *,
    prompt: str | None = None,
    duration: int = 5,
    quality: Quality = "540p",
    audio: bool = False,
    multi_clip: bool = False,
    seed: int | None = None,
) -> list[Job]:
    """A job for each image file, in the order given. What a sidecar says takes precedence over what is given here.

    `cat.txt` beside `cat.jpg` holds that image's own prompt; `cat.json` holds any of `Job`'s parameters but the
    image, such as `{"prompt": "the cat yawns", "duration": 8}`, and has the last word.
    *Charges* nothing. *Raises* `ConfigError` for what is no list of files, or when no image has a prompt;
    `InvalidJobError` for a parameter out of range, and for all that is wrong beside the images, in one.

    >>> [job.stem for job in jobs_from_images(["dog.jpg", "cat.jpg"], prompt="it snows", duration=8)]
    ['dog', 'cat']
    """
    return _jobs_of(rows_from_images(images, _given(prompt, duration, quality, audio, multi_clip, seed)))


def rows_from_images(images: Iterable[str | os.PathLike[str]], given: Mapping[str, object]) -> list[JobLike]:
    """What `jobs_from_images` makes, with a row that fails alone for each image beside which something is wrong.

    *Raises* `ConfigError`, `InvalidJobError` for what is wrong in the call itself: `given` is said of every image.
    """
    if isinstance(images, str | bytes | os.PathLike):  # a str would be taken for a list of its letters
        problem = f"a single {type(images).__name__} instead of several files"
        remedy = "Give a list of paths, such as [path]; a folder to jobs_from_folder."
        raise ConfigError("images", problem, remedy)
    rows = [_row_of(_file(image), given) for image in images]
    _check_prompts(rows)
    return rows


def _given(
    prompt: str | None, duration: int, quality: Quality, audio: bool, multi_clip: bool, seed: int | None
) -> Mapping[str, object]:
    """What is said of every image."""
    return {
        "prompt": prompt,
        "duration": duration,
        "quality": quality,
        "audio": audio,
        "multi_clip": multi_clip,
        "seed": seed,
    }


def _jobs_of(rows: Sequence[JobLike]) -> list[Job]:
    """The rows, if all of them are jobs. *Raises* `InvalidJobError` with every mistake: they are mended at one go."""
    judged = [job_from_row(row) for row in rows]
    wrong = [problem for _, problem in judged if problem is not None]
    if len(wrong) > 1:
        each = "".join(f"\n  {problem}" for problem in wrong)
        raise InvalidJobError("images", "", f"{len(wrong)} of {len(rows)} make no job", f"Correct each:{each}")
    if wrong:
        raise wrong[0]
    return [job for job, _ in judged]


def _check_prompts(rows: Sequence[JobLike]) -> None:
    """That no image has a prompt is one mistake, of the call, and not one for each image."""
    problems = [problem for _, problem in map(job_from_row, rows) if problem is not None]
    lacking = [problem for problem in problems if problem.field == "prompt" and not problem.value]
    if lacking and len(lacking) == len(rows):
        raise ConfigError("prompt", lacking[0].problem, lacking[0].remedy)


def _file(image: object) -> Path:
    """The path that was given, which of a link `Path` would make another one."""
    path = path_of("images", image)
    if isinstance(image, str) and url_scheme(image) is not None:
        problem = f"{redact(image, 60)!r} is a link, not a file"
        raise ConfigError("images", problem, "Give Job(link, prompt) for it.")
    return path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _row_of(image: Path, given: Mapping[str, object]) -> JobLike:
    """The job; or a row with what is wrong beside the image. *Raises* `InvalidJobError` for what `given` says."""
    row: dict[str, object] = {"image": image, **given}
    try:
        beside = _Beside(_prompt_beside(image), _parameters_beside(image))
    except InvalidJobError as problem:
        return {**row, _WRONG: problem.about(job_name=image.stem)}
    row |= {**beside.prompt, **beside.parameters}
    if row["prompt"] is None:
        return {**row, _WRONG: _no_prompt(image)}
    job, problem = job_from_row(row)
    return job if problem is None else {**row, _WRONG: _laid_to(image, beside, problem)}


def _no_prompt(image: Path) -> InvalidJobError:
    remedy = f"Give one for all, or write one into {image.with_suffix('.txt').name}."
    return InvalidJobError("prompt", "", f"none given for {image.name}", remedy).about(job_name=image.stem)


def _laid_to(image: Path, beside: _Beside, problem: InvalidJobError) -> InvalidJobError:
    """The problem with the sidecar that it comes from. *Raises* it if it comes from none: the call is wrong then."""
    problem = problem.about(job_name=image.stem)
    # A name that is no parameter is told before all else, and may be told otherwise than it stands in the file.
    is_strange = not beside.parameters.keys() <= attrs.fields_dict(Job).keys()
    if is_strange or problem.field in beside.parameters:
        suffix = ".json"
    elif problem.field in beside.prompt:
        suffix = ".txt"
    else:
        raise problem
    sidecar = image.with_suffix(suffix).name
    return attrs.evolve(problem, problem=f"{problem.problem} (in {sidecar})").about(job_name=image.stem)


def _prompt_beside(image: Path) -> Mapping[str, object]:
    sidecar = image.with_suffix(".txt")
    return {"prompt": _text(sidecar).strip()} if sidecar.is_file() else {}


def _parameters_beside(image: Path) -> Mapping[str, object]:
    sidecar = image.with_suffix(".json")
    if not sidecar.is_file():
        return {}
    text = _text(sidecar)
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise _bad_sidecar(sidecar, f"not JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise _bad_sidecar(sidecar, "no JSON object")
    fields = cast("dict[str, Any]", found)
    if "image" in fields:
        raise _bad_sidecar(sidecar, "it names an image of its own")
    return fields


def _text(sidecar: Path) -> str:
    try:
        return sidecar.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise _bad_sidecar(sidecar, f"it cannot be read ({problem.strerror})") from problem
    except UnicodeDecodeError as problem:
        raise _bad_sidecar(sidecar, "not UTF-8 text") from problem


def _bad_sidecar(sidecar: Path, problem: str) -> InvalidJobError:
    remedy = 'It holds parameters of the job, such as {"prompt": "the cat yawns", "duration": 8}'
    if sidecar.suffix == ".txt":
        remedy = "It holds the prompt of the image beside it"
    shown = repr(redact(str(sidecar)))
    return InvalidJobError("sidecar", shown, problem, f"{remedy}; correct it or move it away.")
