"""The schedule that learns: one object for all jobs, one budget, the most valuable poll first.

`forecast` says when one job is due. One heap holds the jobs by the time of their next *review*: most of the way to its
due time this is reckoned again, since other jobs' answers may have moved it; the service is asked nothing. A job that
is due moves to the other heap, *ready*. As long as the budget allows it is asked at once, in the order of due times.
While polls are scarce, the place of a job that becomes ready is the later the less a poll of it is worth: see `_order`.

Beside the polls that pay for themselves there are *scouts*: while jobs wait in line, one poll now and then finds the
line's front, so that nobody behind it need be asked.
"""

from __future__ import annotations

import heapq
import math

import attrs

from ..job import JobClass, Stage
from .forecast import Forecast, Watched
from .pauses import Jitter, pause_after
from .policies import POSITIVE, number_that
from .poll_budget import PollBudget
from .rule import SOONEST
from .scheduler import Scheduler

_JITTER = 0.15
"""Part by which the price differs from poll to poll, so that two processes do not march in step; costs under 1%."""
_SHORTER = 0.075
"""Part by which the longest interval is shortened at most, for the same reason."""
_LAST, _LAST_PART, _LAST_POWER = 4.0, 0.13, 3
"""The whole batch waits for its last four jobs (its last eighth, if fewer): their polls may cost less, with k of four
left (k / 4)**3 of the price. The eighth is of the most jobs that were in flight at once since there were none. Two or
eight jobs cost the same within 1%; with the square instead of the cube the last is known twice as late, with the fourth
power in half the time, at 0.4% more cost."""
_REVIEW_PART, _REVIEW_LEAST = 0.85, 5.0
"""The next review comes after this part of the time until due, and none if that is less than so many seconds. A review
costs only CPU. Chosen on the worlds."""
_REVIEW_EACH = 0.002
"""Seconds from one review to the next when all must be reviewed, so that 50,000 do not hold up the loop."""
_DEARER = 16.0
"""When polls are scarce, jobs go in the order of their due times at a price so much higher. Chosen on the worlds."""
_FAR = 3600.0
"""Seconds from the last answer after which that order no longer matters."""
_SCOUT_FROM = 3
"""Waiting jobs that make a line worth a scout: two are asked as cheaply one by one."""
_SCOUT_AFTER, _SCOUT_AGAIN = 5.0, 0.25
"""Seconds from a batch's first submission to the first scout, and between two scouts at the least
(`Forecast.quiet_seconds` reckons the usual pause). Half and twice either were measured the same within 2%."""
_SCOUT_STEP = 256
"""Places that a scout goes beyond the front at most; the step doubles while it finds jobs that have started, so that a
front hundreds of places on is found in ten polls."""
_DUE = 0.05
"""Seconds: what is due within them is due now, for one turn of the loop takes as long."""

Entry = tuple[float, int, int]
"""(when, serial, job): void once the job has another serial."""


