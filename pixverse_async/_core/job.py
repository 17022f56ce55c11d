"""What the user asks for: one video to make.

A `Job` is a frozen value that cannot hold nonsense: everything that can be checked without touching the disk or the
network is checked when it is made.  Nothing here reads a file, knows a price or speaks HTTP.
"""

from __future__ import annotations

import enum
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, TypeAlias, cast, get_args
from urllib.parse import unquote, urlsplit

import attrs

from .errors import InvalidJobError
from .names import safe_stem
from .redaction import redact, redacted_repr
from .urls import url_scheme

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


def shown_image(image: object) -> str:
    """The image for people: no bytes, no signature. Of a row that is no job, whatever was there."""
    match image:
        case bytes():
            return f"<{len(image)} bytes>"
        case str():
            return repr(redact(image))
        case Path():
            return repr(redact(str(image)))
        case _:
            return redacted_repr(image)


def image_words(job: Job) -> str:
    """What the journal keeps of the image: its path or its link, without bytes and without a signature."""
    if isinstance(job.image, bytes):
        return f"<{len(job.image)} bytes>"
    if job.image_url is not None and job.image_url.startswith("data:"):
        return "<data: URI>"
    return redact(os.fspath(job.image))


def _invalid(job: Job, field: str, value: object, problem: str, remedy: str) -> InvalidJobError:
    return InvalidJobError(field, redacted_repr(value), problem, remedy).about(job_name=_name_for_error(job))


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
        range_ = f"{DURATION_RANGE[0]} to {DURATION_RANGE[-1]}"
        raise _invalid(job, "duration", duration, f"not a whole number of seconds from {range_}", f"Use {range_}.")


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

    image: ImageSource = attrs.field(validator=_check_image, repr=shown_image)
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
