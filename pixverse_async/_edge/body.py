"""A body that storage sends: collected to large aggregates, with a minimum speed.

Each piece costs a copy and no hop to a thread; each aggregate is worth one.  Time is watched while bytes are
awaited, and only then: a slow disk is not a slow line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

import anyio
import attrs

from .._core.errors import TransportError
from .._core.transfer import DownloadLimits, MinimumSpeed
from .transport import MediaReply

HEAD_BYTES: Final = 2048
"""Of an error's body: storage's XML errors are of a few hundred bytes."""
HEAD_TIMEOUT: Final = 10.0
"""Seconds for that head; without it the status says enough."""


@attrs.define(eq=False)
class Body:
    """A body in aggregates, in a buffer that is used again for each."""

    _pieces: AsyncGenerator[bytes]
    _limits: DownloadLimits
    _buffer: memoryview = attrs.field(init=False)
    _carried: memoryview | None = None
    problem: str | None = None
    """Why it ended early."""

    def __attrs_post_init__(self) -> None:
        self._buffer = memoryview(bytearray(self._limits.aggregate_bytes))

    async def aggregate(self) -> memoryview:
        """The next bytes, valid until the next call; none when it ended, or broke off and left a `problem`."""
        if self.problem is not None:
            return self._buffer[:0]
        speed = MinimumSpeed(self._limits.speed_window, self._limits.min_bytes_per_second, anyio.current_time())
        filled = 0
        with anyio.CancelScope(deadline=speed.deadline) as scope:
            while filled < len(self._buffer) and (piece := await self._next()) is not None:
                used = min(len(piece), len(self._buffer) - filled)
                self._buffer[filled : filled + used] = piece[:used]
                self._carried = piece[used:]
                filled += used
                scope.deadline = speed.progressed(filled, anyio.current_time())
        if scope.cancelled_caught:
            self.problem = f"storage sent less than {self._limits.min_bytes_per_second:g} bytes a second"
        return self._buffer[:filled]

    async def _next(self) -> memoryview | None:
        if self._carried:
            return self._carried
        try:
            return memoryview(await anext(self._pieces))
        except StopAsyncIteration:
            return None
        except TransportError as problem:
            self.problem = problem.what
            return None


async def read_head(media: MediaReply) -> bytes:
    """The first bytes of a body that is an error's; what came of them, when it breaks off or stalls."""
    head = bytearray()
    with suppress(TransportError), anyio.move_on_after(HEAD_TIMEOUT):
        async with aclosing(media.chunks()) as pieces:
            async for piece in pieces:
                head += piece[:HEAD_BYTES]
                if len(head) >= HEAD_BYTES:
                    break
    return bytes(head[:HEAD_BYTES])
