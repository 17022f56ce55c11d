"""How long jobs run: learned from answers, shared between classes, forgotten when the service changes.

    log duration = log guess(class) + pace + offset(class) + chance

The first three are what is typical of a class: `typical`.  Around it durations scatter by chance, as `evidence` says;
how much, and whether the service has changed of late, is in `hypotheses`.  Every answer moves all three.

An example: 50 s are guessed for 720p and 90 s for 1080p.  A job of 720p still runs after 60 s: now 92 s are expected,
and 159 s for 1080p, for both may be slow by one cause; after 80 s, 108 and 184 s.  It ends after 100 s: 91 and 157 s,
give or take 30 and 39%.  Had nobody asked on the way, the same would be believed: what a job says takes the place of
what it had said before, its `Said`, which is taken back first.  Else a job that is asked twice as often would count
twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..job import JobClass
from .evidence import (
    EARLY_SECONDS,
    TAIL,
    Endings,
    Span,
    cut,
    cut_share,
    early_share,
    ended,
    late_by,
    late_share,
    normal,
    running,
)
from .hypotheses import SPREADS, Hypotheses
from .rule import HALF, KNOTS, STEP, Curve, Start, X
from .typical import MOST_VAR, Typical

_DRIFT = 2.5e-5
"""Variance that the pace gains each second: left alone, a spread of 5% after 100 s, 20% after half an hour. Two fifths
and twice that were measured the same within 3%."""
_LEAST = 1e-9
"""No answer is ever quite impossible."""
_LONGEST_SILENCE = 600.0
"""Seconds: a longer one counts for these, after which nearly anything is thought possible anyhow."""
_STALE, _STALE_SPREAD, _STALE_EARLY = 0.08, 0.048, 0.002
"""A class's curve is built anew when its middle has moved by this part of its spread, its spread has changed by that
part, or the share of early ends by this much: less cannot be seen."""
_SMALL = 1e-3
"""Hypotheses less probable than this are left out of a curve."""
_SOME, _LIKELY = 1e-4, 0.02
"""Of several possible starts each keeps a little when all seem impossible; below 2% of all it is left out."""
_FINE = 0.05
"""Bell curves are kept for spreads that differ by 5%."""
_PAD = 200
"""Knots by which a curve is longer on either side, so that it can be moved by slicing."""

# Reckoned once, by knot: its logarithm, the share of stragglers that have ended and, padded, the share of early ends.
_GRID = [(k - HALF) * STEP for k in range(KNOTS)]
_LATE = [late_by(x) for x in X]
_AT_ONCE = [1.0 - math.exp(-math.exp((k - HALF - _PAD) * STEP)) for k in range(KNOTS + 2 * _PAD)]


@lru_cache(512)
def _bell(fine: int, shift: float) -> list[float]:
    """By knot: the share of a bell curve moved by `shift`; its spread is e**(0.05 x fine)."""
    spread = math.exp(_FINE * fine)
    return [normal((x - shift) / spread) for x in _GRID]


class Verdict(NamedTuple):
    """What one answer says."""

    likelihoods: list[float]
    """The chance that each hypothesis gave to it."""
    at: float
    """The logarithm of the typical duration after it."""
    var: float
    early: float
    """P(the job ended early)."""
    late: float
    """P(it was a straggler)."""


class _Kept(NamedTuple):
    """A curve, and what was believed when it was built."""

    at: float
    spread: float
    early: float
    curve: Curve
    unit: float


class Said(NamedTuple):
    """What a running job's answers have said so far."""

    until: float
    """That it still ran then."""
    precision: float
    """One over the variance that they alone would give to the typical duration; 0 says nothing."""
    pull: float
    """The typical duration they speak for, times the precision."""
    changes: int
    """How many changes there had been: what was said of the typical duration before one is no longer true."""


