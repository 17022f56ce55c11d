"""The image of a paid job is deleted or moved before its video is saved: the money is not forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from pixverse_async import BatchResult, Failed, InvalidJobError, Job, jobs_on_record
from tests.memory import Scene, kinds, tiny_png

pytestmark = pytest.mark.anyio


def _jobs(folder: Path, count: int, **parameters: Any) -> list[Job]:
    for n in range(count):
        (folder / f"cat-{n}.png").write_bytes(tiny_png(n))
    rows: list[dict[str, Any]] = [
        {"image": folder / f"cat-{n}.png", "prompt": f"scene {n}", **parameters} for n in range(count)
    ]
    return [Job(**row) for row in rows]


async def _interrupted(scene: Scene, jobs: list[Job]) -> None:
    """All are accepted, none has ended."""
    with anyio.move_on_after(3.0) as scope:
        await scene.run(jobs)
    assert scope.cancelled_caught
    assert ["queued"] * len(jobs) == [job.state for job in jobs_on_record(scene.folder)]


async def _resumed(scene: Scene) -> list[str]:
    async with scene.client() as client, client.resume(scene.folder) as outcomes:
        return [type(outcome).__name__ async for outcome in outcomes]


async def _run_without_images(scene: Scene, jobs: list[Job]) -> BatchResult:
    for job in jobs:
        assert isinstance(job.image, Path)
        job.image.unlink(missing_ok=True)
    return await scene.run(jobs)


@pytest.mark.parametrize("parameters", [{}, {"seed": 7, "audio": True}, {"prompt": "a long one " * 60}])
async def test_its_error_names_the_request_and_the_way_to_it(
    tmp_path: Path, parameters: dict[str, object]
) -> None:
    """It is no mere typing error: the request is at the service, and `resume` saves its video without the image."""
    scene = Scene.set(tmp_path / "videos")
    jobs = _jobs(tmp_path, 2, **parameters)
    await _interrupted(scene, jobs)
    ids = {job.name: job.request_id for job in jobs_on_record(scene.folder)}
    batch = await _run_without_images(scene, jobs)
    assert ["Failed"] * 2 == kinds(batch)
    for outcome in batch.failed:
        error = outcome.error
        assert isinstance(error, InvalidJobError)
        assert (ids[outcome.name], True) == (error.request_id, error.may_be_billed)
        assert "no such file, and an unsaved request like it is on record. `resume` fetches" in str(error)
    assert ["Succeeded"] * 2 == await _resumed(scene)
    assert (2, 2) == (scene.submits, scene.charges)


async def test_several_like_it_are_counted(tmp_path: Path) -> None:
    """Which of them is whose nobody can say: no id is given, and no money forgotten."""
    scene = Scene.set(tmp_path / "videos")
    jobs = _jobs(tmp_path, 1) * 2
    await _interrupted(scene, jobs)
    error = (await _run_without_images(scene, jobs)).failed[0].error
    assert (None, True) == (error.request_id, error.may_be_billed)
    assert "and 2 unsaved requests like it are on record" in str(error)


async def test_what_is_saved_or_was_asked_otherwise_is_not_named(tmp_path: Path) -> None:
    """Another prompt, seed or image is another job; a video that is there needs no `resume`."""
    scene = Scene.set(tmp_path / "videos")
    jobs = _jobs(tmp_path, 1)
    await _interrupted(scene, jobs)
    image = jobs[0].image
    others = [Job(image, "another scene"), Job(image, "scene 0", seed=1), Job(tmp_path / "dog.png", "scene 0")]
    batch = await _run_without_images(scene, others)
    assert [False] * 3 == [outcome.error.may_be_billed for outcome in batch if isinstance(outcome, Failed)]
    assert all("on record" not in str(outcome.error) for outcome in batch.failed)
    assert ["Succeeded"] == await _resumed(scene)
    assert "on record" not in str((await scene.run(jobs)).failed[0].error)
