"""One job on its way through a run: what the stages hand on, and where its time went."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .._core.events import Event, GenerationFailed, Saved
from .._core.job import Job
from .._core.lifecycle import NEW_JOB, JobRecord
from .._core.outcome import Timings
from .._core.wire import Call, Media


@attrs.define(eq=False, repr=False, kw_only=True)
class Flight:
    """One job on its way through this run. What ends in `_at` or `_since` is loop time; lengths are seconds."""

    job: Job
    index: int
    """Its place in the input, from 0."""
    name: str
    """The stem of its file."""
    key: str = ""
    """What the journal knows it by; empty until its image was read."""
    identity: str = ""
    """What its image is, as `identify` says it."""
    record: JobRecord = NEW_JOB
    media: Media | None = None
    """The link that is tried now; None while the service has none that serves."""
    kept: Saved | None = None
    """The file of an earlier run, found whole, at the place where it is now."""
    notes: tuple[str, ...] = ()
    last_word: str = ""
    """The service's latest word for its status."""
    reserved_usd: Decimal = Decimal(0)
    """What the budget holds for it; zero once it is spent or known to be free."""
    look: Call | None = None
    """The call that asks how it stands."""
    has_slot: bool = False
    rank: int = 0
    """How many requests were at the service when this run sent it, with itself."""
    number: int = 0
    """Which of this run's submits it was."""
    is_finished: bool = False
    is_stalled: bool = False
    sent_at: float | None = None
    """When this run sent its latest submit."""
    accepted_at: float | None = None
    """When it was, or for a request of an earlier run about when."""
    processing_at: float | None = None
    """When a look first showed that it was being made."""
    last_look_at: float | None = None
    """When the latest look left that did not show the end."""
    ended_at: float | None = None
    """When the answer came that showed the end."""
    downloading: float | None = None
    detected_late_by: float | None = None
    polls: int = 0
    gone_since: float | None = None
    """Since when every look was told that there is no such request."""
    empty_successes: int = 0
    """How often it was called a success without a video."""
    expired_links: int = 0
    """How many links did not serve the video."""

    @property
    def timings(self) -> Timings:
        """Where the time went."""
        started = self.processing_at
        queued = None if started is None or self.accepted_at is None else started - self.accepted_at
        since = started if started is not None else self.accepted_at
        generating = None if self.ended_at is None or since is None else self.ended_at - since
        return Timings(
            queued=queued,
            generating=generating,
            detected_late_by=self.detected_late_by,
            downloading=self.downloading,
            polls=self.polls,
        )

    def timed(self, event: Event) -> Event:
        """The event as it goes on record: one that ends the job tells where its time went, to the millisecond."""
        match event:
            case Saved() if self.downloading is not None:  # else an earlier run saved it
                return attrs.evolve(event, **self._seen_times(), downloading=_rounded(self.downloading))
            case GenerationFailed():
                return attrs.evolve(event, **self._seen_times())
            case _:
                return event

    def _seen_times(self) -> dict[str, float | None]:
        if self.sent_at is None and self.last_look_at is None:
            return {}  # An earlier run sent it and this one found it ended: nobody saw how long it took.
        times = self.timings
        return {name: _rounded(getattr(times, name)) for name in ("queued", "generating", "detected_late_by")}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
