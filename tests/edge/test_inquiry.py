"""What the service is asked before a job is settled by its user: no wrong video, and nothing paid twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from pixverse_async import (
    Client,
    ConfigError,
    Job,
    JournalError,
    RecordedJob,
    State,
    jobs_on_record,
    repair_journal,
    resolve,
)
from pixverse_async._core.retry import GONE_AFTER
from pixverse_async._edge.record import JOURNAL_NAME
from tests.clock import long_after, stepping
from tests.memory import Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio


async def settled(scene: Scene, key: str, request_id: str | None = None) -> RecordedJob:
    """What `Client.resolve` gives, over the scene's transport."""
    async with scene.client() as client:
        return await client.resolve(scene.folder, key, request_id=request_id)


async def refusal(scene: Scene, key: str, request_id: str | None = None) -> str:
    """What `Client.resolve` says; nothing may be written."""
    journal = scene.folder / JOURNAL_NAME
    before = journal.read_bytes()
    with pytest.raises(ConfigError) as caught:
        await settled(scene, key, request_id)
    assert before == journal.read_bytes()
    return str(caught.value)


async def held(scene: Scene, count: int = 1, **parameters: object) -> tuple[RecordedJob, ...]:
    """Jobs whose replies the scene's rules drop."""
    await scene.run(some_jobs(count, **parameters), on_unknown="hold", max_in_flight=1)
    return jobs_on_record(scene.folder)


async def test_a_job_that_was_just_sent_is_not_called_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that lags does not show what is paid: neither with an inquiry nor without is it given up so soon."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", list_lag=100.0)
    (job,) = await held(scene)
    said = await refusal(scene, job.key)
    assert said.startswith("key: 'job-0' was sent within the last 10 minutes: the service may not show it yet")
    assert said.endswith(("Look for it once more in 600 s.", "Look for it once more in 599 s."))
    with pytest.raises(ConfigError, match="within the last 10 minutes"):
        await resolve(tmp_path, job.key)
    assert 1 == scene.transport.calls["GET /requests"] + scene.submits, "nobody was asked"
    await anyio.sleep(100.0)
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.charges)


async def test_a_job_that_the_list_shows_is_not_called_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user overlooked it: the id is named, settles it, and its video is paid once."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", "submit:drop_before_commit:nth=2")
    paid, lost = await held(scene, 2)
    (charge,) = scene.cloud.ledger.committed
    long_after(monkeypatch)
    assert (
        f"key: the service knows the request of 'job-0', {charge.request_id}: it is not lost. "
        "Settle the job with this id, and `resume` fetches it." == await refusal(scene, paid.key)
    )
    assert State.NEW is (await settled(scene, lost.key)).state
    assert charge.request_id == (await settled(scene, paid.key, charge.request_id)).request_id
    assert (["Succeeded"] * 2, 2) == (kinds(await scene.run(some_jobs(2))), scene.charges)


async def test_a_job_that_a_fast_clock_dated_is_found_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request seems older than its submit since the clock was put right; with a seed of the user's, too."""
    stepping(monkeypatch, itertools.repeat(timedelta(hours=2)))
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", epoch_utc=datetime.now(UTC).timestamp())
    (job,) = await held(scene, seed=7)
    stepping(monkeypatch, itertools.repeat(timedelta(0)))
    (charge,) = scene.cloud.ledger.committed
    assert f"{charge.request_id}: it is not lost" in await refusal(scene, job.key)


async def test_a_request_of_the_jobs_own_that_failed_is_not_its_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a seed of the user's both are asked alike: the list that shows the first says nothing of the second."""
    scene = Scene.set(tmp_path, "submit:failed_on_post:nth=1", "submit:drop_before_commit:nth=2")
    jobs = [Job("https://pictures.example/cat.jpg", "yawns", seed=7)]
    await scene.run(jobs)
    await scene.run(jobs, retry_failed=True, on_unknown="hold")
    (job,) = jobs_on_record(tmp_path)
    assert job.is_held
    long_after(monkeypatch)
    assert State.NEW is (await settled(scene, job.key)).state


@pytest.mark.parametrize("is_found", [True, False])
async def test_a_job_whose_submit_a_repair_found_lost_is_settled_as_its_user_says(
    tmp_path: Path, is_found: bool
) -> None:
    """Nobody knows what was asked, so nothing contradicts: but the service must know the id, or have a list at all."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    await held(scene)
    journal = tmp_path / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(b"###\n" if b"SubmitStarted" in line else line for line in lines))
    (job,) = (await repair_journal(tmp_path)).jobs
    assert (True, None) == (job.is_held, job.seed)
    (charge,) = scene.cloud.ledger.committed
    found = await settled(scene, job.key, charge.request_id if is_found else None)
    assert (State.QUEUED if is_found else State.NEW) is found.state


async def test_an_id_of_another_job_is_refused(tmp_path: Path) -> None:
    """The id that belongs to the other of two held jobs is told by its seed; the right one is taken."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1,2")
    first, second = await held(scene, 2)
    by_seed = {charge.seed: charge.request_id for charge in scene.cloud.ledger.committed}
    mistaken = by_seed[second.seed]
    assert (
        f"request_id: {mistaken} is not the request of 'job-0': its seed is {second.seed}, and the job was sent with "
        f"{first.seed}. Copy the id of the request that has the job's seed: `status` shows it."
        == await refusal(scene, first.key, mistaken)
    )
    assert State.QUEUED is (await settled(scene, first.key, by_seed[first.seed])).state


