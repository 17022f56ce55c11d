"""What a run learned of the service's pace, kept beside the journal: the next run starts warm.

A few hundred bytes that a scheduler writes and reads (`Scheduler.learned`).  Nothing depends on them: a file that is
missing, old, foreign or unwritable costs some polls, and never a video.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

from .._core.schedule import PollPolicy, Scheduler
from .wall_clock import utc_now

TIMING_SUFFIX: Final = ".timing.json"
MAX_AGE: Final = 30 * 86_400.0
"""Seconds. What a service's pace was a month ago says little of today's."""
MAX_BYTES: Final = 64 * 1024
"""The scheduler writes 800 at most, with all the classes it keeps; a file beyond this is not its own."""
WRITE_TIMEOUT: Final = 5.0
"""Seconds that the end of a run waits for it."""

logger = logging.getLogger("pixverse_async")


@asynccontextmanager
async def warm_scheduler(
    policy: PollPolicy, polls_per_second: float, rng: random.Random, journal: Path | None
) -> AsyncGenerator[Scheduler]:
    """The scheduler of a run, warm from the last run over the same journal and kept for the next one."""
    timing = None if journal is None else journal.with_suffix(TIMING_SUFFIX)
    learned = None if timing is None else await read_timing(timing)
    scheduler = policy.scheduler(polls_per_second=polls_per_second, seed=rng.getrandbits(32), learned=learned)
    for note in scheduler.notes:
        logger.info("poll schedule: %s", note)
    try:
        yield scheduler
    finally:
        if timing is not None:
            await write_timing(timing, scheduler.learned())


async def read_timing(path: Path) -> str | None:
    """What an earlier run learned; None when there is nothing fit to use."""
    return await asyncio.to_thread(_read, path)


async def write_timing(path: Path, learned: str | None) -> None:
    """Keep it for the next run. A place that takes no file is noted in the log, no more."""
    if learned is None:
        return
    with anyio.move_on_after(WRITE_TIMEOUT, shield=True):
        try:
            await asyncio.to_thread(_write, path, learned)
        except OSError as problem:
            logger.info("the learned timing was not kept: %s", problem.strerror)


def _read(path: Path) -> str | None:
    try:
        facts = path.stat()
        if facts.st_size > MAX_BYTES or utc_now() - facts.st_mtime > MAX_AGE:
            logger.info("the learned timing in %s is too old or too large, and not used", path.name)
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, learned: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(learned, encoding="utf-8")
    draft.replace(path)
