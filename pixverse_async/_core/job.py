"""What the user asks for: one video to make.

A `Job` is a frozen value that cannot hold nonsense: everything that can be checked without touching the disk or the
network is checked when it is made.  `job_key` is its identity for resume: a hash of what would be made, so that
renaming an image file makes no new job while changing a pixel or a parameter does.  Nothing here reads a file, knows
a price or speaks HTTP.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, TypeAlias, cast, get_args
from urllib.parse import unquote, urlsplit

import attrs

from .errors import InvalidJobError
from .names import safe_stem, url_scheme
from .redaction import redact

Quality = Literal["360p", "540p", "720p", "1080p"]
QUALITIES: tuple[str, ...] = get_args(Quality)
MAX_PROMPT_CHARS = 5000
"""Source: GMI Cloud's page of pixverse-v6-i2v, 2026-10."""
DURATION_RANGE = range(1, 16)
"""Whole seconds, 1 to 15. Source: GMI Cloud's page of pixverse-v6-i2v, 2026-10."""
MAX_SEED = 2**31 - 1
"""Source: GMI Cloud's page of pixverse-v6-i2v, 2026-10."""

ImageSource: TypeAlias = "str | os.PathLike[str] | bytes"
SOURCES_REMEDY = "Give a path, an https URL, a data: URI or bytes."
_SURROGATE = re.compile("[\ud800-\udfff]")


