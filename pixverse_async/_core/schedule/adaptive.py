"""The schedule that learns: poll when the delay gone unnoticed is worth a poll, one budget for all.

`rule` says when one job is due, from what `belief` and `starts` hold.  This file keeps the jobs in
a heap by the time of the next *look*: half-way to the due time, since other jobs' answers may
have moved it, without asking the service.  When the budget is short the most valuable poll goes
first.  Beside the polls that pay for themselves there are *scouts*: while a line is long, one
poll every so often finds its front, so that nothing behind it need be asked.
"""

from __future__ import annotations

import heapq
import math
from collections import deque

import attrs

from ..job import JobClass, Stage
from .belief import Belief
from .budget import Budget
from .memory import recall, remember
from .policies import Jitter, Scheduler, pause_after
from .rule import SOONEST, Curve, Outlook, Start
from .starts import Place, Starts

_GUESS = {"360p": 25.0, "540p": 35.0, "720p": 50.0, "1080p": 90.0}
"""Seconds for a clip of 5 s. Only the ratios matter after one finished job."""
_LENGTH_POWER = 0.8
"""A longer clip takes longer, a little less than in proportion."""
_STALL_SECONDS, _STALL_TIMES = 600.0, 3.0
_LAST, _LAST_PART = 4.0, 0.1
_DEARER = 8.0
_JITTER = 0.15
"""Part of kappa by which jobs differ, so that two processes do not march in step; costs nothing measurable."""


def _guess(job_class: JobClass) -> float:
    return math.log(_GUESS.get(job_class.quality, 50.0) * (job_class.duration / 5) ** _LENGTH_POWER)


class _Watched:
    """One job in flight."""

    __slots__ = (
        "curve",
        "due",
        "errors",
        "flying",
        "job",
        "job_class",
        "kappa",
        "last",
        "place",
        "serial",
        "stage",
        "wait_until",
    )

    def __init__(self, job: int, job_class: JobClass, place: Place, kappa: float) -> None:
        self.job, self.job_class, self.place, self.kappa = job, job_class, place, kappa
        self.stage = Stage.QUEUED
        self.last = place.submitted
        """Last known not to have ended."""
        self.due = self.wait_until = 0.0
        self.serial = 0
        self.errors = 0
        self.flying = False
        self.curve: Curve | None = None


