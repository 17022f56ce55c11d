"""What the caller's own code may do wrong: observers, sinks, sources of jobs and schedules that cancel or never end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from pixverse_async import (
    AuthError,
    BatchResult,
    Client,
    ConfigError,
    DirectorySink,
    FixedPolling,
    InvalidJobError,
    Job,
    JobEvent,
    UnexpectedError,
    check_image,
    estimate,
    jobs_on_record,
)
from pixverse_async._core.events import SubmitStarted
from pixverse_async._core.schedule import Scheduler
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.directory import DirectoryPart
from tests.memory import MemoryTransport, Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio

ENOUGH = 3_600.0
"""Virtual seconds in which any of these batches has ended, if it ends at all."""


async def _run(scene: Scene, jobs: object, **options: object) -> BatchResult:
    with anyio.fail_after(ENOUGH):
        return await scene.run(jobs, **options)  # pyright: ignore[reportArgumentType]


def _cancelled(*_: object) -> None:
    raise asyncio.CancelledError("of somebody else's task")


# -- a cancellation that nobody asked for ----------------------------------------------------------


async def test_an_observer_that_raises_a_cancellation_costs_nobody_a_video(tmp_path: Path) -> None:
    """`future.result()` of a cancelled future raises `CancelledError`, which is no `Exception`."""
    scene = Scene.set(tmp_path)
    assert ["Succeeded"] * 5 == kinds(await _run(scene, some_jobs(5), on_event=_cancelled))


class _EndOfProgram(BaseException):
    """As `SystemExit` and `KeyboardInterrupt`, which the loop itself would raise."""


async def test_an_observer_that_ends_the_program_leaves_no_submit_of_unknown_fate(tmp_path: Path) -> None:
    """Told of a submit that is about to leave, it is on record and has not left: the next run knows that."""
    scene = Scene.set(tmp_path)

    def end(told: JobEvent) -> None:
        if isinstance(told.event, SubmitStarted):
            raise _EndOfProgram

    with pytest.raises(_EndOfProgram):
        await _run(scene, some_jobs(3), on_event=end)
    assert 0 == scene.submits
    assert {False} == {job.is_held for job in jobs_on_record(tmp_path)}
    assert ["Succeeded"] * 3 == kinds(await _run(scene, some_jobs(3)))
    assert 3 == scene.submits


@attrs.define(eq=False)
class _CancellingSink(DirectorySink):
    """Raises a cancellation for one video, in the call named."""

    where: str = "open"

    async def open(self, name: str) -> DirectoryPart:
        if self.where == "open" and name == "job-1.mp4":
            _cancelled()
        return await super().open(name)

    async def exists(self, name: str) -> bool:
        if self.where == "exists" and name == "job-1.mp4":
            _cancelled()
        return await super().exists(name)


@pytest.mark.parametrize("where", ["open", "exists"])
async def test_a_sink_that_raises_a_cancellation_fails_one_job(tmp_path: Path, where: str) -> None:
    """It is a mistake in one job like any other: that one fails, and the others are saved."""
    scene = Scene.set(tmp_path)
    sink = _CancellingSink(tmp_path, where)
    batch = await _run(scene, some_jobs(4), sink=sink, journal=tmp_path / "journal")
    assert ["Succeeded", "Failed", "Succeeded", "Succeeded"] == kinds(batch)
    assert isinstance(batch.failed[0].error, UnexpectedError)
    assert "CancelledError" in str(batch.failed[0].error)


async def test_a_source_that_raises_a_cancellation_is_told_of(tmp_path: Path) -> None:
    """Never a short result that looks whole."""

    async def source() -> AsyncIterator[Job]:
        yield some_jobs(1)[0]
        _cancelled()

    with pytest.raises(UnexpectedError, match="iterable of jobs"):
        await _run(Scene.set(tmp_path), source())


@attrs.frozen
class _CancellingPolicy:
    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        scheduler = FixedPolling(1.0).scheduler(polls_per_second=polls_per_second, seed=seed, learned=learned)
        scheduler.take = _cancelled  # pyright: ignore[reportAttributeAccessIssue]
        return scheduler


async def test_a_schedule_that_raises_a_cancellation_is_told_of(tmp_path: Path) -> None:
    """Whatever of the batch is ended by a cancellation that nobody asked for: it raises, and returns no half."""
    with pytest.raises(UnexpectedError, match="ended by a cancellation"):
        await _run(Scene.set(tmp_path), some_jobs(3), poll_policy=_CancellingPolicy())


async def test_a_cancellation_that_was_asked_for_is_one(tmp_path: Path) -> None:
    """The mends above do not take it for a mistake of some jobs."""
    scene = Scene.set(tmp_path)
    told: list[JobEvent] = []
    with anyio.move_on_after(5.0) as scope:
        await scene.run(some_jobs(50), on_event=told.append, max_in_flight=2)  # the others wait for a slot
    assert scope.cancelled_caught
    assert told
    assert [event.outcome for event in told if event.outcome is not None] == []


# -- a source of jobs that waits, or never ends ----------------------------------------------------


@attrs.define(eq=False)
class _Waiting:
    """Gives some jobs, and then waits for ever; tells whether it was closed."""

    is_closed: bool = False
    count: int = 1

    async def jobs(self) -> AsyncIterator[Job]:
        try:
            for job in some_jobs(self.count):
                yield job
            await anyio.sleep_forever()
        finally:
            self.is_closed = True


async def test_a_refused_key_ends_the_batch_while_the_source_waits(tmp_path: Path) -> None:
    """No further job could be sent: nobody waits for one."""
    scene = Scene.set(tmp_path, "submit:401")
    source = _Waiting()
    with pytest.raises(AuthError):
        await _run(scene, source.jobs())
    assert source.is_closed


@pytest.mark.parametrize("count", [1, 100], ids=["that waits", "that is waited with"])
async def test_a_source_is_closed_when_the_caller_leaves(tmp_path: Path, count: int) -> None:
    """Its files and connections are let go of at once, and not at the garbage collector's leisure."""
    scene = Scene.set(tmp_path)
    source = _Waiting(count=count)
    jobs = source.jobs()
    async with (
        scene.client() as client,
        client.as_completed(jobs, output_dir=tmp_path, max_in_flight=1) as outcomes,
    ):
        async for _ in outcomes:
            break
        assert not source.is_closed
    assert source.is_closed


