"""CPU of the polling scheduler alone, the simulator that it plays with left out, and bytes a job in flight.

python -m benchmarks.scheduler_cpu                    world by world
python -m benchmarks.scheduler_cpu --waiting 50000    with so many jobs in one line

Milliseconds depend on the machine, so the first line is a yardstick of the same minute.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc

import attrs

from benchmarks.worlds.catalogue import WORLDS
from benchmarks.worlds.model import POSTS_PER_SECOND, World, build
from benchmarks.worlds.play import play
from benchmarks.worlds.replay import Recorder, replay, yardstick
from pixverse_async._core.job import JobClass
from pixverse_async._core.schedule import DEFAULT_POLLS_PER_SECOND, AdaptivePolling, Scheduler

SHOWN = ("a", "c", "e1", "e4", "f", "o", "u", "x1")
SEEDS = range(1, 4)
BATCHES = 10
"""Of a world that has sixty small ones."""
STEADY = 1200.0
"""Seconds of the line that are played after the last submission."""


def world_by_world() -> None:
    """For each world, over its seeds."""
    print(f"{'':4s} {'ms a poll':>10s} {'ms a decision':>14s}   (a decision is a poll or a submission)")
    for name in SHOWN:
        setting = WORLDS[name]
        worlds = [build(setting, k, batch) for k in SEEDS for batch in range(min(BATCHES, setting.batches))]
        costs = [_cost(world) for world in worlds]
        spent, polls = 1000 * sum(seconds for seconds, _ in costs), sum(n for _, n in costs)
        jobs = setting.jobs * len(worlds)
        print(f"{name:4s} {spent / polls:10.3f} {spent / (polls + jobs):14.3f}", flush=True)


def in_line(jobs: int) -> None:
    """All submitted at once to a service that runs ten at a time."""
    scheduler, job_class = _fresh(1), JobClass("540p", 5, audio=False)
    tracemalloc.start()
    for job in range(jobs):
        scheduler.submitted(job, job_class, 0.001 * job)
    used = tracemalloc.get_traced_memory()[0] / jobs
    tracemalloc.stop()
    spent, polls = _cost(build(attrs.evolve(WORLDS["e1"], jobs=jobs), 1), until=jobs / POSTS_PER_SECOND + STEADY)
    print(
        f"{jobs} in line: {1000 * spent / (polls + jobs):.3f} ms a decision ({polls} polls), {used:.0f} bytes a job"
    )


def _cost(world: World, *, until: float = 60_000.0) -> tuple[float, int]:
    """Seconds of CPU, and polls."""
    recorder = Recorder(_fresh(world.seed))
    play(world, recorder, until=until)
    return min(replay(recorder.calls, _fresh(world.seed)) for _ in range(3)), recorder.polls


def _fresh(seed: int) -> Scheduler:
    return AdaptivePolling().scheduler(polls_per_second=DEFAULT_POLLS_PER_SECOND, seed=seed)


def main() -> int:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=0)
    args = parser.parse_args()
    print(f"ten million rounds of `s += i * i` take {yardstick():.2f} s of CPU here")
    if args.waiting:
        in_line(args.waiting)
    else:
        world_by_world()
    return 0


if __name__ == "__main__":
    sys.exit(main())
