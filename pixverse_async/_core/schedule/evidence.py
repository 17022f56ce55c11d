"""What one answer says of a duration: how probable each explanation makes it, and what follows for the typical one.

A duration is one of three things.  *Usual*: a bell curve around the typical duration, in logarithms.  *Straggler*:
one in x of them takes more than x times as long, some never end.  *Early*: refused or served from a cache within
seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import erfc, exp
from typing import NamedTuple

from .rule import Start

STRAGGLERS = 0.03
"""Their share. It hardly matters: 0.02, 0.05 and one that is learned cost the same within 2%, so fixed. One in x
of them takes more than x times the typical duration, so that a straggler is asked ever more rarely, not polled to
death; with x**1.5 or x**1.25 for x the cost was the same within 2%, and the last of a batch known later."""
_NEVER, _NEVER_AS_STRAGGLERS = 0.25, 2.0
"""The part of stragglers assumed endless until some are seen to end, and as how many stragglers that guess counts.
Guesses: of what never ends no service tells."""
_EARLY, _EARLY_AS_JOBS = 0.015, 12.0
"""Early ends: their share before any was seen, and as how many jobs that guess counts: a first early end is noticed,
and taken for no rule. Chosen on the worlds."""
EARLY_SECONDS = 5.0
"""Their typical time: a refusal or a cached answer comes within seconds."""
_MEMORY = 100.0
"""Finished jobs that are remembered by the share of early ends: what is older fades, to a third over so many."""
_SHORTEST, _INSTANT = 0.2, 0.1
"""Seconds. No job takes less; and two answers of one instant leave that much between them for its end."""
_LEAST_AGE = 1e-9
"""Seconds: the age of a job that has just started, whose logarithm is taken."""
_ENDLESS = 1e3
"""Beyond the logarithm of any duration: nothing of a bell curve is left there, and it can be multiplied by zero, which
infinity cannot."""
_ROOT_HALF, _PEAK = 0.7071067811865476, 0.3989422804014327


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
    """Seconds between which a job ended, if it started at one of its possible starts; and that start's probability."""

    low: float
    high: float
    """Infinite for a job that runs still."""
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
    """The logarithms are taken once: each bell curve asks for them again."""
    return Span(low, high, weight, math.log(low), math.log(high) if high < math.inf else _ENDLESS)


class Cut(NamedTuple):
    """What is left of a bell curve between the ends of some spans."""

    share: float
    moved: float
    """The mean distance of the typical duration from where it was believed, times the share."""
    square: float
    """The mean square of that distance, times the share."""


def cut(mean: float, var: float, spread: float, spans: Sequence[Span]) -> Cut:
    """For a typical duration believed at the logarithm `mean` with this variance, and durations spread around it.

    Of a distance between duration and `mean`, the part var / (var + spread**2) is that of the typical duration. Hence
    its mean and mean square come from those of a bell curve cut off at both ends. `step` is that part times the spread
    of the whole: how far the typical duration goes when a duration is one such spread away.
    """
    whole = math.sqrt(var + spread**2)
    step = var / whole
    share = moved = square = 0.0
    for _, _, weight, low, high in spans:
        a, b = (low - mean) / whole, (high - mean) / whole
        sign = _ROOT_HALF if a > 0.0 else -_ROOT_HALF  # erfc is exact only far out on its right
        part = 0.5 * abs(erfc(sign * a) - erfc(sign * b))
        height_a, height_b = _PEAK * exp(-0.5 * a * a), _PEAK * exp(-0.5 * b * b)
        share += weight * part
        moved += weight * step * (height_a - height_b)
        square += weight * (var * part + step * step * (a * height_a - b * height_b))
    return Cut(share, moved, square)


def cut_share(mean: float, whole: float, spans: Sequence[Span]) -> float:
    """The share alone, of a bell curve of this spread. (Half the work of an answer is here: hence no calls.)"""
    twice, scale = 0.0, _ROOT_HALF / whole
    for _, _, weight, low, high in spans:
        twice += weight * (erfc((low - mean) * scale) - erfc((high - mean) * scale))
    return 0.5 * twice


def straggler_share(unit: float, spans: Sequence[Span], never: float) -> float:
    """P(it ended in one of these spans, or runs still), of a straggler."""
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