async def test_nothing_is_uploaded_for_what_the_budget_refuses(tmp_path: Path) -> None:
    """An upload that no submit can follow is traffic for nothing."""
    scene = Scene.set(tmp_path)
    batch = await _run(scene, some_jobs(20), budget_usd="0.35", max_in_flight=1)
    assert len(batch.succeeded) == 2
    assert scene.transport.calls["PUT"] == 2


# -- a client in another loop ----------------------------------------------------------------------


def test_a_client_of_another_loop_says_so(tmp_path: Path) -> None:
    """Before anything is noted or sent: not a `RuntimeError` out of the depths."""
    entered, done = threading.Event(), threading.Event()
    clients: list[Client] = []

    async def hold() -> None:
        async with Client("key", base_url="http://127.0.0.1:9") as client:
            clients.append(client)
            entered.set()
            await asyncio.to_thread(done.wait)

    async def use() -> None:
        async with clients[0].as_completed(some_jobs(1), output_dir=tmp_path) as outcomes:
            async for _ in outcomes:
                pass

    holder = threading.Thread(target=asyncio.run, args=(hold(),))
    holder.start()
    try:
        assert entered.wait(30)
        with pytest.raises(ConfigError, match="event loop"):
            asyncio.run(use())
    finally:
        done.set()
        holder.join()
    assert not list(tmp_path.iterdir())


@attrs.define(eq=False)
class _Closing(MemoryTransport):
    """Of a client that is closed after some submits, as by an application that shuts down under its batches."""

    left: int = 3

    async def call(self, call: Call) -> Reply:
        if call.method == "POST" and call.path == "/requests":
            self.left -= 1
        if self.left < 0:
            raise ConfigError("Client", "closed", "Use its handles inside `async with Client(...) as client:`.")
        return await super().call(call)


async def test_a_client_that_is_closed_under_a_batch_leaves_no_submit_of_unknown_fate(tmp_path: Path) -> None:
    """What never left is not held: the next run sends it, and nobody has to look into the console."""
    scene = Scene.set(tmp_path)
    scene.transport = _Closing(scene.cloud)
    with pytest.raises(ConfigError, match="closed"):
        await _run(scene, some_jobs(20))
    assert 3 == scene.submits
    assert {False} == {job.is_held for job in jobs_on_record(tmp_path)}
    scene.transport = MemoryTransport(scene.cloud)
    assert ["Succeeded"] * 20 == kinds(await _run(scene, some_jobs(20)))
    assert [] == scene.paid_twice()


