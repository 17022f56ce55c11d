"""Blocking work beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


async def in_thread(work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
    """Do blocking work on a worker thread, to its end: a cancellation waits, since a thread cannot be stopped.

    Otherwise the next run of the same name could meet a thread of the last one at the same file.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            with anyio.CancelScope(shield=True):
                await asyncio.wait([running])
