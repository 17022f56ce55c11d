"""What is not known of how durations scatter, and whether the service has changed: each possibility with a probability.

* *Calm*: durations scatter by 6%, 9%, ... or 67%: seven spreads, meant to cover what services do.
* *Changed*: of late everything takes e**-1.2, ... e**1.2 times as long: six factors, a third to three. Such a change
  becomes a little more probable with every second. Once it is nearly certain, the pace is moved, and all is calm again.

Every answer multiplies each probability by the chance that this hypothesis had given to the answer; then all are
divided by their sum. That is Bayes' rule: of two that are equally probable, one that had given 30% to what then
happened, and one that had given 10%, have 75% and 25% after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

SPREADS = (0.06, 0.09, 0.135, 0.2, 0.3, 0.45, 0.67)
"""Each half as large again as the last: jobs that scatter by something in between cost 1% more."""
_SPREAD, _SPREAD_DOUBT = 0.2, 0.6
"""Before anything is known: jobs of a class differ by 20%, give or take a factor of e**0.6, which is about 2."""
SHIFTS = (-1.2, -0.8, -0.4, 0.4, 0.8, 1.2)
"""A greater change is taken for the greatest, and then for another."""
_SHIFT_VAR = 0.4**2 / 12.0
"""Each stands for the changes around it: the variance of values spread evenly over 0.4."""
_SHIFT_SPREAD = 0.7
"""Small changes are likelier than great ones, on a bell curve as wide as that of the first guess (`typical`)."""
_CHANGES_PER_SECOND = 1 / 3600
"""One sudden change in an hour; half that was measured the same within 2%."""
_CERTAIN = 0.9
"""So probable a change is taken for certain; 0.5 to 0.99 were measured the same within 4%."""
_LEAST = 1e-6
"""No spread is ever less probable, so that each can come back."""


def _normalised(weights: Sequence[float]) -> list[float]:
    whole = sum(weights)
    return [w / whole for w in weights]


# The probabilities of the spreads before anything is known, and of the shifts if something has changed.
_FRESH = _normalised([math.exp(-0.5 * (math.log(s / _SPREAD) / _SPREAD_DOUBT) ** 2) for s in SPREADS])
_CHANGED = _normalised([math.exp(-0.5 * (shift / _SHIFT_SPREAD) ** 2) for shift in SHIFTS])


class Change(NamedTuple):
    """By how much the pace has changed, as a logarithm, and the variance of that."""

    by: float
    var: float


class Hypotheses:
    """The probabilities of the spreads, then of the shifts."""

    def __init__(self) -> None:
        self._set([*_FRESH, *(0.0 for _ in SHIFTS)])

    def _set(self, weights: Sequence[float]) -> None:
        self.probabilities = _normalised(weights)
        self.calm = sum(self.probabilities[: len(SPREADS)])
        """The probability that nothing has changed."""
        self.spread = math.sqrt(
            sum(p * s * s for p, s in zip(self.probabilities, SPREADS, strict=False)) / self.calm  # no shifts
        )
        """How durations scatter while nothing has changed: the root of the mean square."""

    def spreads(self) -> list[float]:
        """The probability of each spread, if nothing has changed."""
        return _normalised(self.probabilities[: len(SPREADS)])

    def bells(self, var: float) -> list[tuple[float, float]]:
        """By hypothesis: the shift, and the spread of durations, if the typical one has this variance."""
        return [(0.0, math.sqrt(var + s * s)) for s in SPREADS] + self.changed_bells(var)

    def changed_bells(self, var: float) -> list[tuple[float, float]]:
        """The same for the shifts alone."""
        spread = math.sqrt(var + _SHIFT_VAR + self.spread**2)
        return [(shift, spread) for shift in SHIFTS]

    def pass_time(self, seconds: float) -> None:
        """Time has passed, and something may have changed."""
        change = seconds * _CHANGES_PER_SECOND
        calm = [(1.0 - change) * p for p in self.probabilities[: len(SPREADS)]]
        before = self.probabilities[len(SPREADS) :]
        self._set([*calm, *(p + change * self.calm * new for p, new in zip(before, _CHANGED, strict=True))])

    def weigh(self, likelihoods: Sequence[float]) -> Change | None:
        """Apply Bayes' rule to the chances that were given to an answer; return a change once it is nearly certain."""
        weights = _normalised(list(map(mul, self.probabilities, likelihoods)))
        calm = [max(_LEAST, w) for w in weights[: len(SPREADS)]]
        changed = weights[len(SPREADS) :]
        whole = sum(changed)
        if whole <= _CERTAIN:
            self._set([*calm, *changed])
            return None
        self._set([*calm, *(0.0 for _ in SHIFTS)])
        mean = sum(map(mul, changed, SHIFTS)) / whole
        square = sum(p * shift * shift for p, shift in zip(changed, SHIFTS, strict=True)) / whole
        return Change(mean, square - mean * mean + _SHIFT_VAR)

    def recall(self, spreads: Sequence[float]) -> None:
        """Begin with what an earlier run knew."""
        self._set([*(p for p, _ in zip(spreads, SPREADS, strict=True)), *(0.0 for _ in SHIFTS)])
