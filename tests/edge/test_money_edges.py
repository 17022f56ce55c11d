"""Moments at which money could be promised or claimed twice: one test for each that was once got wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import Failed, Job, Outcome, State, Succeeded, jobs_on_record
from pixverse_async._core.budget import open_budget
from pixverse_async._core.events import ConfirmedAbsent, Event, SubmitStarted
from pixverse_async._core.journal_format import read_journal
from pixverse_async._core.lifecycle import JobRecord
from pixverse_async._core.reconcile import LOOK_AFTER
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.limits import Limits
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async._edge.wall_clock import utc_now
from tests.core.test_journal_format import resealed
from tests.edge.test_crash_points import Killed
from tests.memory import MemoryTransport, Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio


@attrs.define(eq=False)
class DiesConfirming:
    """A journal whose process dies while it writes that a submit is absent, five seconds into the writing."""

    log: Journal

    @property
    def records(self) -> Mapping[str, JobRecord]:
        return self.log.records

    async def append(self, key: str, event: Event) -> JobRecord:
        if isinstance(event, ConfirmedAbsent):
            await anyio.sleep(5.0)
            raise Killed
        return await self.log.append(key, event)

    async def aclose(self) -> None:
        await self.log.aclose()


async def test_money_is_free_again_only_when_that_is_written(tmp_path: Path) -> None:
    """A run that dies while it declares a submit absent has not promised its price to another job meanwhile."""
    budget_usd = Decimal("0.175")
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1")
    log = DiesConfirming(await Journal.open(tmp_path / JOURNAL_NAME))
    first, second = some_jobs(2)

    async def second_arrives_late() -> AsyncGenerator[Job]:
        yield first
        await anyio.sleep(17.0)
        yield second

    async def ignore(_: Outcome) -> None:
        pass

    limits = Limits(on_unknown="resubmit", resubmit_after=10.0)
    batch = scene.batch(log, ignore, limits, budget_usd=budget_usd)
    with pytest.raises(Killed):
        await batch.run(second_arrives_late())
    await log.aclose()
    records = read_journal((tmp_path / JOURNAL_NAME).read_bytes(), "j").records.values()
    budget = open_budget(budget_usd, records)
    assert budget.spent_usd + budget.reserved_usd <= budget_usd
    assert [State.UNKNOWN] == [record.state for record in records]


async def test_a_failed_request_is_no_lost_submits_record(tmp_path: Path) -> None:
    """A job sent again whose reply is lost, in a run after the next, is not given the record that failed."""
    scene = Scene.set(tmp_path, "submit:failed_on_post:nth=1", "submit:drop_before_commit:nth=2")
    job = Job("https://pictures.example/cat.jpg", "yawns", seed=5)
    assert ["Failed"] == kinds(await scene.run([job]))
    with anyio.move_on_after(0.5):
        await scene.run([job], retry_failed=True)
    assert ["Unknown"] == kinds(await scene.run([job]))
    assert 2 == scene.submits


async def test_a_moved_folder_keeps_its_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched again when the folder is moved, or named by another path; the outcomes tell the new place."""
    monkeypatch.chdir(tmp_path)
    scene = Scene.set(Path("videos"))
    await scene.run(some_jobs(3))
    fetches = scene.transport.calls["fetch"]
    moved = (tmp_path / "videos").rename(tmp_path / "elsewhere")
    batch = await scene.run(some_jobs(3), output_dir=moved)
    assert [moved / f"job-{n}.mp4" for n in range(3)] == [outcome.path for outcome in batch.succeeded]
    assert fetches == scene.transport.calls["fetch"]


async def test_an_edited_video_is_left_alone_and_the_own_one_found_again(tmp_path: Path) -> None:
    """The new name of a video whose file was changed is kept, even if the run that chose it is cancelled."""
    scene = Scene.set(tmp_path)
    await scene.run(some_jobs(1))
    edited = tmp_path / "job-0.mp4"
    edited.write_bytes(b"edited")
    with anyio.move_on_after(0.01):
        await scene.run(some_jobs(1))
    batch = await scene.run(some_jobs(1))
    assert [tmp_path / "job-0-2.mp4"] == [outcome.path for outcome in batch.succeeded]
    assert b"edited" == edited.read_bytes()
    assert 1 == scene.submits


@attrs.define(eq=False)
class Forgetful(MemoryTransport):
    """A service that knows no request any more."""

    async def call(self, call: Call) -> Reply:
        if call.path.startswith("/requests/"):
            return Reply(status=404)
        return await MemoryTransport.call(self, call)


