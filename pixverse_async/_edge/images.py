"""A path, bytes or a URL becomes a URL that the service can fetch.

`identify` says what an image is, cheaply, so that a job can be recognised; `ImageHost` uploads it, once for each
content in a batch.  What cannot serve is found before anything is uploaded, and everything here is before anything
is paid.  Files are read and pixels decoded on threads; slots bound how many are in memory at once.  Upload links
are secrets: none is kept, and none enters an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import stat
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import attrs

from .._core.config import is_loopback_host, may_be_public_host
from .._core.errors import ApiError, ConfigError, InvalidJobError, ProtocolError, TransportError
from .._core.frozen import frozen
from .._core.job import SOURCES_REMEDY, Job
from .._core.names import url_identity, url_scheme
from .._core.picture import SAVE_AGAIN, FileType, PictureFacts, Plan, data_uri, data_uri_bytes, describe, plan
from .._core.redaction import redact
from .._core.sniff import examine
from .retries import OUTAGE_PATIENCE, Retries
from .transport import Transport
from .uploads import upload

MAX_FILE_BYTES: Final = 256 * 2**20
"""A 100-megapixel PNG in 16 bits is about this large; anything larger is another file taken for an image."""
MAX_AT_ONCE: Final = 16
"""Images read, converted or uploaded at the same time: at 20 MB each, 320 MB."""
_PILLOW_REMEDY: Final = (
    "Install the converter: pip install 'pixverse-async[{}]'; or save it as an upright JPEG or PNG."
)
_LOADING: Final = threading.Lock()
# Without Pillow the import fails at every image, and a thread that imports while it fails on another may be handed
# the module of that other one, with nothing in it.


@frozen
class HostedImage:
    """Where the service finds an image, and what was done to it on the way."""

    url: str = attrs.field(repr=False)
    notes: tuple[str, ...] = ()


async def identify(job: Job) -> str:
    """What the image is, for `job_key`: the SHA-256 of its bytes in hex, or its URL without the signature.

    *Raises* `InvalidJobError` for what cannot be read; it names the path and the remedy.
    """
    web_url = web_url_of(job)
    return url_identity(web_url) if web_url is not None else await asyncio.to_thread(_digest, job)


class ImageHost:
    """Turns a job's image into a URL that the service can fetch; uploads each content once in a batch.

    `inline` sends local images within the request, as data: URIs, instead of uploading them: whether the service
    takes those is not documented. `allow_loopback`: the service runs on this machine and can fetch from it.
    `patience`: see `Retries`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        rng: random.Random,
        inline: bool = False,
        allow_loopback: bool = False,
        patience: float = OUTAGE_PATIENCE,
    ) -> None:
        self._transport = transport
        self._random = rng
        self._inline = inline
        self._allow_loopback = allow_loopback
        self._hosted: dict[str, HostedImage] = {}
        self._uploads: dict[str, _Sharing] = {}
        self._retries = Retries(patience)
        self._slots = anyio.Semaphore(MAX_AT_ONCE)
        self._cpus = anyio.Semaphore(os.cpu_count() or 1)

    async def url_for(self, job: Job, identity: str) -> HostedImage:
        """The URL of the job's image. `identity` is what `identify` said of it.

        *Charges* nothing: uploads are free. *Cancellation* leaves at most an upload that nobody refers to; others
        who wait for the same content go on without us.
        *Raises* `InvalidJobError` for an image that cannot serve, before it is uploaded; `AuthError`,
        `InsufficientCreditsError`, `ConfigError` or another `ApiError` as the service refuses; `TransportError`
        or `ProtocolError` when the upload fails five times.
        """
        web_url = web_url_of(job)
        if web_url is not None:
            check_fetchable(job, web_url, allow_loopback=self._allow_loopback)
            return HostedImage(url=web_url)
        if self._inline:
            return await self._prepared_inline(job, identity)
        return self._hosted.get(identity) or await self._shared(job, identity)

    async def _shared(self, job: Job, identity: str) -> HostedImage:
        """One uploads for all who want the same content; if it leaves, the next of them does."""
        sharing = self._uploads.setdefault(identity, _Sharing())
        sharing.riders += 1
        try:
            async with sharing.turn:
                if identity not in self._hosted:
                    self._hosted[identity] = await self._uploaded_once(sharing, job, identity)
                return self._hosted[identity]
        finally:
            sharing.riders -= 1
            if sharing.riders == 0 and self._uploads.get(identity) is sharing:
                del self._uploads[identity]

    async def _uploaded_once(self, sharing: _Sharing, job: Job, identity: str) -> HostedImage:
        if sharing.refusal is not None:
            raise attrs.evolve(sharing.refusal) from sharing.refusal
        try:
            return await self._uploaded(job, identity)
        except (ApiError, ConfigError, ProtocolError, TransportError) as refusal:
            # The service's refusal goes for all who wait now; whoever comes later asks anew.
            sharing.refusal = refusal
            del self._uploads[identity]
            raise

    async def _uploaded(self, job: Job, identity: str) -> HostedImage:
        async with self._slots:
            ready = await self._prepared(job, identity)
            url = await upload(
                self._transport,
                ready.body,
                ready.file_type,
                rng=self._random,
                allow_loopback=self._allow_loopback,
                retries=self._retries,
            )
            return HostedImage(url=url, notes=ready.notes)

    async def _prepared_inline(self, job: Job, identity: str) -> HostedImage:
        async with self._slots:
            ready = await self._prepared(job, identity)
            is_untouched = job.image_url is not None and not ready.is_remade
            url = job.image_url if is_untouched else data_uri(ready.file_type, ready.body)
            return HostedImage(url=url or "", notes=ready.notes)

    async def _prepared(self, job: Job, identity: str) -> _Ready:
        async with self._cpus:
            return await asyncio.to_thread(prepare, job, identity)


