"""Waiting for a turn to retry a call that is safe to repeat; see `_core.retry_budget`."""

from __future__ import annotations

import math
from typing import Final

import anyio
import attrs

from .._core.retry_budget import RetryBudget

PATIENCE: Final = 900.0
"""Seconds that a call may be put off by an outage of all calls of its kind: those of ten minutes do happen."""


class Retries:
    """The turns that all uploads, or all downloads, of a batch share."""

    def __init__(self) -> None:
        self._budget = RetryBudget()
        self._is_back = anyio.Event()

    async def pause(self, seconds: float) -> bool:
        """Sleep, and then as much longer as it takes to have a turn; True when that took longer."""
        await anyio.sleep(seconds)
        had_to_wait = False
        while not self._budget.take(anyio.current_time()):
            had_to_wait = True
            with anyio.CancelScope(deadline=self._budget.next_at):
                await self._is_back.wait()
        return had_to_wait

    def succeeded(self) -> None:
        """A call came back: those who wait may go on."""
        if self._budget.succeeded():
            self._is_back.set()
            self._is_back = anyio.Event()


@attrs.define(eq=False, repr=False)
class Tries:
    """The tries of one call: `most` in a row, not counting those that only showed that the outage goes on."""

    retries: Retries
    most: int
    failed: int = 0
    _since: float = math.inf

    @property
    def is_over(self) -> bool:
        """It has had its tries."""
        return self.failed >= self.most

    def begin_anew(self) -> None:
        """The latest try brought something."""
        self.failed = 0
        self._since = math.inf

    def add_failure(self) -> None:
        """The latest try brought nothing."""
        self.failed += 1
        self._since = min(self._since, anyio.current_time())

    async def pause(self, seconds: float) -> None:
        """Wait for the next try. When nobody's come back, that says nothing of this one call."""
        had_to_wait = await self.retries.pause(seconds)
        if had_to_wait and anyio.current_time() - self._since < PATIENCE:
            self.failed -= 1