class _Adaptive:
    """See `Scheduler`."""

    def __init__(self, policy: AdaptivePolling, polls_per_second: float, seed: int, learned: str | None) -> None:
        self._policy = policy
        self._forecast = Forecast(policy.kappa, policy.ceiling)
        self._budget, self._jitter = PollBudget(polls_per_second), Jitter(seed)
        self._jobs: dict[int, Watched] = {}
        self._reviews: list[Entry] = []
        self._ready: list[Entry] = []
        self._serial = self._most_jobs = 0
        self._scout: int | None = None
        self._scout_at, self._scout_step = 0.0, 1
        note = None if learned is None else self._forecast.recall(learned)
        self.notes: tuple[str, ...] = () if note is None else (note,)

    # -- told

    def submitted(self, job: int, job_class: JobClass, sent_at: float) -> None:
        if not self._jobs:
            self._most_jobs = 0
            self._scout_at = max(self._scout_at, sent_at + _SCOUT_AFTER)
        watched = Watched(job, job_class, self._forecast.starts.place(job, sent_at), self._price())
        self._jobs[job] = watched
        self._most_jobs = max(self._most_jobs, len(self._jobs))
        self._plan(watched, sent_at)

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        self._budget.answered()
        watched, scouted = self._landed(job)
        if watched is None:
            return
        if scouted:
            self._scout_step = 1 if stage is Stage.QUEUED else min(_SCOUT_STEP, 2 * self._scout_step)
        starts = self._forecast.starts
        front, was_in_line, watched.errors = starts.line.front, starts.in_line, 0
        self._forecast.answered(watched, stage, sent, received)
        if stage.is_final:
            self._remove(watched)
        if starts.in_line:
            self._replan(range(front + 1, starts.line.front), received)
        elif was_in_line:
            self._review_all(received)
        if stage.is_final:
            self._hurry(received)
        else:
            watched.kappa = self._price()
            self._plan(watched, received)

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        watched, _ = self._landed(job)
        errors = 1
        if watched is not None:
            watched.errors = errors = watched.errors + 1
            watched.wait_until = received + pause_after(errors, retry_after)
            self._push(watched, watched.wait_until)
        if status == 429:
            self._budget.refused(received, pause_after(errors, retry_after))

    def abandoned(self, job: int, now: float) -> None:
        watched, _ = self._landed(job)
        if watched is not None:
            self._forecast.starts.left(watched.place)
            self._remove(watched)

    # -- asked

    def next_wakeup(self) -> float | None:
        self._forget_void()
        free_at = self._budget.free_at()
        review = self._reviews[0][0] if self._reviews else math.inf
        ready = free_at if self._ready else math.inf
        scout = max(self._scout_at, free_at) if self._scouts() else math.inf
        soonest = min(review, ready, scout)
        return None if soonest == math.inf else soonest

    def take(self, now: float) -> int | None:
        self._review(now)
        if now < self._budget.free_at():
            return None
        watched = None
        if now >= self._scout_at and self._scouts():
            watched = self._whom_to_scout(now)
            self._scout = None if watched is None else watched.job
        if watched is None:
            watched = self._first_ready()
        if watched is None:
            return None
        self._serial += 1
        watched.serial, watched.flying = self._serial, True
        self._budget.spend(now)
        return watched.job

    def stalled(self, now: float) -> tuple[int, ...]:
        return tuple(job for job, watched in self._jobs.items() if self._forecast.is_stalled(watched, now))

    def learned(self) -> str | None:
        return self._forecast.remember()

    # -- one job

    def _landed(self, job: int) -> tuple[Watched | None, bool]:
        """The job whose answer came, if it is still ours, and whether it was the scout."""
        scouted = self._scout == job
        if scouted:
            self._scout = None
        watched = self._jobs.get(job)
        if watched is not None:
            watched.flying = False
        return watched, scouted

    def _remove(self, watched: Watched) -> None:
        del self._jobs[watched.job]
        self._forecast.starts.line.leave(watched.place)

    def _price(self) -> float:
        """What the next poll of a job must be worth: kappa, less for the last few jobs, a little jitter on it."""
        left = max(1, len(self._jobs)) / max(1.0, min(_LAST, _LAST_PART * self._most_jobs))
        return self._policy.kappa * min(1.0, left) ** _LAST_POWER * (1.0 + _JITTER * self._jitter.next())

    def _plan(self, watched: Watched, now: float) -> None:
        """Reckon the due time and when to review it."""
        watched.longest_part = 1.0 - 0.5 * _SHORTER * (1.0 + self._jitter.next())
        self._forecast.set_due(watched)
        self._push(watched, self._next_review(watched, now))

    def _next_review(self, watched: Watched, now: float) -> float:
        wait = watched.due - now
        if wait < _REVIEW_LEAST:
            return max(watched.due, now)
        return now + min(max(_REVIEW_LEAST, _REVIEW_PART * wait), self._policy.ceiling)

    def _push(self, watched: Watched, at: float) -> None:
        self._serial += 1
        watched.serial = self._serial
        heapq.heappush(self._reviews, (at, self._serial, watched.job))

    def _replan(self, indexes: range, now: float) -> None:
        """The line's front has passed these: they have started, and may be due sooner than was thought."""
        places = self._forecast.starts.line.places
        for place in filter(None, map(places.get, indexes)):
            watched = self._jobs[place.job]
            if not watched.flying:
                self._plan(watched, now)

    def _review_all(self, now: float) -> None:
        """There is no line after all: all jobs that may be left alone because of it are reviewed; due ones stay due."""
        for k, watched in enumerate(self._jobs.values()):
            if not watched.flying and watched.due > now:
                self._push(watched, max(now + k * _REVIEW_EACH, watched.wait_until))

    def _hurry(self, now: float) -> None:
        """One job fewer: the last few are worth asking sooner."""
        if len(self._jobs) < min(_LAST, _LAST_PART * self._most_jobs):
            for watched in self._jobs.values():
                watched.kappa = self._price()
                if not watched.flying:
                    self._plan(watched, now)

    # -- the heaps

    def _valid(self, entry: Entry) -> Watched | None:
        watched = self._jobs.get(entry[2])
        return watched if watched is not None and watched.serial == entry[1] else None

    def _forget_void(self) -> None:
        for heap in (self._reviews, self._ready):
            while heap and self._valid(heap[0]) is None:
                heapq.heappop(heap)

    def _review(self, now: float) -> None:
        """Move what is due to `ready`, and what is not to its next review."""
        while self._reviews and self._reviews[0][0] <= now:
            entry = heapq.heappop(self._reviews)
            watched = self._valid(entry)
            if watched is None:
                continue
            if self._forecast.may_have_moved(watched) or watched.due < watched.wait_until:
                self._forecast.set_due(watched)
            if watched.due <= now + _DUE:
                heapq.heappush(self._ready, (self._order(watched, now), entry[1], watched.job))
            else:
                self._push(watched, self._next_review(watched, now))

    def _order(self, watched: Watched, now: float) -> float:
        """Rank among those that are ready: due time, or while polls are scarce the due time if they cost more.

        A job that comes when no other is ready, or polls are not scarce, would be asked at once: its due time will do,
        which is past and so ranks it before the others. A job that would not be due within an hour comes last. A rank
        is not reckoned again.
        """
        if not self._ready or now >= self._budget.free_at():
            return watched.due
        waited = now - watched.last
        return self._forecast.outlook(watched).due(_DEARER * watched.kappa, _FAR, 2.0 * waited)

    def _first_ready(self) -> Watched | None:
        while self._ready:
            watched = self._valid(heapq.heappop(self._ready))
            if watched is not None:
                return watched
        return None

    # -- scouts

    def _scouts(self) -> bool:
        """A line is long enough to be followed, and no scout is under way."""
        starts = self._forecast.starts
        return self._scout is None and starts.in_line and starts.waiting >= _SCOUT_FROM and not starts.opaque

    def _whom_to_scout(self, now: float) -> Watched | None:
        """The job whose answer tells most about where the line is now."""
        line = self._forecast.starts.line
        oldest = next(iter(self._jobs.values()))  # as good as any for the pause between two scouts
        quiet_seconds = self._forecast.quiet_seconds(oldest)
        index, at = line.scout(now, quiet_seconds, self._scout_step)
        self._scout_at = max(at, now + _SCOUT_AGAIN)
        while index is not None and index < line.count:
            place = line.places.get(index)
            if place is not None and not place.loose:
                watched = self._jobs[place.job]
                return None if watched.flying or watched.wait_until > now else watched
            index += 1
        return None


@attrs.frozen
class AdaptivePolling:
    """Learns how long jobs take and polls when the lateness gone unnoticed is worth a poll.

    `kappa`: the price of one poll in seconds of lateness: less means more polls and sooner news. It is your taste, not
    a property of the service; at 0.5 you would send two polls to know one second sooner.
    `ceiling`: no job that was seen to run goes unasked for longer, in seconds.

    >>> scheduler = AdaptivePolling(kappa=0.25).scheduler(polls_per_second=20, seed=0)
    >>> scheduler.submitted(0, JobClass("540p", 5, False), sent_at=0.0)
    >>> scheduler.take(now=0.0) is None, scheduler.next_wakeup() is not None
    (True, True)
    """

    kappa: float = attrs.field(default=0.5, validator=POSITIVE)
    ceiling: float = attrs.field(
        default=300.0,
        validator=number_that(
            lambda value: SOONEST < value < math.inf, f"Use seconds above {SOONEST:g}, and not infinity."
        ),
    )

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        return _Adaptive(self, polls_per_second, seed, learned)
