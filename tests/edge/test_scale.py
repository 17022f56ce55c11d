"""Thousands of jobs through the whole pipeline, twice the same."""

from __future__ import annotations

from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import FixedPolling, Job, Outcome
from tests.memory import MemorySink, Scene, kinds

JOBS = 5000
pytestmark = pytest.mark.anyio


async def _run(folder: Path) -> tuple[tuple[Outcome, ...], dict[str, int], float, dict[str, bytes]]:
    scene = Scene.set(folder, epoch_utc=1_800_000_000.0)
    sink = MemorySink()
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(JOBS)]
    start = anyio.current_time()
    batch = await scene.run(
        jobs,
        sink=sink,
        journal=False,
        max_in_flight=JOBS,
        polls_per_second=200.0,
        # Few polls: this is about the pipeline. What the adaptive scheduler costs is measured in benchmarks/.
        poll_policy=FixedPolling(60.0),
    )
    assert ["Succeeded"] * JOBS == kinds(batch)
    assert JOBS == scene.submits == scene.charges
    return batch[:], dict(scene.transport.calls), anyio.current_time() - start, sink.files


@pytest.mark.timeout(300)
async def test_five_thousand_jobs_are_identical_twice(tmp_path: Path) -> None:
    """Outcomes, calls, virtual duration and files of two equal runs are equal, down to each poll."""
    first, second = await _run(tmp_path), await _run(tmp_path)
    assert first[1:] == second[1:]
    for one, two in zip(first[0], second[0], strict=True):
        assert one.request_id == two.request_id
        assert one.seed == two.seed
        assert attrs.asdict(one.timings) == pytest.approx(attrs.asdict(two.timings))  # pyright: ignore[reportUnknownMemberType]  pytest's stub
