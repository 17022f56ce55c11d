"""What the pipeline needs of a network: calls to the queue, and bytes to and from storage.

A transport repeats nothing and judges nothing: what it raises says only whether the request may have been received.
`aiohttp_transport` is the real one, and the tests have one in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from .._core.wire import Call, Reply


class MediaReply(Protocol):
    """The head of a storage answer, and its body as it arrives."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; several `x-goog-hash` headers are joined by commas."""
        ...

    def chunks(self) -> AsyncGenerator[bytes]:
        """The body in pieces of any size; close it unless read to its end. It may stall for ever.

        *Raises* `TransportError` when it breaks off.
        """
        ...


class Transport(Protocol):
    """Carries calls to the queue, and bytes to and from storage."""

    async def call(self, call: Call) -> Reply:
        """One exchange with the queue. *Raises* `TransportError`; `sent` False means it never left."""
        ...

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        """Upload to a presigned link, with no header but the content type. *Raises* `TransportError`."""
        ...

    def fetch(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[MediaReply]:
        """Open a public link. *Raises* `TransportError`; `DownloadError` for a link that is refused."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
