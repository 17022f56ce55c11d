"""A storage host in memory whose answers are scripted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
import attrs

from pixverse_async._core.errors import TransportError
from pixverse_async._core.wire import Call, Reply

URL = "https://storage.example/video.mp4?X-Goog-Signature=c0ffee"


def google_hash(data: bytes) -> str:
    """The header that Google's storage names an object's md5 in."""
    return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()


@attrs.define
class Answer:
    """One answer of storage: its head, and a body that may break off (`breaks`) or wait (`delay`) between pieces."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = attrs.field(default=b"", repr=False)
    piece_bytes: int = 1000
    breaks: bool = False
    delay: float = 0.0
    hangs: bool = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body in pieces."""
        for start in range(0, len(self.body), self.piece_bytes):
            await anyio.sleep(self.delay)
            yield self.body[start : start + self.piece_bytes]
        if self.hangs:
            await anyio.sleep_forever()
        if self.breaks:
            raise TransportError("ClientPayloadError: the body is not whole")


def whole(data: bytes, *, upto: int | None = None, etag: str = '"v1"', **more: object) -> Answer:
    """A 200 with the headers of Google's storage; `upto`: the body breaks off there."""
    headers = {"content-length": str(len(data)), "etag": etag, "x-goog-hash": google_hash(data)}
    return attrs.evolve(Answer(200, headers, data[:upto], breaks=upto is not None), **more)


def rest(data: bytes, start: int, *, upto: int | None = None, etag: str = '"v1"', **more: object) -> Answer:
    """A 206 with the bytes from `start` on."""
    span = f"bytes {start}-{len(data) - 1}/{len(data)}"
    headers = {"content-range": span, "etag": etag, "x-goog-hash": google_hash(data)}
    return attrs.evolve(Answer(206, headers, data[start:upto], breaks=upto is not None), **more)


Script: TypeAlias = "Answer | Exception | Callable[[Mapping[str, str]], Answer]"


@attrs.define
class Storage:
    """A `Transport` that gives its answers one after the other, the last one for ever, and notes what was asked."""

    script: list[Script] = attrs.field(repr=False)
    asked: list[tuple[float, dict[str, str]]] = attrs.field(factory=list[tuple[float, dict[str, str]]])
    is_open: bool = False

    @property
    def requests(self) -> list[dict[str, str]]:
        """The headers of each request."""
        return [headers for _, headers in self.asked]

    @asynccontextmanager
    async def fetch(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[Answer]:
        """See `Transport.fetch`."""
        assert url == URL
        self.asked.append((anyio.current_time(), dict(headers)))
        step = self.script[min(len(self.asked), len(self.script)) - 1]
        if isinstance(step, Exception):
            raise step
        self.is_open = True
        try:
            yield step if isinstance(step, Answer) else step(headers)
        finally:
            self.is_open = False

    async def call(self, call: Call) -> Reply:
        """Not storage's."""
        raise NotImplementedError

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        """Not a download's."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """See `Transport.aclose`."""


def honest(data: bytes, *, piece_bytes: int = 1000) -> Callable[[Mapping[str, str]], Answer]:
    """Serves the file as storage does: a range when one is asked for with the right ETag, else all of it."""

    def serve(headers: Mapping[str, str]) -> Answer:
        if "Range" not in headers or headers.get("If-Range") != '"v1"':
            return whole(data, piece_bytes=piece_bytes)
        start = int(headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            return Answer(416, {"content-range": f"bytes */{len(data)}"})
        return rest(data, start, piece_bytes=piece_bytes)

    return serve
