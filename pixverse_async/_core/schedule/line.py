"""The queue as a line: what one answer says about all the jobs ahead and behind.

Jobs are numbered in the order of submission. If one has started, so have all ahead of it; if one waits, so do all
behind it. The *front* is the last that is known to have started. Two lists hold all of that: positions seen started
and positions seen waiting, each with the time; in both lists positions and times rise together.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from .rule import Start

_GAP, _GAP_AS_PLACES = 5.0, 2.0
"""Seconds from one start to the next before any was seen (assumed), and as how many places that guess counts."""
_PLACES = 20
"""Places over which the pace of the line is measured: the last ones, since the pace may change."""
_KEPT = 1000
"""Starts and waits that are remembered at the least: far more than ever lie between the front and a job in flight."""
_LEAST_GAP = 0.02
"""Seconds from one start to the next at the least, for it divides; so fast a line need not be followed."""
_CLEARLY = 1.0
"""Seconds by which one behind must have started sooner to have overtaken: two answers may be under way at once."""
_FRONT_DOUBT, _FRONT_DOUBT_MOST = 0.3, 10.0
"""The front's own start is unsure by this part of the seconds from then to the answer that told it, of at most so many:
the spread of values that lie evenly over a width is 0.29 of it."""
_PACE_DOUBT = 0.1
"""The line's pace may be wrong by this part: measured over twenty places it is wrong by 22% if starts fall at random
(one over the root of twenty), by nothing if the gaps are all alike."""
_NARROWEST = 0.1
"""Seconds: the time between two answers counts for no less, for it divides."""
_PINNED = 1.5
"""The front is known well enough if it will come to a job known to wait within so many times `quiet_seconds`."""
_STEEP, _FAR = 1.7, 30.0
"""The factor that brings a logistic curve nearest to a bell curve; and where nothing is left of either."""


class Place:
    """What is known of one job's start."""

    __slots__ = ("began", "began_at", "first_seen", "index", "job", "loose", "overtaken", "queued_at", "submitted")

    def __init__(self, job: int, index: int, sent_at: float) -> None:
        self.job, self.index = job, index
        self.submitted = self.queued_at = self.began_at = sent_at
        """`queued_at`: last known to wait. `began_at`: once it was seen to have started, when that probably was."""
        self.began: Sequence[Start] = ()
        """What was believed of its start when it was first seen to run: `began_at` is the mean."""
        self.first_seen = math.inf
        """First answer that it had started."""
        self.overtaken = False
        """It waited when one behind it had started: for this job there is no line."""
        self.loose = False
        """It says nothing of the queue: it was sent back to it, or is no longer waited for."""


