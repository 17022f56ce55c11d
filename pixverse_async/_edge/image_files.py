"""An image read, checked and made ready: what can be found wrong with it is found here, before anything is uploaded.

Plain functions that block, for worker threads.  The bytes are judged by `sniff` and `picture`, decoded and made anew by
`pixels` where Pillow is installed.  What cannot serve is an `InvalidJobError` that names the image and the remedy.
"""

from __future__ import annotations

import hashlib
import stat
import threading
from pathlib import Path
from typing import Final

import attrs

from .._core.errors import InvalidJobError
from .._core.frozen import frozen
from .._core.image_source import image_error
from .._core.job import SOURCES_REMEDY, Job
from .._core.picture import SAVE_AGAIN, FileType, PictureFacts, Preparation, describe, preparation
from .._core.redaction import redact
from .._core.sniff import examine
from .._core.urls import data_uri_bytes

MAX_FILE_BYTES: Final = 256 * 2**20
"""A 100-megapixel PNG in 16 bits is about this large; anything larger is another file taken for an image."""
_PILLOW_REMEDY: Final = (
    "Install the extra {0}: pip install 'pixverse-async[{0}]'; or save it as an upright JPEG or PNG."
)
_LOADING: Final = threading.Lock()
"""Without Pillow the import fails at every image. A thread that imports while it fails on another thread may be handed
the half-made module of that one, which is empty."""


@frozen
class Ready:
    """An image as it goes out."""

    body: bytes = attrs.field(repr=False)
    file_type: FileType
    notes: tuple[str, ...] = ()
    is_remade: bool = False


def digest(job: Job) -> str:
    """The SHA-256 of the image's bytes, in hex. *Raises* `InvalidJobError` for what cannot be read."""
    if isinstance(job.image, bytes) or job.image_url is not None:
        return hashlib.sha256(_content(job)).hexdigest()
    path = _checked_path(job)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise _unreadable(job, problem) from problem


def prepare(job: Job, identity: str | None) -> Ready:
    """The image as it goes out; `identity` None: it is whatever is there. *Raises* `InvalidJobError`."""
    data = _content(job)
    if identity is not None and hashlib.sha256(data).hexdigest() != identity:
        raise image_error(job, "the file changed after the job was planned", "Leave it alone, and run again.")
    facts = examine(data)
    if facts.problem is not None:
        raise image_error(job, facts.problem, f"Give a JPEG, PNG or WebP file. {SAVE_AGAIN}")
    return _ready(job, data, facts, preparation(facts, len(data)))


def _ready(job: Job, data: bytes, facts: PictureFacts, needed: Preparation) -> Ready:
    as_it_is = Ready(body=data, file_type="png" if facts.format == "png" else "jpeg")
    try:
        with _LOADING:
            from . import pixels
    except ImportError as missing:
        if needed.steps:
            remedy = _PILLOW_REMEDY.format("heic" if facts.format == "heic" else "images")
            raise image_error(job, f"{needed.why}, and Pillow is not installed", remedy) from missing
        return as_it_is
    try:
        if needed.steps:
            made = pixels.remake(data, facts)
            notes = describe(facts, len(data), made)
            return Ready(body=made.body, file_type=made.file_type, notes=notes, is_remade=True)
        pixels.check(data, facts)
    except pixels.ImageFaultError as fault:
        raise image_error(job, fault.problem, fault.remedy) from fault
    return as_it_is


def _content(job: Job) -> bytes:
    if isinstance(job.image, bytes):
        return job.image
    if job.image_url is not None:
        return _data_uri_content(job, job.image_url)
    try:
        return _checked_path(job).read_bytes()
    except OSError as problem:
        raise _unreadable(job, problem) from problem


def _data_uri_content(job: Job, uri: str) -> bytes:
    try:
        data = data_uri_bytes(uri)
    except ValueError as problem:
        raise image_error(job, f"not a readable data: URI ({problem})", SOURCES_REMEDY) from problem
    if not data:
        raise image_error(job, "a data: URI without content", SOURCES_REMEDY)
    return data


def _checked_path(job: Job) -> Path:
    """The job's path, if it is that of a regular file: to open a pipe could wait for ever."""
    assert not isinstance(job.image, bytes), "bytes are not asked for a path"
    path = Path(job.image)
    try:
        found = path.stat()
    except OSError as problem:
        raise _unreadable(job, problem) from problem
    except ValueError as problem:
        raise image_error(job, "not a path", SOURCES_REMEDY) from problem
    if stat.S_ISDIR(found.st_mode):
        raise image_error(
            job, "a folder, not a file", "Make one job for each image in it, or use jobs_from_folder()."
        )
    if not stat.S_ISREG(found.st_mode):
        raise image_error(job, "not a regular file", "Copy it to a file first.")
    if not 0 < found.st_size <= MAX_FILE_BYTES:
        problem = "the file is empty" if not found.st_size else f"the file has {found.st_size} bytes"
        raise image_error(job, problem, "Give a JPEG, PNG or WebP file of at most 256 MiB.")
    return path


def _unreadable(job: Job, problem: OSError) -> InvalidJobError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        remedy = (
            "Check the path; a relative one starts from the table's folder, without a table from the working one."
        )
        return image_error(job, "no such file", remedy)
    if isinstance(problem, PermissionError):
        return image_error(
            job, "no permission to read it", "Give yourself the right to read the file and its folders."
        )
    what = redact(problem.strerror) if problem.strerror else type(problem).__name__
    return image_error(job, f"it cannot be read ({what})", "Copy it to a local disk and try again.")