# -- a name that is taken while the video is made --------------------------------------------------


@attrs.define(eq=False)
class _Meddler:
    """Puts a file of its own under the job's name, once the job is sent."""

    folder: Path
    names: Iterator[str]

    def __call__(self, told: JobEvent) -> None:
        if told.outcome is None and told.state == "ready":
            (self.folder / f"{next(self.names)}.mp4").write_bytes(b"mine")


async def test_a_name_taken_meanwhile_costs_no_video(tmp_path: Path) -> None:
    """What lies there is not replaced, and what is paid is saved beside it."""
    scene = Scene.set(tmp_path)
    batch = await _run(scene, some_jobs(1), on_event=_Meddler(tmp_path, iter(["job-0"] * 9)))
    assert ["Succeeded"] == kinds(batch)
    saved = Path(batch.succeeded[0].path)
    assert saved.name == "job-0-2.mp4"
    assert saved.read_bytes() == scene.content_of(batch[0])
    assert (tmp_path / "job-0.mp4").read_bytes() == b"mine"
    assert list(tmp_path.glob("*.part*")) == []
    assert any("job-0.mp4" in note for note in batch.succeeded[0].notes)
    again = await _run(scene, some_jobs(1))
    assert Path(again.succeeded[0].path) == saved
    assert scene.charges == 1


@attrs.define(eq=False)
class _AlwaysTaken(DirectorySink):
    """A place that says of every name that it is free, and then that it is taken."""

    opened: int = 0

    async def open(self, name: str) -> DirectoryPart:
        self.opened += 1
        (self.folder / name).write_bytes(b"mine")
        return await super().open(name)


async def test_a_place_where_every_name_is_taken_is_given_up(tmp_path: Path) -> None:
    """Not tried for ever."""
    scene = Scene.set(tmp_path)
    sink = _AlwaysTaken(tmp_path)
    batch = await _run(scene, some_jobs(1), sink=sink, journal=tmp_path / "journal")
    assert ["Failed"] == kinds(batch)
    assert "another file is already at" in str(batch.failed[0].error)
    assert sink.opened < 10


# -- what is given as jobs -------------------------------------------------------------------------


async def test_what_is_no_job_is_told_with_its_place_and_type(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has an error that says where it stood and what to give; the log says it once, for nobody may look."""
    batch = await _run(Scene.set(tmp_path), [*some_jobs(1), "cat.jpg", 7, *some_jobs(2)])
    assert ["Succeeded", "Failed", "Failed", "Succeeded", "Succeeded"] == kinds(batch)
    said = [one.error.describe() for one in batch.failed]
    remedy = "Give Job(image, prompt, ...); of image files, jobs_from_images makes jobs."
    assert [
        f"jobs[1]='cat.jpg': of type str, which is neither a Job nor a mapping of its parameters. {remedy}",
        f"jobs[2]=7: of type int, which is neither a Job nor a mapping of its parameters. {remedy}",
    ] == said
    assert [said[0]] == [record.getMessage() for record in caplog.records]


async def test_no_job_at_all_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A generator that was used before looks like a batch without jobs: an empty result, and a warning."""
    scene, used = Scene.set(tmp_path), (job for job in some_jobs(1))
    assert ["Succeeded"] == kinds(await _run(scene, used))
    assert "" == caplog.text
    assert [] == kinds(await _run(scene, used))
    assert ["there was no job to do; an iterator of jobs can be used only once"] == [
        record.getMessage() for record in caplog.records
    ]


@pytest.mark.parametrize("given", [{"image": "cat.jpg", "prompt": "it yawns"}, "cat.jpg", None], ids=repr)
async def test_what_is_no_job_is_refused_where_one_is_wanted(tmp_path: Path, given: Any) -> None:
    """A row, which `generate_many` takes, or a path: the message says what to give instead."""
    scene = Scene.set(tmp_path)
    async with scene.client() as client:
        for call in (client.submit(given), client.generate(given, tmp_path / "cat.mp4"), check_image(given)):
            with pytest.raises(InvalidJobError, match=r"^job=.*, which is no Job. Give Job\(image, prompt"):
                await call
    with pytest.raises(InvalidJobError, match=r"^jobs\[1\]=.*, which is no Job"):
        estimate([*some_jobs(1), given])
    assert not scene.transport.calls
