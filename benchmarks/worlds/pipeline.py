"""The whole pipeline on virtual time beside the simulator: one service, one scheduler, and so the same numbers.

`compare` sends jobs through the client to the emulated service, then puts the very waits and running times that the
service drew into a simulated world, and plays the scheduler there.  What differs is chance: the round trips.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import anyio
import attrs

from pixverse_async import AdaptivePolling, Job, JobClass
from pixverse_async._core.job import Stage
from pixverse_async._core.schedule import DEFAULT_POLLS_PER_SECOND
from pixverse_async._core.wire import Call, Reply
from pixverse_async.emulator.generation import Generation
from tests.memory import MemorySink, MemoryTransport, Scene, kinds
from tests.virtual_time import VirtualTimeLoop

from .model import POSTS_PER_SECOND, Setting, SimJob, World
from .play import play

_TRIP = 0.175
"""Seconds: the mean round trip of the simulator."""
_STAGES = {
    "queued": Stage.QUEUED,
    "dispatched": Stage.QUEUED,
    "processing": Stage.PROCESSING,
    "success": Stage.SUCCEEDED,
}
SERVICES: dict[str, dict[str, float]] = {
    "independent": {
        "generation_median": 50.0,
        "generation_sigma": 0.2,
        "queue_wait_median": 8.0,
        "queue_wait_sigma": 0.8,
    },
    "line": {"generation_median": 30.0, "generation_sigma": 0.2, "workers": 10},
}
"""As the simulator's worlds a and e1, all jobs sent at once."""


class Numbers(NamedTuple):
    """Polls a job, and the mean lateness in seconds."""

    polls: float
    late: float


@attrs.define(eq=False)
class _Witness(MemoryTransport):
    """Notes when news of each end reached the client. Submits arrive one by one, as the simulator's do."""

    known_at: dict[str, float] = attrs.field(factory=dict[str, float])
    polls: int = 0
    free_at: float = 0.0

    async def call(self, call: Call) -> Reply:
        if call.method == "POST":
            self.free_at = max(self.free_at, self.now) + 1.0 / POSTS_PER_SECOND
            await anyio.sleep(self.free_at - self.now)
        sent = self.now
        reply = await super().call(call)
        found = self.cloud.service.queue.requests.get(call.path.rpartition("/")[2])
        if found is not None and call.method == "GET":
            self.polls += 1
            if found.is_final(sent):
                self.known_at.setdefault(found.request_id, self.now)
        return reply


async def _real(name: str, jobs: int, seed: int) -> tuple[Numbers, list[Generation]]:
    """A batch through the client; what the service did with each job."""
    scene = Scene.set(
        Path(), "media:no_hashes", seed=seed, poll_latency=_TRIP, epoch_utc=1_800_000_000.0, **SERVICES[name]
    )  # fmt: skip
    scene.transport = witness = _Witness(scene.cloud)
    made = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(jobs)]
    batch = await scene.run(made, sink=MemorySink(), journal=False, max_in_flight=jobs)
    if kinds(batch) != ["Succeeded"] * jobs:
        raise RuntimeError("not every job succeeded")
    generations = list(scene.cloud.service.queue.requests.values())
    late = fmean(witness.known_at[one.request_id] - one.timetable.ends_at for one in generations)
    return Numbers(witness.polls / jobs, late), generations


def _simulated(generations: list[Generation], accepted_after: float, seed: int) -> Numbers:
    """The same waits and running times in a simulated world."""
    job_class = Job("https://pictures.example/0.jpg", "scene").job_class
    jobs = [_job(k, one, job_class, accepted_after) for k, one in enumerate(generations)]
    world = World(Setting(name="pipeline", about="what the emulated service did"), jobs, {}, seed)
    scheduler = AdaptivePolling().scheduler(polls_per_second=DEFAULT_POLLS_PER_SECOND, seed=seed)
    played = play(world, scheduler)
    return Numbers(played.polls_per_job, played.mean)


def _job(index: int, one: Generation, job_class: JobClass, accepted_after: float) -> SimJob:
    job = SimJob(index, job_class, one.accepted_at + accepted_after, 0.0, math.nan)
    job.changes = [(at, _STAGES[word]) for at, word in one.timetable.steps]
    job.ended_at = one.timetable.ends_at
    return job


def compare(name: str, jobs: int, seeds: int) -> tuple[Numbers, Numbers]:
    """Means over the seeds: the pipeline's numbers, and the simulator's."""
    real: list[Numbers] = []
    simulated: list[Numbers] = []
    for seed in range(1, seeds + 1):
        numbers, generations = anyio.run(
            _real, name, jobs, seed, backend_options={"loop_factory": VirtualTimeLoop}
        )  # fmt: skip
        real.append(numbers)
        simulated.append(_simulated(generations, 0.3, seed))
    return _mean(real), _mean(simulated)


def _mean(numbers: list[Numbers]) -> Numbers:
    return Numbers(fmean(one.polls for one in numbers), fmean(one.late for one in numbers))
