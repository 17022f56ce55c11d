"""When the next poll of one job is worth its price.

Poll at the first t at which the lateness that has probably gone unnoticed is worth one poll:

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

T is when the job ends, s is when it was last known not to have ended, kappa the seconds of lateness one poll is
worth; the package's docstring reads the formula aloud. What is believed of T is a *curve*: for each duration, the
share of jobs that end within it. An answer "not ended at s" strikes out all ends before s, and the rest is scaled to
one again. The average lateness by t is then the area under the curve from s to t, less a rectangle for those struck
out.

Why the root: it is no theory, but stands half-way between two rules that are as simple. With the curve known, dividing
by nothing costs up to 1.1% more than the exact schedule of Barlow, Hunter and Proschan (1963), for it asks too rarely;
dividing by the chance itself up to 1.4%, for it asks too often; by its root at most 0.7%. (If durations fall into two
separate heaps: 4, 6 and 5%.) `python -m benchmarks.polling --rule` computes the exact one. Nothing here learns, and
nothing knows the queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import log
from operator import add, mul, sub
from typing import NamedTuple

STEP = 0.08
"""Durations live on a grid of knots, each 8% longer than the last: jobs that differ by 10% are still told apart, and
cost 1% more than exact."""
HALF = 50
"""Knots on either side of the unit, which is the typical duration: a fiftieth to fifty times (e**4) of it."""
KNOTS = 2 * HALF + 1
X = [math.exp((k - HALF) * STEP) for k in range(KNOTS)]
"""The knots, as multiples of the unit."""
_FIRST, _LAST, _PER_STEP = X[0], X[-1], 1.0 / STEP
_WIDTHS = [b - a for a, b in pairwise(X)]
_HALF_WIDTHS, _PER_WIDTH = [0.5 * w for w in _WIDTHS], [1.0 / w for w in _WIDTHS]
SOONEST = 0.25
"""Seconds between two polls of one job at the least: an answer takes about as long to come back."""
_SLIGHT, _KEEP_OFF = 0.01, 0.05
"""Of the search for the due time: a part of the price that counts as nothing, and the part of a bracket within which no
guess comes near its ends. They decide only how soon it is found: in three looks, mostly."""
_EXACT, _EXACT_SECONDS = 0.03, 0.05
"""Its precision: 3% of the interval, or of the price, costs nothing measurable, nor does a twentieth of a second; 5%
cost 0.4% where jobs take nearly the same time."""
_OVER = 1e-9
"""A job less likely than this to be running is believed to have ended long ago."""
_LEAST_ALIVE = 1e-6
"""The chance to run on counts for no less: it stands under the line of a fraction."""


class Curve:
    """The share of jobs that end within each duration, linear between knots, and the exact area under it."""

    __slots__ = ("area", "share", "slope")

    def __init__(self, share: Sequence[float]) -> None:
        self.share = share
        """The share of jobs that end within each knot."""
        areas = map(mul, _HALF_WIDTHS, map(add, share, share[1:]))
        self.area = list(accumulate(areas, initial=0.5 * share[0] * _FIRST))
        """The area under `share` from 0 to each knot."""
        self.slope = [*map(mul, map(sub, share[1:], share), _PER_WIDTH), 0.0]
        """How fast `share` grows from each knot on."""

    def at(self, x: float) -> tuple[float, float]:
        """The share that ends within `x`, and the area under it from 0 to `x`: the average lateness by then."""
        if x <= _FIRST:
            share = self.share[0] * x / _FIRST if x > 0.0 else 0.0
            return share, 0.5 * share * x
        if x >= _LAST:
            share = self.share[-1]
            return share, self.area[-1] + share * (x - _LAST)
        k = int(log(x) * _PER_STEP + HALF)  # rounding may give the last knot: `slope` has a zero for it
        share, over = self.share[k], x - X[k]
        rise = self.slope[k] * over
        return share + rise, self.area[k] + (share + 0.5 * rise) * over


class Start(NamedTuple):
    """A job may have started, or may yet start, at this instant, with this probability: its *weight*."""

    at: float
    weight: float


class Outlook:
    """What is believed about the end of one job: a start out of `starts`, and a duration from `curve` in `unit`s after.

    `since` is the s of the rule. Weights that do not sum to one leave the rest to a start later than any that matters.
    """

    __slots__ = ("_alive", "_parts", "_rest", "_since", "curve", "unit")

    def __init__(self, curve: Curve, unit: float, starts: Iterable[Start], since: float) -> None:
        self.curve, self.unit, self._since = curve, unit, since
        self._parts: list[tuple[float, float, float, float]] = []
        whole = alive = 0.0
        for at, weight in starts:
            share, area = curve.at((since - at) / unit) if since > at else (0.0, 0.0)
            self._parts.append((at, weight, share, area))
            whole += weight
            alive += weight * (1.0 - share)
        self._rest = max(0.0, 1.0 - whole)
        self._alive = alive + self._rest

    def value(self, t: float) -> float:
        """What a poll at `t` is worth, in seconds of lateness: the left side of the rule.

        `late` and `alive` sum over the possible starts and still have to be divided by P(T > s), `self._alive`:
        (late / A) / sqrt(alive / A) is late / sqrt(alive x A). `share0 * wait` is the rectangle: of those struck out.
        """
        if self._alive < _OVER:
            return 0.0  # believed long over, and yet not: left to the longest interval
        unit, wait, ended_by = self.unit, t - self._since, self.curve.at
        late, alive = 0.0, self._rest
        for at, weight, share0, area0 in self._parts:
            if t > at:
                share, area = ended_by((t - at) / unit)
                late += weight * (unit * (area - area0) - share0 * wait)
                weight -= weight * share
            alive += weight
        return late / math.sqrt(max(alive, _LEAST_ALIVE) * self._alive)

    def waiting(self, t: float) -> float:
        """P(not started by `t`)."""
        return self._rest + sum(weight for at, weight, _, _ in self._parts if at > t)

    def due(self, kappa: float, longest: float, hint: float) -> float:
        """The first instant within `longest` seconds at which a poll is worth `kappa`.

        `hint`: seconds from the last answer at which to begin the search.
        """
        low, v_low, high, v_high = 0.0, 0.0, math.inf, math.inf
        wait = min(longest, max(SOONEST, hint))
        while True:
            value = self.value(self._since + wait)
            if abs(value - kappa) < _EXACT * kappa:
                return self._since + wait
            if value > kappa:
                high, v_high = wait, value
            else:
                low, v_low = wait, value
            if high <= SOONEST or low >= longest or high - low < max(_EXACT_SECONDS, _EXACT * high):
                return self._since + min(high, longest)
            wait = min(longest, max(SOONEST, _guess(kappa, low, v_low, high, v_high)))


def _guess(kappa: float, low: float, v_low: float, high: float, v_high: float) -> float:
    """The wait that is worth kappa, if worth grows as a power of time: between two waits as it did, else as the square.

    `low` is too short, `high` too long; 0 and infinity where none is known. `v_low`, `v_high`: what they are worth.
    """
    nothing = _SLIGHT * kappa
    if high == math.inf:
        return low * math.sqrt(kappa / v_low) if v_low > nothing else math.inf
    if low == 0.0:
        return high * math.sqrt(kappa / v_high)
    v_low = max(nothing, v_low)
    part = log(kappa / v_low) / log(v_high / v_low)
    return low * (high / low) ** min(1.0 - _KEEP_OFF, max(_KEEP_OFF, part))
