"""A sink for places that take a video in one piece, as databases and object stores do: three functions make one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import attrs

from .._core.mp4 import Bytes

Put: TypeAlias = Callable[[str, bytes, str], Awaitable[str]]


@attrs.define(eq=False, repr=False, kw_only=True)
class OnePieceSink:
    """Holds each video in memory while it arrives, and has it stored whole. Give it as `sink=`.

    `put(name, data, sha256)` stores a video and returns its place. If a video of that name and content is there
    already, it counts as stored; if one of other content is, `put` raises `FileExistsError` and replaces nothing.
    `exists(name)`: is there a video of that name? `find(place, size_bytes, sha256)`: the place, if what `put` stored
    there is still there and unchanged (`sha256` may be None: not known); else None.
    Each of them may raise `OSError`: the place cannot be used now. At most `max_downloads` videos are in memory at
    once; one that is cut off is fetched from its beginning by the next process.

    >>> kept: dict[str, bytes] = {}
    >>> async def put(name: str, data: bytes, sha256: str) -> str:
    ...     kept[name] = data
    ...     return name
    >>> async def exists(name: str) -> bool:
    ...     return name in kept
    >>> async def find(place: str, size_bytes: int, sha256: str | None) -> str | None:
    ...     return place if len(kept.get(place, b"")) == size_bytes else None
    >>> async def receive(sink: OnePieceSink) -> str:
    ...     part = await sink.open("cat.mp4")
    ...     await part.write([b"half a ", b"video"])
    ...     return await part.commit(12, "9f2c")
    >>> asyncio.run(receive(OnePieceSink(put=put, exists=exists, find=find))), kept
    ('cat.mp4', {'cat.mp4': b'half a video'})
    """

    _put: Put = attrs.field(alias="put")
    _exists: Callable[[str], Awaitable[bool]] = attrs.field(alias="exists")
    _find: Callable[[str, int, str | None], Awaitable[str | None]] = attrs.field(alias="find")

    async def prepare(self) -> None:
        """Ready from the beginning."""

    async def open(self, name: str) -> MemoryPart:
        """Begin a video of that name."""
        return MemoryPart(name, self._put)

    async def exists(self, name: str) -> bool:
        """Is there a video of that name?"""
        return await self._exists(name)

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        """The place, if the video that was stored there is still there."""
        return await self._find(place, size_bytes, sha256)


@attrs.define(eq=False, repr=False)
class MemoryPart:
    """A video that is arriving, in memory."""

    _name: str
    _put: Put
    validator: str | None = attrs.field(default=None, init=False)
    _received: bytearray = attrs.field(factory=bytearray, init=False)

    @property
    def received_bytes(self) -> int:
        """How many bytes it holds."""
        return len(self._received)

    async def restart(self, validator: str | None) -> None:
        """Forget all bytes; those that follow are of the version that `validator` names."""
        self._received.clear()
        self.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append the pieces."""
        for piece in pieces:
            self._received += piece

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        """Call `feed`, on a worker thread, with the bytes that were received."""
        await asyncio.to_thread(feed, bytes(self._received))

    async def commit(self, size_bytes: int, sha256: str) -> str:
        """Have the video stored."""
        return await self._put(self._name, bytes(self._received), sha256)

    async def discard(self) -> None:
        """Forget the bytes."""
        self._received.clear()

    async def aclose(self) -> None:
        """Forget the bytes: no other process can take them up."""
        self._received.clear()