class Belief:
    """What is known about the durations of many classes that share a pace."""

    def __init__(self, guess: Callable[[JobClass], float]) -> None:
        self.typical = Typical(guess)
        self.endings = Endings()
        self.finished_count = 0
        self.hypotheses = Hypotheses()
        self._now: float | None = None
        """When time was last seen to pass; the clock's zero means nothing."""
        self._changes = 0
        self._curves: dict[JobClass, _Kept] = {}
        self._checked: set[JobClass] = set()
        """Classes whose curve was looked at since the last answer."""

    # -- what is believed

    @property
    def spread(self) -> float:
        """How durations scatter by chance: a standard deviation of their logarithms."""
        return self.hypotheses.spread

    def unit(self, job_class: JobClass) -> float:
        """The typical duration now, in seconds."""
        return math.exp(self.typical.of(job_class)[0])

    def chance_share(self, job_class: JobClass) -> float:
        """How much of a duration's spread is chance: 1 if what is typical of the class is known."""
        return self.spread / math.sqrt(self.spread**2 + self.typical.of(job_class)[1])

    def curve(self, job_class: JobClass) -> tuple[Curve, float]:
        """The distribution of a duration, and the unit of its grid in seconds."""
        kept = self._curves.get(job_class)
        if kept is None or job_class not in self._checked:
            at, var = self.typical.of(job_class)
            spread, early = math.sqrt(var + self.spread**2), self.endings.early
            if kept is None or _is_stale(kept, at, spread, early):
                kept = self._curves[job_class] = _Kept(at, spread, early, self._build(at, var), math.exp(at))
            self._checked.add(job_class)
        return kept.curve, kept.unit

    def _build(self, at: float, var: float) -> Curve:
        """All hypotheses together, each by its probability, with the stragglers and the early ends."""
        usual = [0.0] * KNOTS
        for share, (shift, spread) in zip(self.hypotheses.shares, self.hypotheses.curves(var), strict=True):
            if share > _SMALL:
                bell = _bell(round(math.log(spread) / _FINE), shift)
                usual = [u + share * b for u, b in zip(usual, bell, strict=True)]
        e, late = self.endings.early, TAIL * (1.0 - self.endings.never)
        start = min(2 * _PAD, max(0, _PAD - round((math.log(EARLY_SECONDS) - at) / STEP)))
        quick = _AT_ONCE[start : start + KNOTS]
        parts = zip(quick, usual, _LATE, strict=True)
        return Curve([e * q + (1.0 - e) * ((1.0 - TAIL) * u + late * x) for q, u, x in parts])

    # -- answers

    def survived(
        self, job_class: JobClass, starts: Sequence[Start], until: float, said: Said | None = None
    ) -> Said:
        """A job still ran at `until`. Returns what its answers have said; `said`, if it was asked before."""
        self._advance(until)
        changes = self._changes  # of the answer that shows a change, too: what it says is of before
        (at, var), verdict = self._learn(job_class, starts, running(starts, until), said)
        precision, pull = 1.0 / verdict.var - 1.0 / var, verdict.at / verdict.var - at / var
        return Said(until, precision, pull, changes)

    def finished(
        self, job_class: JobClass, starts: Sequence[Start], since: float, until: float, said: Said | None = None
    ) -> bool:
        """A job that had not ended at `since` had ended at `until`; True if it counts as an early end."""
        self._advance(until)
        verdict = self._learn(job_class, starts, ended(starts, since, until), said)[1]
        self.finished_count += 1
        self.endings.saw(verdict.early, verdict.late)
        return verdict.early > 0.5

    def forget_time(self) -> None:
        """What was told so far was told in another clock's time."""
        self._now = None

    def explain(self, job_class: JobClass, starts: Sequence[Start], since: float, until: float) -> Sequence[Start]:
        """Of the starts that are possible, how probable each is for a job that ended between the two."""
        if len(starts) == 1:
            return starts
        curve, unit = self.curve(job_class)
        parts = [
            (at, weight * (_SOME + curve.at((until - at) / unit)[0] - curve.at((since - at) / unit)[0]))
            for at, weight in starts
        ]
        whole = sum(weight for _, weight in parts)
        return [Start(at, weight / whole) for at, weight in parts if weight > _LIKELY * whole]

    def _advance(self, now: float) -> None:
        """Time passes: the pace drifts, or may have changed."""
        if self._now is None:
            self._now = now
        passed = min(_LONGEST_SILENCE, now - self._now)
        if passed < 1.0:
            return
        self._now = now
        self.typical.drift(_DRIFT * passed)
        self.hypotheses.wait(passed)
        self._checked.clear()

    def _learn(
        self, job_class: JobClass, starts: Sequence[Start], spans: Sequence[Span], said: Said | None
    ) -> tuple[tuple[float, float], Verdict]:
        """One answer, in place of what the job had said: the typical duration without it, and the verdict on it."""
        at, var = self.typical.of(job_class)
        if said is not None and said.changes == self._changes:
            at, var = self._without(said, at, var)
        verdict = self._judge(at, var, spans)
        if said is None:
            news = verdict.likelihoods
        else:
            known = self._likelihoods(at, var, running(starts, said.until))
            news = [a / b for a, b in zip(verdict.likelihoods, known, strict=True)]
        self.typical.learn(job_class, verdict.at, verdict.var)
        change = self.hypotheses.weigh(news)
        if change is not None:
            self.typical.shift(change.by, change.var)
            self._changes += 1
        self._checked.clear()
        return (at, var), verdict

    def _without(self, said: Said, at: float, var: float) -> tuple[float, float]:
        """The typical duration as it would be believed if the job had said nothing.

        What was said has faded since as the pace drifted, and no more is taken back than was ever learned.
        """
        passed = 0.0 if self._now is None else self._now - said.until
        fade = math.exp(-_DRIFT * passed / var)
        most = max(0.0, 1.0 / var - 1.0 / MOST_VAR)
        part = min(fade, most / said.precision) if said.precision > 0.0 else fade
        precision = 1.0 / var - part * said.precision
        return (at / var - part * said.pull) / precision, 1.0 / precision

    def _judge(self, at: float, var: float, spans: Sequence[Span]) -> Verdict:
        """What an answer says, if the typical duration is believed at `at` with this variance."""
        usual, quick, late = self._kinds(at, spans)
        other = quick + late + _LEAST
        cuts = [cut(at, var, spread, spans) for spread in SPREADS]
        shares = [c.share for c in cuts] + _shares(at, self.hypotheses.changed_curves(var), spans)
        weighted = [(usual * p, c) for p, c in zip(self.hypotheses.spreads(), cuts, strict=True)]
        whole = other + sum(w * c.share for w, c in weighted)
        mean = sum(w * c.first for w, c in weighted) / whole
        square = (other * var + sum(w * c.second for w, c in weighted)) / whole
        new_var = min(MOST_VAR, max(1e-6, square - mean * mean))
        return Verdict([usual * s + other for s in shares], at + mean, new_var, quick / whole, late / whole)

    def _likelihoods(self, at: float, var: float, spans: Sequence[Span]) -> list[float]:
        """The chance that each hypothesis gives to an answer."""
        usual, quick, late = self._kinds(at, spans)
        shares = _shares(at, self.hypotheses.curves(var), spans)
        return [usual * s + quick + late + _LEAST for s in shares]

    def _kinds(self, at: float, spans: Sequence[Span]) -> tuple[float, float, float]:
        """P(a job is a usual one); P(it ends early, and so); P(it ends late, and so)."""
        early, never = self.endings.early, self.endings.never
        late = (1.0 - early) * TAIL * late_share(math.exp(at), spans, never)
        return (1.0 - early) * (1.0 - TAIL), early * early_share(spans), late

    # -- from run to run

    def recall(
        self,
        pace: float,
        doubt: float,
        spreads: Sequence[float],
        early: float,
        offsets: Mapping[JobClass, tuple[float, float]],
    ) -> None:
        """Begin with what an earlier run knew; `doubt` is the spread of the pace since."""
        self.typical.recall(pace, doubt, offsets)
        self.endings.recall(early)
        self.hypotheses.recall(spreads)
        self._checked.clear()


def _shares(at: float, curves: Sequence[tuple[float, float]], spans: Sequence[Span]) -> list[float]:
    """The part of each bell curve, moved by its shift, that lies in the spans."""
    return [cut_share(at + shift, spread, spans) for shift, spread in curves]


def _is_stale(kept: _Kept, at: float, spread: float, early: float) -> bool:
    """The belief has changed so much that a curve built before is no longer good enough."""
    return (
        abs(at - kept.at) > _STALE * kept.spread
        or abs(spread - kept.spread) > _STALE_SPREAD * kept.spread
        or abs(early - kept.early) > _STALE_EARLY
    )
