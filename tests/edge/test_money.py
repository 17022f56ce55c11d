"""Nothing is paid twice and nothing paid is lost: lost replies, resumed runs, cancelled runs."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import (
    AuthError,
    BatchResult,
    ConfigError,
    GenerationError,
    Job,
    JournalError,
    Outcome,
    RejectedError,
    SubmitUnknownError,
)
from pixverse_async._core.breaker import FEWEST_CALLS
from pixverse_async._core.events import Event
from pixverse_async._core.lifecycle import NEW_JOB, JobRecord, advance
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.plan import Jobs
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async._edge.wall_clock import utc_now
from pixverse_async.emulator.faults import MEDIA_FAULTS, PUT_FAULTS
from tests.memory import MemoryTransport, Scene, kinds, some_jobs, tiny_png

pytestmark = pytest.mark.anyio

COMMITTED = [
    "drop_after_commit",
    "hang_after_commit",
    "error_500_after_commit",
    "502_html_after_commit",
    "504_html_after_commit",
    "503_request_id",
    "200_html",
    "200_truncated_json",
    "200_without_request_id",
]
NOT_COMMITTED = [
    "drop_before_commit",
    "hang_before_commit",
    "error_500_before_commit",
    "502_html_before_commit",
    "504_html_before_commit",
    "503_plain",
    "503_request_id_absent",
    "500_backend_400",
    "307_redirect",
]


@pytest.mark.fault(4, 6, 8)
@pytest.mark.parametrize("fault", COMMITTED)
async def test_a_lost_reply_is_found_in_the_list(tmp_path: Path, fault: str) -> None:
    """The reply to a submit that landed is lost: its request is adopted, and it was sent once."""
    scene = Scene.set(tmp_path, f"submit:{fault}:nth=2")
    batch = await scene.run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(batch)
    assert scene.submits == scene.charges == 3
    assert not scene.paid_twice()


@pytest.mark.parametrize("fault", NOT_COMMITTED)
async def test_a_submit_of_unknown_fate_is_held(tmp_path: Path, fault: str) -> None:
    """A submit that did not land, as only the service knows, is Unknown, counted as spent and never sent again."""
    scene = Scene.set(tmp_path, f"submit:{fault}:nth=2")
    batch = await scene.run(some_jobs(3), max_in_flight=1)
    assert ["Succeeded", "Unknown", "Succeeded"] == kinds(batch)
    assert scene.submits == 3
    held = batch.unknown[0]
    assert isinstance(held.error, SubmitUnknownError)
    assert held.error.may_be_billed
    assert held.seed == held.error.seed
    assert held.usd > 0
    again = await scene.run(some_jobs(3))
    assert ["Succeeded", "Unknown", "Succeeded"] == kinds(again)
    assert scene.submits == 3


@pytest.mark.parametrize("fault", ["429", "429_bare", "429_absurd", "429_retry_after"])
async def test_a_refusal_by_rate_is_sent_again(tmp_path: Path, fault: str) -> None:
    """A 429 of any shape costs nothing but time."""
    scene = Scene.set(tmp_path, f"submit:{fault}:nth=1,2")
    batch = await scene.run(some_jobs(4))
    assert ["Succeeded"] * 4 == kinds(batch)
    assert scene.charges == 4
    assert scene.submits == 6


@pytest.mark.fault(3)
async def test_a_connection_never_made_is_sent_again(tmp_path: Path) -> None:
    """While no connection can be made the submit waits; then it is sent, and charged once."""
    scene = Scene.set(tmp_path)
    scene.transport.is_down = True
    batches: list[Outcome] = []

    async def come_back() -> None:
        await anyio.sleep(10.0)
        scene.transport.is_down = False

    async with anyio.create_task_group() as group:
        group.start_soon(come_back)
        batches.extend(await scene.run([Job("https://pictures.example/cat.jpg", "yawns")]))
    assert ["Succeeded"] == [type(outcome).__name__ for outcome in batches]
    assert scene.charges == 1


async def test_hold_asks_no_list(tmp_path: Path) -> None:
    """With on_unknown="hold" a lost reply is Unknown at once and the list is not read."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    assert ["Unknown"] == kinds(await scene.run(some_jobs(1), on_unknown="hold"))
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1)))
    assert scene.submits == 1


