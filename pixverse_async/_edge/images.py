"""A path, bytes or a URL becomes a URL that the service can fetch.

`identify` says what an image is, cheaply, so that a job can be recognised; `ImageHost` uploads it, once for each
content in a batch.  Everything here is before anything is paid.  `image_files` reads and checks the images, on worker
threads; slots bound how many are in memory at once.  Upload links are secrets: none is kept, and none enters an error.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Final

import anyio
import attrs

from .._core.errors import ApiError, ConfigError, ProtocolError, TransportError
from .._core.frozen import frozen
from .._core.identity import url_identity
from .._core.image_source import check_fetchable, web_url_of
from .._core.job import Job
from .._core.urls import data_uri
from .image_files import Ready, digest, prepare
from .retries import OUTAGE_PATIENCE, Retries
from .transport import Transport
from .uploads import upload

MAX_AT_ONCE: Final = 16
"""Images read, converted or uploaded at the same time: at 20 MB each, 320 MB."""


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
    return url_identity(web_url) if web_url is not None else await asyncio.to_thread(digest, job)


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
        self._rng = rng
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
                rng=self._rng,
                allow_loopback=self._allow_loopback,
                retries=self._retries,
            )
            return HostedImage(url=url, notes=ready.notes)

    async def _prepared_inline(self, job: Job, identity: str) -> HostedImage:
        async with self._slots:
            ready = await self._prepared(job, identity)
            if job.image_url is not None and not ready.is_remade:
                return HostedImage(url=job.image_url, notes=ready.notes)
            return HostedImage(url=data_uri(ready.file_type, ready.body), notes=ready.notes)

    async def _prepared(self, job: Job, identity: str) -> Ready:
        async with self._cpus:
            return await asyncio.to_thread(prepare, job, identity)


@attrs.define(eq=False, repr=False)
class _Sharing:
    """Those who want the same content at the same time."""

    # A lambda, since anyio loads a name when it is first asked for: the import of this file need not wait for that.
    turn: anyio.Lock = attrs.field(factory=lambda: anyio.Lock())
    riders: int = 0
    refusal: ApiError | ConfigError | ProtocolError | TransportError | None = None
