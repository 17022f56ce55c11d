"""What a hostile review tried on a batch: waits that never end, misdeeds of sinks, and what two runs make of them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import (
    AuthError,
    BatchResult,
    BudgetExceededError,
    GenerationError,
    Job,
    JobEvent,
    JournalError,
    Outcome,
)
from pixverse_async._core.errors import ApiError
from pixverse_async._core.events import GenerationSucceeded, LinkExpired
from pixverse_async._core.reconcile import LOOK_AFTER
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.record import JOURNAL_NAME
from tests.memory import MemoryPart, MemorySink, MemoryTransport, Scene, kinds, some_jobs, tiny_png

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("slots", [1, 2, 3])
async def test_resubmits_do_not_wait_for_workers_that_wait_for_them(tmp_path: Path, slots: int) -> None:
    """When submit after submit is lost and sent again, workers that wait for a slot do not stop the search for all."""
    lost = ",".join(str(n) for n in range(1, 7))
    scene = Scene.set(tmp_path, f"submit:drop_before_commit:nth={lost}")
    with anyio.fail_after(86_400.0):
        batch = await scene.run(some_jobs(8), max_in_flight=slots, on_unknown="resubmit", resubmit_after=60.0)
    assert ["Succeeded"] * 8 == kinds(batch)
    assert 8 == scene.charges


@pytest.mark.fault(11)
async def test_a_refused_key_ends_an_endless_batch(tmp_path: Path) -> None:
    """A refused key raises AuthError also when the jobs never end."""
    scene = Scene.set(tmp_path, "submit:401")
    pulled = 0

    def endless() -> Iterator[Job]:
        nonlocal pulled
        for n in itertools.count():
            pulled += 1
            if pulled > 2000:
                pytest.fail("it goes on pulling jobs that it will never send")
            yield Job(tiny_png(n), f"scene {n}")

    with pytest.raises(AuthError):
        await scene.run(endless())


@attrs.define(eq=False)
class BrokenSink(MemorySink):
    """A store that is out of reach for one name."""

    broken: str = ""

    async def exists(self, name: str) -> bool:
        self._reach(name)
        return await MemorySink.exists(self, name)

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        self._reach(place)
        return await MemorySink.find(self, place, size_bytes, sha256)

    def _reach(self, name: str) -> None:
        if name == self.broken:
            raise PermissionError(13, "out of reach", name)


async def test_a_name_that_the_sink_cannot_look_up_fails_alone(tmp_path: Path) -> None:
    """A sink that cannot tell whether one name is taken costs that job, unsent, and no other."""
    scene = Scene.set(tmp_path)
    batch = await scene.run(some_jobs(3), sink=BrokenSink(broken="job-1.mp4"), journal=False)
    assert ["Succeeded", "Failed", "Succeeded"] == kinds(batch)
    assert "out of reach" in str(batch.failed[0].error)
    assert not batch.failed[0].error.may_be_billed
    assert 2 == scene.submits


async def test_a_saved_video_that_cannot_be_checked_is_paid_all_the_same(tmp_path: Path) -> None:
    """A saved video whose place is out of reach in the next run is Failed, and says that it was billed."""
    scene = Scene.set(tmp_path)
    sink = BrokenSink()
    await scene.run(some_jobs(2), sink=sink, journal=tmp_path / JOURNAL_NAME)
    sink.broken = "job-1.mp4"
    batch = await scene.run(some_jobs(2), sink=sink, journal=tmp_path / JOURNAL_NAME)
    assert ["Succeeded", "Failed"] == kinds(batch)
    assert batch.failed[0].error.may_be_billed
    assert 2 == scene.submits


@attrs.define(eq=False)
class Saboteur:
    """An observer that makes the journal unwritable after the first event of a kind, and keeps the outcomes."""

    journal: Path
    after: str
    outcomes: list[Outcome] = attrs.field(factory=list[Outcome])
    is_done: bool = False

    def __call__(self, event: JobEvent) -> None:
        if event.outcome is not None:
            self.outcomes.append(event.outcome)
        if type(event.event).__name__ == self.after and not self.is_done:
            self.is_done = True
            with self.journal.open("ab") as somebody_else:
                somebody_else.write(b"x")

    @property
    def batch(self) -> BatchResult:
        return BatchResult(sorted(self.outcomes, key=lambda outcome: outcome.index))


@pytest.mark.parametrize(
    "after", ["SubmitStarted", "SubmitAccepted", "StatusSeen", "GenerationSucceeded", "Saved"]
)
async def test_what_is_accepted_is_saved_though_the_journal_died(tmp_path: Path, after: str) -> None:
    """From whichever event on the journal cannot be written, every accepted job of the run is saved."""
    scene = Scene.set(tmp_path)
    saboteur = Saboteur(tmp_path / JOURNAL_NAME, after)
    with pytest.raises(JournalError):
        await scene.run(some_jobs(5), on_event=saboteur)
    assert 5 == len(saboteur.batch)
    assert scene.charges == len(saboteur.batch.succeeded) >= 1
    assert not any(failed.error.may_be_billed for failed in saboteur.batch.failed)


async def test_a_dead_journal_is_told_although_credit_ran_out_before(tmp_path: Path) -> None:
    """A batch that stopped for want of credit still raises when its journal then cannot be written."""
    scene = Scene.set(tmp_path, "submit:402:nth=3,4,5")
    with pytest.raises(JournalError):
        await scene.run(some_jobs(5), on_event=Saboteur(tmp_path / JOURNAL_NAME, "GenerationSucceeded"))


async def test_an_error_group_of_the_users_own_arrives_whole(tmp_path: Path) -> None:
    """A group that is raised in the block, such as raise_for_failures', leaves it as it is."""
    scene = Scene.set(tmp_path, "submit:moderation")
    with pytest.raises(ExceptionGroup) as caught:
        async with scene.client() as client, client.as_completed(some_jobs(2), output_dir=tmp_path) as outcomes:
            BatchResult([outcome async for outcome in outcomes]).raise_for_failures()
    assert 2 == len(caught.value.exceptions)


