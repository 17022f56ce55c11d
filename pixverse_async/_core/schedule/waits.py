"""How long a job waits when nobody's place in the queue is known.

Two simple views are trusted half and half. *Any second*: a waiting job has the same chance to start in each second,
however long it has waited: starts seen / seconds waited. *The usual wait*: half of all jobs start within the usual
wait, and a job that has waited far longer may well wait longer still. The part started by age x is z / (1 + z), where
z = (x / usual)**1.5: a quarter by half the usual wait, three quarters by twice. The first view suits a service that
draws lots, the second one whose waits are alike; for either the other half costs little.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .line import Place

_WAIT, _USUAL = 10.0, 8.0
"""Seconds: the mean wait and the usual wait before any start was seen, assumed."""
_GUESS_AS_STARTS = 2.0
"""As how many starts these guesses count: few, so that the first ones outweigh them."""
_MEMORY = 30.0
"""Starts over which the mean is taken, few for a queue that fills and empties; an older one counts less, a third after
so many more."""
_LEAST, _LEAST_SEEN = 0.3, 0.05
"""Seconds: the usual wait is no shorter; a start adds at least so much to what was waited, lest the mean be zero."""
_POWER = 1.5
"""How alike the waits are: with this, half of them lie between 0.5 and 2 times the usual one."""

Chance = Callable[[float], float]
"""P(started by an instant)."""


class Waits:
    """A mean wait and a usual wait, moved by every answer about a waiting job."""

    def __init__(self) -> None:
        self.usual = _USUAL
        self._count, self._waited = _GUESS_AS_STARTS, _GUESS_AS_STARTS * _WAIT
        self._seen = _GUESS_AS_STARTS + 1.0
        """Starts that speak for `usual`, the next one included, which moves it by one part in so many."""

    @property
    def mean(self) -> float:
        """Seconds waited for each start that was seen."""
        return self._waited / self._count

    def recall(self, mean: float, usual: float) -> None:
        """Begin with what an earlier run knew, in seconds."""
        self._waited, self.usual = mean * self._count, usual

    def waited(self, place: Place, until: float) -> None:
        """The job still waited at `until`."""
        self._waited += until - place.queued_at
        self._move(self._part(place, until) - self._part(place, place.queued_at))

    def started(self, place: Place, at: float) -> None:
        """The job started at about `at`."""
        keep = 1.0 - 1.0 / _MEMORY
        self._count = keep * self._count + 1.0
        self._waited = keep * self._waited + max(_LEAST_SEEN, at - place.queued_at)
        self._seen = min(_MEMORY, self._seen + 1.0)
        part = self._part(place, max(at, place.submitted + _LEAST))
        self._move(part - self._part(place, place.queued_at) - (1.0 - part))

    def chance(self, place: Place) -> Chance:
        """For a job that is known to have waited at `queued_at`."""
        since, mean, left = place.queued_at, self.mean, 1.0 - self._part(place, place.queued_at)

        def started_by(t: float) -> float:
            return 0.5 * (1.0 - math.exp((since - t) / mean) + 1.0 - (1.0 - self._part(place, t)) / left)

        return lambda t: started_by(t) if t > since else 0.0

    def _part(self, place: Place, at: float) -> float:
        """The part of jobs that the view of the usual wait has start by the age that this one has at `at`."""
        z = (max(0.0, at - place.submitted) / self.usual) ** _POWER
        return z / (1.0 + z)

    def _move(self, evidence: float) -> None:
        """Waiting speaks for a longer usual wait, a start for a shorter one.

        If a part p of jobs starts by the age at which this one did, its wait adds p and its start takes off 1 - p. That
        cancels for a job that started after the usual wait, and on average over all jobs if the usual wait is right.
        """
        self.usual = max(_LEAST, self.usual * math.exp(evidence / self._seen))
