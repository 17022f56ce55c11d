"""A body that storage sends: collected to large aggregates, with a minimum speed.

A piece is neither copied nor worth a hop to a thread; an aggregate of them is worth one.  Time is watched while
bytes are awaited, and only then: a slow disk is not a slow line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Final

import anyio
import attrs

from .._core.errors import TransportError
from .._core.transfer import DownloadLimits, MinimumSpeed
from .transport import MediaReply

MAX_PIECES: Final = 32
"""In an aggregate of 2 MiB; a write for each piece of less than 64 KiB would cost more than joining them."""
MAX_HELD_PIECES: Final = 4096
"""Before they are joined: two MiB that come two bytes at a time would take 130 MB of memory."""
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
    _is_over: bool = False

    @property
    def is_whole(self) -> bool:
        """All of it has come, and in order."""
        return self._is_over and self.problem is None

    async def aggregate(self) -> list[bytes]:
        """The next pieces; none when it ended, or broke off and left a `problem`."""
        if self._is_over:
            return []
        # The loop's own clock: it is read for each piece, and anyio's takes ten times as long.
        now = asyncio.get_running_loop().time
        speed = MinimumSpeed(self._limits.speed_window, self._limits.min_bytes_per_second, now())
        pieces, size_bytes = list[bytes](), 0
        with anyio.CancelScope(deadline=speed.deadline) as scope:
            try:
                async for piece in self._pieces:
                    pieces.append(piece)
                    size_bytes += len(piece)
                    if len(pieces) >= MAX_HELD_PIECES:
                        pieces = [b"".join(pieces)]
                    if size_bytes >= self._limits.aggregate_bytes:
                        return _few(pieces)
                    deadline = speed.progressed(size_bytes, now())
                    if deadline != scope.deadline:
                        scope.deadline = deadline
            except TransportError as problem:
                self.problem = problem.what
        self._is_over = True
        if scope.cancelled_caught:
            self.problem = f"storage sent less than {self._limits.min_bytes_per_second:g} bytes a second"
        return _few(pieces)


def _few(pieces: list[bytes]) -> list[bytes]:
    return pieces if len(pieces) <= MAX_PIECES else [b"".join(pieces)]


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