class Line:
    """Where the front of the line is and how fast it moves."""

    def __init__(self) -> None:
        self.count = 0
        self.places: dict[int, Place] = {}
        """Those in flight, by index."""
        self.gap = _GAP
        self._started: list[int] = []
        self._started_at: list[float] = []
        self._began_at: list[float] = []
        self._queued: list[int] = []
        self._queued_at: list[float] = []

    @property
    def front(self) -> int:
        """The last position known to have started, -1 before any."""
        return self._started[-1] if self._started else -1

    def join(self, job: int, sent_at: float) -> Place:
        """A job submitted at `sent_at`. Replies may cross: jobs sent later and heard of sooner move back."""
        index = self.count
        self.count += 1
        while (other := self.places.get(index - 1)) is not None and other.submitted > sent_at:
            other.index = index
            self.places[index] = other
            index -= 1
        for seen in (self._started, self._queued):
            for k in range(bisect_left(seen, index), len(seen)):
                seen[k] += 1
        place = self.places[index] = Place(job, index, sent_at)
        return place

    def leave(self, place: Place) -> None:
        """It is no longer in flight."""
        del self.places[place.index]

    def seen_waiting(self, place: Place) -> bool:
        """It waits at `queued_at`. True if somebody behind it had started clearly before."""
        while self._queued and self._queued[-1] >= place.index:
            self._queued.pop()
            self._queued_at.pop()
        self._queued.append(place.index)
        self._queued_at.append(place.queued_at)
        _forget(self._queued, self._queued_at)
        k = bisect_right(self._started, place.index)
        return k < len(self._started) and self._started_at[k] < place.queued_at - _CLEARLY

    def seen_started(self, place: Place) -> None:
        """It had started by `first_seen`, probably at `began_at`."""
        if place.index <= self.front:
            return
        low, high = self.bracket(place)
        self._started.append(place.index)
        self._started_at.append(place.first_seen)
        self._began_at.append(min(high, max(low, place.began_at)))
        _forget(self._started, self._started_at, self._began_at)
        k = bisect_left(self._started, place.index - _PLACES)
        places, seconds = place.index - self._started[k], self._began_at[-1] - self._began_at[k]
        if places < _PLACES:
            places, seconds = places + _GAP_AS_PLACES, seconds + _GAP_AS_PLACES * _GAP
        self.gap = max(_LEAST_GAP, seconds / places)

    def bracket(self, place: Place) -> tuple[float, float]:
        """The earliest and the latest start that the line allows."""
        k = bisect_left(self._started, place.index)
        high = self._started_at[k] if k < len(self._started) else math.inf
        k = bisect_right(self._queued, place.index) - 1
        low = self._queued_at[k] if k >= 0 else -math.inf
        return min(max(low, place.submitted), high), high

    def expected(self, place: Place) -> tuple[float, float]:
        """When the line will have come to this job: mean and spread.

        The spread has three parts: chance, which partly cancels over many places and so grows as their root; a pace
        that may be wrong; and doubt about when the front itself started.
        """
        ahead, gap = place.index - self.front, self.gap
        if self._began_at:
            first = self._began_at[-1]
            unsure = _FRONT_DOUBT * min(_FRONT_DOUBT_MOST, self._started_at[-1] - first)
        else:
            first, unsure = place.submitted + _GAP, _GAP
        mean = first + ahead * gap
        k = bisect_right(self._queued, place.index) - 1
        if k >= 0:  # if next, that job starts half a gap after it was seen to wait, on average; else later
            mean = max(mean, self._queued_at[k] + gap * (place.index - self._queued[k] + 0.5))
        return max(mean, place.submitted), gap * math.sqrt(ahead) + _PACE_DOUBT * ahead * gap + unsure

    def chance(self, place: Place) -> Callable[[float], float]:
        """P(started by t)."""
        low, high = self.bracket(place)
        if high < math.inf:
            width = max(_NARROWEST, high - low)
            return lambda t: min(1.0, max(0.0, (t - low) / width))
        mean, spread = self.expected(place)
        before = _logistic((low - mean) / spread)
        return lambda t: (_logistic((t - mean) / spread) - before) / (1.0 - before) if t > low else 0.0

    def scout(self, now: float, quiet_seconds: float, step: int) -> tuple[int | None, float]:
        """The position to ask about to find the front (or None), and when.

        `step`: places beyond the front, doubled after each hit; or as many as the line's pace has it moved by now.
        `quiet_seconds`: for so long a front that is pinned down between a start and a waiting job is left alone.
        """
        front = self.front
        if self._began_at:
            step = max(step, int((now - self._began_at[-1]) / self.gap))
        target = min(front + step, self.count - 1)
        k = max(bisect_right(self._queued, front), bisect_right(self._queued_at, now - quiet_seconds))
        if k < len(self._queued):
            pinned = self._queued[k]
            if pinned - front <= max(1.0, _PINNED * quiet_seconds / self.gap):
                return None, self._queued_at[k] + quiet_seconds
            target = min(target, pinned - 1)
        return max(front + 1, target), now


def _forget(*columns: list[int] | list[float]) -> None:
    """Drop the oldest rows now and then. What is left bounds the jobs far ahead of it truly, if less narrowly."""
    if len(columns[0]) > 2 * _KEPT:
        for column in columns:
            del column[:-_KEPT]


def _logistic(z: float) -> float:
    """The share of a bell curve below z, to within 0.01 and cheaply, by a curve of nearly the same shape."""
    return 1.0 / (1.0 + math.exp(-max(-_FAR, min(_FAR, _STEEP * z))))
