"""A world is a batch of jobs whose every status change is fixed before the first poll.

`build` draws one from a `Setting` and a seed: how long each job waits and runs, and for a service with
few workers who goes when.  Nothing in here knows that anybody polls.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import attrs
import numpy as np

from pixverse_async._core.job import JobClass, Stage

BASE = {"360p": 22.0, "540p": 30.0, "720p": 42.0, "1080p": 80.0}
"""Typical seconds of a clip of 5 s; published figures for models of this kind lie between 20 and 100."""
CLASSES = tuple(JobClass(quality, duration, audio=False) for quality in BASE for duration in (5, 8))
LENGTH_POWER = 0.85
POSTS_PER_SECOND = 50.0
REQUEUE_WAIT = 15.0

Change = tuple[float, Stage]


@attrs.frozen(kw_only=True)
class Shape:
    """The distribution of a running time around its median of one: lognormal, some with a Pareto tail."""

    sigma: float
    straggler_share: float = 0.0
    straggler_power: float = 1.3

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """`n` draws, at most thirty times the median."""
        times = np.exp(self.sigma * rng.standard_normal(n))
        if self.straggler_share:
            late = rng.random(n) < self.straggler_share
            times = np.where(late, times * (1.0 + rng.pareto(self.straggler_power, n)), times)
        return np.minimum(times, 30.0)


@attrs.frozen(kw_only=True)
class Limit:
    """The service's own token bucket for status calls."""

    rate: float
    burst: float
    retry_after: float


@attrs.frozen(kw_only=True)
class Setting:
    """How a service behaves and how jobs are sent to it."""

    name: str
    about: str
    jobs: int = 300
    classes: tuple[JobClass, ...] = CLASSES
    shape: Shape = Shape(sigma=0.2)
    spread: float = 1200.0
    """Seconds over which jobs are submitted; 0: all at once."""
    window: int = 0
    """At most so many in flight, the next sent when one is known to have ended; 0: no window."""
    wait_median: float = 8.0
    wait_sigma: float = 0.8
    early_share: float = 0.0
    """Part of the jobs that end 3 to 6 s after their start."""
    slowdown: Callable[[float], float] | None = None
    workers: int = 0
    """So many jobs run at a time, in the order of submission unless `shuffled`; 0: no queue."""
    shuffled: bool = False
    backlog: float = 0.0
    """Seconds of others' work before ours."""
    tenants: bool = False
    """Others' jobs keep coming."""
    opaque: bool = False
    """The status is "queued" until the end."""
    never_share: float = 0.0
    requeue_share: float = 0.0
    error_share: float = 0.0
    limit: Limit | None = None
    give_up_after: float = math.inf
    batches: int = 1
    """Independent batches a seed, for small ones."""
    hostile: bool = False


@attrs.define(eq=False)
class SimJob:
    """One job's fate."""

    id: int
    job_class: JobClass
    submitted_at: float
    wait: float
    service: float
    outcome: Stage = Stage.SUCCEEDED
    requeue_at: float = 0.0
    changes: list[Change] = attrs.field(factory=lambda: list[Change]())
    started_at: float = 0.0
    ended_at: float = math.inf
    polls: int = 0
    known_at: float | None = None

    def stage_at(self, t: float) -> Stage:
        """What the service answers at `t`."""
        stage = Stage.QUEUED
        for at, new in self.changes:
            if at > t:
                break
            stage = new
        return stage


@attrs.define(eq=False)
class World:
    """A setting with its draws."""

    setting: Setting
    jobs: list[SimJob]
    medians: dict[JobClass, float]
    seed: int