async def test_jobs_of_one_seed_are_told_apart_by_their_prompts(tmp_path: Path) -> None:
    """With a seed of the user's for all, another job's request is refused for what else it echoes."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1,2")
    first, _ = await held(scene, 2, seed=7)
    (mistaken,) = (one.request_id for one in scene.cloud.ledger.committed if one.prompt == "scene 1")
    assert "its prompt is 'scene 1', and the job was sent with 'scene 0'" in await refusal(
        scene, first.key, mistaken
    )


async def test_a_service_that_echoes_nothing_contradicts_nobody(tmp_path: Path) -> None:
    """What was asked is not told: the id is believed, as long as the service knows it."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", echo="empty")
    (job,) = await held(scene)
    assert "request_id: the service knows no request r-9. Copy it" in await refusal(scene, job.key, "r-9")
    (charge,) = scene.cloud.ledger.committed
    assert State.QUEUED is (await settled(scene, job.key, charge.request_id)).state


async def test_another_account_settles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a held job is not listed, and an id means another request: nothing at all is asked."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    (job,) = await held(scene)
    long_after(monkeypatch)
    calls = dict(scene.transport.calls)
    async with Client("another", base_url=scene.cloud.base_url, transport=scene.transport) as client:
        for request_id in (None, scene.cloud.ledger.committed[0].request_id):
            with pytest.raises(ConfigError, match="sent as another account"):
                await client.resolve(tmp_path, job.key, request_id=request_id)
    assert calls == scene.transport.calls


# -- queued jobs -------------------------------------------------------------------------------------


async def queued(scene: Scene) -> RecordedJob:
    await scene.run(some_jobs(1), job_timeout=0.0)
    (job,) = jobs_on_record(scene.folder)
    assert State.QUEUED is job.state
    return job


@pytest.mark.parametrize("looks", [1, 6, 12])
async def test_a_request_that_turns_up_within_a_minute_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """A service that answers 404 for some looks, as one in trouble does, has nothing paid twice."""
    missing = ",".join(str(n + 1) for n in range(looks))
    scene = Scene.set(tmp_path, f"poll:404:nth={missing}", list_lag=1e9)
    job = await queued(scene)
    long_after(monkeypatch)
    assert (
        f"key: the service knows the request of 'job-0', {job.request_id}: it is not lost. `resume` fetches its video."
        == await refusal(scene, job.key)
    )
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.charges)


async def test_a_request_that_is_missing_for_as_long_as_a_run_would_insist_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither read nor listed, as after it was deleted in the console: the next run sends the job again."""
    scene = Scene.set(tmp_path, "poll:404", list_lag=1e9)
    job = await queued(scene)
    long_after(monkeypatch)
    before = anyio.current_time()
    assert State.NEW is (await settled(scene, job.key)).state
    assert GONE_AFTER <= anyio.current_time() - before < GONE_AFTER + 10


async def test_a_request_that_is_listed_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by its id it is missing, and the list shows it: it is paid."""
    scene = Scene.set(tmp_path, "poll:404")
    job = await queued(scene)
    long_after(monkeypatch)
    assert f"{job.request_id}: it is not lost. `resume` fetches its video." in await refusal(scene, job.key)


async def test_a_job_that_waits_for_anothers_request_is_given_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was believed without being asked may have named any request; that of the job's seed takes its place."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    (job,) = await held(scene)
    async with scene.client() as client:
        other = await client.submit(*some_jobs(1, seed=7))
    (right,) = (one.request_id for one in scene.cloud.ledger.committed if one.seed == job.seed)
    await resolve(tmp_path, job.key, request_id=other.request_id)
    long_after(monkeypatch)
    assert f"{other.request_id}: it is not lost" in await refusal(scene, job.key), "it is somebody's, and paid"
    assert right == (await settled(scene, job.key, right)).request_id


async def test_a_job_that_waits_for_a_mistyped_id_is_given_the_right_one(tmp_path: Path) -> None:
    """Once the service has known no such request for a minute; a right id may be given at any time."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    (job,) = await held(scene)
    await resolve(tmp_path, job.key, request_id="mistyped")
    (charge,) = scene.cloud.ledger.committed
    before = anyio.current_time()
    assert State.QUEUED is (await settled(scene, job.key, charge.request_id)).state
    assert GONE_AFTER <= anyio.current_time() - before
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.charges)


async def test_a_request_is_not_replaced_while_the_service_knows_it(tmp_path: Path) -> None:
    """A job that was accepted keeps its request, also when the other one is like it."""
    scene = Scene.set(tmp_path)
    jobs = some_jobs(1, seed=7)
    await scene.run(jobs, job_timeout=0.0)
    (job,) = jobs_on_record(tmp_path)
    async with scene.client() as client:
        other = await client.submit(*jobs)
    assert f"{job.request_id}: it is not lost" in await refusal(scene, job.key, other.request_id)


async def test_an_address_that_knows_nothing_tells_of_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What answers 404 to all, as a gateway in an outage or a wrong address, settles no queued job, and no held one."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1", "poll:404", "list:404")
    await scene.run(some_jobs(2), on_unknown="hold", job_timeout=0.0, max_in_flight=1)
    long_after(monkeypatch)
    for job in jobs_on_record(tmp_path):
        assert "there is no queue at this address" in await refusal(scene, job.key)


async def test_no_run_begins_while_the_service_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that found and saved the request meanwhile would have it sent again."""
    scene = Scene.set(tmp_path, "poll:404", list_lag=1e9)
    job = await queued(scene)
    long_after(monkeypatch)
    async with anyio.create_task_group() as group:
        group.start_soon(settled, scene, job.key)
        await anyio.sleep(GONE_AFTER / 2)
        with pytest.raises(JournalError, match="process"):
            await scene.run(some_jobs(1))
    assert State.NEW is jobs_on_record(tmp_path)[0].state