async def test_an_id_that_an_error_named_settles_it_without_a_list(tmp_path: Path) -> None:
    """With on_unknown="hold" a 503 that names its request is settled by that, and one that names none is told."""
    scene = Scene.set(tmp_path, "submit:503_request_id:nth=1", "submit:503_plain:nth=2")
    batch = await scene.run(some_jobs(2), on_unknown="hold", max_in_flight=1)
    assert ["Succeeded", "Unknown"] == kinds(batch)
    assert "the service answered 503" in str(batch.unknown[0].error)


@pytest.mark.parametrize(("list_lag", "submits"), [(0.0, 4), (90.0, 4)])
async def test_resubmit_waits_longer_than_the_list_lags(tmp_path: Path, list_lag: float, submits: int) -> None:
    """With on_unknown="resubmit" every job finishes, and none is paid twice when the list lags less than the wait."""
    scene = Scene.set(
        tmp_path, "submit:drop_after_commit:nth=1", "submit:drop_before_commit:nth=2", list_lag=list_lag
    )
    batch = await scene.run(some_jobs(3), on_unknown="resubmit", resubmit_after=120.0)
    assert ["Succeeded"] * 3 == kinds(batch)
    assert submits == scene.submits
    assert not scene.paid_twice()
    lines = map(json.loads, (tmp_path / JOURNAL_NAME).read_text().splitlines())
    assert [True] == [line["listings"] > 0 for line in lines if line.get("event") == "ConfirmedAbsent"]


@pytest.mark.parametrize("on_unknown", ["resubmit", "reconcile"])
async def test_a_list_that_lags_is_waited_for_however_long_the_loop_has_run(
    tmp_path: Path, on_unknown: str
) -> None:
    """A reply lost an hour after the start is found in a list that lags by ten seconds, and not sent again before."""
    await anyio.sleep(3600.0)
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", list_lag=10.0)
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1), on_unknown=on_unknown, resubmit_after=120.0))
    assert 1 == scene.submits


@pytest.mark.fault(9)
@pytest.mark.parametrize("fault", ["405", "500", "200_html", "429", "drop"])
async def test_a_list_that_fails_proves_nothing(tmp_path: Path, fault: str) -> None:
    """Where the list cannot be read even resubmit holds what it does not know."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1", f"list:{fault}")
    batch = await scene.run(some_jobs(1), on_unknown="resubmit", resubmit_after=30.0)
    assert ["Unknown"] == kinds(batch)
    assert scene.submits == 1


async def test_a_list_without_echo_proves_nothing(tmp_path: Path) -> None:
    """Where records echo an empty payload no record is adopted, and nothing is paid twice."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", echo="empty")
    assert ["Unknown", "Succeeded"] == sorted(kinds(await scene.run(some_jobs(2))), reverse=True)
    assert not scene.paid_twice()


async def test_a_users_seed_does_not_swap_videos(tmp_path: Path) -> None:
    """Two jobs alike but for the image, both replies lost: each is given the request of its own image."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1,2")
    jobs = [Job(tiny_png(n), "same", seed=5, name=f"job-{n}") for n in range(2)]
    batch = await scene.run(jobs)
    assert ["Succeeded"] * 2 == kinds(batch)
    for outcome in batch.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
    images = {order.request_id: order.order for order in scene.cloud.bucket.objects.values() if order.order}
    assert len({str(images[outcome.request_id or ""]) for outcome in batch}) == 2
    assert scene.submits == 2


@pytest.mark.fault(44)
async def test_the_same_call_again_does_nothing(tmp_path: Path) -> None:
    """A finished folder costs no submit, no upload, no poll and no download."""
    scene = Scene.set(tmp_path)
    first = await scene.run(some_jobs(5))
    before = dict(scene.transport.calls)
    second = await scene.run(some_jobs(5))
    assert before == dict(scene.transport.calls)
    assert [one.path for one in first.succeeded] == [one.path for one in second.succeeded]
    assert [one.sha256 for one in first.succeeded] == [one.sha256 for one in second.succeeded]


async def test_a_lost_file_is_fetched_and_not_bought(tmp_path: Path) -> None:
    """A video that somebody removed or damaged is downloaded again by its id."""
    scene = Scene.set(tmp_path)
    first = await scene.run(some_jobs(3))
    Path(first.succeeded[0].path).unlink()
    Path(first.succeeded[1].path).write_bytes(b"half a file")
    second = await scene.run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(second)
    assert scene.submits == 3
    for outcome in second.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()


async def test_a_renamed_image_is_no_new_job_and_a_changed_one_is(tmp_path: Path) -> None:
    """Identity is what would be made: the image's content, the prompt and the parameters."""
    scene = Scene.set(tmp_path / "out")
    image = tmp_path / "cat.png"
    image.write_bytes(tiny_png(1))
    await scene.run([Job(image, "yawns")])
    renamed = image.rename(tmp_path / "dog.png")
    await scene.run([Job(renamed, "yawns")])
    assert scene.submits == 1
    renamed.write_bytes(tiny_png(2))
    await scene.run([Job(renamed, "yawns")])
    await scene.run([Job(renamed, "yawns", duration=6)])
    assert scene.submits == 3


