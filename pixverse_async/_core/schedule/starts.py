"""When a waiting job starts: three rival explanations of the queue, weighed by how well they predict.

*Alone*: each job waits by itself, for times learned like durations.  *Line*: the service takes jobs in
the order of submission, one each `gap` seconds, so an answer about one job bounds all ahead of it
and behind it.  *Lottery*: it takes one each `gap` seconds, whichever.  Every answer about a waiting job moves
the weights.  A service that never says "processing" is noticed, and then a job starts when it is submitted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from itertools import accumulate, pairwise

from .belief import normal
from .rule import Curve, Start

_CELLS = (0.06, 0.12, 0.2, 0.3, 0.42, 0.6, 0.85, 1.2, 1.7, 2.5)
"""Ends of the intervals, in typical durations, into which an unknown start is put: fine near now."""
_GAP = 5.0
"""Seconds a place before any start was seen; forgotten after two."""
_BINS = tuple(0.5 * 1.4**k for k in range(36))
"""Ends of the bins of time waited: half a second to a day."""
_GUESS, _GUESS_STARTS = 10.0, 4.0
"""Typical wait in seconds and what the guess is worth in starts seen."""
_WAITS_MEMORY = 200.0
"""Starts that are remembered."""
_FADE = 0.995
"""A rival explanation's record is forgotten over 200 answers."""


class Waits:
    """How likely a waiting job is to start, by the time it has waited: starts over seconds waited, per bin."""

    def __init__(self) -> None:
        above = [1.0 - normal(math.log(x / _GUESS)) for x in (0.1, *_BINS)]
        chances = [-math.log(max(1e-9, b) / max(1e-9, a)) for a, b in zip(above, above[1:], strict=False)]
        widths = [b - a for a, b in zip((0.0, *_BINS), _BINS, strict=False)]
        self._starts = [_GUESS_STARTS * (a - b) + 0.01 for a, b in zip(above, above[1:], strict=False)]
        self._waited = [n / max(1e-9, c) * w for n, c, w in zip(self._starts, chances, widths, strict=True)]
        self._risk: list[float] | None = None

    def _risks(self) -> list[float]:
        """The integrated chance to start up to the beginning of each bin, and the last bin's rate."""
        if self._risk is None:
            starts, waited = _smooth(self._starts), _smooth(self._waited)
            rates = [n / w for n, w in zip(starts, waited, strict=True)]
            widths = [b - a for a, b in zip((0.0, *_BINS), _BINS, strict=False)]
            self._risk = [0.0, *accumulate(r * w for r, w in zip(rates, widths, strict=True))]
        return self._risk

    def risk(self, age: float) -> float:
        """Integrated chance to start before `age`."""
        risks = self._risks()
        k = _bin(age)
        left = _BINS[k - 1] if k else 0.0
        return risks[k] + (age - left) / (_BINS[k] - left) * (risks[k + 1] - risks[k])

    def started_by(self, since: float, age: float) -> float:
        """P(started by `age`), given that it waited at `since`."""
        return -math.expm1(self.risk(since) - self.risk(age)) if age > since else 0.0

    def waited(self, since: float, until: float, share: float = 1.0) -> None:
        """A job waited from the one age to the other without starting."""
        for k in range(_bin(since), _bin(until) + 1):
            left = _BINS[k - 1] if k else 0.0
            self._waited[k] += share * max(0.0, min(until, _BINS[k]) - max(since, left))
        self._risk = None

    def started(self, since: float, until: float) -> None:
        """It started at some age between the two."""
        whole = max(1e-9, self.started_by(since, until))
        low, high = _bin(since), _bin(until)
        edges = [since, *_BINS[low:high], until]
        parts = [
            0.5 * (self.started_by(since, b) - self.started_by(since, a)) / whole + 0.5 * (b - a) / (until - since)
            for a, b in pairwise(edges)
        ]
        left = 1.0
        for k, a, b, p in zip(range(low, high + 1), edges, edges[1:], parts, strict=False):
            self.waited(a, b, max(0.0, left - 0.5 * p))
            self._starts[k] += p
            left -= p
        keep = 1.0 - 1.0 / _WAITS_MEMORY
        self._starts = [x * keep for x in self._starts]
        self._waited = [x * keep for x in self._waited]
        self._risk = None


def _smooth(counts: list[float]) -> list[float]:
    """Each bin with a share of its neighbours, so that a bin in which nothing was seen yet is no wall."""
    padded = [counts[0], *counts, counts[-1]]
    return [0.25 * a + 0.5 * b + 0.25 * c for a, b, c in zip(padded, counts, padded[2:], strict=False)]


def _bin(age: float) -> int:
    return min(len(_BINS) - 1, bisect_left(_BINS, age))


