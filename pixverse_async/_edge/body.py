"""A body that storage sends: collected to large aggregates, with a minimum speed.

A piece is neither copied nor worth a hop to a thread; an aggregate of them is worth one.  Time is watched while
bytes are awaited, and only then: a slow disk is not a slow line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Final

import anyio
import attrs

from .._core.errors import TransportError
from .._core.transfer import DownloadLimits, MinimumSpeed
from .transport import MediaReply

MAX_PIECES: Final = 16
"""In an aggregate of 1 MiB; a write for each piece of less than 64 KiB would cost more than joining them."""
HEAD_BYTES: Final = 2048
"""Of an error's body: storage's XML errors are of a few hundred bytes."""
HEAD_TIMEOUT: Final = 10.0
"""Seconds for that head; without it the status says enough."""


@attrs.define(eq=False, repr=False)
class Body:
    """A body in aggregates."""

    _pieces: AsyncGenerator[bytes]
    _limits: DownloadLimits
    problem: str | None = None
    """Why it ended early."""

    async def aggregate(self) -> list[bytes]:
        """The next pieces; none when it ended, or broke off and left a `problem`."""
        speed = MinimumSpeed(self._limits.speed_window, self._limits.min_bytes_per_second, anyio.current_time())
        pieces, size_bytes = list[bytes](), 0
        with anyio.CancelScope(deadline=speed.deadline) as scope:
            while self.problem is None and size_bytes < self._limits.aggregate_bytes:
                piece = await self._next()
                if piece is None:
                    break
                pieces.append(piece)
                size_bytes += len(piece)
                deadline = speed.progressed(size_bytes, anyio.current_time())
                if deadline != scope.deadline:
                    scope.deadline = deadline
        if scope.cancelled_caught:
            self.problem = f"storage sent less than {self._limits.min_bytes_per_second:g} bytes a second"
        return pieces if len(pieces) <= MAX_PIECES else [b"".join(pieces)]

    async def _next(self) -> bytes | None:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            return None
        except TransportError as problem:
            self.problem = problem.what
            return None


def beginning(pieces: Sequence[bytes], size_bytes: int) -> bytes:
    """The first bytes of the pieces.

    >>> beginning([b"ab", b"cdef", b"gh"], 5)
    b'abcde'
    """
    return b"".join(piece[:size_bytes] for piece in pieces)[:size_bytes]


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