class Stage(enum.StrEnum):
    """Where the service says a request stands, its many words read as five.

    >>> Stage("processing").is_final, Stage.CANCELLED.is_final
    (False, True)
    """

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when the service will say nothing new about the request."""
        return self not in _GOING_ON


_GOING_ON = (Stage.QUEUED, Stage.PROCESSING)


class JobClass(NamedTuple):
    """What a generation's time depends on: jobs of one class are expected to take alike.

    >>> Job("cat.jpg", "the cat yawns", quality="720p").job_class == JobClass("720p", duration=5, audio=False)
    True
    """

    quality: str
    duration: int
    audio: bool


def _shown(image: object) -> str:
    """The image for people: no bytes, no signature. Of a row that is no job, whatever was there."""
    match image:
        case bytes():
            return f"<{len(image)} bytes>"
        case str():
            return repr(redact(image))
        case Path():
            return repr(redact(str(image)))
        case _:
            return _safe_repr(image)


def image_words(job: Job) -> str:
    """What the journal keeps of the image: its path or its link, without bytes and without a signature."""
    if isinstance(job.image, bytes):
        return f"<{len(job.image)} bytes>"
    if job.image_url is not None and job.image_url.startswith("data:"):
        return "<data: URI>"
    return redact(os.fspath(job.image))


def _safe_repr(value: object) -> str:
    try:
        return redact(repr(value), 80)
    except (ValueError, RecursionError):
        # Python refuses to print an int of more than 4300 digits.
        return f"<{type(value).__name__}>"


def _invalid(job: Job, field: str, value: object, problem: str, remedy: str) -> InvalidJobError:
    return InvalidJobError(field, _safe_repr(value), problem, remedy).about(job_name=_name_for_error(job))


def _name_for_error(job: Job) -> str | None:
    try:
        return job.stem
    except (TypeError, ValueError, AttributeError):
        return None


def _check_image(job: Job, _: object, image: object) -> None:
    if isinstance(image, bytes):
        if not image:
            raise _invalid(job, "image", image, "no bytes", "Give the bytes of a JPEG, PNG or WebP file.")
        return
    text: object = None
    if isinstance(image, str | os.PathLike):
        text = os.fspath(cast("str | os.PathLike[str]", image))
    if not isinstance(text, str):
        raise _invalid(job, "image", cast("object", image), "not an image source", SOURCES_REMEDY)
    _check_location(job, text)


def _check_location(job: Job, text: str) -> None:
    scheme = url_scheme(text)
    if not text or "\0" in text:
        problem, remedy = "not a path", SOURCES_REMEDY
    elif scheme and _has_surrogate(text):
        problem, remedy = "a lone surrogate in the URL", "Decode the text as UTF-8."
    elif scheme and scheme not in ("https", "http", "data"):
        problem, remedy = f"the service cannot fetch {scheme}: links", "Use an https URL or a path."
    elif scheme in ("https", "http") and not _has_host(text):
        problem, remedy = "the URL has no host", "Use a full https URL."
    else:
        return
    raise _invalid(job, "image", text, problem, remedy)


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _has_surrogate(text: str) -> bool:
    return _SURROGATE.search(text) is not None


def _check_prompt(job: Job, _: object, prompt: object) -> None:
    if not isinstance(prompt, str):
        raise _invalid(job, "prompt", prompt, "not text", "Give a string.")
    if not prompt.strip():
        raise _invalid(job, "prompt", prompt, "empty", "Say in words what should happen in the video.")
    if len(prompt) > MAX_PROMPT_CHARS:
        problem = f"{len(prompt)} characters long"
        raise _invalid(job, "prompt", prompt, problem, f"Shorten it to {MAX_PROMPT_CHARS} characters.")
    if _has_surrogate(prompt):
        raise _invalid(job, "prompt", prompt, "a lone surrogate in the text", "Decode the text as UTF-8.")


def _check_duration(job: Job, _: object, duration: object) -> None:
    if type(duration) is not int or duration not in DURATION_RANGE:
        problem = "not a whole number of seconds from 1 to 15"
        raise _invalid(job, "duration", duration, problem, "Use 1 to 15.")


def _check_quality(job: Job, _: object, quality: object) -> None:
    if quality not in QUALITIES:
        raise _invalid(job, "quality", quality, "unknown", f"Use one of {', '.join(QUALITIES)}.")


def _check_flag(job: Job, attribute: attrs.Attribute[bool], value: object) -> None:
    if type(value) is not bool:
        raise _invalid(job, attribute.name, value, "not a boolean", "Use True or False.")


def _check_seed(job: Job, _: object, seed: object) -> None:
    if seed is None:
        return
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise _invalid(job, "seed", seed, "not a whole number in range", f"Use 0 to {MAX_SEED}, or leave it out.")


def _check_name(job: Job, _: object, name: object) -> None:
    if name is None:
        return
    if not isinstance(name, str) or not name or safe_stem(name) != unicodedata.normalize("NFC", name):
        remedy = "Use a short plain name without slashes or .mp4."
        raise _invalid(job, "name", name, "not usable as the name of a file", remedy)


def _check_metadata(job: Job, _: object, metadata: object) -> None:
    if not isinstance(metadata, Mapping):
        raise _invalid(job, "metadata", metadata, "not a mapping", "Give a dict, such as {'shelf': 7}.")


@attrs.frozen
class Job:
    """One video to make: an image that becomes its first frame, and a prompt.

    `image`: an https URL, a path, the bytes of an image, or a data: URI. Local images are uploaded.
    `duration`: whole seconds, 1-15. `quality`: 360p, 540p, 720p or 1080p. `audio`: music and effects.
    `multi_clip`: camera changes. `seed`: 0-2147483647; with None one is drawn, and the outcome says which.
    `name`: the stem of the output file; by default the image's own name, made unique in the batch.
    `metadata`: your own, carried to the outcome untouched.

    *Raises* `InvalidJobError`, naming field, value and remedy. *Charges* nothing.

    >>> Job("cat.jpg", "the cat yawns").duration
    5
    >>> Job("cat.jpg", "the cat yawns", duration=16)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pixverse_async._core.errors.InvalidJobError: job 'cat': duration=16: not a whole number ...
    """

    image: ImageSource = attrs.field(validator=_check_image, repr=_shown)
    prompt: str = attrs.field(validator=_check_prompt)
    duration: int = attrs.field(default=5, kw_only=True, validator=_check_duration)
    quality: Quality = attrs.field(default="540p", kw_only=True, validator=_check_quality)
    audio: bool = attrs.field(default=False, kw_only=True, validator=_check_flag)
    multi_clip: bool = attrs.field(default=False, kw_only=True, validator=_check_flag)
    seed: int | None = attrs.field(default=None, kw_only=True, validator=_check_seed)
    name: str | None = attrs.field(default=None, kw_only=True, validator=_check_name)
    metadata: Mapping[str, object] = attrs.field(
        factory=dict[str, object], kw_only=True, eq=False, repr=False, validator=_check_metadata
    )

    @property
    def image_url(self) -> str | None:
        """The image as a URL (https, http or data:), or None for a path or bytes."""
        if isinstance(self.image, bytes):
            return None
        text = os.fspath(self.image)
        return text if url_scheme(text) else None

    @property
    def stem(self) -> str:
        """The name that the output file is to have, without `.mp4` and not yet made unique."""
        if self.name is not None:
            return safe_stem(self.name)
        if isinstance(self.image, bytes) or (self.image_url or "").startswith("data:"):
            return "image"
        if self.image_url is not None:
            return safe_stem(PurePosixPath(unquote(urlsplit(self.image_url).path)).stem)
        return safe_stem(Path(self.image).stem)

    @property
    def job_class(self) -> JobClass:
        """What its generation time depends on."""
        return JobClass(self.quality, self.duration, self.audio)


def job_from_row(row: object, index: int = 0) -> tuple[Job, InvalidJobError | None]:
    """A job from a mapping of `Job`'s own parameters, such as a row of a table, with what is wrong with it.

    A wrong row is a value here, not an exception, so that one bad line of a thousand stops nobody: the job that
    comes with the error holds the row as it was, and is only there to be shown. `index`: its place in the batch.
    A field that is an `InvalidJobError` is what whoever read the row found wrong already.

    >>> job, error = job_from_row({"image": "cat.jpg", "prompt": "yawns", "duration": 16})
    >>> print(error)
    job 'cat': duration=16: not a whole number of seconds from 1 to 15. Use 1 to 15.
    """
    if isinstance(row, Job):
        return row, None
    if not isinstance(row, Mapping):
        problem = f"of type {type(row).__name__}, which is neither a Job nor a mapping of its parameters"
        remedy = "Give Job(image, prompt, ...); of image files, jobs_from_images makes jobs."
        return unchecked_job({}), InvalidJobError(f"jobs[{index}]", _safe_repr(row), problem, remedy)
    fields = cast("Mapping[str, object]", row)
    problem = _row_problem(fields)
    if problem is not None:
        return unchecked_job(fields), problem
    try:
        return Job(**cast("Mapping[str, Any]", fields)), None
    except InvalidJobError as error:
        return unchecked_job(fields), error


def check_job(job: object, field: str = "job") -> None:
    """*Raises* `InvalidJobError` for what is no `Job`, such as a row or a path: not everybody has a type checker."""
    if not isinstance(job, Job):
        problem = f"of type {type(job).__name__}, which is no Job"
        remedy = "Give Job(image, prompt, ...), or Job(**row) of a row."
        raise InvalidJobError(field, _safe_repr(job), problem, remedy)


def _row_problem(fields: Mapping[str, object]) -> InvalidJobError | None:
    for value in fields.values():
        if isinstance(value, InvalidJobError):
            return value
    known = [field.name for field in attrs.fields(Job)]
    for name in fields:
        if name not in known:
            shown = _safe_repr(fields[name])
            return InvalidJobError(redact(str(name), 80), shown, "no such parameter", f"Use {', '.join(known)}.")
    for name in ("image", "prompt"):
        if name not in fields:
            return InvalidJobError(name, "", "missing", "Every job needs an image and a prompt.")
    return None


def unchecked_job(fields: Mapping[str, object]) -> Job:
    """A job that holds the fields as they are, and is only there to be shown; empty where no image or prompt is."""
    job = Job.__new__(Job)
    held = {**attrs.asdict(Job("any", "any"), recurse=False), "image": "", "prompt": "", **fields}
    for field in attrs.fields(Job):
        object.__setattr__(job, field.name, held[field.name])
    return job


def job_key(job: Job, image_identity: str, occurrence: int = 0) -> str:
    """32 hex digits: the same for two jobs exactly when they ask for the same video.

    `image_identity` is the hash of the image's bytes, or `url_identity` of its URL; `occurrence`
    counts equal jobs of one batch, which are different videos that happen to be asked alike.
    """
    facts = [
        "pixverse-v6-i2v", image_identity, job.prompt, job.duration, job.quality, job.audio, job.multi_clip,
        job.seed, occurrence,
    ]  # fmt: skip
    canonical = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
