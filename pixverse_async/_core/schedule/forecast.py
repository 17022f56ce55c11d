"""What is believed of each job in flight, and from that when it is worth asking about.

Every answer goes to `starts` (when a waiting job starts) and to `belief` (how long it runs then). Together they give a
job's outlook, and `rule` its due time. Nothing here polls, counts polls or knows how many are allowed.
"""

from __future__ import annotations

import math
from collections import deque

from ..job import JobClass, Stage
from .belief import Belief, Said
from .memory import recall, remember
from .rule import Curve, Outlook, Start
from .starts import HORIZON, Place, Starts, mean_start

_GUESS = {"360p": 25.0, "540p": 35.0, "720p": 50.0, "1080p": 90.0}
"""Seconds for a clip of 5 s; published figures are 20 to 100. After one finished job only their ratios matter."""
_GUESS_OTHER = 50.0
"""For a quality that is not in this list."""
_CLIP_SECONDS, _LENGTH_POWER = 5, 0.8
"""A longer clip takes longer, a little less than in proportion: a guess, which each class's own jobs correct."""
_RUNNING_LEAST, _RUNNING_PART = 60.0, 0.25
"""A running job is asked after a minute, or a quarter of its age if longer, but after the ceiling at the latest."""
_WAITING_PART = 0.05
"""A waiting job is asked after the ceiling, or this part of its age if longer: after a day minutes do not matter."""
_TEACHING = 0.7
"""How much cheaper an answer may be while it teaches: kappa is multiplied by this power of `chance_share`, so where
chance is a third of the spread it is halved. 0.5 and 1 were measured the same within 2%."""
_HINT = 0.15
"""Part of the typical duration at which the first search for a due time begins: it decides only how soon it ends."""
_MOSTLY_WAITING = 0.5
"""If a job will more probably than not still wait when due, the interval is chosen to find its start, see `_search`."""
_WATCHING = 2.55
"""Watching a job to its end costs so many times the root of kappa x spread in seconds: about 1.9 by the exact schedule
if the curve is known, 10 to 50% more while it is learned (benchmarks/README.md, "x bound"). Half and twice 2.55 moved
the cost of three worlds by less than 1%."""
_SOONER = 0.875
"""A job that may start at any time is asked an eighth sooner than costs least: the few that wait longest are known
sooner, at hardly more cost, for near the least the sum is flat."""
_LEAST_CHANCE = 1e-9
"""The chance to start in a second counts for no less, for it divides."""
_QUIET, _QUIET_LEAST, _QUIET_MOST = 2.3, 1.0, 60.0
"""The factor in `Forecast.quiet_seconds`, as measured (2.1 by the arithmetic there); and the bounds of its result, so
that a fast line is not scouted at each turn, nor one that has stood still left alone when it moves on."""
_TOTALS = 32
"""The last jobs that ended, whose time from submission to end is kept in case the service proves to tell no starts."""
_STALL_SECONDS, _STALL_TIMES = 600.0, 3.0
"""Stalled: running for ten minutes, which PixVerse calls stuck, and three times as long as any that ended."""


def _guess(job_class: JobClass) -> float:
    return math.log(
        _GUESS.get(job_class.quality, _GUESS_OTHER) * (job_class.duration / _CLIP_SECONDS) ** _LENGTH_POWER
    )


class Watched:
    """One job in flight."""

    __slots__ = (
        "curve", "due", "errors", "flying", "hint", "job", "job_class", "kappa", "last", "longest_part", "place",
        "said", "serial", "stage", "wait_until",
    )  # fmt: skip

    def __init__(self, job: int, job_class: JobClass, place: Place, kappa: float) -> None:
        self.job, self.job_class, self.place = job, job_class, place
        self.kappa = kappa
        """The price of its next poll."""
        self.stage = Stage.QUEUED
        self.last = place.submitted
        """Last known not to have ended."""
        self.longest_part = 1.0
        """How much of the longest interval is allowed: 1, or a little less, by chance, anew for each poll."""
        self.due = self.wait_until = 0.0
        """When a poll is worth its price; and the end of a pause after an error."""
        self.curve: Curve | None = None
        """The curve by which `due` was reckoned."""
        self.hint = 0.0
        """Seconds after `last` at which the rule last found it due: where its next search begins."""
        self.said: Said | None = None
        """What its answers have taught of how long jobs run."""
        self.serial = self.errors = 0
        """The number of its entry in a heap; and polls that failed in a row."""
        self.flying = False
        """A poll of it is under way."""


