"""When the next poll of one job is worth its price.

Poll at the first t at which the lateness that has probably gone unnoticed is worth one poll:

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

T is when the job ends, s is when it was last known not to have ended, kappa the seconds of
lateness one poll is worth.  The root corrects for polls that find nothing.  With the distribution
of T known this is within 1% of the exact inspection schedule of Barlow, Hunter and Proschan
(1963); benchmarks/polling.py computes both.  Nothing here learns, and nothing knows the queue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

STEP = 0.05
"""The grid of durations is geometric, 5% a knot: a quarter of the narrowest spread worth knowing."""
HALF = 80
"""Knots on either side of the unit: e**-4 to e**4, a fiftieth to fifty times the typical duration."""
KNOTS = 2 * HALF + 1
_X = [math.exp((k - HALF) * STEP) for k in range(KNOTS)]
_FIRST, _LAST = _X[0], _X[-1]
_WIDTHS = [b - a for a, b in zip(_X, _X[1:], strict=False)]
SOONEST = 0.25
"""Seconds between two polls of one job at the least: no faster than an answer usually comes back."""
_HOPELESS = 1e-9


class Curve:
    """A distribution function on the geometric grid, linear between knots, with its exact integral."""

    __slots__ = ("below", "share")

    def __init__(self, share: Sequence[float]) -> None:
        self.share = list(share)
        """P(duration <= knot)."""
        areas = (0.5 * w * (a + b) for w, a, b in zip(_WIDTHS, share, share[1:], strict=False))
        self.below = list(accumulate(areas, initial=0.5 * share[0] * _FIRST))
        """The integral of the distribution function from 0 to each knot."""

    def at(self, x: float) -> tuple[float, float]:
        """The distribution function at `x` and its integral from 0 to `x`."""
        if x <= _FIRST:
            f = self.share[0] * max(x, 0.0) / _FIRST
            return f, 0.5 * f * x
        if x >= _LAST:
            f = self.share[-1]
            return f, self.below[-1] + f * (x - _LAST)
        k = int((math.log(x) / STEP) + HALF)
        left = _X[k]
        f, over = self.share[k], x - left
        slope = (self.share[k + 1] - f) / (_X[k + 1] - left)
        return f + slope * over, self.below[k] + (f + 0.5 * slope * over) * over


class Start(NamedTuple):
    """A job may have started, or may yet start, at this instant, with this probability."""

    at: float
    weight: float


class Outlook:
    """What is believed about the end of one job: a start out of `starts`, then `unit` x `curve`.

    Weights that do not sum to one leave the rest to a start later than any that matters.
    """

    __slots__ = ("_alive", "_parts", "_rest", "_since", "curve", "unit")

    def __init__(self, curve: Curve, unit: float, starts: Sequence[Start], since: float) -> None:
        self.curve, self.unit, self._since = curve, unit, since
        self._parts: list[tuple[float, float, float, float]] = []
        self._rest = 1.0
        self._alive = 0.0
        for at, weight in starts:
            f, h = curve.at((since - at) / unit) if since > at else (0.0, 0.0)
            self._parts.append((at, weight, f, h))
            self._rest -= weight
            self._alive += weight * (1.0 - f)
        self._rest = max(0.0, self._rest)
        self._alive += self._rest

    def lateness(self, t: float) -> tuple[float, float]:
        """E[(t - T)+] and P(T > t), both given that the job had not ended at `since`."""
        if self._alive < _HOPELESS:
            return 0.0, 1.0  # believed long over: left to the longest interval
        unit, wait = self.unit, t - self._since
        late, alive = 0.0, self._rest
        for at, weight, f0, h0 in self._parts:
            if t <= at:
                alive += weight
                continue
            f, h = self.curve.at((t - at) / unit)
            late += weight * (unit * (h - h0) - f0 * wait)
            alive += weight * (1.0 - f)
        return late / self._alive, alive / self._alive

    def value(self, t: float) -> float:
        """What a poll at `t` is worth, in seconds of lateness."""
        late, alive = self.lateness(t)
        return late / math.sqrt(max(alive, 1e-6))

    def due(self, kappa: float, longest: float) -> float:
        """The first instant within `longest` seconds at which a poll is worth `kappa`."""
        low, high = 0.0, SOONEST
        v_low, v_high = 0.0, self.value(self._since + high)
        while v_high < kappa and high < longest:
            low, v_low = high, v_high
            high = min(longest, 1.7 * high)
            v_high = self.value(self._since + high)
        if low == 0.0 or v_high < kappa:
            return self._since + high
        while high - low > max(0.05, 0.01 * high):
            # Values grow about as the square of time: interpolate there, kept off the ends.
            share = (math.sqrt(kappa) - math.sqrt(v_low)) / (math.sqrt(v_high) - math.sqrt(v_low))
            middle = low + min(0.9, max(0.1, share)) * (high - low)
            value = self.value(self._since + middle)
            if value >= kappa:
                high, v_high = middle, value
            else:
                low, v_low = middle, value
        return self._since + high