async def test_failed_jobs_are_sent_again_only_on_request(tmp_path: Path) -> None:
    """A failed generation stays failed in the next run, unless retry_failed asks for it."""
    scene = Scene.set(tmp_path, "submit:high_load:nth=1")
    assert ["Failed"] == kinds(await scene.run(some_jobs(1)))
    assert ["Failed"] == kinds(await scene.run(some_jobs(1)))
    assert scene.submits == 1
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1), retry_failed=True))
    assert scene.submits == 2


async def test_one_round_of_retries_is_finished_and_no_other_begun(tmp_path: Path) -> None:
    """With a time for retry_failed what was last sent before it is sent again, once, however often the call is made."""
    scene = Scene.set(tmp_path, "submit:high_load:nth=1,2,3,4", "submit:402:nth=5")
    assert ["Failed"] * 3 == kinds(await scene.run(some_jobs(3), max_in_flight=1))
    began = datetime.fromtimestamp(utc_now(), UTC)
    await scene.run(some_jobs(3), max_in_flight=1, retry_failed=began)
    assert 5 == scene.submits, "the first of them failed again, and there was no credit for the others"
    assert ["Failed", "Succeeded", "Succeeded"] == kinds(await scene.run(some_jobs(3), retry_failed=began))
    assert ["Failed", "Succeeded", "Succeeded"] == kinds(await scene.run(some_jobs(3), retry_failed=began))
    assert 7 == scene.submits
    assert ["Succeeded"] * 3 == kinds(await scene.run(some_jobs(3), retry_failed=True))
    assert 8 == scene.submits


@pytest.mark.parametrize("wrong", [datetime(2026, 11, 26), 1.5, "yes"])  # noqa: DTZ001  that is the mistake
async def test_a_time_for_retries_is_a_time(tmp_path: Path, wrong: object) -> None:
    """A time without a zone, or what is none, is refused before anything is sent."""
    with pytest.raises(ConfigError, match="retry_failed"):
        await Scene.set(tmp_path).run(some_jobs(1), retry_failed=wrong)


@pytest.mark.fault(35)
@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 0.31, 0.4, 1.0, 20.0, 60.0, 75.0, 90.0, 120.0])
async def test_a_run_cancelled_at_any_time_is_finished_by_the_next(tmp_path: Path, seconds: float) -> None:
    """Whenever a run is cancelled, the next one finishes the remainder, and every job is sent and paid once."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(seconds):
        await scene.run(some_jobs(8), max_in_flight=3)
    batch = await scene.run(some_jobs(8))
    assert ["Succeeded"] * 8 == kinds(batch)
    assert scene.submits == scene.charges == 8


@pytest.mark.fault(35)
async def test_a_post_under_way_is_heard_out(tmp_path: Path) -> None:
    """A batch cancelled while a POST is under way records the answer before it ends."""
    scene = Scene.set(tmp_path, "submit:slow:value=5")
    with anyio.move_on_after(2.0):
        await scene.run(some_jobs(1))
    assert b"SubmitAccepted" in (tmp_path / JOURNAL_NAME).read_bytes()


async def test_a_post_that_never_answers_does_not_hold_a_cancelled_batch(tmp_path: Path) -> None:
    """Ten seconds after the cancellation the batch is over, and the next run settles the submit from the list."""
    scene = Scene.set(tmp_path, "submit:hang_after_commit:nth=1")
    with anyio.move_on_after(2.0):
        await scene.run(some_jobs(1))
    assert anyio.current_time() <= 12.5
    assert ["Succeeded"] == kinds(await scene.run(some_jobs(1)))
    assert scene.submits == scene.charges == 1


async def test_nothing_is_sent_after_the_cancellation(tmp_path: Path) -> None:
    """A cancelled batch sends none of the jobs that were still waiting for a slot."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(1.0):
        await scene.run(some_jobs(10), max_in_flight=2)
    await anyio.sleep(100)
    assert scene.submits == 2


