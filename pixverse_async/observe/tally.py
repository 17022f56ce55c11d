"""How a batch stands, counted from its events; `now` is an argument.

The cost of an event does not depend on how many jobs there are, and a job that has ended leaves nothing behind but
its share of the sums.  What earlier runs saw charged is not counted as spent here; what they left at stake is, as
soon as it is made.
"""

from __future__ import annotations

from collections import Counter, deque
from decimal import Decimal
from enum import StrEnum
from typing import Final

import attrs

from .. import Failed, JobEvent, Outcome, Pending, Stage, State, Succeeded, events
from .._words import clean, stage_of
from .words import brief

ENOUGH_TO_GUESS: Final = 3
"""Jobs that must have finished before the time of the rest may be guessed from them."""
RECENT: Final = 60.0
"""Seconds over which a pace is taken."""
ZERO: Final = Decimal(0)
_PAID_BEFORE: Final = (events.LinkExpired, events.SavedFileMissing)
"""Events that are a job's first in a run only if an earlier run saw its video made."""


class Phase(StrEnum):
    """Where a job is, in the words of the display."""

    WAITING = "waiting"
    """Not sent yet: its image is being read or uploaded, or it waits for its turn."""
    SUBMITTING = "submitting"
    QUEUED = "queued"
    GENERATING = "generating"
    STALLED = "stalled"
    """At the service for far longer than any job that has ended. It is watched on."""
    DOWNLOADING = "downloading"
    CHECKING = "checking"
    """The submit's answer was lost; the service's list is being asked."""
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    PENDING = "pending"


ENDS: Final = (Phase.DONE, Phase.FAILED, Phase.UNKNOWN, Phase.PENDING)


@attrs.define(eq=False)
class _Open:
    """One job that was heard of and has not ended."""

    phase: Phase = Phase.WAITING
    submitted_at: float | None = None
    reserved_usd: Decimal = ZERO
    spent_usd: Decimal = ZERO
    is_paid: bool = False
    """An earlier run paid for it; this one only fetches the video."""


@attrs.define(eq=False)
class _Pace:
    """How often something has happened in the last minute."""

    _times: deque[float] = attrs.field(factory=deque[float])

    def add(self, now: float) -> None:
        self._forget(now)
        self._times.append(now)

    def per_minute(self, now: float, started_at: float) -> float:
        self._forget(now)
        return len(self._times) * RECENT / min(RECENT, max(1.0, now - started_at))

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - RECENT:
            self._times.popleft()


