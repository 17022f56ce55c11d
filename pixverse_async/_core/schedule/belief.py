"""How long jobs run: learned from answers, shared between classes, forgotten when the service changes.

    log duration = log guess(class) + pace + offset(class) + residual

Factors are reckoned with as logarithms, which add up: 0.1 is about 10% longer, 0.7 twice as long.

* *Pace* is the service's speed now, one number for all classes, so the first finished job of any class teaches the
  rest.  It is held as probabilities on a grid and updated with every answer by Bayes' rule: each pace's probability
  is multiplied by the chance that it gave to this answer, then all are divided by their sum.  "Still running after
  40 s" counts as well as "done".  Between answers it spreads a little (drift) and keeps a small chance of having
  changed altogether.
* *Offset* is by how much the class differs from its guess: a running mean.
* *Residual* is chance: a smoothed histogram with a heavy tail for stragglers, a few of which never end.

Beside all that a share of the jobs, learned too, ends almost at once, refused or served from a cache.  A *spread* is a
standard deviation: two values in three lie within it.  A *variance* is its square: variances of separate causes add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import mul

from ..job import JobClass
from .histogram import Histogram
from .rule import HALF, KNOTS, STEP, Curve, Start, X

_PACES, _STRIDE = 31, 2
"""The pace's grid: e**-2.4 to e**2.4, an eleventh to eleven times the guess, every other knot of the curves."""
_STEP = _STRIDE * STEP
_MIDDLE = _PACES // 2
_INDEX = range(_PACES)
_SQUARE = [j * j for j in _INDEX]
_PAD = 200
"""Knots that a curve is longer on either side, so that it can be moved by slicing."""
_PACE_SPREAD, _SPREAD, _CLASS_SPREAD = 0.7, 0.3, 0.2
"""Before anything is known: the guess is good within a factor of 2, jobs of a class differ by 30%, and
classes by 20% from what their guesses say of each other."""
_DRIFT = 2.5e-5
"""Variance that the pace gains each second: left alone, a spread of 5% after 100 s, 20% after half an hour."""
_CHANGE = 1 / 3600
"""Sudden changes per second, one in an hour; half and twice that were measured the same within 2%."""
_TAIL, _TAIL_POWER, _NEVER = 0.03, 1.5, 0.25
"""Stragglers: their share; a power, by which x**-1.5 of them take more than x times the usual time; and the part that
never ends. So a late job is asked ever more rarely, not polled to death. The share hardly matters: within 2% over a
4x range, so fixed."""
_DEEP = 0.1
"""A pace that gives a job less than this chance to run still is judged as if it gave it this much: the job would be a
straggler there, and how long stragglers last says nothing of the pace."""
_EARLY, _EARLY_SECONDS, _EARLY_WEIGHT = 0.015, 5.0, 12.0
"""Early ends: their share and typical time before any was seen, and what that share is worth in jobs."""
_MEMORY = 100.0
"""Finished jobs that are remembered by the spread and the share of early ends; half and twice that were measured the
same within 2%. An offset remembers 60 of its class."""
_STALE = 0.12
"""A class's curve is built anew when the pace has moved by this part of the spread: less cannot be seen."""

# What follows is reckoned once. By knot: its logarithm; the share of jobs that are stragglers and ended; the share of
# early ends, padded. By pace: its probability before anything is known, a bell curve, not yet divided by the sum.
_GRID = [(k - HALF) * STEP for k in range(KNOTS)]
_STRAGGLERS = [(1.0 - _NEVER) * _TAIL * (1.0 - max(1.0, x) ** -_TAIL_POWER) for x in X]
_AT_ONCE = [1.0 - math.exp(-math.exp((k - HALF - _PAD) * STEP)) for k in range(KNOTS + 2 * _PAD)]
_FRESH = [math.exp(-0.5 * ((j - _MIDDLE) * _STEP / _PACE_SPREAD) ** 2) for j in _INDEX]


def _slice(padded: Sequence[float], move: float) -> Sequence[float]:
    """A padded curve, moved to the right by so many knots."""
    start = min(2 * _PAD, max(0, _PAD - round(move)))
    return padded[start : start + KNOTS]


def _early_by(seconds: float) -> float:
    """P(it ended by then), of a job that ends early."""
    return 1.0 - math.exp(-seconds / _EARLY_SECONDS) if seconds > 0.0 else 0.0


def normal(z: float) -> float:
    """The share of a bell curve (the normal distribution) below z spreads from its middle."""
    return 0.5 * math.erfc(-z * 0.7071067811865476)