class Place:
    """What is known of one job's start."""

    __slots__ = ("first_seen", "index", "loose", "middle", "queued_at", "submitted")

    def __init__(self, index: int, now: float) -> None:
        self.index = index
        self.submitted = self.queued_at = now
        """`queued_at`: last known to wait, at least the submission."""
        self.first_seen = math.inf
        """First answer that it had started."""
        self.middle = now
        """Mean of the believed start, once it was seen to have started."""
        self.loose = False
        """It left the line (sent back to it, or ended without running) and is no witness of it."""


class Starts:
    """Belief about the starts of all jobs that share one queue."""

    def __init__(self) -> None:
        self.waits = Waits()
        self.logs = [0.0, 0.0, 0.0]  # alone, line, lottery
        self.waiting = 0
        self.count = 0
        self.front = -1
        self._started: list[int] = []  # indexes seen started, rising, and
        self._started_at: list[float] = []  # when that was first known, rising too
        self._started_mid: list[float] = []
        self._queued: list[int] = []  # indexes seen waiting, rising, and
        self._queued_at: list[float] = []  # when last, rising too
        self._recent: deque[float] = deque(maxlen=30)
        self.opaque = False
        self._direct = self._queued_answers = self._processing_answers = 0

    def place(self, now: float) -> Place:
        """A new job at the end of the line."""
        self.count += 1
        self.waiting += 1
        return Place(self.count - 1, now)

    # -- evidence

    def seen_waiting(self, place: Place, sent: float) -> None:
        self._queued_answers += 1
        if self.opaque:
            return
        before = place.queued_at - place.submitted
        place.queued_at = max(place.queued_at, sent)
        if place.loose:
            return
        self.waits.waited(before, place.queued_at - place.submitted)
        while self._queued and self._queued[-1] >= place.index:
            self._queued.pop()
            self._queued_at.pop()
        self._queued.append(place.index)
        self._queued_at.append(place.queued_at)
        k = bisect_right(self._started, place.index)
        if k < len(self._started) and self._started_at[k] < sent - 1.0:
            self._weigh([0.0, -2.0, 0.0])  # overtaken: impossible in a line

    def seen_started(self, place: Place, starts: list[Start], now: float) -> None:
        """`now`: the first answer that it had started; `starts`: believed of it."""
        if place.first_seen < math.inf:
            return
        place.first_seen = now
        place.middle = mean = (
            sum(s.at * s.weight for s in starts) / sum(s.weight for s in starts) if starts else now
        )
        self.waiting -= 1
        if place.loose:
            return
        self._recent.append(now)
        latest = max((s.at for s in starts), default=now)
        since = place.queued_at - place.submitted
        self.waits.started(since, max(since + 0.1, latest - place.submitted))
        if place.index > self.front:
            low, high = self.bracket(place)
            self.front = place.index
            self._started.append(place.index)
            self._started_at.append(now)
            self._started_mid.append(min(high, max(low, mean)))

    def leave(self, place: Place) -> None:
        """The job says nothing more about the line."""
        if place.first_seen == math.inf:
            self.waiting -= 1
        place.loose = True

    def back(self, place: Place, sent: float) -> None:
        """It was running and waits again."""
        place.loose = True
        if place.first_seen < math.inf:
            self.waiting += 1
        place.first_seen = math.inf
        place.submitted = place.queued_at = sent

    def seen_processing(self) -> None:
        self._processing_answers += 1

    def seen_direct_end(self) -> bool:
        """It ended while last seen waiting. True once: the service does not tell when jobs start."""
        self._direct += 1
        silent = not self._processing_answers and self._direct >= 5 and self._queued_answers >= 10
        if silent and not self.opaque:
            self.opaque = True
            return True
        return False

    def vote(self, place: Place, curve: Curve, unit: float, sent: float, *, queued: bool, ended: bool) -> None:
        """One answer about a job that was waiting, read under each explanation."""
        if self.opaque or place.loose or place.first_seen < math.inf:
            return
        edges = self._edges(place, unit, sent)
        scores: list[float] = []
        for model in range(3):
            at = [self._model(model, place, t) for t in edges]
            started = at[-1] - at[0]
            over = 0.0
            for k in range(len(edges) - 1):
                over += (at[k + 1] - at[k]) * curve.at((sent - 0.5 * (edges[k] + edges[k + 1])) / unit)[0]
            scores.append(1.0 - started if queued else over if ended else max(0.0, started - over))
        self._weigh([math.log(p + 0.03) for p in scores])

    def _weigh(self, scores: list[float]) -> None:
        logs = [_FADE * a + b for a, b in zip(self.logs, scores, strict=True)]
        top = max(logs)
        self.logs = [max(-8.0, a - top) for a in logs]

    @property
    def trust(self) -> list[float]:
        """Probabilities of the three explanations."""
        weights = [math.exp(a) for a in self.logs]
        whole = sum(weights)
        return [w / whole for w in weights]

    # -- belief

    def bracket(self, place: Place) -> tuple[float, float]:
        """The line's bounds on the start."""
        k = bisect_left(self._started, place.index)
        high = self._started_at[k] if k < len(self._started) else math.inf
        k = bisect_right(self._queued, place.index) - 1
        low = self._queued_at[k] if k >= 0 else -math.inf
        return min(max(low, place.submitted), high), high

    @property
    def gap(self) -> float:
        """Seconds a place, from the last twenty places or so."""
        if not self._started:
            return _GAP
        last = len(self._started) - 1
        k = bisect_left(self._started, self._started[last] - 20)
        places = self._started[last] - self._started[k]
        return (
            max(0.02, (2 * _GAP + self._started_mid[last] - self._started_mid[k]) / (2 + places))
            if places < 20
            else max(0.02, (self._started_mid[last] - self._started_mid[k]) / places)
        )

    def lottery_gap(self, now: float) -> float:
        """Seconds a start, whoever's."""
        if len(self._recent) < 2:
            return _GAP
        return max(0.02, (2 * _GAP + now - self._recent[0]) / (2 + len(self._recent)))

    def expected(self, place: Place) -> tuple[float, float]:
        """When the line will have come to this job: mean and spread."""
        gap = self.gap
        if not self._started:
            ahead = place.index + 1
            return place.submitted + ahead * gap + 5.0, 0.5 * ahead * gap + 5.0
        ahead = place.index - self.front
        mid, seen = self._started_mid[-1], self._started_at[-1]
        mean = mid + ahead * gap
        low, _ = self.bracket(place)
        k = bisect_right(self._queued, place.index) - 1
        if k >= 0:
            mean = max(mean, self._queued_at[k] + gap * (place.index - self._queued[k] + 0.5))
        return max(mean, low), gap * math.sqrt(ahead) + 0.1 * ahead * gap + 0.3 * min(seen - mid, 10.0)

    def scout_target(self, now: float, rest: float, step: int) -> tuple[int | None, float]:
        """Whom to ask to find the front, or when to ask again: twice as far after each hit."""
        ahead = self.front + 1
        if self.front >= 0:
            step = max(step, int((now - self._started_mid[-1]) / self.gap))
        target = min(self.front + step, self.count - 1)
        k = max(bisect_right(self._queued, self.front), bisect_right(self._queued_at, now - rest))
        if k < len(self._queued):
            pinned = self._queued[k]
            if pinned == ahead or pinned - self.front <= max(2.0, 1.5 * rest / self.gap):
                return None, self._queued_at[k] + rest
            target = min(target, pinned - 1)
        return max(ahead, target), now

    def _model(self, model: int, place: Place, t: float) -> float:
        """P(started by t), given that it waited at `queued_at`, by one explanation."""
        since = place.queued_at
        if t <= since:
            return 0.0
        if model == 0:
            return self.waits.started_by(since - place.submitted, t - place.submitted)
        if model == 2:
            mean = self.lottery_gap(since) * max(1, self.waiting)
            return -math.expm1(-(t - since) / mean)
        low, high = self.bracket(place)
        if high < math.inf:
            return min(1.0, max(0.0, (t - low) / max(0.1, high - low)))
        mean, spread = self.expected(place)
        f0 = _logistic((low - mean) / spread)
        return max(0.0, _logistic((t - mean) / spread) - f0) / (1.0 - f0) if t > low else 0.0

    def _edges(self, place: Place, unit: float, until: float) -> list[float]:
        low = place.queued_at
        if self.trust[1] > 0.95:
            low = max(low, self.bracket(place)[0])
        if until < math.inf:
            low = min(low, until)
            return [low + (until - low) * q for q in (0.0, 0.1, 0.25, 0.45, 0.65, 0.82, 1.0)]
        return [low, *(low + unit * c for c in _CELLS)]

    def starts(self, place: Place, unit: float, until: float = math.inf) -> list[Start]:
        """Instants at which the job may have started or may yet start, with their probabilities.

        `until`: it is known to have started by then.
        """
        if self.opaque:
            return [Start(place.submitted, 1.0)]
        until = min(until, place.first_seen)
        if until - place.queued_at < 1.0:
            return [Start(0.5 * (place.queued_at + until), 1.0)]
        edges = self._edges(place, unit, until)
        trust = self.trust if not place.loose else [1.0, 0.0, 0.0]
        at = [0.0] * len(edges)
        for model, share in enumerate(trust):
            if share > 0.02:
                at = [a + share * self._model(model, place, t) for a, t in zip(at, edges, strict=True)]
        parts = [
            Start(0.5 * (a + b), max(0.0, q - p)) for a, b, p, q in zip(edges, edges[1:], at, at[1:], strict=False)
        ]
        if until == math.inf:
            return parts
        whole = sum(p.weight for p in parts)
        if whole < 1e-6:
            return [Start(0.5 * (place.queued_at + until), 1.0)]
        return [Start(p.at, p.weight / whole) for p in parts if p.weight > 0.01 * whole]


def _logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, 1.7 * z))))