async def test_cancel_queued_asks_the_service_to_drop_what_waits(tmp_path: Path) -> None:
    """With on_cancel="cancel_queued" requests that wait at the service are deleted, those that run are not."""
    scene = Scene.set(tmp_path, workers=1, delete_enabled=True, generation_median=300.0, generation_sigma=0.0)
    with anyio.move_on_after(60.0):
        await scene.run(some_jobs(4), on_cancel="cancel_queued")
    assert scene.transport.calls["DELETE /requests"] >= 3
    assert scene.charges <= 1


async def test_a_request_that_was_dropped_is_not_said_to_be_cancelled_in_the_console(tmp_path: Path) -> None:
    """The next run cannot know who cancelled it, and names both ways; it costs nothing."""
    scene = Scene.set(tmp_path, workers=1, delete_enabled=True, generation_median=300.0, generation_sigma=0.0)
    with anyio.move_on_after(60.0):
        await scene.run(some_jobs(4), on_cancel="cancel_queued")
    batch = await scene.run(some_jobs(4))
    told = [str(outcome.error) for outcome in batch.failed]
    assert len(told) >= 3
    assert all('cancelled in the console, or by on_cancel="cancel_queued"' in one for one in told)
    assert {0} == {outcome.usd for outcome in batch.failed}


async def some_and_a_mistake() -> AsyncIterator[Job]:
    for job in some_jobs(3):
        yield job
    await anyio.sleep(60.0)
    raise LookupError("a mistake in the source of jobs")


@pytest.mark.parametrize(
    ("jobs", "rule", "error"),
    [
        (some_and_a_mistake(), "poll:500:nth=1", LookupError),
        (some_jobs(4), "submit:401:nth=4", AuthError),
    ],
    ids=["the source raises", "the key is refused"],
)
async def test_cancel_queued_drops_nothing_when_the_batch_fails(
    tmp_path: Path, jobs: Jobs, rule: str, error: type[Exception]
) -> None:
    """Only who cancels has asked for it: what waits when a batch ends by an error is left to the next run."""
    scene = Scene.set(
        tmp_path, rule, workers=1, delete_enabled=True, generation_median=300.0, generation_sigma=0.0
    )
    with pytest.raises(error):
        await scene.run(jobs, on_cancel="cancel_queued")
    assert (3, 0) == (scene.charges, scene.transport.calls["DELETE /requests"])


@attrs.define(eq=False)
class Deleting(MemoryTransport):
    """Notes how each request stood when it was asked to be deleted."""

    deleted: list[str] = attrs.field(factory=list[str])

    async def call(self, call: Call) -> Reply:
        if call.method == "DELETE":
            request = self.cloud.service.queue.requests[call.path.rpartition("/")[2]]
            self.deleted.append(request.status(self.now))
        return await MemoryTransport.call(self, call)


@attrs.define(eq=False)
class Mumbling(MemoryTransport):
    """Says of each request a word that nobody knows."""

    async def call(self, call: Call) -> Reply:
        reply = await MemoryTransport.call(self, call)
        if call.method == "GET" and call.path.startswith("/requests/"):
            return attrs.evolve(
                reply, body=json.dumps({**json.loads(reply.body), "status": "warming up"}).encode()
            )
        return reply


async def test_cancel_queued_deletes_nothing_of_which_the_service_says_an_unknown_word(tmp_path: Path) -> None:
    """It may mean that the video is made, or nearly."""
    scene = Scene.set(tmp_path, delete_enabled=True)
    scene.transport = Mumbling(scene.cloud)
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(3), on_cancel="cancel_queued")
    assert (3, 0) == (scene.submits, scene.transport.calls["DELETE /requests"])


@pytest.mark.parametrize("is_saved", [False, True])
async def test_cancel_queued_deletes_no_video_that_is_paid(tmp_path: Path, is_saved: bool) -> None:
    """What an earlier run sent, or saved and somebody removed, may be made by now: it is not deleted unseen."""
    scene = Scene.set(tmp_path, delete_enabled=True)
    scene.transport = transport = Deleting(scene.cloud)
    with anyio.move_on_after(math.inf if is_saved else 20.0):
        for outcome in await scene.run(some_jobs(3)):
            (tmp_path / f"{outcome.name}.mp4").unlink()
    await anyio.sleep(1000.0)
    with anyio.move_on_after(0.03):
        await scene.run(some_jobs(3), on_cancel="cancel_queued")
    assert [] == transport.deleted
    assert ["Succeeded"] * 3 == kinds(await scene.run(some_jobs(3)))


