"""A service that lags, storms, fails for minutes or changes its mind. The numbers are the rows of the fault matrix."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from pixverse_async import AuthError, BatchResult, FixedPolling, InsufficientCreditsError, Job, JobEvent, Outcome
from pixverse_async._core.breaker import FEWEST_CALLS
from pixverse_async._core.errors import TransportError, UnexpectedError
from pixverse_async._core.schedule.poll_budget import LEAST_CALLS
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.batch import SUBMIT_WORKERS
from tests.memory import MemoryPart, MemorySink, MemoryTransport, Scene, kinds, some_jobs, tiny_png
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.anyio

QUICK = "media:no_hashes"
"""The emulator's checksums are made in Python; these tests are about something else."""


@pytest.mark.fault(5)
async def test_05_a_submit_that_the_list_shows_too_late_is_held_and_adopted_later(tmp_path: Path) -> None:
    """The reply never comes and the list lags longer than anybody looks: held, and the next run finds it, paid once."""
    scene = Scene.set(tmp_path, "submit:hang_after_commit:nth=1", list_lag=3600.0)
    assert ["Unknown"] == kinds(await scene.run(some_jobs(1)))
    await anyio.sleep(3600.0)
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1)))
    assert 1 == scene.submits == scene.charges


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("list:404", {}),
        ("list:401", {}),
        ("list:hang", {}),
        ("list:slow:value=50", {}),
        ("list:200_empty", {}),
        ("list:200_truncated_json", {}),
        ("poll:slow", {"list_page_size": 1}),
    ],
)
async def test_09_a_list_that_is_of_no_use_holds_one_job_and_no_other(
    tmp_path: Path, rule: str, settings: Mapping[str, Any]
) -> None:
    """Missing, refused, silent, cut or paged: what it does not show is held, never sent again, and the rest goes on."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=2", rule, **settings)
    batch = await scene.run(some_jobs(4), on_unknown="resubmit", resubmit_after=60.0)
    assert 4 == len(batch)
    assert {"Succeeded": 3, "Unknown": 1} == {kind: kinds(batch).count(kind) for kind in kinds(batch)}
    assert 4 == scene.submits


@attrs.define(eq=False)
class Storm(MemoryTransport):
    """Every submit is refused by rate until `calm_at`, with these headers."""

    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    calm_at: float = 600.0
    refused: int = 0

    async def call(self, call: Call) -> Reply:
        if call.method == "POST" and call.path == "/requests" and self.now < self.calm_at:
            self.refused += 1
            return Reply(status=429, headers=self.headers, body=b'{"error": "too many"}')
        return await MemoryTransport.call(self, call)


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("wait", "most"),
    [("", 20), ("1000000000", 4), ("Sun, 06 Nov 1994 08:49:37 GMT", 20), ("0", 20), ("-7", 20), ("soon", 20)],
)
async def test_10_a_storm_of_refusals_is_waited_out(tmp_path: Path, wait: str, most: int) -> None:
    """Ten minutes of nothing but 429, whatever wait they name: a handful of submits, then every job, each paid once."""
    scene = Scene.set(tmp_path, QUICK)
    scene.transport = storm = Storm(scene.cloud, headers={"retry-after": wait} if wait else {})
    batch = await scene.run([Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(15)])
    assert ["Succeeded"] * 15 == kinds(batch)
    assert 15 == scene.charges
    assert 1 <= storm.refused <= most


class _Creeping(VirtualTimeLoop):
    """A clock that never shows the same time twice, as a real one."""

    def time(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.mark.fault(10)
@pytest.mark.parametrize("loop", [VirtualTimeLoop, _Creeping])
def test_10_a_storm_without_end_is_given_up_after_job_timeout(tmp_path: Path, loop: type[VirtualTimeLoop]) -> None:
    """When nothing but 429 came for ten minutes, the jobs that waited so long end unpaid, one soon after the other."""

    async def run() -> tuple[BatchResult, float]:
        scene = Scene.set(tmp_path)
        scene.transport = Storm(scene.cloud, calm_at=math.inf)
        return await scene.run(some_jobs(15), job_timeout=600.0), anyio.current_time()

    batch, ended_at = anyio.run(run, backend_options={"loop_factory": loop})
    assert ["Failed"] * 15 == kinds(batch)
    assert not any(failed.error.may_be_billed for failed in batch.failed)
    assert 500.0 < ended_at < 800.0


@pytest.mark.fault(11)
@pytest.mark.parametrize("fault", ["401", "402", "403"])
async def test_11_what_was_accepted_before_a_refusal_is_saved(tmp_path: Path, fault: str) -> None:
    """From the fifth submit on the key or the credits are refused: four videos are saved, and no more is sent."""
    scene = Scene.set(tmp_path, f"submit:{fault}:nth=" + ",".join(str(n) for n in range(5, 40)))
    found: list[Outcome] = []

    def watch(event: JobEvent) -> None:
        if event.outcome is not None:
            found.append(event.outcome)

    with pytest.raises(AuthError) if fault != "402" else nullcontext():
        await scene.run(some_jobs(20), max_in_flight=2, on_event=watch)
    batch = BatchResult(sorted(found, key=lambda outcome: outcome.index))
    assert 4 == len(batch.succeeded) == len(list(tmp_path.glob("*.mp4"))) == scene.charges
    assert scene.submits <= 4 + 2
    assert not any(failed.error.may_be_billed for failed in batch.failed)
    if fault == "402":
        assert 16 == sum(isinstance(failed.error, InsufficientCreditsError) for failed in batch.failed)


@attrs.define(eq=False)
class Outage(MemoryTransport):
    """From `begins_at` on, for ten minutes, whatever is asked fails as `how` says."""

    how: str = "drop"
    begins_at: float = 100.0
    told: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])

    async def call(self, call: Call) -> Reply:
        self.told.append((self.now, f"{call.method} {call.path.partition('?')[0]}"))
        if self.how != "calm" and self.begins_at <= self.now < self.begins_at + 600.0:
            if self.how == "500":
                return Reply(status=500, body=b"{}")
            raise TransportError("nobody there", sent=None if self.how == "drop" else False)
        return await MemoryTransport.call(self, call)

    def during(self, what: str = "") -> int:
        """Calls in those ten minutes whose name begins so."""
        end = self.begins_at + 600.0
        return sum(self.begins_at <= at < end and name.startswith(what) for at, name in self.told)


async def _ten_minutes(folder: Path, how: str) -> int:
    """Calls in ten minutes of a batch whose jobs all take a quarter of an hour."""
    scene = Scene.set(folder, QUICK, generation_median=900.0, generation_sigma=0.0, generation_max=900.0)
    scene.transport = outage = Outage(scene.cloud, anyio.current_time(), how=how)
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(20)]
    batch = await scene.run(
        jobs,
        max_in_flight=10,
        poll_policy=FixedPolling(20.0),
        sink=MemorySink(),
        journal=False,
        job_timeout=7200.0,
    )
    assert ["Succeeded"] * 20 == kinds(batch)
    assert 20 == scene.submits
    return outage.during()


@pytest.mark.fault(12)
async def test_12_an_outage_is_not_answered_with_more_calls(tmp_path: Path) -> None:
    """In ten minutes without service at most a tenth more calls are made than in ten good ones."""
    calm = await _ten_minutes(tmp_path, "calm")
    assert calm > 200
    for how in ("drop", "refuse", "500"):
        assert 10 < await _ten_minutes(tmp_path, how) <= 1.1 * calm


@pytest.mark.fault(12)
@pytest.mark.parametrize("how", ["drop", "refuse", "500"])
async def test_12_submits_into_an_outage_stop_and_a_read_comes_before_the_next(tmp_path: Path, how: str) -> None:
    """An outage that begins amid submits takes few of them; then only lists are read, ever more seldom."""
    scene = Scene.set(tmp_path, QUICK, submit_latency=2.0)
    scene.transport = outage = Outage(scene.cloud, how=how, begins_at=3.0)
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(100)]
    batch = await scene.run(
        jobs, on_unknown="hold", sink=MemorySink(), journal=False, poll_policy=FixedPolling(60.0)
    )
    assert 100 == len(batch)
    assert not scene.paid_twice()
    assert FEWEST_CALLS <= outage.during("POST") <= FEWEST_CALLS + SUBMIT_WORKERS
    late = [name for at, name in outage.told if 60.0 < at < 603.0 and not name.startswith("GET /requests/")]
    assert {"GET /requests"} == set(late)
    assert len(late) <= 600 / 60 + 6


@attrs.define(eq=False)
class Forgetful(MemoryTransport):
    """Once a video was asked for, its link is dead and its record gone."""

    async def call(self, call: Call) -> Reply:
        if call.path.startswith("/requests/") and self.calls["fetch"]:
            return Reply(status=404, body=b'{"error": "no such request"}')
        return await MemoryTransport.call(self, call)


@pytest.mark.fault(14)
async def test_14_a_success_that_the_service_then_denies_is_left_and_never_bought_again(tmp_path: Path) -> None:
    """A video whose link is dead and whose record is gone may be billed, stays resumable, and is not sent again."""
    scene = Scene.set(tmp_path, "media:404")
    scene.transport = Forgetful(scene.cloud)
    for _ in range(2):
        batch = await scene.run(some_jobs(1), on_unknown="resubmit")
        assert ["Pending"] == kinds(batch)
        assert batch.pending[0].error.may_be_billed
        assert batch.pending[0].request_id is not None
    assert 1 == scene.submits


@attrs.define(eq=False)
class BuggySink(MemorySink):
    """Its author made a mistake that one name shows."""

    async def open(self, name: str) -> MemoryPart:
        if name == "job-1.mp4":
            raise KeyError("oops https://store.example/job-1.mp4?sig=c0ffee")
        return await MemorySink.open(self, name)


@pytest.mark.fault(36)
async def test_36_a_bug_in_one_job_is_that_jobs_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An exception that nobody expected is in the outcome of its job, with its cause; the others are saved.

    The log has its traceback, without the query of a link that it quotes.
    """
    scene = Scene.set(tmp_path)
    batch = await scene.run(some_jobs(3), sink=BuggySink(), journal=False)
    assert ["Succeeded", "Failed", "Succeeded"] == kinds(batch)
    error = batch.failed[0].error
    assert isinstance(error, UnexpectedError)
    assert isinstance(error.__cause__, KeyError)
    assert "  raise KeyError(" in caplog.text
    assert "c0ffee" not in caplog.text + str(error)
    assert error.may_be_billed


