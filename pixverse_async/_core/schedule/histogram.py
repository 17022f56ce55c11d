"""The share of values below each knot: it starts as a guess and becomes what was seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from operator import mul

from .rule import HALF, KNOTS, STEP

_MEMORY = 100.0
"""Values that are remembered."""


class Histogram:
    """Shares on the grid of `rule`; positions are in knots."""

    def __init__(self, guess: Sequence[float], weight: float, lasting: float = 0.0) -> None:
        self.guess, self._weight, self._lasting = guess, weight, lasting
        """What the guess is worth in values seen: `weight` of them, and `lasting` for each one seen, which smooths."""
        self._mass = [0.0] * KNOTS
        """How many values were seen between each knot and the one before."""
        self.total = 0.0
        self.share = list(guess)
        """P(value <= knot), as of the last `refresh`."""
        self.mean = 0.0

    def _ends(self, low: float, high: float) -> tuple[int, int]:
        a = min(KNOTS - 2, max(0, math.floor(low)))
        return a, min(KNOTS - 1, max(a + 1, math.ceil(high)))

    def within(self, low: float, high: float) -> tuple[float, float]:
        """Mean of the values between the two, and variance: the mean square of their distance from it.

        (high - low)**2 / 12 is the variance of values spread evenly between the two.
        """
        a, b = self._ends(low, high)
        seen = self.share[b] - self.share[a]
        if seen < 1e-4:
            return 0.5 * (low + high), (high - low) ** 2 / 12.0
        shares = [(self.share[k + 1] - self.share[k]) / seen for k in range(a, b)]
        mean = sum(p * k for k, p in enumerate(shares, a)) + 0.5
        var = sum(p * (k + 0.5 - mean) ** 2 for k, p in enumerate(shares, a))
        return min(high, max(low, mean)), var

    def add(self, low: float, high: float, weight: float) -> None:
        """One value somewhere between the two: placed by what is believed, evenly where that says nothing."""
        if weight < 0.01:
            return
        if self.total >= _MEMORY:
            keep = 1.0 - weight / _MEMORY
            self._mass = [m * keep for m in self._mass]
            self.total *= keep
        a, b = self._ends(low, high)
        share = self.share
        seen = share[b] - share[a]
        trusted = weight / (seen + 0.05)
        even = weight * 0.05 / (seen + 0.05) / (b - a)
        for k in range(a, b):
            self._mass[k + 1] += trusted * (share[k + 1] - share[k]) + even
        self.total += weight

    def refresh(self) -> None:
        """Bring `share` and `mean` up to date."""
        w = self._weight + self._lasting * self.total
        whole = w + self.total
        self.share = [(w * g + m) / whole for g, m in zip(self.guess, accumulate(self._mass), strict=True)]
        self.mean = sum(map(mul, self._mass, _POSITIONS)) / whole

    def recall(self, positions: Sequence[float], weight: float) -> None:
        """Values seen in an earlier run, each with this weight."""
        ends = [positions[0] - 2.0, *(0.5 * (a + b) for a, b in pairwise(positions)), positions[-1] + 2.0]
        for low, high in pairwise(ends):
            self.add(low, high, weight)

    def quantile(self, p: float) -> float:
        """The position below which `p` of the values lie."""
        k = next((k for k, s in enumerate(self.share) if s >= p), KNOTS - 1)
        below = self.share[k - 1] if k else 0.0
        return k - (self.share[k] - p) / max(1e-9, self.share[k] - below)


_POSITIONS = [(k - HALF) * STEP for k in range(KNOTS)]