@pytest.mark.fault(37)
async def test_a_consumer_that_leaves_early_loses_nothing(tmp_path: Path) -> None:
    """Leaving as_completed after the first outcome ends every task; the next run finishes the rest unpaid."""
    scene = Scene.set(tmp_path)
    async with (
        scene.client() as client,
        client.as_completed(some_jobs(6), output_dir=tmp_path) as outcomes,
    ):
        async for _ in outcomes:
            break
    assert ["Succeeded"] * 6 == kinds(await scene.run(some_jobs(6)))
    assert scene.submits == 6


@pytest.mark.fault(33)
async def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    """The second run over a folder that is in use stops before it sends anything."""
    scene = Scene.set(tmp_path)
    async with (
        scene.client() as client,
        client.as_completed(some_jobs(2), output_dir=tmp_path) as outcomes,
    ):
        with pytest.raises(JournalError, match="process"):
            await scene.run(some_jobs(3))
        async for _ in outcomes:
            pass
    assert scene.submits == 2


async def test_the_first_submit_goes_alone(tmp_path: Path) -> None:
    """Until one submit is accepted there is never a second under way: a mistake in all jobs costs one."""
    scene = Scene.set(tmp_path, "submit:503_plain:nth=1,2,3")
    batch = await scene.run(some_jobs(6), on_unknown="hold")
    assert ["Unknown"] * 3 + ["Succeeded"] * 3 == sorted(kinds(batch), reverse=True)
    started = [line for line in (tmp_path / JOURNAL_NAME).read_text().splitlines() if "Submit" in line]
    assert ["SubmitStarted", "SubmitInterrupted"] * 3 + ["SubmitStarted", "SubmitAccepted"] == [
        json.loads(line)["event"] for line in started[:8]
    ]


@pytest.mark.fault(12)
async def test_an_outage_is_not_explored_with_paid_calls(tmp_path: Path) -> None:
    """When submits begin to fail, a few end unknown and the others wait until the service takes one again."""
    scene = Scene.set(tmp_path, "submit:503_plain:nth=" + ",".join(str(n) for n in range(5, 40)))
    batch = await scene.run(some_jobs(120), max_in_flight=200, on_unknown="hold")
    # 64 may be under way when the first failure comes; without the breaker all 35 scripted failures are met at once.
    assert 35 == len(batch.unknown)
    assert 120 - 35 == len(batch.succeeded)
    assert not scene.paid_twice()


@pytest.mark.fault(12)
async def test_a_long_outage_costs_at_most_one_submit_a_minute(tmp_path: Path) -> None:
    """While every submit fails and reads succeed, one is tried each minute; three hundred at once would be held."""
    scene = Scene.set(tmp_path, "submit:503_plain:nth=" + ",".join(str(n) for n in range(2, 300)))
    with anyio.move_on_after(1800.0):
        await scene.run(some_jobs(300), max_in_flight=8, on_unknown="hold")
    assert scene.submits <= FEWEST_CALLS + 8 + 1800 / 60 + 5


async def test_an_unreachable_service_ends_in_jobs_not_sent(tmp_path: Path) -> None:
    """With no connection for an hour nothing is unknown, nothing is paid, and the batch returns."""
    scene = Scene.set(tmp_path)
    scene.transport.is_down = True
    batch = await scene.run([Job(f"https://pictures.example/{n}.jpg", "yawns") for n in range(30)])
    assert ["Failed"] * 30 == kinds(batch)
    assert not any(failed.error.may_be_billed for failed in batch.failed)
    assert ["Failed"] * 30 == kinds(batch)


@pytest.mark.fault(29)
async def test_a_journal_that_fails_stops_the_sending_and_not_the_saving(tmp_path: Path) -> None:
    """After the disk refuses the journal no submit leaves, what was accepted is saved, and the batch raises."""
    scene = Scene.set(tmp_path)
    found: list[Outcome] = []

    async def deliver(outcome: Outcome) -> None:
        found.append(outcome)

    log = FullDisk(await Journal.open(tmp_path / JOURNAL_NAME), refuses_from=9)
    with pytest.raises(JournalError):
        await scene.batch(log, deliver).run(some_jobs(10))
    await log.aclose()
    batch = BatchResult(sorted(found, key=lambda outcome: outcome.index))
    assert 10 == len(batch)
    assert scene.submits == scene.charges == len(batch.succeeded) < 10
    assert all(not failed.error.may_be_billed for failed in batch.failed)
    again = await scene.run(some_jobs(10))
    assert ["Succeeded"] * 10 == kinds(again)
    assert not scene.paid_twice()


