"""When a waiting job starts: three rival explanations of the queue, weighed by how well they predict.

*Alone*: each job waits by itself, with a chance to start that depends on how long it has waited.
*Line*: the service takes jobs in the order of submission, one each `gap` seconds, so an answer about
one job bounds all ahead of it and behind it.  *Lottery*: one each `gap` seconds, whichever.
Every answer about a waiting job moves the weights.  Where nothing is ever seen to start, a job
counts as started when it was submitted, and what is learned is the time from there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise

from .line import Line, Place
from .rule import Curve, Start
from .waits import Waits

_AHEAD = (0.08, 0.18, 0.3, 0.5, 0.8, 1.3, 2.2)
"""Ends of the intervals, in typical durations, into which a start to come is put: fine near now."""
HORIZON = _AHEAD[-1]
"""Typical durations beyond which no start is looked for."""
_BETWEEN = (0.15, 0.5, 0.85, 1.0)
"""The same for a start known to lie between two answers."""
_FADE = 0.995
"""An explanation's record is forgotten over 200 answers, so that a changed queue is noticed."""
_SURPRISE = 0.03
"""No answer counts for less than this under any explanation: none is ever quite ruled out."""
_CROWD, _CROWD_PART = 10, 0.5
"""In a long queue somebody starts, whatever was learned of waits: so much of the trust in that goes to the lottery."""
_ENOUGH = 1e-4
"""Chances below this are left out."""

Chance = Callable[[float], float]


