"""Thousands of jobs through the whole pipeline, twice the same."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from pixverse_async import FixedPolling, Job, Timings
from tests.memory import MemorySink, Scene, kinds
from tests.virtual_time import VirtualTimeLoop

JOBS = 5000


class Trace(NamedTuple):
    """All of a run that could differ."""

    outcomes: tuple[tuple[str | None, int | None, Timings], ...]
    calls: dict[str, int]
    seconds: float
    files: dict[str, bytes]


async def _run() -> Trace:
    # Without checksums of its own: the emulator makes them in Python, and that is not what is measured here.
    scene = Scene.set(Path(), "media:no_hashes", epoch_utc=1_800_000_000.0)
    sink = MemorySink()
    batch = await scene.run(
        [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(JOBS)],
        sink=sink,
        journal=False,
        max_in_flight=JOBS,
        polls_per_second=200.0,
        # Few polls: this is about the pipeline. What the adaptive scheduler costs is measured in benchmarks/.
        poll_policy=FixedPolling(60.0),
    )
    assert ["Succeeded"] * JOBS == kinds(batch)
    assert JOBS == scene.submits == scene.charges
    outcomes = tuple((one.request_id, one.seed, one.timings) for one in batch)
    return Trace(outcomes, dict(scene.transport.calls), anyio.current_time(), sink.files)


@pytest.mark.timeout(300)
def test_five_thousand_jobs_are_identical_twice() -> None:
    """Outcomes, timings, calls, virtual duration and files of two equal runs are equal to the last digit."""
    first, second = (anyio.run(_run, backend_options={"loop_factory": VirtualTimeLoop}) for _ in range(2))
    assert first.calls == second.calls
    assert first.seconds == second.seconds
    assert first.outcomes == second.outcomes
    assert first.files == second.files
