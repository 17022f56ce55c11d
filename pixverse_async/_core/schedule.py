"""When to look again: the poll schedule for all jobs in flight, as one object.

A `Scheduler` is told what was submitted, observed and refused, with the time; it is asked whom
to poll now and when to ask again.  It owns no timer, task or clock.  A `PollPolicy` is the frozen
value that a user passes and that makes one scheduler for a run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Protocol

import attrs

from .job import JobClass, Stage

DEFAULT_POLLS_PER_SECOND = 20.0
"""A modest budget for one process. GMI documents no limit on status calls; its own sample polls each second."""
ERROR_PAUSE = 1.0
"""Seconds before a poll that failed without advice is repeated."""


class Scheduler(Protocol):
    """Decides for every job in flight when its next poll is due. All times are loop seconds."""

    def submitted(self, job: int, job_class: JobClass, now: float) -> None:
        """The service accepted the job (or a resumed run took it up)."""
        ...

    def take(self, now: float) -> int | None:
        """A job to poll right now, or None. The job is not offered again before its answer."""
        ...

    def next_wakeup(self) -> float | None:
        """When `take` should be asked again; None while nothing waits."""
        ...

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        """A status answer. A final stage removes the job."""
        ...

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        """No usable answer: HTTP `status`, or 0 when there was none."""
        ...

    def abandoned(self, job: int, now: float) -> None:
        """We stopped waiting for the job."""
        ...


class PollPolicy(Protocol):
    """A frozen value that makes the scheduler of one run."""

    def scheduler(self, *, polls_per_second: float, seed: int) -> Scheduler:
        """A fresh scheduler that sends at most `polls_per_second`; `seed` decides its jitter."""
        ...


class _Intervals:
    """Each job by itself: a first wait, then a wait that depends on how many answers came."""

    def __init__(self, interval: Callable[[int], float], polls_per_second: float, seed: int) -> None:
        self._interval = interval
        self._spacing = 1.0 / polls_per_second
        self._random = random.Random(seed)  # noqa: S311  jitter, not a secret
        self._due: list[tuple[float, int]] = []
        self._answers: dict[int, int] = {}
        self._free_at = 0.0

    def submitted(self, job: int, job_class: JobClass, now: float) -> None:
        self._answers[job] = 0
        self._push(job, now)

    def take(self, now: float) -> int | None:
        if now < self._free_at or not self._due or self._due[0][0] > now:
            return None
        _, job = heapq.heappop(self._due)
        if job not in self._answers:
            return self.take(now)
        self._free_at = max(now, self._free_at) + self._spacing
        return job

    def next_wakeup(self) -> float | None:
        return max(self._due[0][0], self._free_at) if self._due else None

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        if job not in self._answers:
            return
        if stage.is_final:
            del self._answers[job]
            return
        self._answers[job] += 1
        self._push(job, received)

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        if job in self._answers:
            wait = ERROR_PAUSE if retry_after is None else retry_after
            heapq.heappush(self._due, (received + max(wait, self._interval(0)), job))

    def abandoned(self, job: int, now: float) -> None:
        self._answers.pop(job, None)

    def _push(self, job: int, now: float) -> None:
        wait = self._interval(self._answers[job]) * self._random.uniform(0.95, 1.05)
        heapq.heappush(self._due, (now + wait, job))


@attrs.frozen
class FixedPolling:
    """Every job each `interval` seconds, a twentieth more or less."""

    interval: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))

    def scheduler(self, *, polls_per_second: float, seed: int) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(lambda _: self.interval, polls_per_second, seed)


@attrs.frozen
class ExponentialPolling:
    """After `first` seconds, then each time `factor` times as long, up to `ceiling` seconds."""

    first: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    factor: float = attrs.field(default=1.5, validator=attrs.validators.ge(1))
    ceiling: float = attrs.field(default=20.0, validator=attrs.validators.gt(0))

    def scheduler(self, *, polls_per_second: float, seed: int) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(self._interval, polls_per_second, seed)

    def _interval(self, answers: int) -> float:
        exponent = min(answers, 64)
        return min(self.first * self.factor**exponent, self.ceiling)


@attrs.frozen
class AdaptivePolling:
    """Learns how long jobs take and polls when the delay gone unnoticed is worth a poll.

    `kappa`: seconds of lateness that one poll is worth to you.
    """

    kappa: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))

    def scheduler(self, *, polls_per_second: float, seed: int) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(lambda _: 5.0, polls_per_second, seed)
