"""The simple poll schedules, which learn nothing: each job by itself, after intervals that a function gives.

For a policy of your own, give `IntervalPolling` a function.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import attrs

from ..errors import ConfigError
from ..functions import check_function
from ..job import JobClass, Stage
from ..redaction import redact
from .pauses import Jitter, pause_after
from .poll_budget import PollBudget
from .scheduler import Scheduler

_JITTER = 0.05
"""Part by which an interval differs from poll to poll."""


class Look(NamedTuple):
    """What an interval may depend on.

    >>> def interval(look: Look) -> float:
    ...     return 10.0 if look.stage is Stage.QUEUED else max(1.0, 8.0 * look.job_class.duration - look.age)
    >>> interval(Look(JobClass("540p", 5, False), Stage.PROCESSING, age=37.5, answers=3))
    2.5
    """

    job_class: JobClass
    stage: Stage
    """As last answered; queued before the first answer."""
    age: float
    """Seconds since its submit left."""
    answers: int
    """Polls answered so far."""


@attrs.define(eq=False, repr=False)
class _Asked:
    look: Look
    since: float
    errors: int = 0


class _Intervals:
    """See `Scheduler`."""

    def __init__(self, interval: Callable[[Look], float], polls_per_second: float, seed: int) -> None:
        self._interval = interval
        self._budget = PollBudget(polls_per_second)
        self._jitter = Jitter(seed)
        self._due: list[tuple[float, int]] = []
        self._jobs: dict[int, _Asked] = {}

    def submitted(self, job: int, job_class: JobClass, sent_at: float) -> None:
        self._jobs[job] = _Asked(Look(job_class, Stage.QUEUED, 0.0, 0), sent_at)
        self._push(job, sent_at)

    def take(self, now: float) -> int | None:
        self._forget_gone()
        if not self._due or self._due[0][0] > now or now < self._budget.free_at():
            return None
        self._budget.spend(now)
        return heapq.heappop(self._due)[1]

    def next_wakeup(self) -> float | None:
        self._forget_gone()
        return max(self._due[0][0], self._budget.free_at()) if self._due else None

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        self._budget.answered()
        asked = self._jobs.get(job)
        if asked is None or stage.is_final:
            self._jobs.pop(job, None)
            return
        look = asked.look
        asked.look = Look(look.job_class, stage, received - asked.since, look.answers + 1)
        asked.errors = 0
        self._push(job, received)

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        asked = self._jobs.get(job)
        errors = 1
        if asked is not None:
            asked.errors = errors = asked.errors + 1
            heapq.heappush(self._due, (received + pause_after(errors, retry_after), job))
        if status == 429:
            self._budget.refused(received, pause_after(errors, retry_after))

    def abandoned(self, job: int, now: float) -> None:
        self._jobs.pop(job, None)

    def stalled(self, now: float) -> tuple[int, ...]:
        return ()

    def learned(self) -> str | None:
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def _forget_gone(self) -> None:
        while self._due and self._due[0][1] not in self._jobs:
            heapq.heappop(self._due)

    def _push(self, job: int, now: float) -> None:
        wait = max(0.0, self._interval(self._jobs[job].look))
        heapq.heappush(self._due, (now + wait * (1.0 + _JITTER * self._jitter.next()), job))


_Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def number_that(fits: Callable[[float], bool], remedy: str) -> _Check:
    """The validator of a setting that is a finite number: after an infinite interval no poll would ever come.

    *Raises* `ConfigError`: not everybody has a type checker.
    """

    def check(_: object, attribute: attrs.Attribute[float], value: object) -> None:
        if not isinstance(value, Real):
            raise ConfigError(attribute.name, f"{redact(repr(value), 60)} is no number", remedy)
        if not math.isfinite(value) or not fits(float(value)):
            raise ConfigError(attribute.name, f"{redact(repr(value), 60)} is out of range", remedy)

    return check


def _check_interval(_: object, attribute: attrs.Attribute[Any], function: object) -> None:
    remedy = "Give a plain function from a Look to seconds; FixedPolling(5) asks every 5 s."
    check_function(attribute.name, function, remedy)


def _check_above_first(policy: ExponentialPolling, attribute: attrs.Attribute[float], ceiling: float) -> None:
    if ceiling < policy.first:
        problem = f"{ceiling:g} is below first, which is {policy.first:g}"
        raise ConfigError(attribute.name, problem, f"Use {policy.first:g} or more.")


POSITIVE = number_that(lambda value: value > 0, "Use a finite number above 0.")


@attrs.frozen
class IntervalPolling:
    """A policy of your own: after each answer the job is asked again in `interval(look)` seconds.

    >>> patient = IntervalPolling(lambda look: 2.0 if look.stage is Stage.PROCESSING else 10.0)
    """

    interval: Callable[[Look], float] = attrs.field(validator=_check_interval)

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(self.interval, polls_per_second, seed)


@attrs.frozen
class FixedPolling:
    """Every job each `interval` seconds, a twentieth more or less.

    >>> FixedPolling(2.5)
    FixedPolling(interval=2.5)
    """

    interval: float = attrs.field(default=5.0, validator=POSITIVE)

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(lambda _: self.interval, polls_per_second, seed)


@attrs.frozen
class ExponentialPolling:
    """After `first` seconds, then each time `factor` times as long, up to `ceiling` seconds.

    >>> ExponentialPolling(first=2.0, ceiling=30.0)
    ExponentialPolling(first=2.0, factor=1.5, ceiling=30.0)
    """

    first: float = attrs.field(default=1.0, validator=POSITIVE)
    factor: float = attrs.field(
        default=1.5, validator=number_that(lambda value: value >= 1, "Use a finite number, 1 or more.")
    )
    ceiling: float = attrs.field(default=20.0, validator=[POSITIVE, _check_above_first])

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        return _Intervals(self._interval, polls_per_second, seed)

    def _interval(self, look: Look) -> float:
        try:
            return min(self.first * self.factor**look.answers, self.ceiling)
        except OverflowError:  # larger than any float
            return self.ceiling