@attrs.define(eq=False, repr=False)
class _Sharing:
    """Those who want the same content at the same time."""

    # anyio loads what is asked for, when it is
    turn: anyio.Lock = attrs.field(factory=lambda: anyio.Lock())
    riders: int = 0
    refusal: ApiError | ConfigError | ProtocolError | TransportError | None = None


@frozen
class _Ready:
    """An image as it goes out."""

    body: bytes = attrs.field(repr=False)
    file_type: FileType
    notes: tuple[str, ...] = ()
    is_remade: bool = False


# -- on threads ----------------------------------------------------------------------------------


def _digest(job: Job) -> str:
    if isinstance(job.image, bytes) or job.image_url is not None:
        return hashlib.sha256(_content(job)).hexdigest()
    path = _checked_path(job)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise _unreadable(job, problem) from problem


def prepare(job: Job, identity: str | None) -> _Ready:
    """The image as it goes out; `identity` None: it is whatever is there. *Raises* `InvalidJobError`."""
    data = _content(job)
    if identity is not None and hashlib.sha256(data).hexdigest() != identity:
        raise _invalid(job, "the file changed after the job was planned", "Leave it alone, and run again.")
    facts = examine(data)
    if facts.problem is not None:
        raise _invalid(job, facts.problem, f"Give a JPEG, PNG or WebP file. {SAVE_AGAIN}")
    return _ready(job, data, facts, plan(facts, len(data)))


def _ready(job: Job, data: bytes, facts: PictureFacts, needed: Plan) -> _Ready:
    as_it_is = _Ready(body=data, file_type="png" if facts.format == "png" else "jpeg")
    try:
        with _LOADING:
            from . import pixels
    except ImportError as missing:
        if needed.steps:
            remedy = _PILLOW_REMEDY.format("heic" if facts.format == "heic" else "images")
            raise _invalid(job, f"{needed.why}, and Pillow is not installed", remedy) from missing
        return as_it_is
    try:
        if needed.steps:
            made = pixels.remake(data, facts)
            notes = describe(facts, len(data), made)
            return _Ready(body=made.body, file_type=made.file_type, notes=notes, is_remade=True)
        pixels.check(data, facts)
    except pixels.ImageFaultError as fault:
        raise _invalid(job, fault.problem, fault.remedy) from fault
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
        raise _invalid(job, f"not a readable data: URI ({problem})", SOURCES_REMEDY) from problem
    if not data:
        raise _invalid(job, "a data: URI without content", SOURCES_REMEDY)
    return data


def _checked_path(job: Job) -> Path:
    """The job's path, if it is that of a regular file: to open a pipe could wait for ever."""
    path = Path(os.fspath(job.image)) if not isinstance(job.image, bytes) else Path()
    try:
        found = path.stat()
    except OSError as problem:
        raise _unreadable(job, problem) from problem
    except ValueError as problem:
        raise _invalid(job, "not a path", SOURCES_REMEDY) from problem
    if stat.S_ISDIR(found.st_mode):
        raise _invalid(
            job, "a folder, not a file", "Make one job for each image in it, or use jobs_from_folder()."
        )
    if not stat.S_ISREG(found.st_mode):
        raise _invalid(job, "not a regular file", "Copy it to a file first.")
    if not 0 < found.st_size <= MAX_FILE_BYTES:
        problem = "the file is empty" if not found.st_size else f"the file has {found.st_size} bytes"
        raise _invalid(job, problem, "Give a JPEG, PNG or WebP file of at most 256 MiB.")
    return path


def _unreadable(job: Job, problem: OSError) -> InvalidJobError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        remedy = (
            "Check the path; a relative one starts from the table's folder, without a table from the working one."
        )
        return _invalid(job, "no such file", remedy)
    if isinstance(problem, PermissionError):
        return _invalid(
            job, "no permission to read it", "Give yourself the right to read the file and its folders."
        )
    what = redact(problem.strerror) if problem.strerror else type(problem).__name__
    return _invalid(job, f"it cannot be read ({what})", "Copy it to a local disk and try again.")


def _invalid(job: Job, problem: str, remedy: str) -> InvalidJobError:
    image = job.image
    shown = f"<{len(image)} bytes>" if isinstance(image, bytes) else repr(redact(os.fspath(image)))
    return InvalidJobError("image", shown, problem, remedy)


# -- links ---------------------------------------------------------------------------------------


def web_url_of(job: Job) -> str | None:
    """The link that the service is to fetch the image from; None for what is uploaded."""
    url = job.image_url
    return url if url is not None and url_scheme(url) != "data" else None


def check_fetchable(job: Job, url: str, *, allow_loopback: bool) -> None:
    """*Raises* `InvalidJobError` for a link that the service could not fetch, or only over an open wire."""
    host = urlsplit(url).hostname or ""
    if allow_loopback and (is_loopback_host(host) or url_scheme(url) == "https"):
        return
    if url_scheme(url) != "https":
        raise _invalid(job, "plain http", "Use an https URL; or download the image and give its path.")
    if not may_be_public_host(host):
        problem = f"the service cannot reach {host or 'it'}, which is of this machine or network"
        raise _invalid(job, problem, "Give the image's path instead; it is then uploaded.")