class Starts:
    """Belief about the starts of all jobs that share one queue."""

    def __init__(self) -> None:
        self.waits, self.line = Waits(), Line()
        self.waiting = 0
        self.opaque = False
        """The service never says that a job has started."""
        self.trust = (0.9, 0.05, 0.05)
        """Probabilities of alone, line, lottery."""
        self._logs = [math.log(p) for p in self.trust]
        self._seen: deque[float] = deque(maxlen=30)
        self._direct_ends = self._waiting_answers = 0
        self._saw_processing = False

    @property
    def in_line(self) -> bool:
        """Jobs start in the order of submission, more likely than not."""
        return self.trust[1] > 0.5

    def place(self, now: float) -> Place:
        """A new job at the end of the queue."""
        self.waiting += 1
        return self.line.join(now)

    # -- what was seen

    def seen_waiting(self, place: Place, sent: float) -> None:
        """The service said "queued"."""
        self._waiting_answers += 1
        if self.opaque or sent <= place.queued_at:
            return
        before, place.queued_at = place.queued_at - place.submitted, sent
        if not place.loose:
            self.waits.waited(before, sent - place.submitted)
            if self.line.seen_waiting(place):
                self._weigh([0.0, -2.0, 0.0])  # overtaken: impossible in a line

    def seen_started(
        self, place: Place, starts: Sequence[Start], now: float, *, told: bool, in_turn: bool
    ) -> None:
        """First answer that it had started: in so many words, or by its end. `starts`: what is believed of when.

        `in_turn`: it is a witness of the line.
        """
        self._saw_processing |= told
        place.first_seen, place.started = now, starts
        place.middle = sum(at * weight for at, weight in starts) / sum(weight for _, weight in starts)
        self.waiting -= 1
        if place.loose:
            return
        self._seen.append(now)
        since = place.queued_at - place.submitted
        self.waits.started(since, max(since + 0.1, max(at for at, _ in starts) - place.submitted))
        if in_turn:
            self.line.seen_started(place)

    def seen_direct_end(self) -> bool:
        """It ended when last seen waiting. True once: when that has become the rule."""
        self._direct_ends += 1
        told = self._saw_processing or self._direct_ends < 5 or self._waiting_answers < 10
        if told or self.opaque:
            return False
        self.opaque = True
        return True

    def left(self, place: Place) -> None:
        """The job says nothing more about the queue."""
        if place.first_seen == math.inf:
            self.waiting -= 1
        place.loose = True

    def back(self, place: Place, sent: float) -> None:
        """It ran and waits again."""
        self.waiting += place.first_seen < math.inf
        place.loose, place.first_seen, place.started = True, math.inf, ()
        place.submitted = place.queued_at = sent

    def vote(self, place: Place, curve: Curve, unit: float, sent: float, *, waits: bool, ended: bool) -> None:
        """Weigh the explanations by one answer about a job that had not been seen to start."""
        if self.opaque or place.loose or place.first_seen < math.inf or sent <= place.queued_at:
            return
        edges = self._edges(place, sent - place.queued_at, _BETWEEN)
        done = [curve.at((sent - 0.5 * (a + b)) / unit)[0] for a, b in pairwise(edges)]
        scores: list[float] = []
        for chance in self._chances(place):
            at = [chance(t) for t in edges]
            over = sum((b - a) * f for a, b, f in zip(at, at[1:], done, strict=False))
            scores.append(1.0 - at[-1] if waits else over if ended else max(0.0, at[-1] - over))
        self._weigh([math.log(score + _SURPRISE) for score in scores])

    def _weigh(self, scores: list[float]) -> None:
        logs = [_FADE * a + b for a, b in zip(self._logs, scores, strict=True)]
        top = max(logs)
        self._logs = [max(-8.0, a - top) for a in logs]
        weights = [math.exp(a) for a in self._logs]
        alone, line, lottery = (w / sum(weights) for w in weights)
        self.trust = (alone, line, lottery)

    # -- what is believed

    def starts(self, place: Place, unit: float, until: float = math.inf) -> Sequence[Start]:
        """Instants at which the job may have started or may yet start, with their probabilities.

        `unit`: how long such a job runs. `until`: it is known to have started by then.
        """
        if self.opaque:
            return [Start(place.submitted, 1.0)]
        if place.started:
            return place.started
        if until - place.queued_at < 1.0:
            return [Start(0.5 * (place.queued_at + until), 1.0)]
        if until == math.inf:
            return [s for s in self._spread(place, self._edges(place, unit, _AHEAD)) if s.weight > _ENOUGH]
        parts = self._spread(place, self._edges(place, until - place.queued_at, _BETWEEN))
        whole = sum(weight for _, weight in parts)
        if whole < 1e-6:  # none of the explanations allows it: somewhere in between
            return [Start(0.5 * (place.queued_at + until), 1.0)]
        return [Start(at, weight / whole) for at, weight in parts if weight > 0.01 * whole]

    def _spread(self, place: Place, edges: list[float]) -> list[Start]:
        at = [0.0] * len(edges)
        for share, chance in zip(self._shares(place), self._chances(place), strict=True):
            if share > 0.02:
                at = [a + share * chance(t) for a, t in zip(at, edges, strict=True)]
        middles = (0.5 * (a + b) for a, b in pairwise(edges))
        return [Start(t, max(0.0, b - a)) for t, (a, b) in zip(middles, pairwise(at), strict=True)]

    def _shares(self, place: Place) -> tuple[float, float, float]:
        if place.loose:
            return (1.0, 0.0, 0.0)
        alone, line, lottery = self.trust
        moved = _CROWD_PART * alone if self.waiting >= _CROWD else 0.0
        return (alone - moved, line, lottery + moved)

    def _edges(self, place: Place, width: float, cuts: tuple[float, ...]) -> list[float]:
        """Ends of the intervals; where the line rules, they begin where it says that it may have started."""
        low = place.queued_at
        if self.trust[1] > 0.95 and not place.loose:
            bound = self.line.bracket(place)[0]
            if cuts is _AHEAD:
                low = bound
            else:
                skip = min(bound - low, 0.9 * width)
                low, width = low + skip, width - skip
        return [low, *(low + width * c for c in cuts)]

    def _chances(self, place: Place) -> tuple[Chance, Chance, Chance]:
        """P(started by t), given that it waited at `queued_at`, by each explanation."""
        since, submitted, waits = place.queued_at, place.submitted, self.waits
        seconds = self._lottery_gap(since) * max(1, self.waiting)
        return (
            lambda t: waits.started_by(since - submitted, t - submitted),
            self.line.chance(place),
            lambda t: -math.expm1((since - t) / seconds) if t > since else 0.0,
        )

    def _lottery_gap(self, now: float) -> float:
        """Seconds a start, whoever's."""
        if len(self._seen) < 2:
            return self.line.gap
        return max(0.02, (10.0 + now - self._seen[0]) / (2 + len(self._seen)))
