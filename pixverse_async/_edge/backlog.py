"""The finished videos that wait to be downloaded: a slow disk slows the submits instead of filling memory."""

from __future__ import annotations

import anyio

BACKLOG_PER_DOWNLOAD = 16
"""Finished videos that may wait for each download worker before submits wait too: they cost a few bytes each."""


class Backlog:
    """Counts them. Any number may enter: it is the submits that wait."""

    def __init__(self, max_downloads: int) -> None:
        self.waiting = 0
        self._most = max_downloads * BACKLOG_PER_DOWNLOAD
        self._shrank = anyio.Event()

    def enter(self) -> None:
        """A video waits to be downloaded."""
        self.waiting += 1

    def leave(self) -> None:
        """It no longer waits."""
        self.waiting -= 1
        if self.waiting == self._most - 1:  # below it, nobody waits
            self._shrank.set()
            self._shrank = anyio.Event()

    async def wait_for_room(self) -> None:
        """Wait while more videos are finished than the downloads keep up with."""
        while self.waiting >= self._most:
            await self._shrank.wait()