def build(setting: Setting, seed: int, batch: int = 0) -> World:
    """One world; the same for the same arguments."""
    rng = np.random.default_rng([seed, batch, *setting.name.encode()])
    deployment = np.random.default_rng([seed, batch if setting.batches > 1 else 0, 77])
    medians = _medians(deployment)
    n = setting.jobs
    at_once = setting.window or not setting.spread
    submitted = np.arange(n) / POSTS_PER_SECOND + 0.05 if at_once else np.sort(rng.uniform(0, setting.spread, n))
    classes = [setting.classes[int(k)] for k in rng.integers(0, len(setting.classes), n)]
    residuals = setting.shape.sample(rng, n)
    waits = setting.wait_median * np.exp(setting.wait_sigma * rng.standard_normal(n))
    early, early_seconds = rng.random(n) < setting.early_share, rng.uniform(3.0, 6.0, n)
    fails, never = rng.random(n) < 0.5, rng.random(n) < setting.never_share
    requeued = rng.random(n) < setting.requeue_share
    jobs: list[SimJob] = []
    for k in range(n):
        service = medians[classes[k]] * float(residuals[k])
        job = SimJob(k, classes[k], float(submitted[k]), float(waits[k]), service)
        if early[k]:
            job.service = float(early_seconds[k])
            job.outcome = Stage.FAILED if fails[k] else Stage.SUCCEEDED
        if never[k]:
            job.service = math.inf
        elif requeued[k]:
            job.requeue_at = 0.4 * job.service
        jobs.append(job)
    world = World(setting, jobs, medians, seed * 1000 + batch)
    if setting.workers:
        _serve(world, rng)
    elif not setting.window:
        for job in jobs:
            start(setting, job, job.submitted_at + job.wait)
    return world


def history(setting: Setting, seed: int, batch: int) -> World:
    """An earlier batch of 200 jobs of the same deployment, for schedules that start warm."""
    calm = attrs.evolve(
        setting, jobs=200, spread=1200.0, window=0, workers=0, limit=None, slowdown=None,
        never_share=0.0, requeue_share=0.0, error_share=0.0, give_up_after=math.inf,
    )  # fmt: skip
    world = build(calm, seed, batch)
    world.seed += 500_000
    rng = np.random.default_rng([seed, batch, 31337])
    residuals = setting.shape.sample(rng, len(world.jobs))
    for job, residual in zip(world.jobs, residuals, strict=True):
        if job.outcome is Stage.SUCCEEDED and job.service > 6.0:
            job.service = world.medians[job.job_class] * float(residual)
        start(calm, job, job.submitted_at + job.wait)
    return world


def _medians(deployment: np.random.Generator) -> dict[JobClass, float]:
    """What this deployment takes: fast or slow as a whole, and a little otherwise for each class."""
    scale = math.exp(0.5 * deployment.standard_normal())
    return {
        c: scale
        * math.exp(0.15 * deployment.standard_normal())
        * BASE[c.quality]
        * (c.duration / 5) ** LENGTH_POWER
        for c in CLASSES
    }


def start(setting: Setting, job: SimJob, at: float) -> None:
    """Fix the rest of a job's life from the instant it starts."""
    service = job.service * setting.slowdown(at) if setting.slowdown else job.service
    job.changes = [(job.submitted_at, Stage.QUEUED), (at, Stage.PROCESSING)]
    if job.requeue_at:
        back = at + job.requeue_at
        at = back + REQUEUE_WAIT
        job.changes += [(back, Stage.QUEUED), (at, Stage.PROCESSING)]
    job.started_at, job.ended_at = at, at + service
    if math.isfinite(job.ended_at):
        job.changes.append((job.ended_at, job.outcome))
    if setting.opaque:
        job.changes = [change for change in job.changes if change[1] is not Stage.PROCESSING]


def _serve(world: World, rng: np.random.Generator) -> None:
    """A service with few workers decides who starts when."""
    setting = world.setting
    free = [
        setting.backlog * (0.6 + 0.4 * rng.random()) if setting.backlog else 0.0 for _ in range(setting.workers)
    ]
    heapq.heapify(free)
    order = list(range(len(world.jobs)))
    if setting.shuffled:
        rest = order[setting.workers :]
        order[setting.workers :] = [rest[int(k)] for k in rng.permutation(len(rest))]
    for k in order:
        job = world.jobs[k]
        at = max(heapq.heappop(free), job.submitted_at)
        start(setting, job, at)
        busy_until = job.ended_at
        if setting.tenants and rng.random() < 0.35 + 0.3 * math.sin(at / 400.0):
            busy_until += world.medians[job.job_class] * float(rng.lognormal(0, 0.4))
        heapq.heappush(free, busy_until)