async def test_an_error_group_of_the_jobs_arrives_whole(tmp_path: Path) -> None:
    """A group that the iterable of jobs raises is what the caller sees."""

    async def failing() -> AsyncGenerator[Job]:
        yield some_jobs(1)[0]
        raise ExceptionGroup("two sources", [ValueError("a"), OSError("b")])

    with pytest.raises(ExceptionGroup, match="two sources"):
        await Scene.set(tmp_path).run(failing())


async def test_the_place_of_a_sink_is_told_as_the_sink_told_it(tmp_path: Path) -> None:
    """What a sink calls the place of a video is what the outcome shows, in this run and the next."""
    scene = Scene.set(tmp_path)
    sink = BucketSink()
    for _ in range(2):
        batch = await scene.run(some_jobs(1), sink=sink, journal=tmp_path / JOURNAL_NAME)
        assert ["s3://bucket/job-0.mp4"] == [str(one.path) for one in batch.succeeded]


@attrs.define(eq=False)
class BucketSink(MemorySink):
    """A sink whose places are links."""

    async def open(self, name: str) -> MemoryPart:
        return await MemorySink.open(self, "s3://bucket/" + name)


async def test_a_fresh_request_is_awaited_though_it_cannot_be_read_yet(tmp_path: Path) -> None:
    """A handle waits for a request that the service does not show for half a minute after its acceptance."""
    scene = Scene.set(tmp_path, poll_lag=30.0)
    async with scene.client() as client:
        handle = await client.submit(some_jobs(1)[0])
        assert (await handle.result()).media is not None


async def test_a_request_that_cannot_be_found_may_be_billed(tmp_path: Path) -> None:
    """A handle whose request the service denies for a minute says so, and that it may be billed."""
    scene = Scene.set(tmp_path, "poll:404")
    async with scene.client() as client:
        handle = await client.submit(some_jobs(1)[0])
        with pytest.raises(ApiError) as caught:
            await handle.result()
    assert caught.value.may_be_billed
    assert anyio.current_time() >= 60.0


async def test_bad_answers_at_the_start_do_not_end_the_wait(tmp_path: Path) -> None:
    """A handle waits on through a minute of 500s right after the submit."""
    scene = Scene.set(tmp_path, "poll:500:nth=" + ",".join(str(n) for n in range(1, 9)))
    async with scene.client() as client:
        handle = await client.submit(some_jobs(1)[0])
        assert (await handle.result()).media is not None