async def test_a_video_that_is_put_back_is_found_though_its_request_is_gone(tmp_path: Path) -> None:
    """A file that was away while the service forgot its request counts as saved again, and is paid for once."""
    scene = Scene.set(tmp_path / "videos")
    (saved,) = (await scene.run(some_jobs(1))).succeeded
    away = Path(saved.path).rename(tmp_path / "away.mp4")
    scene.transport = Forgetful(scene.cloud)
    assert ["Pending"] == kinds(await scene.run(some_jobs(1)))
    assert [None] == [job.path for job in jobs_on_record(scene.folder)]
    away.rename(saved.path)
    again, refused = await scene.run(some_jobs(2), budget_usd="0.175")
    assert isinstance(again, Succeeded)
    assert (saved.path, saved.sha256, saved.usd) == (again.path, again.sha256, again.usd)
    assert isinstance(refused, Failed)
    before, after = (job.timings for job in (saved, *jobs_on_record(scene.folder)))
    assert (round(before.downloading or 0, 3), before.queued) == (after.downloading, before.queued)
    assert 1 == scene.charges


async def test_the_journal_says_what_was_asked_and_no_more(tmp_path: Path) -> None:
    """Prompt and parameters are there, a signed link's query and an image's bytes are not."""
    scene = Scene.set(tmp_path)
    link = "https://pictures.example/cat.jpg?X-Amz-Signature=5ec2e7"
    await scene.run(
        [Job(link, "yawns", quality="720p", audio=True, multi_clip=True), Job(some_jobs(1)[0].image, "sleeps")]
    )
    text = (tmp_path / JOURNAL_NAME).read_text()
    asked = [line for line in map(json.loads, text.splitlines()) if line.get("event") == "SubmitStarted"]
    assert ["yawns", "sleeps"] == [line["prompt"] for line in asked]
    assert ("720p", 1, 1) == tuple(asked[0][name] for name in ("quality", "audio", "multi_clip"))
    assert asked[0]["image"].startswith("https://pictures.example/cat.jpg")
    assert asked[1]["image"].endswith("bytes>")
    assert "5ec2e7" not in text


@pytest.mark.parametrize(("rule", "trace"), [((), "request"), (("submit:hang_after_commit",), "seed")])
@pytest.mark.parametrize("is_batch", [False, True])
async def test_what_is_paid_without_a_journal_is_told_when_it_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rule: tuple[str, ...], trace: str, is_batch: bool
) -> None:
    """A job that is cancelled once its submit is under way leaves its request, or its seed, in the log."""
    scene = Scene.set(tmp_path, *rule)
    job = Job("https://pictures.example/cat.jpg", "yawns")
    with anyio.move_on_after(0.1):
        if is_batch:
            await scene.run([job], journal=False)
        else:
            async with scene.client() as client:
                await client.submit(job)
    (charge,) = scene.cloud.ledger.committed
    told = charge.request_id if trace == "request" else charge.seed
    state = "queued" if trace == "request" else "submitting"
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"job 'cat', {trace} {told}, is left {state} and may be billed" == warning


async def test_asyncios_own_cancellation_does_not_tear_a_submit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`asyncio.timeout` cancels the very task that called `submit`, past all shields: the answer is heard out."""
    scene = Scene.set(tmp_path)
    async with scene.client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.submit(Job("https://pictures.example/cat.jpg", "yawns"))
    (charge,) = scene.cloud.ledger.committed
    assert f"request {charge.request_id}, is left queued" in caplog.text


async def test_a_job_without_a_journal_that_ends_well_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A handle that is given out, and a video that is saved, are not told of as left."""
    scene = Scene.set(tmp_path)
    async with scene.client() as client:
        await client.submit(Job("https://pictures.example/cat.jpg", "yawns"))
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1), journal=False))
    assert "is left" not in caplog.text


@attrs.define(eq=False)
class Dated(MemoryTransport):
    """A service that says what time it is there, as most do."""

    async def call(self, call: Call) -> Reply:
        reply = await MemoryTransport.call(self, call)
        there = datetime.fromtimestamp(self.cloud.settings.epoch + self.now, UTC)
        return attrs.evolve(reply, headers={**reply.headers, "date": format_datetime(there, usegmt=True)})


