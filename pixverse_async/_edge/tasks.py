"""Structured concurrency in three small forms.

Whether a cancellation is meant for us; work that one cannot tear; a task group that raises what went wrong in it
instead of a group around it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.lowlevel

from .._core.errors import JournalError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")


def is_being_cancelled() -> bool:
    """Whether somebody has cancelled the current task; else a `CancelledError` in it is a mistake like any other.

    Code of the caller's may raise one at any time: so does `result()` of a future that was cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def flat_task_group() -> AsyncGenerator[TaskGroup]:
    """A task group that raises one error: a broken journal before all others, else the first that happened."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        # One level only: a group inside is somebody's own, such as that of `raise_for_failures`.
        first = errors.exceptions[0]
        error = next((one for one in errors.exceptions if isinstance(one, JournalError)), first)
        raise error from error.__cause__


class Grace:
    """Work that cancellation can hurry but not tear.

    It runs shielded, and is cut off `seconds` after `watch` was cancelled, which runs beside it in one task group.
    Not in the group's own task: there, asyncio's cancellation comes through every shield.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = math.inf
        self._under_way: set[anyio.CancelScope] = set()

    async def watch(self) -> None:
        """Wait to be cancelled, which turns patience into a deadline."""
        try:
            await anyio.sleep_forever()
        finally:
            self._ends_at = anyio.current_time() + self._seconds
            for scope in self._under_way:
                scope.deadline = self._ends_at

    @property
    def has_begun(self) -> bool:
        """Whether `watch` was cancelled: what is under way has `seconds` left, and nothing more is to be begun."""
        return self._ends_at != math.inf

    async def unbroken(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work to its end. *Cancellation*: raised after the work has ended or the grace has passed."""
        with anyio.CancelScope(shield=True, deadline=self._ends_at) as scope:
            self._under_way.add(scope)
            try:
                result = await work()
                if not self.has_begun:
                    return result
            finally:
                self._under_way.remove(scope)
        await anyio.lowlevel.checkpoint()
        raise AssertionError("the work is cancelled together with `watch`")
