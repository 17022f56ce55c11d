"""How long jobs run: learned from answers, shared between classes, forgotten when the service changes.

    log duration = log guess(class) + pace + offset(class) + chance

The first three are what is typical of a class: `typical`. Around it durations scatter by chance, as `evidence` says;
how much, and whether the service has changed of late, is in `hypotheses`. Every answer moves pace and offset, the
scatter that is believed in and the suspicion of a change; the guess stays.

An example: 50 s are guessed for 720p and 90 s for 1080p. A job of 720p still runs after 60 s: now its class is expected
to take 92 s, and 1080p 159 s, for one cause may slow both. After 80 s it is 108 and 184 s. Then the job is known to
have ended between 99 and 101 s: 91 and 157 s, give or take 30 and 39%. Had nobody asked at 60 and 80 s, the same would
be believed: a new answer replaces what the same job had said before, its `Said`, which is taken back first. Otherwise
a job that is asked twice as often would count twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..job import JobClass
from .curves import IMPROBABLE, Curves, Drawn
from .evidence import (
    STRAGGLERS,
    Cut,
    Endings,
    Span,
    cut,
    cut_share,
    early_share,
    ended,
    running,
    straggler_share,
)
from .hypotheses import SPREADS, Hypotheses
from .rule import Start
from .typical import LEAST_VAR, MOST_VAR, Typical

_DRIFT = 2.5e-5
"""Variance that the pace gains each second: left alone, a spread of 5% after 100 s, 20% after half an hour. Two fifths
and twice that were measured the same within 3%."""
_MOMENT = 1.0
"""Seconds: less time than this is not reckoned with before it has added up to it. Saves work."""
_LEAST = 1e-9
"""No answer is ever quite impossible."""
_LONGEST_SILENCE = 600.0
"""Seconds: a longer silence counts for no more. These make the pace unsure by 12%, and a change one in six probable."""
_SOME, _LIKELY = 1e-4, 0.02
"""Each possible start is given the first, so that some are left if all seem impossible; below 2% it is dropped."""


class Verdict(NamedTuple):
    """What one answer says."""

    likelihoods: list[float]
    """The chance that each hypothesis gave to it."""
    mean: float
    """The logarithm of the typical duration after it, and the variance of that."""
    var: float
    early: float
    """P(the job ended early)."""
    straggler: float
    """P(it was a straggler)."""


class Said(NamedTuple):
    """What a running job's answers have said so far: what is believed with them, less what would be without them."""

    until: float
    """The latest moment at which it was known to run."""
    precision: float
    """One over the variance that they alone would give to the typical duration: for separate sources these add up."""
    pull: float
    """The logarithm of the typical duration that they speak for, times the precision: these add up, too."""
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
        self._curves = Curves(self.typical, self.hypotheses, self.endings)

    # -- what is believed

    @property
    def spread(self) -> float:
        """How durations scatter by chance: a standard deviation of their logarithms."""
        return self.hypotheses.spread

    def unit(self, job_class: JobClass) -> float:
        """The typical duration now, in seconds."""
        return math.exp(self.typical.of(job_class)[0])

    def curve(self, job_class: JobClass) -> Drawn:
        """The distribution of its durations."""
        return self._curves.of(job_class)

    # -- answers

    def survived(
        self, job_class: JobClass, starts: Sequence[Start], until: float, said: Said | None = None
    ) -> Said:
        """A job still ran at `until`. Returns what its answers have said by now; `said`: by the one before."""
        self._advance(until)
        changes = self._changes  # before this answer: one that itself shows a change speaks of the time before it
        (mean, var), verdict = self._learn(job_class, starts, running(starts, until), said)
        precision, pull = 1.0 / verdict.var - 1.0 / var, verdict.mean / verdict.var - mean / var
        return Said(until, precision, pull, changes)

    def finished(
        self, job_class: JobClass, starts: Sequence[Start], since: float, until: float, said: Said | None = None
    ) -> bool:
        """A job that had not ended at `since` had ended at `until`; True if it ended early, more likely than not."""
        self._advance(until)
        verdict = self._learn(job_class, starts, ended(starts, since, until), said)[1]
        self.finished_count += 1
        self.endings.saw(verdict.early, verdict.straggler)
        return verdict.early > 0.5

    def forget_time(self) -> None:
        """What was told so far was told in another clock's time."""
        self._now = None

    def explain(self, job_class: JobClass, starts: Sequence[Start], since: float, until: float) -> Sequence[Start]:
        """How probable each of the possible starts is for a job that ended between `since` and `until`."""
        if len(starts) == 1:
            return starts
        curve, unit, *_ = self.curve(job_class)
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
        if passed < _MOMENT:
            return
        self._now = now
        self.typical.drift(_DRIFT * passed)
        self.hypotheses.pass_time(passed)
        self._curves.recheck()

    def _learn(
        self, job_class: JobClass, starts: Sequence[Start], spans: Sequence[Span], said: Said | None
    ) -> tuple[tuple[float, float], Verdict]:
        """Learn an answer. Returns the typical duration without this job (mean, variance), and the verdict on it."""
        mean, var = self.typical.of(job_class)
        if said is not None and said.changes == self._changes:
            mean, var = self._without(said, mean, var)
        verdict = self._judge(mean, var, spans)
        if said is None:
            news = verdict.likelihoods
        else:  # the job was counted as running till then: what counts now is the chance of the answer given that
            known = self._likelihoods(mean, var, running(starts, said.until))
            news = [a / b for a, b in zip(verdict.likelihoods, known, strict=True)]
        self.typical.learn(job_class, verdict.mean, verdict.var)
        change = self.hypotheses.weigh(news)
        if change is not None:
            self.typical.shift(change.by, change.var)
            self._changes += 1
        self._curves.recheck()
        return (mean, var), verdict

    def _without(self, said: Said, mean: float, var: float) -> tuple[float, float]:
        """The typical duration as it would be believed if the job had said nothing.

        Drift has since made the variance larger by some percent, and what was said counts for about as many percent
        less. And no more is taken back than was ever learned.
        """
        passed = 0.0 if self._now is None else self._now - said.until
        fade = math.exp(-_DRIFT * passed / var)
        most = max(0.0, 1.0 / var - 1.0 / MOST_VAR)
        part = min(fade, most / said.precision) if said.precision > 0.0 else fade
        precision = 1.0 / var - part * said.precision
        return (mean / var - part * said.pull) / precision, 1.0 / precision

    def _judge(self, mean: float, var: float, spans: Sequence[Span]) -> Verdict:
        """What an answer says, if the typical duration is believed at `mean` with this variance."""
        usual, early, straggler = self._kinds(mean, spans)
        other = early + straggler + _LEAST
        spreads = self.hypotheses.spreads()
        cuts = [_cut(p, mean, var, spread, spans) for p, spread in zip(spreads, SPREADS, strict=True)]
        shares = [c.share for c in cuts] + _shares(mean, self.hypotheses.changed_bells(var), spans)
        weighted = [(usual * p, c) for p, c in zip(spreads, cuts, strict=True)]
        whole = other + sum(w * c.share for w, c in weighted)
        moved = sum(w * c.moved for w, c in weighted) / whole  # of early ends and stragglers nothing is learned
        square = (other * var + sum(w * c.square for w, c in weighted)) / whole
        new_var = min(MOST_VAR, max(LEAST_VAR, square - moved * moved))
        return Verdict(
            [usual * s + other for s in shares], mean + moved, new_var, early / whole, straggler / whole
        )

    def _likelihoods(self, mean: float, var: float, spans: Sequence[Span]) -> list[float]:
        """The chance that each hypothesis gives to an answer."""
        usual, early, straggler = self._kinds(mean, spans)
        shares = _shares(mean, self.hypotheses.bells(var), spans)
        return [usual * s + early + straggler + _LEAST for s in shares]

    def _kinds(self, mean: float, spans: Sequence[Span]) -> tuple[float, float, float]:
        """P(a job is a usual one); P(it ends early, and in a span); P(it is a straggler, and ends in a span)."""
        early, never = self.endings.early, self.endings.never
        rest = 1.0 - early
        straggler = rest * STRAGGLERS * straggler_share(math.exp(mean), spans, never)
        return rest * (1.0 - STRAGGLERS), early * early_share(spans), straggler

    # -- from run to run

    def recall(
        self,
        pace: float,
        doubt: float,
        spreads: Sequence[float],
        early: float,
        offsets: Mapping[JobClass, tuple[float, float]],
    ) -> None:
        """Begin with what an earlier run knew; `doubt`: how far the pace may be off by now, as a spread."""
        self.typical.recall(pace, doubt, offsets)
        self.endings.recall(early)
        self.hypotheses.recall(spreads)
        self._curves.recheck()


def _cut(probability: float, mean: float, var: float, spread: float, spans: Sequence[Span]) -> Cut:
    """See `cut`; of an improbable spread only the share, for a quarter of the work: the rest would hardly count."""
    if probability > IMPROBABLE:
        return cut(mean, var, spread, spans)
    return Cut(cut_share(mean, math.sqrt(var + spread**2), spans), 0.0, 0.0)


def _shares(mean: float, bells: Sequence[tuple[float, float]], spans: Sequence[Span]) -> list[float]:
    """The part of each bell curve, moved by its shift, that lies in the spans."""
    return [cut_share(mean + shift, spread, spans) for shift, spread in bells]
