"""When the next poll of one job is worth its price.

Poll at the first t at which the lateness that has probably gone unnoticed is worth one poll:

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

The package's docstring reads the formula aloud. What is believed of T, when the job ends, is a *curve*: for each
duration, the share of jobs that end within it. With each second the average lateness grows by the share that has ended
by then: so it is the area under the curve. The answer "not ended at s" strikes out the jobs that would have ended
before: the area from s to t loses the rectangle below the height at s, and is divided by the share that is left.

Why the root: no theory gives it. It stands half-way between two rules that are as simple, and mostly comes nearer to
the cheapest schedule there is (Barlow, Hunter and Proschan 1963; `python -m benchmarks.polling --rule` computes it).
With the curve known, not dividing at all asks too rarely, which costs up to 1.1% more than the cheapest; dividing by
the chance itself asks too often, up to 1.4%; dividing by its root costs at most 0.7% more. (If durations fall into two
separate heaps: 4, 6 and 5%.) Nothing here learns, and nothing knows the queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import log
from operator import add, mul, sub
from typing import NamedTuple

STEP = 0.08
"""Curves are kept at *knots*, durations of which each is 8% longer than the last: jobs that scatter by only 10% cost 1%
more than with an exact curve."""
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
"""For the search for the due time: a worth below this part of the price counts as nothing; and a guess between two
waits keeps off either by this part of the way. They decide only how soon it is found: after three tries, mostly."""
_EXACT, _EXACT_SECONDS = 0.03, 0.05
"""The search ends within 3% of the price or of the wait, or within a twentieth of a second: that costs nothing
measurable; 5% cost 0.4% where jobs take nearly the same time."""
_OVER = 1e-9
"""A job less likely than this to be running is believed to have ended long ago."""
_LEAST_ALIVE = 1e-6
"""The chance to run on counts for no less, for it divides."""


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
    """What is believed about the end of one job: it starts at one of `starts` and runs for as long as `curve` says.

    The curve's durations are multiples of `unit`; `since` is the s of the rule. If the weights sum to less than one,
    the rest is for a start so late that it does not matter.
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

        `late` and `alive` sum over the possible starts, and both must still be divided by A = P(T > s), `self._alive`:
        (late / A) / sqrt(alive / A) is late / sqrt(alive x A). `share0 * wait` is the rectangle of the docstring above.
        """
        if self._alive < _OVER:
            return 0.0  # believed long over, but it is not: left to the longest interval
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

        `hint`: the first wait to try, in seconds from `since`.
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
    """The wait that is worth kappa, if what a wait is worth grows as a power of its length.

    `low` is too short a wait (0 if none is known), `high` too long a one (or infinity), `v_low` and `v_high` are their
    worth. Both known give the power; with one the square is taken: a wait twice as long is worth four times as much.
    """
    nothing = _SLIGHT * kappa
    if high == math.inf:
        return low * math.sqrt(kappa / v_low) if v_low > nothing else math.inf
    if low == 0.0:
        return high * math.sqrt(kappa / v_high)
    v_low = max(nothing, v_low)
    part = log(kappa / v_low) / log(v_high / v_low)
    return low * (high / low) ** min(1.0 - _KEEP_OFF, max(_KEEP_OFF, part))
