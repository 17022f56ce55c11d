"""The share of jobs that end within each duration: drawn from what is believed, and kept until that clearly changes."""

from __future__ import annotations

import math
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from ..job import JobClass
from .evidence import EARLY_SECONDS, STRAGGLERS, Endings, normal, straggler_by
from .hypotheses import Hypotheses
from .rule import HALF, KNOTS, STEP, Curve, X
from .typical import Typical

_STALE, _STALE_SPREAD, _STALE_EARLY, _STALE_CALM = 0.2, 0.1, 0.004, 0.1
"""A class's curve is drawn anew when the typical duration has moved by the first part of the spread, the spread by the
second, the share of early ends by the third, or the probability of no change by the fourth. 0.16 and 0.3 for the first
cost the same within 0.4%, on the mean of six worlds and thirty seeds; half of the second or the third within 0.3%."""
IMPROBABLE = 5e-3
"""Hypotheses less probable than this are left out of a curve; with a fifth of it the cost was the same, as above. They
count as jobs that never end, 2% at the most that was seen, which does no harm: with the others scaled up instead, the
cost was the same in worlds a, a4, b, c, d and s on forty seeds, and 1% more in u."""
_FINE = 0.1
"""Bell curves whose spreads differ by less than a tenth are drawn as one; half of it cost the same within 0.1%."""
_PAD = 200
"""Knots added at both ends to the curve of early ends, so that it is moved by slicing: e**16, more than ever needed."""

# Reckoned once, by knot: its logarithm, the share of stragglers that have ended and, padded, the share of early ends.
_LOGS = [(k - HALF) * STEP for k in range(KNOTS)]
_STRAGGLERS = [straggler_by(x) for x in X]
_AT_ONCE = [1.0 - math.exp(-math.exp((k - HALF - _PAD) * STEP)) for k in range(KNOTS + 2 * _PAD)]


@lru_cache(512)
def _bell(fine: int, shift: float) -> list[float]:
    """By knot: the share of a bell curve moved by `shift`, of the spread e**(0.1 x fine)."""
    spread = math.exp(_FINE * fine)
    return [normal((x - shift) / spread) for x in _LOGS]


class Drawn(NamedTuple):
    """A class's curve, and what was believed when it was drawn."""

    curve: Curve
    unit: float
    """The typical duration in seconds: the unit of the curve."""
    chance_share: float
    """How much of `spread` is chance: 1 if what is typical of the class is known."""
    mean: float
    """The unit's logarithm."""
    spread: float
    """How far a duration may be off, by chance and because the unit is not known."""
    early: float
    """The part of jobs that end almost at once."""
    calm: float
    """The probability that nothing has changed."""


class Curves:
    """One curve for each class."""

    def __init__(self, typical: Typical, hypotheses: Hypotheses, endings: Endings) -> None:
        self._typical, self._hypotheses, self._endings = typical, hypotheses, endings
        self._drawn: dict[JobClass, Drawn] = {}
        self._checked: set[JobClass] = set()
        """Classes whose curve is known not to be stale."""

    def recheck(self) -> None:
        """The belief has changed, and any curve may be stale."""
        self._checked.clear()

    def of(self, job_class: JobClass) -> Drawn:
        """The distribution of its durations."""
        drawn = self._drawn.get(job_class)
        if drawn is None or job_class not in self._checked:
            self._checked.add(job_class)
            mean, var = self._typical.of(job_class)
            spread = math.sqrt(var + self._hypotheses.spread**2)
            if drawn is None or self._is_stale(drawn, mean, spread):
                drawn = self._drawn[job_class] = self._draw(mean, var, spread)
        return drawn

    def _is_stale(self, drawn: Drawn, mean: float, spread: float) -> bool:
        """So much has changed that a curve drawn before is no longer good enough."""
        return (
            abs(mean - drawn.mean) > _STALE * drawn.spread
            or abs(spread - drawn.spread) > _STALE_SPREAD * drawn.spread
            or abs(self._endings.early - drawn.early) > _STALE_EARLY
            or abs(self._hypotheses.calm - drawn.calm) > _STALE_CALM
        )

    def _draw(self, mean: float, var: float, spread: float) -> Drawn:
        """All hypotheses together, each by its probability, with the stragglers and the early ends."""
        early, late = self._endings.early, (1.0 - self._endings.early) * STRAGGLERS
        usual = 1.0 - early - late
        start = min(2 * _PAD, max(0, _PAD - round((math.log(EARLY_SECONDS) - mean) / STEP)))
        parts = [(usual * p, _bell(*bell)) for bell, p in self._bells(var).items()]
        parts += [(early, _AT_ONCE[start : start + KNOTS]), (late * (1.0 - self._endings.never), _STRAGGLERS)]
        weights, shares = zip(*parts, strict=True)
        curve = Curve([sum(map(mul, weights, column)) for column in zip(*shares, strict=True)])
        chance_share = self._hypotheses.spread / spread
        return Drawn(curve, math.exp(mean), chance_share, mean, spread, early, self._hypotheses.calm)

    def _bells(self, var: float) -> dict[tuple[int, float], float]:
        """The arguments of `_bell` for each hypothesis, and its probability; those that are alike are one."""
        bells: dict[tuple[int, float], float] = {}
        for p, (shift, spread) in zip(self._hypotheses.probabilities, self._hypotheses.bells(var), strict=True):
            if p > IMPROBABLE:
                bell = round(math.log(spread) / _FINE), shift
                bells[bell] = bells.get(bell, 0.0) + p
        return bells