class _Adaptive:
    """See `Scheduler`."""

    def __init__(
        self, kappa: float, ceiling: float, polls_per_second: float, seed: int, learned: str | None
    ) -> None:
        self._kappa, self._ceiling = kappa, ceiling
        self._budget = Budget(polls_per_second)
        self._jitter = Jitter(seed)
        self._service = Belief(_guess)
        self._starts = Starts()
        self._jobs: dict[int, _Watched] = {}
        self._by_index: dict[int, _Watched] = {}
        self._looks: list[tuple[float, int, int]] = []
        self._ready: list[tuple[float, int, int]] = []
        self._serial = self._most = 0
        self._longest_run = 0.0
        self._scout_at = 0.0
        self._scout: int | None = None
        self._step = 1
        self._totals: deque[tuple[JobClass, float, float]] = deque(maxlen=32)
        note = None if learned is None else recall(learned, self._service, self._starts.waits)
        self.notes: tuple[str, ...] = () if note is None else (note,)

    # -- told

    def submitted(self, job: int, job_class: JobClass, now: float) -> None:
        if not self._jobs:
            self._scout_at = max(self._scout_at, now + 5.0)
        place = self._starts.place(now)
        watched = _Watched(job, job_class, place, self._price())
        self._jobs[job] = self._by_index[place.index] = watched
        self._most = max(self._most, len(self._jobs))
        self._plan(watched, now)

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        self._budget.answered()
        scouted = self._landed(job)
        watched = self._jobs.get(job)
        if watched is None:
            return
        watched.errors = 0
        place, starts = watched.place, self._starts
        curve, unit = self._service.curve(watched.job_class)
        starts.vote(place, curve, unit, sent, waits=stage is Stage.QUEUED, ended=stage.is_final)
        if scouted:
            self._step = 1 if stage is Stage.QUEUED else min(256, 2 * self._step)
        front = starts.line.front
        if stage.is_final:
            self._finished(watched, received)
        elif stage is Stage.PROCESSING:
            self._running(watched, sent, received)
        else:
            if watched.stage is Stage.PROCESSING:
                starts.back(place, sent)
            starts.seen_waiting(place, sent)
        if starts.in_line:
            self._passed(front, received)
        if stage.is_final:
            self._hurry(received)
            return
        watched.stage = stage
        watched.last = max(watched.last, sent)
        watched.kappa = self._price()
        self._plan(watched, received)

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        self._landed(job)
        watched = self._jobs.get(job)
        errors = 1
        if watched is not None:
            watched.errors = errors = watched.errors + 1
            watched.wait_until = received + pause_after(errors, retry_after)
            self._push(watched, watched.wait_until)
        if status == 429:
            self._budget.refused(received, pause_after(errors, retry_after))

    def abandoned(self, job: int, now: float) -> None:
        watched = self._jobs.get(job)
        if watched is not None:
            self._starts.left(watched.place)
            self._remove(watched)

    # -- asked

    def next_wakeup(self) -> float | None:
        self._forget_gone()
        times = [self._looks[0][0]] if self._looks else []
        if self._ready:
            times.append(self._budget.free_at())
        scout = self._scout_due()
        if scout is not None:
            times.append(scout)
        return min(times) if times else None

    def take(self, now: float) -> int | None:
        self._look(now)
        if not self._budget.has_one(now):
            return None
        scout = self._scout_due()
        if scout is not None and now >= scout:
            watched = self._front(now)
            if watched is not None:
                self._scout = watched.job
                return self._send(watched, now)
        watched = self._most_valuable(now)
        return None if watched is None else self._send(watched, now)

    def stalled(self, now: float) -> tuple[int, ...]:
        return tuple(w.job for w in self._jobs.values() if self._is_stalled(w, now))

    def _is_stalled(self, watched: _Watched, now: float) -> bool:
        place = watched.place
        if watched.stage is Stage.QUEUED and not self._starts.opaque:
            return False
        started = place.submitted if self._starts.opaque else place.middle
        return 0.0 < self._longest_run < (now - started) / _STALL_TIMES and now - started > _STALL_SECONDS

    def learned(self) -> str | None:
        return remember(self._service, self._starts.waits)

    # -- one job

    def _price(self) -> float:
        """What a poll must be worth now: less for the last jobs, which keep a whole batch waiting."""
        left = len(self._jobs) / min(_LAST, max(1.0, _LAST_PART * self._most))
        return self._kappa * min(1.0, left) ** 2 * (1.0 + _JITTER * self._jitter.next())

    def _hurry(self, now: float) -> None:
        """One job fewer: the last few are worth polling sooner."""
        if len(self._jobs) < min(_LAST, _LAST_PART * self._most):
            for watched in self._jobs.values():
                watched.kappa = self._price()
                if not watched.flying:
                    self._plan(watched, now)

    def _outlook(self, watched: _Watched) -> Outlook:
        curve, unit = self._service.curve(watched.job_class)
        return Outlook(curve, unit, self._starts.starts(watched.place, unit), watched.last)

    def _longest(self, watched: _Watched) -> float:
        """Seconds after which a job is asked whatever is believed."""
        place, line = watched.place, self._starts.line
        age = watched.last - place.submitted
        if watched.stage is Stage.PROCESSING:
            longest = min(self._ceiling, max(60.0, 0.25 * age))
        else:
            longest = max(self._ceiling, 2.0 * age)
            if self._starts.in_line and place.index > line.front:
                longest = max(longest, line.expected(place)[0] - watched.last)
        return longest * (0.75 + 0.25 * watched.kappa / self._kappa / (1.0 + _JITTER))

    def _due(self, watched: _Watched) -> float:
        """When the next poll of this job is worth its price."""
        outlook = self._outlook(watched)
        watched.curve = outlook.curve
        hint = watched.due - watched.last if watched.due > watched.last else 0.3 * outlook.unit
        due = outlook.due(watched.kappa, self._longest(watched), hint)
        waiting = outlook.waiting(due)
        if watched.stage is not Stage.QUEUED or self._starts.in_line or waiting < 0.5:
            return due
        rate = max(1e-9, (1.0 - waiting) / (due - watched.last))
        unit = outlook.unit
        search = 2.55 * math.sqrt(watched.kappa * self._service.spread * unit)
        return min(due, watched.last + math.sqrt(unit * unit + 2.0 * (watched.kappa / rate + unit * search)))

    def _plan(self, watched: _Watched, now: float) -> None:
        watched.due = self._due(watched)
        self._push(watched, self._next_look(watched, now))

    def _next_look(self, watched: _Watched, now: float) -> float:
        """When to think of this job again: most of the way to its due time, never beyond the ceiling."""
        wait = watched.due - now
        return max(watched.due, now) if wait < 2.0 else now + min(max(2.0, 0.7 * wait), self._ceiling)

    def _push(self, watched: _Watched, at: float) -> None:
        self._serial += 1
        watched.serial = self._serial
        heapq.heappush(self._looks, (at, self._serial, watched.job))

    def _send(self, watched: _Watched, now: float) -> int:
        self._serial += 1
        watched.serial = self._serial
        watched.flying = True
        self._budget.spend(now)
        return watched.job

    def _landed(self, job: int) -> bool:
        watched = self._jobs.get(job)
        if watched is not None:
            watched.flying = False
        if self._scout == job:
            self._scout = None
            return True
        return False

    def _remove(self, watched: _Watched) -> None:
        del self._jobs[watched.job], self._by_index[watched.place.index]

    # -- the heap

    def _valid(self, entry: tuple[float, int, int]) -> _Watched | None:
        watched = self._jobs.get(entry[2])
        return watched if watched is not None and watched.serial == entry[1] else None

    def _forget_gone(self) -> None:
        for heap in (self._looks, self._ready):
            while heap and self._valid(heap[0]) is None:
                heapq.heappop(heap)

    def _look(self, now: float) -> None:
        """Move what is due to `ready`, and what is not to its next look."""
        while self._looks and self._looks[0][0] <= now:
            entry = heapq.heappop(self._looks)
            watched = self._valid(entry)
            if watched is None:
                continue
            if watched.stage is Stage.QUEUED or watched.curve is not self._service.curve(watched.job_class)[0]:
                watched.due = self._due(watched)
            watched.due = max(watched.due, watched.wait_until)
            if watched.due <= now + 0.05:
                order = watched.due
                if self._ready and not self._budget.has_one(now):
                    # Short of polls: in the order in which they would be due if a poll cost more.
                    order = self._outlook(watched).due(_DEARER * watched.kappa, 3600.0, 2.0 * (now - watched.last))
                heapq.heappush(self._ready, (order, entry[1], watched.job))
            else:
                self._push(watched, self._next_look(watched, now))

    def _most_valuable(self, now: float) -> _Watched | None:
        self._forget_gone()
        if not self._ready:
            return None
        rivals: list[tuple[float, tuple[float, int, int], _Watched]] = []
        while self._ready and len(rivals) < 8:
            entry = heapq.heappop(self._ready)
            watched = self._valid(entry)
            if watched is not None:
                rivals.append((0.0, entry, watched))
        if len(rivals) > 1:
            rivals = [(self._outlook(w).value(now), e, w) for _, e, w in rivals]
            rivals.sort(key=lambda rival: -rival[0])
        for _, entry, _ in rivals[1:]:
            heapq.heappush(self._ready, entry)
        return rivals[0][2] if rivals else None

    def _passed(self, front: int, now: float) -> None:
        """The line's front moved on: those it passed have started, and are due sooner than was thought."""
        for index in range(front + 1, self._starts.line.front):
            watched = self._by_index.get(index)
            if watched is not None and not watched.flying:
                self._plan(watched, now)

    # -- scouts

    def _scout_due(self) -> float | None:
        starts = self._starts
        if self._scout is not None or starts.opaque or starts.waiting < 3 or not starts.in_line:
            return None
        return max(self._scout_at, self._budget.free_at())

    def _front(self, now: float) -> _Watched | None:
        """The job whose answer tells most about where the line is now."""
        line = self._starts.line
        index, at = line.scout(now, self._rest(), self._step)
        self._scout_at = max(at, now + 0.25)
        while index is not None and index < line.count:
            watched = self._by_index.get(index)
            if watched is not None and not watched.place.loose:
                return None if watched.flying or watched.wait_until > now else watched
            index += 1
        return None

    def _rest(self) -> float:
        first = next(iter(self._jobs.values()))
        unit = self._service.unit(first.job_class)
        spread = self._service.spread * unit
        rest = 2.3 * self._kappa ** (1 / 6) * self._starts.line.gap ** (1 / 3) * math.sqrt(spread)
        return min(60.0, max(1.0, rest))

    # -- answers

    def _running(self, watched: _Watched, sent: float, received: float) -> None:
        starts, place = self._starts, watched.place
        starts.seen_processing()
        if watched.stage is Stage.PROCESSING:
            believed, since = [Start(place.middle, 1.0)], watched.last
        else:
            believed, since = starts.starts(place, self._service.unit(watched.job_class), received), -math.inf
            starts.seen_started(place, believed, received)
        self._service.survived(watched.job_class, believed, since, sent)

    def _finished(self, watched: _Watched, received: float) -> None:
        starts, place, last = self._starts, watched.place, watched.last
        self._remove(watched)
        self._totals.append((watched.job_class, last - place.submitted, received - place.submitted))
        believed = starts.starts(place, self._service.unit(watched.job_class), received)
        self._longest_run = max(self._longest_run, received - min(at for at, _ in believed))
        early = self._service.finished(
            watched.job_class, believed, last, received, ran=watched.stage is Stage.PROCESSING
        )
        if place.first_seen < math.inf:
            return
        if starts.seen_direct_end():
            self._relearn()
        if early:
            starts.left(place)
        else:
            starts.seen_started(place, believed, received)

    def _relearn(self) -> None:
        """Starts are not to be seen: learn from submission to end instead."""
        self._service = Belief(_guess)
        for job_class, since, until in self._totals:
            self._service.finished(job_class, [Start(0.0, 1.0)], since, until, ran=False)


@attrs.frozen
class AdaptivePolling:
    """Learns how long jobs take and polls when the delay gone unnoticed is worth a poll.

    `kappa`: seconds of lateness that one poll is worth to you. `ceiling`: no running job goes unasked
    for longer, in seconds.
    """

    kappa: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))
    ceiling: float = attrs.field(default=300.0, validator=attrs.validators.gt(SOONEST))

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        return _Adaptive(self.kappa, self.ceiling, polls_per_second, seed, learned)
