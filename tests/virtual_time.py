"""An event loop whose clock jumps to the next timer instead of waiting for it.

Uses only hooks that asyncio documents: a selector handed to the loop, ``time()``
and ``run_in_executor()``.  Hand it to anyio as ``{"loop_factory": VirtualTimeLoop}``.

Safe for code whose only waits are timers and executor threads (aiofiles,
``asyncio.to_thread``).  Not safe for real sockets in numbers, nor for
``anyio.to_thread``, whose threads the loop cannot see.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_SELF_PIPE_ONLY = 1


class DeadlockError(RuntimeError):
    """Every task waits and nothing is left that could wake one."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop that starts at 0.0 and moves only from timer to timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.threads_busy = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*_Ts], _T],
        *args: *_Ts,
    ) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self.threads_busy += 1
        future.add_done_callback(lambda _: self._thread_done())
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # It joins the pool from a thread of its own that run_in_executor never saw.
        self.threads_busy += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.threads_busy -= 1

    def _thread_done(self) -> None:
        self.threads_busy -= 1


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.threads_busy:
            return super().select(None)
        if timeout is not None:
            self._loop.now += timeout
            return []
        if len(self.get_map()) <= _SELF_PIPE_ONLY:
            raise DeadlockError("every task waits and no timer is set")
        return super().select(None)
