"""How likely a waiting job is to start, by how long it has waited: starts seen over seconds waited.

The actuary's estimate: jobs that still wait count for the seconds they have waited, so nothing
is biased towards the short waits that are seen first.  It is kept per bin of time waited.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate, pairwise

_ENDS = tuple(0.5 * 1.4**k for k in range(36))
"""Ends of the bins: half a second to a day, 40% apart."""
_EDGES = (0.0, *_ENDS)
_WIDTHS = [b - a for a, b in pairwise(_EDGES)]
_GUESS, _GUESS_WEIGHT = 10.0, 4.0
"""A typical wait in seconds before any was seen, lognormal with spread 1, worth four starts."""
_REFRESH = 8
"""Changes after which the chances are added up anew."""
_MEMORY = 200.0
"""Starts that are remembered."""


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z * 0.7071067811865476)


class Waits:
    """A chance to start, for each age in the queue."""

    def __init__(self) -> None:
        above = [1.0, *(max(1e-9, 1.0 - _normal(math.log(x / _GUESS))) for x in _ENDS)]
        self._starts = [_GUESS_WEIGHT * (a - b) + 0.01 for a, b in pairwise(above)]
        risks = [max(1e-9, math.log(a / b)) for a, b in pairwise(above)]
        self._waited = [n * w / r for n, w, r in zip(self._starts, _WIDTHS, risks, strict=True)]
        self._risks: list[float] = []
        self._changes = _REFRESH + 1

    def _risk(self, age: float) -> float:
        """The chance to start, added up over all ages before this one."""
        if self._changes > _REFRESH:
            self._changes = 0
            starts, waited = _smooth(self._starts), _smooth(self._waited)
            rates = (n / s * w for n, s, w in zip(starts, waited, _WIDTHS, strict=True))
            self._risks = list(accumulate(rates, initial=0.0))
        k = _bin(age)
        return self._risks[k] + (age - _EDGES[k]) / _WIDTHS[k] * (self._risks[k + 1] - self._risks[k])

    def started_by(self, since: float, age: float) -> float:
        """P(started by `age`), given that it waited at `since`."""
        return -math.expm1(self._risk(since) - self._risk(age)) if age > since else 0.0

    def quantile(self, p: float) -> float:
        """The age by which this part of the jobs has started."""
        aim = -math.log1p(-p)
        self._risk(0.0)
        k = min(len(_ENDS), max(1, bisect_left(self._risks, aim)))
        low, high = self._risks[k - 1], self._risks[k]
        return _EDGES[k - 1] + min(1.0, (aim - low) / max(1e-9, high - low)) * _WIDTHS[k - 1]

    def waited(self, since: float, until: float, share: float = 1.0) -> None:
        """A job waited from the one age to the other without starting."""
        for k in range(_bin(since), _bin(until) + 1):
            self._waited[k] += share * max(0.0, min(until, _EDGES[k + 1]) - max(since, _EDGES[k]))
        self._changes += 1

    def started(self, since: float, until: float) -> None:
        """It started at some age between the two: half by belief, half evenly, or belief would feed itself."""
        whole = max(1e-9, self.started_by(since, until))
        low, high = _bin(since), _bin(until)
        edges = [since, *_ENDS[low:high], until]
        believed = [(self.started_by(since, b) - self.started_by(since, a)) / whole for a, b in pairwise(edges)]
        left = 1.0
        for k, (a, b), p in zip(range(low, high + 1), pairwise(edges), believed, strict=True):
            part = 0.5 * p + 0.5 * (b - a) / (until - since)
            self.waited(a, b, max(0.0, left - 0.5 * part))
            self._starts[k] += part
            left -= part
        self._starts = [n * (1.0 - 1.0 / _MEMORY) for n in self._starts]
        self._waited = [s * (1.0 - 1.0 / _MEMORY) for s in self._waited]
        self._changes += 1


def _bin(age: float) -> int:
    return min(len(_ENDS) - 1, bisect_left(_ENDS, age))


def _smooth(counts: list[float]) -> list[float]:
    """Each bin with a share of its neighbours', so that a bin in which nothing was seen yet is no wall."""
    padded = [counts[0], *counts, counts[-1]]
    return [0.25 * a + 0.5 * b + 0.25 * c for a, b, c in zip(padded, counts, padded[2:], strict=False)]