@pytest.mark.fault(39)
async def test_a_service_whose_clock_is_an_hour_slow_has_its_records_recognised(tmp_path: Path) -> None:
    """With a seed of the user's only the time tells an earlier record from ours: the service's own clock decides."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", epoch_utc=utc_now() - 3600.0)
    scene.transport = Dated(scene.cloud)
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1, seed=5)))
    assert 1 == scene.submits


async def test_a_run_waits_for_the_list_of_what_an_earlier_run_sent(tmp_path: Path) -> None:
    """A submit lost in an earlier run a moment ago is not sent again before the list may show it."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", list_lag=90.0)
    await scene.run(some_jobs(1), on_unknown="hold")
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1), on_unknown="resubmit", resubmit_after=120.0))
    assert 1 == scene.submits


async def test_what_was_lost_long_ago_is_not_waited_for_anew(tmp_path: Path) -> None:
    """A submit lost an hour ago is sent again at the first listing that does not show it."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1")
    await scene.run(some_jobs(1), on_unknown="hold")
    path = tmp_path / JOURNAL_NAME
    head, started, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, resealed(started, at_utc=utc_now() - 3600.0), *rest]))
    began_at = anyio.current_time()
    batch = scene.run(some_jobs(1), on_unknown="resubmit", resubmit_after=600.0, job_timeout=0)
    assert ["Pending"] == kinds(await batch)
    assert 2 == scene.submits
    assert anyio.current_time() - began_at < 10.0


async def test_a_lost_submit_is_looked_for_four_times_in_a_minute(tmp_path: Path) -> None:
    """One call for each look, and then it is held."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1")
    began_at = anyio.current_time()
    assert ["Unknown"] == kinds(await scene.run(some_jobs(1)))
    assert len(LOOK_AFTER) == scene.transport.calls["GET /requests"]
    assert 60.0 <= anyio.current_time() - began_at < 65.0


@attrs.define(eq=False)
class SlowIntents(DiesConfirming):
    """A journal that takes five seconds to write that a submit is about to leave."""

    async def append(self, key: str, event: Event) -> JobRecord:
        if isinstance(event, SubmitStarted):
            await anyio.sleep(5.0)
        return await self.log.append(key, event)


async def test_a_run_cancelled_while_it_writes_an_intent_sends_nothing(tmp_path: Path) -> None:
    """The intent is written to its end, and then that nothing left: the next run sends the job."""
    scene = Scene.set(tmp_path)
    log = SlowIntents(await Journal.open(tmp_path / JOURNAL_NAME))

    async def ignore(_: Outcome) -> None:
        pass

    with anyio.move_on_after(2.0):
        await scene.batch(log, ignore).run([Job("https://pictures.example/cat.jpg", "yawns", seed=5)])
    await log.aclose()
    assert ([State.NEW], 0) == ([record.state for record in log.records.values()], scene.submits)


async def test_a_connection_that_is_never_made_is_tried_eight_times(tmp_path: Path) -> None:
    """Then the job fails, and nothing was paid."""
    scene = Scene.set(tmp_path)
    scene.transport.is_down = True
    batch = await scene.run([Job("https://pictures.example/cat.jpg", "yawns")])
    assert (["Failed"], 8, 0) == (kinds(batch), scene.submits, batch.usd_spent)


async def test_a_turn_that_comes_late_is_taken_and_one_that_would_come_too_late_is_not(tmp_path: Path) -> None:
    """A job that can leave now leaves, whatever its time; one told to wait longer than its time is not sent."""
    jobs = [Job(f"https://pictures.example/{name}.jpg", "yawns", seed=5) for name in ("cat", "dog")]
    scene = Scene.set(tmp_path / "now")
    assert ["Pending"] * 2 == kinds(await scene.run(jobs, job_timeout=0))
    assert [5, 5] == [charge.seed for charge in scene.cloud.ledger.committed]
    scene = Scene.set(tmp_path / "later", "submit:429_absurd")
    batch = await scene.run(jobs[:1], job_timeout=60)
    assert "the service took no submit for 60 s" in str(batch.failed[0].error)
    assert 1 == scene.submits


async def test_a_record_that_is_anothers_does_not_keep_a_job_held(tmp_path: Path) -> None:
    """Of two equal jobs the lost one is sent again though the list shows the other, which is not it."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=2")
    jobs = [Job("https://pictures.example/cat.jpg", "yawns", seed=5)] * 2
    batch = await scene.run(jobs, on_unknown="resubmit", resubmit_after=120.0)
    assert ["Succeeded"] * 2 == kinds(batch)
    assert (3, 2) == (scene.submits, scene.charges)
