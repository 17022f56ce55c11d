"""CPU of the scheduler alone: what it was told and asked in a play, told and asked once more with a clock beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import methodcaller

from pixverse_async._core.job import JobClass, Stage
from pixverse_async._core.schedule import Scheduler

Call = Callable[[Scheduler], object]


class Recorder:
    """A scheduler that notes each call on its way to another."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.calls: list[Call] = []
        self.polls = 0

    @property
    def notes(self) -> tuple[str, ...]:
        return self._scheduler.notes

    def submitted(self, job: int, job_class: JobClass, sent_at: float) -> None:
        self.calls.append(methodcaller("submitted", job, job_class, sent_at))
        self._scheduler.submitted(job, job_class, sent_at)

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        self.calls.append(methodcaller("observed", job, stage, sent, received))
        self._scheduler.observed(job, stage, sent, received)

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        self.calls.append(methodcaller("error", job, status, retry_after, sent, received))
        self._scheduler.error(job, status, retry_after, sent, received)

    def abandoned(self, job: int, now: float) -> None:
        self.calls.append(methodcaller("abandoned", job, now))
        self._scheduler.abandoned(job, now)

    def take(self, now: float) -> int | None:
        self.calls.append(methodcaller("take", now))
        job = self._scheduler.take(now)
        self.polls += job is not None
        return job

    def next_wakeup(self) -> float | None:
        self.calls.append(methodcaller("next_wakeup"))
        return self._scheduler.next_wakeup()

    def stalled(self, now: float) -> tuple[int, ...]:
        return self._scheduler.stalled(now)

    def learned(self) -> str | None:
        return self._scheduler.learned()


def replay(calls: list[Call], scheduler: Scheduler) -> float:
    """Seconds of CPU that a fresh scheduler takes for these calls: it decides as the one that was recorded did.

    Take the least of a few, for what a shared machine adds is never negative.
    """
    before = time.process_time()
    for call in calls:
        call(scheduler)
    return time.process_time() - before


def yardstick() -> float:
    """Seconds for ten million rounds of a bare loop: how quick this machine is just now."""
    return 10.0 * min(_million() for _ in range(5))


def _million() -> float:
    before, total = time.process_time(), 0
    for i in range(1_000_000):
        total += i * i
    return time.process_time() - before
