"""How long things take: learned from answers, shared between classes, forgotten when the service changes.

    log duration = log guess(class) + pace + offset(class) + residual

The *pace* is the service's speed now, one number for all classes, so the first finished job of any
class teaches the rest.  It is held as probabilities on a grid and updated with every answer by
Bayes' rule: "still running after 40 s" counts as well as "done".  Between answers it spreads a
little (drift) and keeps a small chance of having jumped anywhere (sudden change).  *Offset* is a
running mean.  The *residual* is a smoothed histogram, with a heavy tail for stragglers and a small
second histogram, in seconds, of jobs that end almost at once.  No clock, no job, no poll in here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from operator import mul

from .rule import HALF, KNOTS, STEP, Curve, Start

_GRID = [(k - HALF) * STEP for k in range(KNOTS)]
PACES = 121
"""Pace grid: e**-3 to e**3, a twentieth to twenty times the guess, in the same 5% steps."""
_MIDDLE = PACES // 2
_PAD = 4 * HALF
_DRIFT = 2.5e-5
"""Variance of the log pace per second: 5% in 100 s, a service that slows by 2.2 in half an hour."""
_JUMPS = 1 / 1800
"""Sudden changes per second, one in half an hour; a wrong rate by 4x costs 2%."""
_TAIL, _TAIL_POWER = 0.03, 1.5
"""A straggler's share and its Pareto power, so that a late job is not polled to death."""
_DEEP = 0.03
"""A pace by which nine in ten such jobs would have ended gets no credit for the straggler's long tail."""
_MEMORY = 300.0
"""Finished jobs that the histograms remember."""
_PRIOR_JOBS = 4.0
"""Finished jobs that the prior shape is worth."""


def normal(z: float) -> float:
    return 0.5 * math.erfc(-z * 0.7071067811865476)


class Histogram:
    """A distribution function on the grid: a parametric guess, then what was seen, smoothed."""

    def __init__(self, guess: Sequence[float], weight: float) -> None:
        self.guess, self.weight = list(guess), weight
        self.mass = [0.0] * KNOTS
        self.total = 0.0
        self.share: list[float] = self.guess
        self.mean = 0.0

    def add(self, low: float, high: float, weight: float) -> None:
        """One value somewhere in (low, high], in grid steps: spread half by belief, half evenly."""
        a = min(KNOTS - 2, max(0, math.floor(low)))
        b = min(KNOTS - 1, max(a + 1, math.ceil(high)))
        base = self.share[a]
        seen, even = self.share[b] - base, 1.0 / (b - a)
        keep = 1.0 - weight / _MEMORY if self.total >= _MEMORY else 1.0
        if keep < 1.0:
            self.mass = [m * keep for m in self.mass]
            self.total *= keep
        trust = seen / (seen + 0.05)
        scale = trust / seen if seen > 0 else 0.0
        for k in range(a, b):
            p = scale * (self.share[k + 1] - self.share[k]) + (1.0 - trust) * even
            self.mass[k + 1] += weight * p
        self.total += weight

    def refresh(self) -> None:
        """Bring `share` up to date."""
        w, whole = self.weight, self.weight + self.total
        self.share = [(w * g + m) / whole for g, m in zip(self.guess, accumulate(self.mass), strict=True)]
        self.mean = sum(map(mul, self.mass, _GRID)) / whole