class Forecast:
    """What is believed of starts and of durations, and what follows for one job."""

    def __init__(self, kappa: float, ceiling: float) -> None:
        self.starts = Starts()
        self._belief = Belief(_guess)
        self._kappa, self._ceiling = kappa, ceiling
        self._longest_run = 0.0
        """Of the jobs that have ended, how long the longest ran, in seconds."""
        self._totals: deque[tuple[JobClass, float, float]] = deque(maxlen=_TOTALS)

    # -- when to ask

    def outlook(self, watched: Watched) -> Outlook:
        """What is believed about the end of the job."""
        curve, unit, *_ = self._belief.curve(watched.job_class)
        return Outlook(curve, unit, self.starts.to_come(watched.place, unit), watched.last)

    def set_due(self, watched: Watched) -> None:
        """Reckon when the next poll is worth its price.

        While typical durations are unsure, an answer is not only news of one job but teaches about all others, and its
        price is lower: see `_TEACHING`. At the full price 200 jobs at once cost a tenth more.
        """
        outlook = self.outlook(watched)
        hint = watched.hint or _HINT * outlook.unit
        kappa = watched.kappa * self._belief.curve(watched.job_class).chance_share ** _TEACHING
        due = outlook.due(kappa, self._longest(watched), hint)
        watched.hint = due - watched.last
        if watched.stage is Stage.QUEUED and not self.starts.in_line:
            waiting = outlook.waiting(due)
            if waiting > _MOSTLY_WAITING:
                due = min(due, watched.last + self._search(watched, outlook.unit, due - watched.last, waiting))
        watched.due, watched.curve = max(due, watched.wait_until), outlook.curve

    def _search(self, watched: Watched, unit: float, wait: float, waiting: float) -> float:
        """The best interval for a job that starts at any time, with the same small chance each second.

        Let D be the interval and S the running time, less than D. 1 / (chance x D) polls leave until the job starts,
        anywhere in an interval. If it has ended by the next poll, it is known too late: by (D - S)**2 / (2 D), averaged
        over all starts. With chance S / D it still runs then, and is watched from there on. The sum, kappa / (chance x
        D) + (D - S)**2 / (2 D) + watching x S / D, is least at D**2 = S**2 + 2 (kappa / chance + S x watching).

        S is what is typical; some jobs are shorter. Among the last few of a batch, whose polls may cost less, these are
        worth looking for: S**2 is multiplied by the root of the part of kappa that a poll may cost. So the last of
        world b was known within 2.8 s instead of 4.3 s (mean of fifteen seeds), at the same cost.
        """
        chance = max(_LEAST_CHANCE, (1.0 - waiting) / min(wait, HORIZON * unit))
        watching = _WATCHING * math.sqrt(watched.kappa * self._belief.spread * unit)
        part = math.sqrt(min(1.0, watched.kappa / self._kappa))
        return _SOONER * math.sqrt(part * unit * unit + 2.0 * (watched.kappa / chance + unit * watching))

    def _longest(self, watched: Watched) -> float:
        """Seconds after which a job is asked, whatever its curve says."""
        place, line = watched.place, self.starts.line
        age = watched.last - place.submitted
        if watched.stage is Stage.PROCESSING:
            return watched.longest_part * min(self._ceiling, max(_RUNNING_LEAST, _RUNNING_PART * age))
        longest = watched.longest_part * max(self._ceiling, _WAITING_PART * age)
        if self.starts.in_line and place.index > line.front:
            return max(longest, line.expected(place)[0] - watched.last)
        return longest

    def may_have_moved(self, watched: Watched) -> bool:
        """Other jobs' answers may have moved the due time: if it waits; if it runs, only with a curve drawn anew."""
        return watched.stage is Stage.QUEUED or watched.curve is not self._belief.curve(watched.job_class).curve

    def quiet_seconds(self, watched: Watched) -> float:
        """Seconds for which the front of the line, once found, is left alone: R.

        One poll each R seconds serves the R / gap jobs that start meanwhile: kappa x gap / R for each. But a start that
        is known only within R makes the end less sure: its variance grows by R**2 / 12, that of values spread evenly
        over R, and watching costs `_WATCHING` x sqrt(kappa x spread of the end). If R is small against that spread,
        the sum is least at R = 2.1 x kappa**(1/6) x gap**(1/3) x sqrt(spread); twice or half that costs 2%.
        """
        spread = self._belief.spread * self._belief.unit(watched.job_class)
        quiet = _QUIET * self._kappa ** (1 / 6) * self.starts.line.gap ** (1 / 3) * math.sqrt(spread)
        return min(_QUIET_MOST, max(_QUIET_LEAST, quiet))

    def is_stalled(self, watched: Watched, now: float) -> bool:
        """It has run far longer than any job that has ended."""
        place = watched.place
        if self.starts.opaque:
            ran = now - place.submitted
        elif watched.stage is Stage.PROCESSING:
            ran = now - place.began_at
        else:
            return False
        return ran > max(_STALL_SECONDS, _STALL_TIMES * self._longest_run)

    # -- what was answered

    def answered(self, watched: Watched, stage: Stage, sent: float, received: float) -> None:
        """Learn from a status answer."""
        place, starts = watched.place, self.starts
        curve, unit, *_ = self._belief.curve(watched.job_class)
        starts.weigh(place, curve, unit, stage, sent)
        if stage.is_final:
            self._ended(watched, received)
            return
        if stage is Stage.PROCESSING:
            self._runs(watched, sent, received)
        else:
            if watched.stage is Stage.PROCESSING:
                starts.back(place, sent)
                watched.said = None  # it was said of that run, and the job will run again
            starts.seen_waiting(place, sent)
        watched.stage, watched.last = stage, max(watched.last, sent)

    def _runs(self, watched: Watched, sent: float, received: float) -> None:
        place = watched.place
        if self.starts.opaque:  # starts are told after all, but what was learned is wait + running time
            self.starts.opaque, self._belief = False, Belief(_guess)
        if watched.stage is Stage.PROCESSING:
            believed = place.began
        else:
            believed = self.starts.past(place, received)
            self.starts.seen_started(place, believed, received, told=True, in_turn=True)
        watched.said = self._belief.survived(watched.job_class, believed, sent, watched.said)

    def _ended(self, watched: Watched, received: float) -> None:
        place, last, starts = watched.place, watched.last, self.starts
        self._totals.append((watched.job_class, last - place.submitted, received - place.submitted))
        believed = starts.past(place, received)
        began = self._belief.explain(watched.job_class, believed, last, received)
        self._longest_run = max(self._longest_run, received - mean_start(began))
        early = self._belief.finished(watched.job_class, believed, last, received, watched.said)
        if place.first_seen < math.inf:
            return
        if not early and starts.seen_direct_end():
            self._relearn()
        starts.seen_started(place, began, received, told=False, in_turn=not early)

    def _relearn(self) -> None:
        """The service tells no starts: learn the time from submission to end instead."""
        self._belief = Belief(_guess)
        for job_class, since, until in self._totals:
            self._belief.finished(job_class, [Start(0.0, 1.0)], since, until)
        self._belief.forget_time()

    # -- from run to run

    def remember(self) -> str | None:
        """See `memory`."""
        return remember(self._belief, self.starts)

    def recall(self, learned: str) -> str | None:
        """See `memory`."""
        return recall(learned, self._belief, self.starts)
