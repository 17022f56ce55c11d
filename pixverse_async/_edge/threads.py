"""Blocking work beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


async def in_thread(work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
    """Do blocking work on a worker thread, to its end: see `to_its_end`."""
    return await to_its_end(asyncio.get_running_loop().run_in_executor(None, work, *args))


async def to_its_end(running: asyncio.Future[_T]) -> _T:
    """What a thread's work comes to. A cancellation waits for it, since a thread cannot be stopped.

    Otherwise the next run of the same name could meet a thread of the last one at the same file.
    """
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            with anyio.CancelScope(shield=True):
                await asyncio.wait([running])
