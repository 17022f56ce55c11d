"""When a waiting job starts: two rival explanations of the queue, weighed by how well they predict.

*Alone*: each job waits by itself, see `waits`. *Line*: the service takes jobs in the order of submission, so an answer
about one bounds all ahead of it and behind it. Every answer about a waiting job multiplies the odds of *line* to
*alone*: had *line* given it a chance of 60% and *alone* 20%, they are three times as high. So whichever predicts better
is believed. The odds are kept as their logarithm, to which one adds: 0 is even, 3 is twenty to one for the line. Where
nothing is ever seen to start, a job counts as started when it was submitted, and what is learned is the time from then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ..job import Stage
from .line import Line, Place
from .rule import Curve, Start
from .waits import Chance, Waits

_AHEAD = (0.1, 0.25, 0.5, 0.9, 1.4, 2.2)
"""Ends of the intervals for a start to come, in typical durations: fine near now, where they decide when to ask."""
HORIZON = _AHEAD[-1]
"""Typical durations beyond which no start is looked for."""
_BETWEEN = (0.15, 0.5, 0.85, 1.0)
"""The same for a start known to lie between two answers, in parts of the time between them."""
_BETWEEN_IN_LINE = (0.15, 0.5, 0.85, 0.95, 1.0)
"""And in a line, where a scout finds most jobs just after their start: finer near its answer cost 1 to 5% less."""
_LINE_SHARE = 0.05
"""Before anything is known, one queue in twenty is a line; a dozen answers tell."""
_LINE_ODDS = math.log(_LINE_SHARE / (1.0 - _LINE_SHARE))
_FADE = 0.995
"""What an answer said fades, to a third over 200 later ones, so that a changed queue is noticed."""
_SURPRISE = 0.03
"""Added to the chance that either explanation gives to an answer: no single answer rules out either."""
_OVERTAKEN = 4.0
"""A job that was overtaken divides the odds of the line by e**4, about fifty, once."""
_MOST_ODDS = 8.0
"""The odds stay within e**8, three thousand to one."""
_ENOUGH, _SHARE_ENOUGH, _PART_ENOUGH = 1e-4, 0.02, 0.01
"""Left out, to save work: intervals that hold less than the first of a start to come, or less than the third of one
that is past; and an explanation less probable than the second."""
_NOTHING = 1e-6
"""A start as improbable as this is allowed by neither explanation."""
_RULES, _NARROWEST = 0.95, 0.1
"""A line so probable narrows the time in which a start is sought, but to no less than this part: it may be wrong."""
_DIRECT_ENDS, _WAITING_ANSWERS = 5, 10
"""So many ends of jobs last seen waiting, after so many answers "queued", show a service that tells no starts: a few
such ends also come of jobs that start and end between two polls."""
_SHORT = 1.0
"""Seconds: it does not matter when within such a time a job has started."""


def mean_start(starts: Sequence[Start]) -> float:
    """The mean of the possible instants, each with its weight."""
    return sum(at * weight for at, weight in starts) / sum(weight for _, weight in starts)


class Starts:
    """Belief about the starts of all jobs that share one queue."""

    def __init__(self) -> None:
        self.line, self.waits = Line(), Waits()
        self.waiting = 0
        """Jobs not yet seen to start."""
        self.opaque = False
        """The service never says that a job has started: see `seen_direct_end`. Believed until it says so once."""
        self.line_share = _LINE_SHARE
        """The probability that jobs start in the order of submission."""
        self._odds = _LINE_ODDS
        self._direct_ends = self._waiting_answers = 0
        self._saw_processing = False

    @property
    def in_line(self) -> bool:
        """Jobs start in the order of submission, more likely than not."""
        return self.line_share > 0.5

    def place(self, job: int, sent_at: float) -> Place:
        """A new job in the queue, behind those sent before it."""
        self.waiting += 1
        return self.line.join(job, sent_at)

    # -- what was seen

    def seen_waiting(self, place: Place, sent: float) -> None:
        """The service said "queued"."""
        self._waiting_answers += 1
        if self.opaque or sent <= place.queued_at:
            return
        if not place.loose:
            self.waits.waited(place, sent)
        place.queued_at = sent
        if not _is_free(place) and self.line.seen_waiting(place):
            place.overtaken = True
            self._move(-_OVERTAKEN)

    def seen_started(self, place: Place, began: Sequence[Start], now: float, *, told: bool, in_turn: bool) -> None:
        """The first answer that it had started, probably as `began` says: in so many words (`told`), or by its end.

        `in_turn`: those ahead have started, too, if there is a line; a job refused early may have jumped it.
        """
        self._saw_processing |= told
        at = mean_start(began)
        place.first_seen, place.began, place.began_at = now, began, at
        self.waiting -= 1
        if place.loose:
            return
        if not self.opaque:
            self.waits.started(place, at)
        if in_turn:
            self.line.seen_started(place)

    def seen_direct_end(self) -> bool:
        """It ended when last seen waiting. True once: when that has become the rule."""
        self._direct_ends += 1
        few = self._direct_ends < _DIRECT_ENDS or self._waiting_answers < _WAITING_ANSWERS
        if few or self._saw_processing or self.opaque:
            return False
        self.opaque = True
        return True

    def left(self, place: Place) -> None:
        """The job says nothing more about the queue."""
        self.waiting -= place.first_seen == math.inf
        place.loose = True

    def back(self, place: Place, sent: float) -> None:
        """It ran and waits again."""
        self.waiting += place.first_seen < math.inf
        place.loose, place.first_seen = True, math.inf
        place.submitted = place.queued_at = sent

    def weigh(self, place: Place, curve: Curve, unit: float, stage: Stage, sent: float) -> None:
        """Weigh the explanations by one answer about a job that had not been seen to start.

        `unit` x `curve`: how long such a job runs.
        """
        says_nothing = place.first_seen < math.inf or sent <= place.queued_at
        if says_nothing or self.opaque or _is_free(place):
            return
        edges = self._between(place, sent - place.queued_at)
        ended = [curve.at((sent - 0.5 * (a + b)) / unit)[0] for a, b in pairwise(edges)]
        line = _foretold(stage, self.line.chance(place), edges, ended)
        alone = _foretold(stage, self.waits.chance(place), edges, ended)
        self._move(math.log((line + _SURPRISE) / (alone + _SURPRISE)))

    def _move(self, evidence: float) -> None:
        odds = _LINE_ODDS + _FADE * (self._odds - _LINE_ODDS) + evidence
        self._odds = min(_MOST_ODDS, max(-_MOST_ODDS, odds))
        self.line_share = 1.0 / (1.0 + math.exp(-self._odds))

    # -- what is believed

    def to_come(self, place: Place, unit: float) -> Sequence[Start]:
        """Instants at which the job may have started or may yet start. `unit`: how long such a job runs."""
        if self.opaque:
            return [Start(place.submitted, 1.0)]
        if place.first_seen < math.inf:
            return place.began
        return self._deal_out(place, self._ahead(place, unit), _ENOUGH)

    def past(self, place: Place, until: float) -> Sequence[Start]:
        """The same for a job known to have started by `until`."""
        if self.opaque:
            return [Start(place.submitted, 1.0)]
        if place.first_seen < math.inf:
            return place.began
        width = max(0.0, until - place.queued_at)
        parts = self._deal_out(place, self._between(place, width), 0.0) if width > _SHORT else []
        whole = sum(weight for _, weight in parts)
        if whole < _NOTHING:  # too short to matter, or allowed by neither explanation: in the middle
            return [Start(place.queued_at + 0.5 * width, 1.0)]
        return [Start(at, weight / whole) for at, weight in parts if weight > _PART_ENOUGH * whole]

    def _deal_out(self, place: Place, edges: list[float], enough: float) -> list[Start]:
        """P(start) in each interval where it is more than `enough`, put at its middle."""
        line = 0.0 if _is_free(place) else self.line_share
        at = [0.0] * len(edges)
        for share, chance in ((line, self.line.chance), (1.0 - line, self.waits.chance)):
            if share > _SHARE_ENOUGH:
                by = chance(place)
                at = [a + share * by(t) for a, t in zip(at, edges, strict=True)]
        return [
            Start(0.5 * (s + t), b - a)
            for (s, t), (a, b) in zip(pairwise(edges), pairwise(at), strict=True)
            if b - a > enough
        ]

    def _ahead(self, place: Place, unit: float) -> list[float]:
        """Ends of the intervals in which a start to come is looked for."""
        low = self.line.bracket(place)[0] if self._is_ruled(place) else place.queued_at
        return [low, *(low + unit * c for c in _AHEAD)]

    def _between(self, place: Place, width: float) -> list[float]:
        """The same for a start within `width` seconds of when it was last known to wait."""
        low = place.queued_at
        if not self._is_ruled(place):
            return [low, *(low + width * c for c in _BETWEEN)]
        (bound, high), until = self.line.bracket(place), low + width
        low = min(bound, low + (1.0 - _NARROWEST) * width)
        width = max(_NARROWEST * width, min(until, high) - low)
        return [low, *(low + width * c for c in _BETWEEN_IN_LINE)]

    def _is_ruled(self, place: Place) -> bool:
        """The line says where to look for the start of this job."""
        return self.line_share > _RULES and not _is_free(place)


def _is_free(place: Place) -> bool:
    """The line says nothing of this job."""
    return place.loose or place.overtaken


def _foretold(stage: Stage, started_by: Chance, edges: Sequence[float], ended: Sequence[float]) -> float:
    """The chance that an explanation had given to an answer.

    `started_by`: what it says of the start; `edges`: ends of the intervals of starts; `ended`: the part of the jobs
    started in each that has ended by now.
    """
    at = [started_by(t) for t in edges]
    if stage is Stage.QUEUED:
        return 1.0 - at[-1]
    over = sum((b - a) * f for (a, b), f in zip(pairwise(at), ended, strict=True))
    return over if stage.is_final else max(0.0, at[-1] - over)
