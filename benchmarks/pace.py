"""How much of a rate limit is used, and how often the service has to refuse: in virtual time, from a cold start.

    python -m benchmarks.pace [--jobs 1000]

The emulator's queue takes 60 submits a minute and works on 20 at once; nothing is set on our side.  The whole client
runs over the in-memory transport.  *used*: the time at which the limits allow the last submit, as a share of the time
at which it was accepted.  *refused*: 429 answers, as a share of submits.  In `halved` the limit is 30 a minute
from the middle on.  Beside the default (100 in flight), fixed numbers in flight
and inspect_ai's controller (`peer_pace`).  Counts, not clocks: exact each time.

In `untold` nobody is refused: the queue accepts everything, and what is too much for the vendor behind it (60 a minute,
or 20 at once) fails.  *failed* are those records, as a share of the jobs; *used* as above, or for the 20 at once the
share of their time in which a request occupies them, until the last one was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Coroutine
from pathlib import Path

import anyio
import attrs

from benchmarks.peer_pace import Peer
from pixverse_async import Job, JobEvent
from pixverse_async.emulator.limits import SlidingWindow
from pixverse_async.events import SubmitAccepted
from tests.memory import MemorySink, Scene
from tests.virtual_time import VirtualTimeLoop

PER_MINUTE = 60
WORKERS = 20
MEDIAN = 12.0
"""Seconds a generation: 20 workers could do 90 a minute, so that the rate is what limits."""


@attrs.define(eq=False)
class Watch:
    """When submits were accepted; halves the limit in the middle if asked."""

    scene: Scene
    halve_at: int | None
    accepted: int = 0
    last_at: float = 0.0

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event.event, SubmitAccepted):
            self.count()

    def count(self) -> None:
        """A submit was accepted."""
        self.accepted += 1
        self.last_at = anyio.current_time()
        if self.accepted == self.halve_at:
            for window in self.scene.cloud.service.windows:
                window.limit = PER_MINUTE // 2


def set_scene() -> Scene:
    return Scene.set(
        Path(tempfile.mkdtemp()), rpm=PER_MINUTE, workers=WORKERS, generation_median=MEDIAN, generation_sigma=0.3
    )


async def play_peer(jobs: int, *, halve: bool) -> tuple[float, float]:
    """The same, of inspect_ai's controller."""
    scene = set_scene()
    watch = Watch(scene, jobs // 2 if halve else None)
    peer = Peer(scene, random.Random(3))
    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for n in range(jobs):
            group.start_soon(peer.run, n, watch.count)
    return earliest(jobs, halve=halve) / (watch.last_at - began), 1.0 - jobs / peer.submits


async def play(jobs: int, *, halve: bool, **options: int) -> tuple[float, float]:
    """The share of the limit that was used, and of the submits that were refused."""
    scene = set_scene()
    watch = Watch(scene, jobs // 2 if halve else None)
    asked = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(jobs)]
    began = anyio.current_time()
    batch = await scene.run(
        asked, sink=MemorySink(), journal=False, job_timeout=36_000.0, on_event=watch, **options
    )
    assert len(batch.succeeded) == jobs
    return earliest(jobs, halve=halve) / (watch.last_at - began), 1.0 - jobs / scene.submits


def earliest(jobs: int, *, halve: bool) -> float:
    """When the limits allow the last submit, if nobody is ever refused and every opening is used at once."""
    window = SlidingWindow("RPM", PER_MINUTE, 60.0)
    now = 0.0
    for n in range(jobs):
        if halve and n == jobs // 2:
            window.limit = PER_MINUTE // 2
        while wait := window.wait("", now):
            now += wait
        window.admit("", now)
    return now


async def play_untold(jobs: int, **vendor: int) -> tuple[float, float]:
    """The share of the limit that was used, and of the jobs that failed by it."""
    scene = Scene.set(Path(tempfile.mkdtemp()), generation_median=MEDIAN, generation_sigma=0.3, **vendor)
    watch = Watch(scene, None)
    asked = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(jobs)]
    began = anyio.current_time()
    batch = await scene.run(asked, sink=MemorySink(), journal=False, job_timeout=36_000.0, on_event=watch)
    took, made = watch.last_at - began, len(batch.succeeded)
    if "vendor_rpm" in vendor:
        return earliest(made, halve=False) / took, 1.0 - made / jobs
    requests = scene.cloud.service.queue.requests.values()
    busy = sum(min(one.timetable.ends_at, watch.last_at) - one.accepted_at for one in requests if one.ending.pays)
    return busy / (vendor["vendor_workers"] * took), 1.0 - made / jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    jobs = parser.parse_args().jobs
    for halve in (False, True):
        show(halve, "default", play(jobs, halve=halve))
        for n in (5, 20, 100):
            show(halve, f"{n} in flight", play(jobs, halve=halve, max_in_flight=n))
        show(halve, "inspect_ai", play_peer(jobs, halve=halve))
    for name, vendor in (("60 a minute", {"vendor_rpm": PER_MINUTE}), ("20 at once", {"vendor_workers": WORKERS})):
        used, failed = _play(play_untold(jobs, **vendor))
        print(f"untold  {name:14} used {used:6.1%}   failed  {failed:6.2%}", flush=True)


def show(halve: bool, name: str, run: Coroutine[None, None, tuple[float, float]]) -> None:
    used, refused = _play(run)
    print(f"{'halved' if halve else 'steady':7} {name:14} used {used:6.1%}   refused {refused:6.2%}", flush=True)


def _play(run: Coroutine[None, None, tuple[float, float]]) -> tuple[float, float]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run)


if __name__ == "__main__":
    main()
