"""What one answer says of a duration: how probable each explanation makes it, and what follows for the typical one.

A job is one of three kinds. *Usual*: the logarithm of its duration lies on a bell curve around the typical one.
*Straggler*: half of these take more than twice as long, a tenth more than ten times, and some never end. *Early*:
refused or served from a cache within seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import erfc, exp
from typing import NamedTuple

from .rule import Start

STRAGGLERS = 0.03
"""Their share of all jobs, fixed: 0.02, 0.05 and one that is learned cost the same within 2%. One in x of them takes
more than x times the typical duration, so that a straggler is asked ever more rarely; one in x**1.25 or x**1.5 cost the
same within 2%, but the end of a batch was known later."""
_NEVER, _NEVER_AS_STRAGGLERS = 0.25, 2.0
"""The part of stragglers assumed endless until some are seen to end, and as how many stragglers that guess counts. Both
are guesses: no service says how many of its jobs never end."""
_EARLY, _EARLY_AS_JOBS = 0.015, 12.0
"""The share of early ends before any was seen, and as how many jobs that guess counts: if the first job ends
early, 9% are expected to, so it is noticed but not taken for the rule. Chosen on the worlds."""
EARLY_SECONDS = 5.0
"""Their typical time: a refusal or a cached answer comes within seconds."""
_MEMORY = 100.0
"""Finished jobs over which the share of early ends is taken: an older one counts less, a third after so many more."""
_SHORTEST, _INSTANT = 0.2, 0.1
"""Seconds. No job takes less than the first; and even two answers of one instant leave the second for its end."""
_LEAST_AGE = 1e-9
"""Seconds: the age of a job that has just started, whose logarithm is taken."""
_ENDLESS = 1e3
"""Stands for the logarithm of infinity: no bell curve reaches so far, and zero times it is zero."""
_ROOT_HALF, _PEAK = 0.7071067811865476, 0.3989422804014327
"""The root of a half, and the height of a bell curve in its middle: 1 / sqrt(2 pi)."""


def normal(z: float) -> float:
    """The share of a bell curve (the normal distribution) below z spreads from its middle."""
    return 0.5 * erfc(-z * _ROOT_HALF)


def straggler_by(x: float) -> float:
    """P(it ended within x times the typical duration), of a straggler that ends."""
    return 1.0 - 1.0 / x if x > 1.0 else 0.0


def early_by(seconds: float) -> float:
    """P(it ended within so many seconds), of a job that ends early."""
    return 1.0 - exp(-seconds / EARLY_SECONDS) if seconds > 0.0 else 0.0


class Endings:
    """How many jobs end early, and how many stragglers never do: learned from those that ended."""

    def __init__(self) -> None:
        self._early, self._all = _EARLY * _EARLY_AS_JOBS, _EARLY_AS_JOBS
        self._stragglers = 0.0

    @property
    def early(self) -> float:
        """The part of jobs that end almost at once."""
        return self._early / self._all

    @property
    def never(self) -> float:
        """The part of stragglers that never ends."""
        return _NEVER * _NEVER_AS_STRAGGLERS / (_NEVER_AS_STRAGGLERS + self._stragglers)

    def saw(self, early: float, straggler: float) -> None:
        """A job has ended, early or as a straggler with these probabilities."""
        keep = 1.0 - 1.0 / _MEMORY if self._all > _MEMORY else 1.0
        self._all, self._early = keep * self._all + 1.0, keep * self._early + early
        self._stragglers += straggler

    def recall(self, early: float) -> None:
        """Begin with what an earlier run knew."""
        self._early = early * self._all


class Span(NamedTuple):
    """A job took from `low` to `high` seconds if it started at one of its possible starts, whose weight this is."""

    low: float
    high: float
    """Infinite for a job that still runs."""
    weight: float
    log_low: float
    log_high: float


def running(starts: Sequence[Start], until: float) -> list[Span]:
    """For a job that still ran at `until`."""
    return [_span(max(_LEAST_AGE, until - at), math.inf, weight) for at, weight in starts]


def ended(starts: Sequence[Start], since: float, until: float) -> list[Span]:
    """For a job that had not ended at `since` and had at `until`."""
    lows = [max(_SHORTEST, since - at) for at, _ in starts]
    return [
        _span(low, max(low + _INSTANT, until - at), weight) for low, (at, weight) in zip(lows, starts, strict=True)
    ]


def _span(low: float, high: float, weight: float) -> Span:
    """The logarithms are taken here once, since each bell curve needs them."""
    return Span(low, high, weight, math.log(low), math.log(high) if high < math.inf else _ENDLESS)


class Cut(NamedTuple):
    """The part of a bell curve of durations that lies in some spans, and what it says of the typical duration."""

    share: float
    moved: float
    """How far the typical duration lies from where it was believed, on average, times the share."""
    square: float
    """The square of that distance, on average, times the share."""


def cut(mean: float, var: float, spread: float, spans: Sequence[Span]) -> Cut:
    """For a typical duration believed at the logarithm `mean` with this variance, and durations spread around it.

    If a duration is one `whole` spread away from `mean`, the typical one is believed to be away by the part
    var / whole**2 of that, which is `step`. So what is to be known is how far durations between a and b are away, on
    average, counted in whole spreads: for a bell curve (height at a - height at b) / share, and squared
    1 + (a x height at a - b x height at b) / share. The doubt that stays, var - step**2, is added to the square.
    """
    whole = math.sqrt(var + spread**2)
    step = var / whole
    share = moved = square = 0.0
    for _, _, weight, low, high in spans:
        a, b = (low - mean) / whole, (high - mean) / whole
        sign = _ROOT_HALF if a > 0.0 else -_ROOT_HALF  # a share far out is exact only if taken from the nearer end
        part = 0.5 * abs(erfc(sign * a) - erfc(sign * b))
        height_a, height_b = _PEAK * exp(-0.5 * a * a), _PEAK * exp(-0.5 * b * b)
        share += weight * part
        moved += weight * step * (height_a - height_b)
        square += weight * (var * part + step * step * (a * height_a - b * height_b))
    return Cut(share, moved, square)


def cut_share(mean: float, whole: float, spans: Sequence[Span]) -> float:
    """The share alone, of a bell curve of the spread `whole`. (Half the work of an answer is here: so few calls.)"""
    twice, scale = 0.0, _ROOT_HALF / whole
    for _, _, weight, low, high in spans:
        twice += weight * (erfc((low - mean) * scale) - erfc((high - mean) * scale))
    return 0.5 * twice


def straggler_share(unit: float, spans: Sequence[Span], never: float) -> float:
    """P(it ended in one of these spans, or still runs if they are infinite), of a straggler."""
    return sum(
        weight
        * (
            (never if high == math.inf else 0.0)
            + (1.0 - never) * (straggler_by(high / unit) - straggler_by(low / unit))
        )
        for low, high, weight, _, _ in spans
    )


def early_share(spans: Sequence[Span]) -> float:
    """The same of a job that ends early, which always ends."""
    return sum(weight * (early_by(high) - early_by(low)) for low, high, weight, _, _ in spans)