@attrs.define(eq=False)
class FullDisk:
    """A journal on a disk that is full from a certain append on."""

    log: Journal
    refuses_from: int
    appends: int = 0
    lost: dict[str, JobRecord] = attrs.field(factory=dict[str, JobRecord])

    @property
    def records(self) -> Mapping[str, JobRecord]:
        return {**self.log.records, **self.lost}

    async def append(self, key: str, event: Event) -> JobRecord:
        self.appends += 1
        if self.appends >= self.refuses_from:
            self.lost[key] = advance(self.records.get(key, NEW_JOB), event)
            raise JournalError("journal", "no space left on device", "Free some.")
        return await self.log.append(key, event)

    async def aclose(self) -> None:
        await self.log.aclose()


async def test_every_ambiguity_at_once(tmp_path: Path) -> None:
    """200 jobs under all ambiguity and storage faults: nothing escapes, nothing is paid twice, every file is right."""
    refusals = ("429", "429_bare", "429_absurd", "429_retry_after")
    rules = [f"submit:{fault}:probability=0.02" for fault in (*COMMITTED, *NOT_COMMITTED, *refusals)]
    rules += [f"poll:{fault}:probability=0.02" for fault in ("500", "502_html", "drop", "hang", "200_html", "429")]
    rules += [f"put:{fault}:probability=0.02" for fault in PUT_FAULTS]
    rules += [f"media:{fault}:probability=0.01" for fault in MEDIA_FAULTS if fault not in ("endless", "drip")]
    scene = Scene.set(tmp_path, *rules, list_lag=4.0)
    batch = await scene.run(some_jobs(200))
    assert 200 == len(batch)
    assert not scene.paid_twice()
    assert not batch.pending
    for outcome in batch.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
    known = {outcome.request_id for outcome in batch}
    assert all(charge.request_id in known for charge in scene.cloud.ledger.committed)
    assert not scene.cloud.bucket.leaks


async def test_a_rejected_job_is_free_and_stays_rejected(tmp_path: Path) -> None:
    """What the service will not make frees its money for the next job, and later runs tell the same reason unasked."""
    scene = Scene.set(tmp_path, "submit:image_unreachable:nth=1")
    for _ in range(2):
        batch = await scene.run(some_jobs(2), max_in_flight=1, budget_usd="0.175")
        assert ["Failed", "Succeeded"] == kinds(batch)
        error = batch.failed[0].error
        assert isinstance(error, RejectedError)
        assert 400 == error.status
        assert "image" in error.reason
    assert 2 == scene.submits


@pytest.mark.parametrize(
    ("vendor", "most_failures"),
    # The first hundred are sent before anything is known; what fails after them is a trial.
    [({"vendor_workers": 10}, 90 + 5), ({"vendor_rpm": 30}, 70 + 9)],
    ids=["at once", "a minute"],
)
async def test_a_limit_that_only_failures_tell_costs_no_more_than_the_first_burst(
    tmp_path: Path, vendor: dict[str, int], most_failures: int
) -> None:
    """Of 300 jobs hardly one fails beyond those that were under way when the first failure was seen."""
    scene = Scene.set(tmp_path, generation_median=12.0, **vendor)
    batch = await scene.run(some_jobs(300), job_timeout=7200.0)
    assert 0 < len(batch.failed) <= most_failures
    assert 300 - len(batch.failed) == len(batch.succeeded) == scene.charges
    assert {"capacity" if "vendor_workers" in vendor else "rate_limited"} == {
        one.error.kind for one in batch.failed if isinstance(one.error, GenerationError)
    }


async def test_the_limit_that_a_refusal_names_is_kept_to(tmp_path: Path) -> None:
    """Of forty jobs the thirty beyond the first minute's ten are refused at once, with the reason on record, and
    no more.
    """
    scene = Scene.set(tmp_path, rpm=10)
    assert ["Succeeded"] * 40 == kinds(await scene.run(some_jobs(40)))
    lines = map(json.loads, (tmp_path / JOURNAL_NAME).read_text().splitlines())
    refusals = [line["why"] for line in lines if line.get("event") == "SubmitDeferred"]
    assert 30 == len(refusals) == scene.submits - 40
    assert all("429" in why for why in refusals)