@pytest.mark.fault(40)
async def test_40_tasks_are_as_many_as_workers_and_not_as_jobs(tmp_path: Path) -> None:
    """Of a hundred thousand jobs only those in flight are held, and no job in flight has a task of its own."""
    pulled = most_tasks = most_waiting = seen = 0

    def many() -> Iterator[Job]:
        nonlocal pulled
        for n in range(100_000):
            pulled += 1
            yield Job(f"https://pictures.example/{n}.jpg", f"scene {n}")

    scene = Scene.set(tmp_path, QUICK)
    async with (
        scene.client() as client,
        client.as_completed(
            many(), sink=MemorySink(), journal=False, max_in_flight=200, poll_policy=FixedPolling(60.0)
        ) as outcomes,
    ):
        async for _ in outcomes:
            seen += 1
            most_tasks = max(most_tasks, len(asyncio.all_tasks()))
            most_waiting = max(most_waiting, pulled - seen)
            if seen == 300:
                break
    assert most_waiting <= 200 + SUBMIT_WORKERS + 8 * 17 + 64 + 10
    assert most_tasks <= SUBMIT_WORKERS + LEAST_CALLS + 8 + 15


@pytest.mark.fault(41)
async def test_41_an_image_that_changes_before_its_turn_is_not_sent_as_what_it_was(tmp_path: Path) -> None:
    """Rewritten between planning and sending: that job fails unpaid and says so, and the next run makes the new one."""
    images = [tmp_path / f"{n}.png" for n in range(3)]
    for n, image in enumerate(images):
        image.write_bytes(tiny_png(n))
    jobs = [Job(image, "yawns") for image in images]
    scene = Scene.set(tmp_path / "out")

    def watch(event: JobEvent) -> None:
        if event.index == 0 and event.outcome is None:
            images[1].write_bytes(tiny_png(9))

    first = await scene.run(jobs, max_in_flight=1, on_event=watch)
    assert ["Succeeded", "Failed", "Succeeded"] == kinds(first)
    assert "changed" in str(first.failed[0].error)
    assert not first.failed[0].error.may_be_billed
    assert ["Succeeded"] * 3 == kinds(await scene.run(jobs))
    assert 3 == scene.submits == scene.charges
