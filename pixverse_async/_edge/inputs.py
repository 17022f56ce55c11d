"""Images as jobs: a folder of them, or a list of files, each with what a sidecar beside it says of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import attrs

from .._core.errors import ConfigError, InvalidJobError
from .._core.job import Job, Quality, job_from_row
from .._core.names import url_scheme
from .._core.redaction import redact
from .limits import path_of

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".avif"})


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
    *Charges* nothing. *Raises* `ConfigError` when there is no such folder, no image in it, or an image without
    a prompt; `InvalidJobError` for a parameter out of range.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "cat.jpg").write_bytes(b"not looked at yet")
    ...     _ = Path(folder, "cat.txt").write_text("the cat yawns")
    ...     [(job.stem, job.prompt) for job in jobs_from_folder(folder, prompt="it snows")]
    [('cat', 'the cat yawns')]
    """
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
    return jobs_from_images(
        images,
        prompt=prompt,
        duration=duration,
        quality=quality,
        audio=audio,
        multi_clip=multi_clip,
        seed=seed,
    )


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
    *Charges* nothing. *Raises* `ConfigError` for what is no list of files, an image without a prompt or a sidecar that
    cannot be read; `InvalidJobError` for a parameter out of range. The first mistake ends the call.

    >>> [job.stem for job in jobs_from_images(["dog.jpg", "cat.jpg"], prompt="it snows", duration=8)]
    ['dog', 'cat']
    """
    given = {
        "prompt": prompt,
        "duration": duration,
        "quality": quality,
        "audio": audio,
        "multi_clip": multi_clip,
        "seed": seed,
    }
    if isinstance(images, str | bytes | os.PathLike):  # a str would be taken for a list of its letters
        problem = f"a single {type(images).__name__} instead of several files"
        remedy = "Give a list of paths, such as [path]; a folder to jobs_from_folder."
        raise ConfigError("images", problem, remedy)
    return [_job_of(_file(image), given) for image in images]


def _file(image: object) -> Path:
    """The path that was given, which of a link `Path` would make another one."""
    path = path_of("images", image)
    if isinstance(image, str) and url_scheme(image) is not None:
        problem = f"{redact(image, 60)!r} is a link, not a file"
        raise ConfigError("images", problem, "Give Job(link, prompt) for it.")
    return path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _job_of(image: Path, given: Mapping[str, object]) -> Job:
    prompt_beside, parameters_beside = _prompt_beside(image), _parameters_beside(image)
    fields: dict[str, object] = {"image": image, **given, **prompt_beside, **parameters_beside}
    if fields["prompt"] is None:
        remedy = f"Give one for all, or write one into {image.with_suffix('.txt').name}."
        raise ConfigError("prompt", f"none given for {image.name}", remedy)
    job, problem = job_from_row(fields)
    if problem is None:
        return job
    if problem.field in parameters_beside:
        problem = _laid_to(image.with_suffix(".json"), problem)
    elif problem.field in prompt_beside:
        problem = _laid_to(image.with_suffix(".txt"), problem)
    raise problem.about(job_name=image.stem)


def _laid_to(sidecar: Path, problem: InvalidJobError) -> InvalidJobError:
    return attrs.evolve(problem, problem=f"{problem.problem} (in {sidecar.name})")


def _prompt_beside(image: Path) -> Mapping[str, object]:
    sidecar = image.with_suffix(".txt")
    return {"prompt": _text(sidecar).strip()} if sidecar.is_file() else {}


def _parameters_beside(image: Path) -> Mapping[str, object]:
    sidecar = image.with_suffix(".json")
    if not sidecar.is_file():
        return {}
    try:
        found: object = json.loads(_text(sidecar))
    except (ValueError, RecursionError) as problem:
        raise _bad_sidecar(sidecar, f"is not JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise _bad_sidecar(sidecar, "does not hold a JSON object")
    fields = cast("dict[str, Any]", found)
    if "image" in fields:
        raise _bad_sidecar(sidecar, "names an image of its own")
    return fields


def _text(sidecar: Path) -> str:
    try:
        return sidecar.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise _bad_sidecar(sidecar, f"cannot be read ({problem.strerror})") from problem
    except UnicodeDecodeError as problem:
        raise _bad_sidecar(sidecar, "is not UTF-8 text") from problem


def _bad_sidecar(sidecar: Path, problem: str) -> ConfigError:
    remedy = 'It holds parameters of the job, such as {"prompt": "the cat yawns", "duration": 8}'
    if sidecar.suffix == ".txt":
        remedy = "It holds the prompt of the image beside it"
    return ConfigError("sidecar", f"{str(sidecar)!r} {problem}", f"{remedy}; correct it or move it away.")