@attrs.define(eq=False, kw_only=True)
class Tally:
    """One batch. Times are seconds of whatever clock the caller uses throughout."""

    total: int | None = None
    """How many jobs there will be; None when nobody knows, as for an endless iterable."""
    started_at: float
    budget_usd: Decimal | float | str | None = None
    """As it was given: what all runs into the folder may cost together."""
    kept: int = attrs.field(default=0, init=False)
    """Of those done, how many an earlier run had saved."""
    spent_usd: Decimal = attrs.field(default=ZERO, init=False)
    reserved_usd: Decimal = attrs.field(default=ZERO, init=False)
    errors: deque[str] = attrs.field(factory=lambda: deque[str](maxlen=2), init=False)
    """The last two."""
    _counts: Counter[Phase] = attrs.field(factory=Counter[Phase], init=False)
    _open: dict[int, _Open] = attrs.field(factory=dict[int, _Open], init=False)
    _busiest: int = attrs.field(default=1, init=False)
    _timed: int = attrs.field(default=0, init=False)
    _sum: float = attrs.field(default=0.0, init=False)
    _slowest: float = attrs.field(default=0.0, init=False)
    _polls: int = attrs.field(default=0, init=False)
    _polled: deque[tuple[float, int]] = attrs.field(factory=deque[tuple[float, int]], init=False)
    """When, and how many status calls of the batch until then: the last minute's, and the one before."""
    _submits: _Pace = attrs.field(factory=_Pace, init=False)
    _refusals: _Pace = attrs.field(factory=_Pace, init=False)
    _videos: _Pace = attrs.field(factory=_Pace, init=False)

    @property
    def ended(self) -> int:
        """Jobs that have their outcome."""
        return sum(self._counts[phase] for phase in ENDS)

    @property
    def under_way(self) -> int:
        """Jobs that were heard of and have not ended."""
        return len(self._open)

    @property
    def in_flight(self) -> int:
        """Requests that the service has accepted and not ended."""
        return sum(self._counts[phase] for phase in (Phase.QUEUED, Phase.GENERATING, Phase.STALLED))

    @property
    def polls_per_video(self) -> float | None:
        """Of the videos that this run sent and saved."""
        return self._polls / self._timed if self._timed else None

    def polls_per_second(self, now: float) -> float:
        """Status calls of all jobs together, over the last minute, as far as events have told."""
        while len(self._polled) > 1 and self._polled[1][0] <= now - RECENT:
            self._polled.popleft()
        if not self._polled:
            return 0.0
        since, before = self._polled[0] if self._polled[0][0] <= now - RECENT else (self.started_at, 0)
        return (self._polled[-1][1] - before) / max(1.0, now - max(since, now - RECENT))

    def submits_per_minute(self, now: float) -> float:
        """Accepted in the last minute."""
        return self._submits.per_minute(now, self.started_at)

    def refusals_per_minute(self, now: float) -> float:
        """Submits that were sent for nothing in the last minute, most of them by 429; they are sent again."""
        return self._refusals.per_minute(now, self.started_at)

    def videos_per_minute(self, now: float) -> float:
        """Saved in the last minute."""
        return self._videos.per_minute(now, self.started_at)

    def count(self, phase: Phase) -> int:
        """Jobs in the phase. Those that nothing was heard of yet wait, if the total is known."""
        if phase is Phase.WAITING and self.total is not None:
            return max(0, self.total - self.ended - len(self._open)) + self._counts[phase]
        return self._counts[phase]

    def seconds_left(self, now: float) -> float | None:
        """A guess at the time to the end, or None while nothing supports one.

        Those in flight take as long as the slowest so far, those that wait follow at the pace seen; and when that
        has come out wrong, all but the last few go on at the pace of the last minute.
        """
        if self.total is None or self._timed < ENOUGH_TO_GUESS or self.ended >= self.total:
            return None
        sent = (job.submitted_at for job in reversed(self._open.values()) if job.submitted_at is not None)
        youngest = next(sent, now)
        left = self.count(Phase.WAITING) * self._sum / self._timed / self._busiest + self._slowest
        if left > now - youngest:
            return left - (now - youngest)
        rest, pace = self.total - self.ended, self.videos_per_minute(now)
        return rest / pace * 60.0 if pace and rest >= ENOUGH_TO_GUESS else None

    # -- events --------------------------------------------------------------------------------------

    def take(self, event: JobEvent, now: float) -> None:
        """Count the event."""
        if event.batch_polls > (self._polled[-1][1] if self._polled else 0):
            self._polled.append((now, event.batch_polls))
        if event.outcome is not None:
            self._end(event.index, event.outcome, now)
            return
        job = self._open.get(event.index)
        if job is None:
            job = self._open[event.index] = _Open(is_paid=isinstance(event.event, _PAID_BEFORE))
            self._counts[job.phase] += 1
        self._move(job, _phase_after(event, job.phase))
        if isinstance(event.event, events.SubmitAccepted):
            self._submits.add(now)
        elif isinstance(event.event, events.SubmitDeferred):
            self._refusals.add(now)
        self._reckon(job, event, now)

    def _move(self, job: _Open, phase: Phase) -> None:
        self._counts[job.phase] -= 1
        self._counts[phase] += 1
        job.phase = phase
        self._busiest = max(self._busiest, self.in_flight)

    def _reckon(self, job: _Open, event: JobEvent, now: float) -> None:
        """The money and the time of a job under way."""
        if isinstance(event.event, events.SubmitStarted):
            job.submitted_at = now
            self._book(job, reserved=event.event.usd)
        elif event.state is State.NEW:
            self._book(job)
        elif event.state is State.READY:
            self._book(job, spent=job.spent_usd + job.reserved_usd)
        elif not (job.is_paid or job.spent_usd or event.state is State.FAILED):
            self._book(job, reserved=event.usd)  # also of what an earlier run sent, whose price was not told here

    def _book(self, job: _Open, *, reserved: Decimal = ZERO, spent: Decimal = ZERO) -> None:
        self.reserved_usd += reserved - job.reserved_usd
        self.spent_usd += spent - job.spent_usd
        job.reserved_usd, job.spent_usd = reserved, spent

    def _end(self, index: int, outcome: Outcome, now: float) -> None:
        heard_of = self._open.pop(index, None)
        if heard_of is not None:
            self._counts[heard_of.phase] -= 1
        job = _Open(is_paid=True) if heard_of is None else heard_of
        self._settle(job, outcome)
        self._counts[phase_of(outcome)] += 1
        if isinstance(outcome, Succeeded):
            self.kept += is_kept(outcome)
            self._time(job, outcome, now)
        else:
            self.errors.append(f"{clean(outcome.name)}: {brief(clean(outcome.error.describe()))}")

    def _settle(self, job: _Open, outcome: Outcome) -> None:
        if isinstance(outcome, Succeeded | Failed):
            self._book(job, spent=ZERO if job.is_paid else outcome.usd)
        else:
            self._book(job, reserved=outcome.usd)

    def _time(self, job: _Open, outcome: Outcome, now: float) -> None:
        if not is_kept(outcome):
            self._videos.add(now)
        if job.submitted_at is not None:
            self._polls += outcome.timings.polls
            took = now - job.submitted_at
            self._timed += 1
            self._sum += took
            self._slowest = max(self._slowest, took)


def phase_of(outcome: Outcome) -> Phase:
    """The outcome in one word."""
    match outcome:
        case Succeeded():
            return Phase.DONE
        case Failed():
            return Phase.FAILED
        case Pending():
            return Phase.PENDING
        case _:
            return Phase.UNKNOWN


def is_kept(outcome: Outcome) -> bool:
    """Nothing was downloaded for it in this run: an earlier one had saved it."""
    return isinstance(outcome, Succeeded) and outcome.timings.downloading is None


def _phase_after(event: JobEvent, before: Phase) -> Phase:
    if event.stalled_for is not None:
        return Phase.STALLED
    match event.state:
        case State.NEW:
            return Phase.WAITING
        case State.SUBMITTING:
            return Phase.SUBMITTING
        case State.UNKNOWN:
            return Phase.CHECKING
        case State.QUEUED:
            return _phase_in_queue(event, before)
        case State.READY | State.SAVED:
            return Phase.DOWNLOADING
        case State.FAILED:
            return before


def _phase_in_queue(event: JobEvent, before: Phase) -> Phase:
    if isinstance(event.event, events.StatusSeen):
        return Phase.GENERATING if stage_of(event.event.status) is Stage.PROCESSING else Phase.QUEUED
    return before if before in (Phase.GENERATING, Phase.STALLED, Phase.DOWNLOADING) else Phase.QUEUED