class Belief:
    """What is known about the durations of many classes that share a pace."""

    def __init__(self, guess: Callable[[JobClass], float]) -> None:
        self._guess = guess
        """Logarithm of the guessed seconds of a class."""
        # The guesses of spread and shape are worth four jobs: within 2% over a 4x range, so fixed.
        self.spread, self._squares, self._square_weight = _SPREAD, 4.0 * _SPREAD**2, 4.0
        self.offsets: dict[JobClass, tuple[float, float]] = {}
        """Sum of the deviations and their number."""
        self.shape = Histogram([normal(x / _SPREAD) for x in _GRID], 4.0, lasting=0.5)
        self.early_seen, self.ends_seen = _EARLY * _EARLY_WEIGHT, _EARLY_WEIGHT
        self.finished_count = 0
        self._now, self._version = 0.0, 0
        self._curves: dict[JobClass, tuple[tuple[float, float, float, int], Curve, float, int]] = {}
        self._set_pace(_FRESH)
        self._set_shape()

    # -- what is believed

    def _typical(self, job_class: JobClass) -> float:
        """The logarithm of a typical duration, but for the pace.

        The offset is the mean deviation, drawn to zero as if (spread / class spread)**2 jobs had shown none.
        """
        total, count = self.offsets.get(job_class, (0.0, 0.0))
        return self._guess(job_class) + total / (count + (self.spread / _CLASS_SPREAD) ** 2)

    def _class_var(self, job_class: JobClass) -> float:
        """How unsure the class's offset is."""
        return self.spread**2 / (self.offsets.get(job_class, (0.0, 0.0))[1] + (self.spread / _CLASS_SPREAD) ** 2)

    @property
    def early_share(self) -> float:
        """The part of jobs that end almost at once."""
        return self.early_seen / self.ends_seen

    def unit(self, job_class: JobClass) -> float:
        """The typical duration now, in seconds."""
        return math.exp(self._typical(job_class) + self.pace)

    def curve(self, job_class: JobClass) -> tuple[Curve, float]:
        """The distribution of a duration, and the unit of its grid in seconds."""
        kept = self._curves.get(job_class)
        if kept is not None and kept[3] == self._version:
            return kept[1], kept[2]
        mark = (self._typical(job_class) + self.pace, self.pace_var, self.spread, self.finished_count)
        if kept is None or _moved(kept[0], mark):
            kept = (mark, self._build(job_class), math.exp(mark[0]), 0)
        self._curves[job_class] = (*kept[:3], self._version)
        return kept[1], kept[2]

    def _build(self, job_class: JobClass) -> Curve:
        """Pace, offset and residual together, and the early ends.

        Since pace and offset are unsure, the curve is the average of five copies moved by -2 to +2 steps, weighted as
        two throws of -1, 0 or +1, so that their variance is that of pace and offset. `e` of the jobs end early.
        """
        var = (self.pace_var + self._class_var(job_class)) / STEP**2
        step = max(1, round(math.sqrt(1.5 * var)))
        b = min(0.25, 0.25 * var / step**2)
        e = self.early_share
        p, q, r = (
            (1.0 - e) * (1.0 - 4.0 * b + 6.0 * b * b),
            (1.0 - e) * 2.0 * b * (1.0 - 2.0 * b),
            (1.0 - e) * b * b,
        )
        quick = _slice(_AT_ONCE, (math.log(_EARLY_SECONDS) - self._typical(job_class) - self.pace) / STEP)
        parts = zip(quick, *(_slice(self._forward, k * step) for k in (0, -1, 1, -2, 2)), strict=True)
        return Curve([e * y + p * f + q * (g + h) + r * (i + j) for y, f, g, h, i, j in parts])

    # -- pace

    def _set_pace(self, weights: Sequence[float]) -> None:
        whole = sum(weights)
        if whole < 1e-200:
            weights, whole = _FRESH, sum(_FRESH)
        self._paces = [w / whole for w in weights]
        self._version += 1
        at = sum(map(mul, self._paces, _INDEX))
        self.pace = (at - _MIDDLE) * _STEP
        self.pace_var = max(1e-4, (sum(map(mul, self._paces, _SQUARE)) - at * at) * _STEP**2)

    def _advance(self, now: float) -> None:
        """Time passes: the pace drifts to the neighbours on its grid, or has changed and begins anew.

        However long nothing was heard, at most a fifth is given to change, and three tenths to either neighbour.
        """
        passed = min(600.0, now - self._now)
        if passed < 1.0:
            return
        self._now = now
        change = min(0.2, passed * _CHANGE)
        aside = min(0.3, 0.5 * _DRIFT * passed / _STEP**2)
        keep, aside, fresh = (1.0 - change) * (1.0 - 2.0 * aside), (1.0 - change) * aside, change / sum(_FRESH)
        p = self._paces
        left, right = [p[0], *p[:-1]], [*p[1:], p[-1]]
        self._set_pace(
            [keep * a + aside * (b + c) + fresh * d for a, b, c, d in zip(p, left, right, _FRESH, strict=True)]
        )

    def _learn(self, job_class: JobClass, likelihoods: list[float]) -> None:
        """Bayes' rule. Of the evidence counts what the class's unsure offset leaves."""
        power = self.spread**2 / (self.spread**2 + self._class_var(job_class))
        self._set_pace([p * x**power for p, x in zip(self._paces, likelihoods, strict=True)])

    def _by(self, job_class: JobClass, seconds: float) -> list[float]:
        """P(duration <= seconds) for each pace, early ends left out."""
        if seconds <= 0.02:
            return [0.0] * _PACES
        z = (math.log(seconds) - self._typical(job_class)) / STEP + HALF + _STRIDE * _MIDDLE
        whole = math.floor(z)
        part = z - whole
        k = len(self._reverse) - 1 - _PAD - min(max(whole, -100), KNOTS + 100)
        end = k + _STRIDE * _PACES
        pairs = zip(self._reverse[k:end:_STRIDE], self._reverse[k - 1 : end - 1 : _STRIDE], strict=True)
        return [x + part * (y - x) for x, y in pairs]

    # -- answers

    def survived(self, job_class: JobClass, starts: Sequence[Start], since: float, until: float) -> None:
        """A job known to run at `since` still ran at `until`; -inf if it is seen to run for the first time."""
        self._advance(until)
        alive, after = self._alive(job_class, starts, since), self._alive(job_class, starts, until)
        self._learn(
            job_class,
            [
                (b + 0.5 * _DEEP) / ((a if a > _DEEP else _DEEP) + 0.5 * _DEEP)
                for a, b in zip(alive, after, strict=True)
            ],
        )

    def _alive(self, job_class: JobClass, starts: Sequence[Start], at: float) -> list[float]:
        """P(runs still) for each pace."""
        e = self.early_share
        ended = [0.0] * _PACES
        for start, weight in starts:
            if at > start:
                quick, w = e * weight * _early_by(at - start), (1.0 - e) * weight
                ended = [x + quick + w * y for x, y in zip(ended, self._by(job_class, at - start), strict=True)]
        return [1.0 - x for x in ended]

    def finished(
        self, job_class: JobClass, starts: Sequence[Start], since: float, until: float, *, ran: bool
    ) -> bool:
        """A job that had not ended at `since` had ended at `until`; True if it counts as an early end.

        `ran`: it was known to run at `since`.
        """
        self._advance(until)
        alive, after = self._alive(job_class, starts, since), self._alive(job_class, starts, until)
        self._learn(
            job_class,
            [
                (a - b + 1e-6) / (1.0 if not ran else a if a > _DEEP else _DEEP)
                for a, b in zip(alive, after, strict=True)
            ],
        )
        base = self._typical(job_class) + self.pace
        early = self._earliness(base, _spans(starts, since, until))
        spans = _spans(self.explain(job_class, starts, since, until), since, until)
        self.finished_count += 1
        keep = 1.0 - 1.0 / _MEMORY if self.ends_seen > _MEMORY else 1.0
        self.ends_seen, self.early_seen = keep * self.ends_seen + 1.0, keep * self.early_seen + early
        logs = [(math.log(low) - base, math.log(high) - base, weight) for low, high, weight in spans]
        self._remember(job_class, logs, early)
        self._set_shape()
        return early > 0.5

    def explain(self, job_class: JobClass, starts: Sequence[Start], since: float, until: float) -> Sequence[Start]:
        """Of the starts that are possible, how probable each is for a job that ended between the two."""
        if len(starts) == 1:
            return starts
        curve, unit = self.curve(job_class)
        parts = [
            (at, weight * (1e-4 + curve.at((until - at) / unit)[0] - curve.at((since - at) / unit)[0]))
            for at, weight in starts
        ]
        whole = sum(weight for _, weight in parts)
        return [Start(at, weight / whole) for at, weight in parts if weight > 0.02 * whole]

    def _earliness(self, base: float, spans: Sequence[tuple[float, float, float]]) -> float:
        """P(it was an early end)."""
        unsure = math.sqrt(self.spread**2 + self.pace_var)
        quick = usual = 0.0
        for low, high, weight in spans:
            quick += weight * (_early_by(high) - _early_by(low))
            usual += weight * (normal((math.log(high) - base) / unsure) - normal((math.log(low) - base) / unsure))
        quick, usual = self.early_share * quick, (1.0 - self.early_share) * usual
        return quick / max(1e-12, quick + usual)

    def _remember(self, job_class: JobClass, spans: Sequence[tuple[float, float, float]], early: float) -> None:
        """Put a residual somewhere in these spans into the offset, the spread and the histogram.

        `sure` is how much of a job it counts for: less if it may be an early end, or pace and span are vague.
        """
        far = 2.5 * self.spread
        mean = square = vague = 0.0
        for low, high, weight in spans:
            m, v = self.shape.within(low / STEP + HALF, high / STEP + HALF)
            m = (m - HALF) * STEP - self.shape.mean
            mean += weight * m
            square += weight * (min(far, abs(m)) ** 2 + v * STEP**2)
            vague += weight * (m * m + max(0.0, min(far, high) - max(-far, low)) ** 2 / 12.0)
        vague -= mean * mean
        sure = (1.0 - early) * self.spread**2 / (self.spread**2 + self.pace_var + vague)
        self._place(job_class, mean, square, sure)
        # Each value is smeared, less the more were seen: the fifth root is the textbook's width for histograms.
        # Centred, so that the place of the distribution is held by the pace and the offsets alone.
        smooth = max(0.03, 0.8 * self.spread * (self.shape.total + 1.0) ** -0.2) / STEP
        centre = self.shape.mean / STEP
        for low, high, weight in spans:
            self.shape.add(
                low / STEP + HALF - centre - smooth, high / STEP + HALF - centre + smooth, sure * weight
            )

    def _place(self, job_class: JobClass, residual: float, square: float, sure: float) -> None:
        """Move the class's offset and the spread by one residual."""
        total, count = self.offsets.get(job_class, (0.0, 0.0))
        offset = self._typical(job_class) - self._guess(job_class)
        far = 3.0 * self.spread + 0.2
        total, count = total + sure * (min(far, max(-far, residual)) + offset), count + sure
        keep = min(1.0, 60.0 / max(count, 1e-9))
        self.offsets[job_class] = (total * keep, count * keep)
        squares = self._squares + sure * square
        weight = self._square_weight + sure
        keep = min(1.0, _MEMORY / weight)
        self._squares, self._square_weight = squares * keep, weight * keep
        self.spread = max(0.05, math.sqrt(squares / weight))
        self.shape.guess = [normal(x / self.spread) for x in _GRID]

    def recall(
        self,
        pace: float,
        doubt: float,
        spread: float,
        early: float,
        offsets: Mapping[JobClass, tuple[float, float]],
    ) -> None:
        """Begin with what an earlier run knew, worth twelve jobs; `doubt` is the spread of the pace since."""
        self._set_pace([math.exp(-0.5 * (((j - _MIDDLE) * _STEP - pace) / doubt) ** 2) for j in _INDEX])
        self.spread, self._squares, self._square_weight = spread, 12.0 * spread**2, 12.0
        self.early_seen = early * self.ends_seen
        self.offsets.update(offsets)
        self.shape.guess = [normal(x / spread) for x in _GRID]

    def refresh(self) -> None:
        """Bring the curves up to date with the histograms."""
        self._curves.clear()
        self._set_shape()

    def _set_shape(self) -> None:
        """The residual's distribution with its tail, padded for shifts in either direction."""
        self.shape.refresh()
        core = [(1.0 - _TAIL) * s + x for s, x in zip(self.shape.share, _STRAGGLERS, strict=True)]
        self._forward = [0.0] * _PAD + core + [core[-1]] * _PAD
        self._reverse = self._forward[::-1]
        self._version += 1


def _spans(starts: Sequence[Start], since: float, until: float) -> list[tuple[float, float, float]]:
    """Between which durations the job ended, for each start, and the start's weight."""
    return [(max(0.2, since - at), max(0.3, until - at), weight) for at, weight in starts]


def _moved(old: tuple[float, float, float, int], new: tuple[float, float, float, int]) -> bool:
    """The belief has changed so much that a curve built before is no longer good enough."""
    width = math.sqrt(old[1]) + old[2]
    return (
        abs(new[0] - old[0]) > _STALE * width
        or abs(math.sqrt(new[1]) + new[2] - width) > _STALE * width
        or new[3] > 1.1 * old[3] + 1
    )
