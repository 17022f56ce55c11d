"""Waiting for a turn to retry a call that is safe to repeat; see `_core.retry_budget`."""

from __future__ import annotations

import math
from typing import Final

import anyio
import attrs

from .._core.retry_budget import RetryBudget

OUTAGE_PATIENCE: Final = 900.0
"""Seconds that a call may be put off by an outage of all calls of its kind: those of ten minutes do happen."""


class Retries:
    """The turns that all uploads, or all downloads, of a batch share.

    `patience`: seconds for which a call goes on while nobody's comes back; 0 for one that somebody waits for.
    """

    def __init__(self, patience: float = OUTAGE_PATIENCE) -> None:
        self.patience = patience
        self._budget = RetryBudget()
        self._is_back = anyio.Event()
        self._came_back_at = -math.inf

    def has_come_back(self, since: float) -> bool:
        """Somebody's call came back at that time or later."""
        return self._came_back_at >= since

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
        self._came_back_at = anyio.current_time()
        if self._budget.succeeded():
            self._is_back.set()
            self._is_back = anyio.Event()


@attrs.define(eq=False, repr=False)
class Tries:
    """The tries of one call: `most` in a row, not counting those that only showed that the outage goes on.

    An outage is when nobody's call has come back since this one began to fail, or when it had to wait for its turn.
    """

    retries: Retries
    most: int
    failed: int = 0
    """In a row."""
    _counted: int = 0
    _since: float = math.inf
    _is_away: bool = False

    @property
    def is_over(self) -> bool:
        """It has had its tries."""
        return self._counted >= self.most

    def begin_anew(self) -> None:
        """The latest try brought something."""
        self.failed = self._counted = 0
        self._since = math.inf

    def add_failure(self, *, is_away: bool) -> None:
        """The latest try brought nothing. `is_away`: no answer came, or one that says nothing of this call."""
        self.failed += 1
        self._counted += 1
        self._is_away = is_away
        self._since = min(self._since, anyio.current_time())

    async def pause(self, seconds: float) -> None:
        """Wait for the next try. When nobody's come back, that says nothing of this one call."""
        had_to_wait = await self.retries.pause(seconds)
        is_outage = had_to_wait or (self._is_away and not self.retries.has_come_back(self._since))
        if is_outage and anyio.current_time() - self._since < self.retries.patience:
            self._counted -= 1