class Belief:
    """What is known about the durations of many classes that share a pace."""

    def __init__(
        self,
        guess: Callable[[Hashable], float],
        *,
        pace_spread: float = 0.7,
        spread: float = 0.3,
        class_spread: float = 0.2,
        early: float = 0.008,
        tail: float = _TAIL,
    ) -> None:
        self._guess, self._class_spread, self._tail = guess, class_spread, tail
        self._prior_spread = self.spread = spread
        self.pace_spread = pace_spread
        self._squares = [4.0 * spread * spread, 4.0]
        self._offsets: dict[Hashable, list[float]] = {}
        prior = [math.exp(-0.5 * ((j - _MIDDLE) * STEP / pace_spread) ** 2) for j in range(PACES)]
        whole = sum(prior)
        self._prior = [p / whole for p in prior]
        self._wide = self._prior
        self.pace = self._prior
        self.pace_mean, self.pace_var = 0.0, pace_spread**2
        self.shape = Histogram([normal(x / spread) for x in _GRID], _PRIOR_JOBS)
        self.early = Histogram([1.0 - 1.0 / (1.0 + math.exp(x) / 5.0 * 10.0) for x in _GRID], 2.0)
        self._early_seen, self._ends_seen = 60.0 * early, 60.0
        self._now = 0.0
        self._curves: dict[Hashable, tuple[tuple[float, ...], Curve]] = {}
        self.finished_count = 0
        self._shaped()

    # -- reading

    def offset(self, job_class: Hashable) -> float:
        total, count = self._offsets.get(job_class, (0.0, 0.0))
        return total / (count + (self.spread / self._class_spread) ** 2)

    def _offset_var(self, job_class: Hashable) -> float:
        _, count = self._offsets.get(job_class, (0.0, 0.0))
        return self.spread**2 / (count + (self.spread / self._class_spread) ** 2)

    @property
    def early_share(self) -> float:
        return self._early_seen / self._ends_seen

    def unit(self, job_class: Hashable) -> float:
        """The typical duration now, in seconds."""
        return math.exp(self._guess(job_class) + self.offset(job_class) + self.pace_mean)

    def curve(self, job_class: Hashable) -> tuple[Curve, float]:
        """The distribution of a duration, and the unit of its grid in seconds."""
        mark = (self.pace_mean, self.pace_var, self.offset(job_class), self.spread, float(self.finished_count))
        kept = self._curves.get(job_class)
        if kept is None or not self._alike(kept[0], mark):
            kept = self._curves[job_class] = (mark, self._build(job_class))
        old = kept[0]
        return kept[1], math.exp(self._guess(job_class) + old[0] + mark[2])

    @staticmethod
    def _alike(old: tuple[float, ...], new: tuple[float, ...]) -> bool:
        sd = math.sqrt(old[1]) + old[3]
        return (
            abs(new[0] - old[0]) < 0.05 * sd
            and abs(math.sqrt(new[1]) + new[3] - sd) < 0.05 * sd
            and new[4] < old[4] * 1.05 + 1
        )

    def _build(self, job_class: Hashable) -> Curve:
        """Pace, offset and residual together, with the tail and the early ends."""
        d = max(1, round(math.sqrt(3.0 * self._offset_var(job_class)) / STEP))
        weights: dict[int, float] = {}
        live = [(j, p) for j, p in enumerate(self.pace) if p > 1e-5]
        stride = max(1, (live[-1][0] - live[0][0]) // 12)
        centre = self.pace_mean / STEP + _MIDDLE
        for j, p in live:
            for move, w in ((-d, 1 / 6), (0, 2 / 3), (d, 1 / 6)):
                k = round((j + move - centre) / stride) * stride
                weights[k] = weights.get(k, 0.0) + p * w
        out = [0.0] * KNOTS
        whole = sum(weights.values())
        for k, p in weights.items():
            q = p / whole
            cut = self._forward[_PAD - k : _PAD - k + KNOTS]
            out = [o + q * f for o, f in zip(out, cut, strict=True)]
        e = self.early_share
        m = (self._guess(job_class) + self.offset(job_class) + self.pace_mean) / STEP
        shift = round(m) - round(math.log(10.0) / STEP)
        early = self._early_row(shift)
        return Curve([(1 - e) * f + e * g for f, g in zip(out, early, strict=True)])

    def _early_row(self, shift: int) -> list[float]:
        last = KNOTS - 1
        share = self.early.share
        return [share[min(last, max(0, k + shift))] for k in range(KNOTS)]

    def _shaped(self) -> None:
        """The residual's distribution with its tail, padded for shifts in either direction."""
        self.shape.refresh()
        self.early.refresh()
        t = self._tail
        tail = [t * (1.0 - (1.0 + math.exp(x)) ** -_TAIL_POWER) for x in _GRID]
        core = [(1.0 - t) * s + x for s, x in zip(self.shape.share, tail, strict=True)]
        self._forward = [0.0] * _PAD + core + [core[-1]] * _PAD
        self._reverse = self._forward[::-1]

    # -- learning

    def advance(self, now: float) -> None:
        """Let the pace drift and perhaps jump."""
        passed = min(600.0, now - self._now)
        if passed < 1.0:
            return
        self._now = now
        d = min(0.3, 0.5 * _DRIFT * passed / (STEP * STEP))
        jump = min(0.2, passed * _JUMPS)
        p = self.pace
        stay = (1.0 - 2.0 * d) * (1.0 - jump)
        d *= 1.0 - jump
        left, right = [p[0], *p[:-1]], [*p[1:], p[-1]]
        self._set(
            [stay * a + d * (b + c) + jump * w for a, b, c, w in zip(p, left, right, self._wide, strict=True)]
        )

    def _set(self, pace: list[float]) -> None:
        whole = sum(pace)
        if whole <= 1e-200:
            pace, whole = self._prior, 1.0
        self.pace = [p / whole for p in pace]
        at = sum(map(mul, self.pace, range(PACES)))
        square = sum(map(mul, self.pace, _SQUARES))
        self.pace_mean = (at - _MIDDLE) * STEP
        self.pace_var = max(1e-6, (square - at * at) * STEP * STEP)

    def _row(self, job_class: Hashable, seconds: float) -> list[float]:
        """P(duration <= seconds) for each pace on the grid."""
        if seconds <= 0.02:
            return [0.0] * PACES
        z = (math.log(seconds) - self._guess(job_class) - self.offset(job_class)) / STEP + HALF + _MIDDLE
        whole = math.floor(z)
        part = z - whole
        k = len(self._reverse) - 1 - (_PAD + min(max(whole, -100), KNOTS + 100))
        a = self._reverse[k : k + PACES]
        b = self._reverse[k - 1 : k - 1 + PACES]
        return [x + part * (y - x) for x, y in zip(a, b, strict=True)]

    def _early_at(self, seconds: float) -> float:
        z = (math.log(max(seconds, 1e-3)) - math.log(10.0)) / STEP + HALF
        return self.early.share[min(KNOTS - 1, max(0, round(z)))] if seconds > 0 else 0.0

    def survived(
        self, job_class: Hashable, starts: Sequence[Start], since: float, until: float, now: float
    ) -> None:
        """A job known to run at `since` (an instant; before its start: not known yet) still ran at `until`."""
        self.advance(now)
        e = self.early_share
        before, after = [0.0] * PACES, [0.0] * PACES
        quick_before = quick_after = 0.0
        for at, weight in starts:
            before = [x + weight * y for x, y in zip(before, self._row(job_class, since - at), strict=True)]
            after = [x + weight * y for x, y in zip(after, self._row(job_class, until - at), strict=True)]
            quick_before += weight * self._early_at(since - at)
            quick_after += weight * self._early_at(until - at)
        a, b, r = 1.0 - e * quick_before, 1.0 - e * quick_after, 1.0 - e
        ratios = [(b - r * y) / max(_DEEP, a - r * x) for x, y in zip(before, after, strict=True)]
        self._learn(job_class, ratios)

    def _learn(self, job_class: Hashable, likelihood: list[float]) -> None:
        var = self.spread**2
        power = var / (var + self._offset_var(job_class))  # what the unknown offset leaves of the evidence
        self._set([p * max(x, 1e-12) ** power for p, x in zip(self.pace, likelihood, strict=True)])

    def finished(
        self,
        job_class: Hashable,
        starts: Sequence[Start],
        since: float,
        until: float,
        now: float,
        ran: float = 0.0,
    ) -> bool:
        """A job that had not ended at `since` had ended at `until`; True if it counts as an early end."""
        self.advance(now)
        e = self.early_share
        normal = [0.0] * PACES
        quick = 0.0
        weighed: list[tuple[float, float, float]] = []
        for at, weight in starts:
            low, high = max(0.0, since - at), until - at
            if high < 0.05:
                continue
            rows = zip(self._row(job_class, low), self._row(job_class, high), strict=True)
            likelihood = [y - x for x, y in rows]
            share = sum(map(mul, likelihood, self.pace))
            q = self._early_at(high) - self._early_at(low)
            normal = [n + weight * x for n, x in zip(normal, likelihood, strict=True)]
            quick += weight * q
            weighed.append((low, high, weight * max(share, 1e-9)))
        if not weighed:
            return True
        usual = sum(map(mul, normal, self.pace))
        early = e * quick / max(1e-12, e * quick + (1 - e) * usual)
        alive = [max(_DEEP, 1.0 - x) for x in self._row(job_class, ran)]
        self._learn(job_class, [((1 - e) * x + e * quick + 1e-6) / y for x, y in zip(normal, alive, strict=True)])
        self._ends_seen += 1.0
        self._early_seen += early
        if self._ends_seen > _MEMORY:
            self._ends_seen *= 1 - 1 / _MEMORY
            self._early_seen *= 1 - 1 / _MEMORY
        whole = sum(w for _, _, w in weighed)
        for low, high, w in weighed:
            self._remember(job_class, low, high, w / whole, early)
        self.finished_count += 1
        self._shaped()
        return early > 0.5

    def _remember(self, job_class: Hashable, low: float, high: float, weight: float, early: float) -> None:
        """One possible interval of a finished job, with its share."""
        if weight < 0.02:
            return
        if early > 0.02:
            z = HALF - math.log(10.0) / STEP
            self.early.add(
                math.log(max(low, 0.2)) / STEP + z - 4, math.log(max(high, 0.3)) / STEP + z + 4, weight * early
            )
        if early > 0.98:
            return
        weight *= 1.0 - early
        base = self._guess(job_class) + self.offset(job_class) + self.pace_mean
        width = max(0.03, 0.8 * self.spread * (self.shape.total + 1.0) ** -0.2)
        a, b = math.log(max(low, 0.2)) - base, math.log(max(high, 0.3)) - base
        # The mean of the residual within the bracket, by the present belief
        r = self._mean_within(a, b)
        self.shape.add((a - width) / STEP + HALF, (b + width) / STEP + HALF, weight)
        sure = self.spread**2 / (self.spread**2 + self.pace_var)
        row = self._offsets.setdefault(job_class, [0.0, 0.0])
        k = 3.0 * self.spread + 0.2
        r -= self.shape.mean
        row[0] += weight * sure * (min(k, max(-k, r)) + self.offset(job_class))
        row[1] += weight * sure
        if row[1] > 60.0:
            row[0] *= 1 - 1 / 60
            row[1] *= 1 - 1 / 60
        cap = 2.5 * self.spread
        self._squares[0] += weight * sure * 1.05 * min(r * r, cap * cap)
        self._squares[1] += weight * sure
        if self._squares[1] > _MEMORY:
            self._squares = [x * (1 - 1 / _MEMORY) for x in self._squares]
        self.spread = max(0.05, math.sqrt(self._squares[0] / self._squares[1]))
        self.shape.guess = [normal(x / self.spread) for x in _GRID]

    def _mean_within(self, low: float, high: float) -> float:
        share = self.shape.share
        a = min(KNOTS - 2, max(0, math.floor(low / STEP) + HALF))
        b = min(KNOTS - 1, max(a + 1, math.ceil(high / STEP) + HALF))
        seen = share[b] - share[a]
        if seen < 1e-4:
            return 0.5 * (low + high)
        mean = sum((share[k + 1] - share[k]) * (_GRID[k] + 0.5 * STEP) for k in range(a, b)) / seen
        return min(high, max(low, mean))


_SQUARES = [j * j for j in range(PACES)]
