"""Play a scheduler against a world on virtual time: a pure function of the two."""

from __future__ import annotations

import heapq
import math
import time

import attrs
import numpy as np

from pixverse_async._core.schedule import Scheduler

from .model import SimJob, World, start

WAY_BACK = 0.0875
"""Mean seconds of an answer's way back: the part of the lateness that nobody can avoid."""
_LONGEST = 60_000.0


@attrs.frozen(kw_only=True)
class Played:
    """What a schedule paid and what it lost."""

    lateness: list[float]
    polls: int
    jobs: int
    overhead: float
    """Seconds from the end of the last job to its being known."""
    peak: int
    """Most polls in a second."""
    cpu: float
    unknown: int

    @property
    def polls_per_job(self) -> float:
        """Polls of all jobs, over the jobs."""
        return self.polls / self.jobs

    @property
    def mean(self) -> float:
        """Mean lateness."""
        return sum(self.lateness) / max(1, len(self.lateness))

    @property
    def p95(self) -> float:
        """Lateness that one in twenty exceeds."""
        return float(np.percentile(self.lateness, 95)) if self.lateness else math.inf

    def cost(self, kappa: float) -> float:
        """Polls and lateness in one number."""
        return kappa * self.polls_per_job + self.mean


class _Network:
    """Round trips of 50 to 300 ms, drawn in blocks."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 4242])
        self._block: list[tuple[float, float, float]] = []
        self._at = 8192

    def trip(self) -> tuple[float, float, float]:
        """Way there, way back, and a number that decides whether the call fails."""
        if self._at >= len(self._block):
            n = 8192
            whole, part, luck = (
                self._rng.uniform(0.05, 0.30, n),
                self._rng.uniform(0.35, 0.65, n),
                self._rng.random(n),
            )
            self._block = list(
                zip((whole * part).tolist(), (whole * (1 - part)).tolist(), luck.tolist(), strict=True)
            )
            self._at = 0
        self._at += 1
        return self._block[self._at - 1]


class _Bucket:
    """The service's own limit."""

    def __init__(self, world: World) -> None:
        self._limit = world.setting.limit
        self._tokens = self._limit.burst if self._limit else 0.0
        self._at = 0.0

    def refuses(self, now: float) -> float | None:
        """Seconds of Retry-After, or None when the call is let through."""
        limit = self._limit
        if limit is None:
            return None
        self._tokens = min(limit.burst, self._tokens + max(0.0, now - self._at) * limit.rate)
        self._at = max(self._at, now)
        if self._tokens < 1.0:
            return limit.retry_after
        self._tokens -= 1.0
        return None


class _Game:
    """One play: a heap of submissions, answers and deadlines."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self.world, self.scheduler = world, scheduler
        self._network, self._bucket = _Network(world.seed), _Bucket(world)
        self._events: list[tuple[float, int, str, int, float, float, float]] = []
        self._count = 0
        self._open: set[int] = set()
        self._left = len(world.jobs)
        self._sent: dict[int, int] = {}
        window = world.setting.window
        self._held = [job.id for job in world.jobs][::-1] if window else []
        if window:
            for k in range(min(window, len(self._held))):
                self._push(0.05 + 0.02 * k, "submit", self._held.pop())
        else:
            for job in world.jobs:
                self._push(job.submitted_at, "submit", job.id)

    def _push(
        self, at: float, kind: str, job: int, sent: float = 0.0, arrived: float = 0.0, luck: float = 0.0
    ) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, kind, job, sent, arrived, luck))

    def run(self, until: float) -> None:
        now = 0.0
        while self._left and now < until:
            wakeup = self.scheduler.next_wakeup()
            if wakeup is not None and (not self._events or wakeup <= self._events[0][0]):
                now = max(now, wakeup)
                self._poll(now)
            elif self._events:
                now, _, kind, job, sent, arrived, luck = heapq.heappop(self._events)
                self._happen(now, kind, self.world.jobs[job], sent, arrived, luck)
            else:
                break

    def _poll(self, now: float) -> None:
        job = self.scheduler.take(now)
        if job is None:
            wakeup = self.scheduler.next_wakeup()
            if wakeup is not None and wakeup <= now:
                raise RuntimeError("the scheduler asks to be woken now and then takes nothing")
            return
        self.world.jobs[job].polls += 1
        self._sent[int(now)] = self._sent.get(int(now), 0) + 1
        there, back, luck = self._network.trip()
        self._push(now + there + back, "answer", job, now, now + there, luck)

    def _happen(self, now: float, kind: str, job: SimJob, sent: float, arrived: float, luck: float) -> None:
        if kind == "submit":
            job.submitted_at = now
            if self.world.setting.window:
                start(self.world.setting, job, now + job.wait)
            self._open.add(job.id)
            if math.isfinite(self.world.setting.give_up_after):
                self._push(now + self.world.setting.give_up_after, "give up", job.id)
            self.scheduler.submitted(job.id, job.job_class, now)
        elif job.id in self._open:
            if kind == "answer":
                self._answer(now, job, sent, arrived, luck)
            else:
                self._open.discard(job.id)
                self._left -= 1
                self.scheduler.abandoned(job.id, now)

    def _answer(self, now: float, job: SimJob, sent: float, arrived: float, luck: float) -> None:
        retry_after = self._bucket.refuses(arrived)
        if retry_after is not None:
            self.scheduler.error(job.id, 429, retry_after, sent, now)
            return
        if luck < self.world.setting.error_share:
            self.scheduler.error(job.id, 503, None, sent, now)
            return
        stage = job.stage_at(arrived)
        if stage.is_final:
            job.known_at = now
            self._open.discard(job.id)
            self._left -= 1
            if self._held:
                self._push(now + 0.05, "submit", self._held.pop())
        self.scheduler.observed(job.id, stage, sent, now)

    def result(self, cpu: float) -> Played:
        jobs = self.world.jobs
        known = [(job.known_at, job.ended_at) for job in jobs if job.known_at is not None]
        return Played(
            lateness=[at - ended for at, ended in known],
            polls=sum(job.polls for job in jobs),
            jobs=len(jobs),
            overhead=max((at for at, _ in known), default=0.0) - max((ended for _, ended in known), default=0.0),
            peak=max(self._sent.values(), default=0),
            cpu=cpu,
            unknown=len(jobs) - len(known),
        )


def play(world: World, scheduler: Scheduler, *, until: float = _LONGEST) -> Played:
    """One batch from the first submission to the last known end, or so many seconds of it."""
    game = _Game(world, scheduler)
    before = time.process_time()
    game.run(until)
    return game.result(time.process_time() - before)
