"""How many requests may be at the service at once."""

from __future__ import annotations

import anyio

from .._core.capacity import Capacity


class Slots:
    """As many as the user allows, or fewer where the service is seen to take fewer.

    Jobs taken over from an earlier run are counted, never kept waiting.
    """

    def __init__(self, most: int) -> None:
        self.used = 0
        self.capacity = Capacity()
        self._most = most
        self._freed: anyio.Event | None = None

    @property
    def limit(self) -> int:
        """How many may be used now."""
        return self._most if self.capacity.limit is None else min(self._most, self.capacity.limit)

    @property
    def has_room(self) -> bool:
        """One more may be used now."""
        return self.used < self.limit

    async def acquire(self) -> None:
        """Wait for a free slot; for one waiter at a time. *Cancellation*: takes none."""
        while not self.has_room:
            self._freed = anyio.Event()
            await self._freed.wait()
        self.used += 1

    def take(self) -> None:
        """Count one more, free or not."""
        self.used += 1

    def release(self) -> None:
        """Give one back."""
        self.used -= 1
        if self._freed is not None:
            self._freed.set()
            self._freed = None