async def test_one_record_is_not_given_to_two_equal_jobs(tmp_path: Path) -> None:
    """Of two equal jobs with a seed of the user's, one lost and one still unanswered, only one gets the record."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=2", "submit:slow:nth=3:value=20")
    jobs = [*some_jobs(1), *[Job(tiny_png(1), "same", seed=5)] * 2]
    batch = await scene.run(jobs)
    assert ["Succeeded", "Succeeded", "Unknown"] == sorted(kinds(batch))
    assert 2 == scene.charges


@attrs.define(eq=False)
class HastyTransport(MemoryTransport):
    """The reply to a submit calls it a success before the record has its video."""

    async def call(self, call: Call) -> Reply:
        reply = await MemoryTransport.call(self, call)
        if call.method != "POST" or call.path != "/requests":
            return reply
        record = json.loads(reply.body)
        return attrs.evolve(reply, body=json.dumps({**record, "outcome": {}}).encode())


async def test_a_success_on_the_post_without_its_video_is_looked_at_again(tmp_path: Path) -> None:
    """A submit whose reply says success and names no video yet ends with the video that a later look names."""
    scene = Scene.set(tmp_path, "submit:slow_sync")
    scene.transport = HastyTransport(scene.cloud)
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1)))


async def test_a_success_taken_back_by_the_service_stays_spent(tmp_path: Path) -> None:
    """What an earlier run saw succeed and this one sees fail may be billed, and leaves no room in the budget."""
    scene = Scene.set(tmp_path, "submit:high_load:nth=1")
    first, second = some_jobs(2)
    await scene.run([first], job_timeout=1.0)
    log = await Journal.open(tmp_path / JOURNAL_NAME)
    await log.append(next(iter(log.records)), GenerationSucceeded())
    await log.append(next(iter(log.records)), LinkExpired())
    await log.aclose()
    has_ended = anyio.Event()

    async def one_after_the_other() -> AsyncGenerator[Job]:
        yield first
        await has_ended.wait()
        yield second

    def watch(event: JobEvent) -> None:
        if event.outcome is not None:
            has_ended.set()

    batch = await scene.run(one_after_the_other(), budget_usd="0.175", on_event=watch)
    assert [GenerationError, BudgetExceededError] == [type(failed.error) for failed in batch.failed]
    assert batch.failed[0].error.may_be_billed
    assert 1 == scene.submits


async def test_a_job_sent_again_is_not_given_its_old_failure(tmp_path: Path) -> None:
    """A failed job that is sent again, and whose reply is lost, gets its new request and not the one that failed."""
    scene = Scene.set(tmp_path, "submit:failed_on_post:nth=1", "submit:drop_after_commit:nth=2")
    job = Job("https://pictures.example/cat.jpg", "yawns", seed=5)
    assert ["Failed"] == kinds(await scene.run([job]))
    assert ["Succeeded"] == kinds(await scene.run([job], retry_failed=True))
    assert 2 == scene.submits


async def test_ids_that_refusals_named_are_read_a_few_times_each(tmp_path: Path) -> None:
    """The search for twenty lost submits whose refusals named an id costs each of them a handful of calls."""
    scene = Scene.set(tmp_path, "submit:503_request_id_absent")
    batch = await scene.run(some_jobs(20), job_timeout=3600.0)
    assert ["Unknown"] * 20 == kinds(batch)
    assert scene.transport.calls["GET /requests"] <= 20 * 2 * len(LOOK_AFTER) + 20


@pytest.mark.fault(35)
@pytest.mark.parametrize("is_native", [False, True], ids=["anyio", "asyncio"])
async def test_a_run_cancelled_at_any_event_leaves_nothing_to_pay_again(tmp_path: Path, is_native: bool) -> None:
    """Cancelled in the middle of its k-th event a run leaves no task, and the next one makes every video, paid once."""
    for last in range(1, 46, 3):
        scene = Scene.set(
            tmp_path / str(last),
            "submit:drop_after_commit:nth=2",
            "submit:429:nth=3",
            "submit:503_request_id:nth=5",
            "submit:slow:nth=6:value=30",
            "media:403:nth=2",
        )
        before = asyncio.all_tasks()
        await _cancelled_at(scene, last, is_native=is_native)
        assert before == asyncio.all_tasks()
        assert ["Succeeded"] * 5 == kinds(await scene.run(some_jobs(5)))
        assert 5 == scene.charges
        assert [f"job-{n}.mp4" for n in range(5)] == sorted(path.name for path in scene.folder.glob("*.mp4*"))


async def _cancelled_at(scene: Scene, last: int, *, is_native: bool) -> None:
    """Run the scene in a task of its own and cancel it as its observer hears of event number `last`."""
    events = 0
    running: list[asyncio.Task[None] | None] = []
    scope = anyio.CancelScope()

    def watch(_: JobEvent) -> None:
        nonlocal events
        events += 1
        if events == last:
            task = running[0]
            assert task is not None
            task.cancel() if is_native else scope.cancel()

    async def run() -> None:
        running.append(asyncio.current_task())
        with scope:
            await scene.run(some_jobs(5), max_in_flight=3, on_event=watch)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
