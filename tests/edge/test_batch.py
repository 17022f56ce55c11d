"""The whole pipeline over a transport in memory, in virtual time: what a batch comes to."""

from __future__ import annotations

import errno
import itertools
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from pixverse_async import (
    AdaptivePolling,
    AuthError,
    BudgetExceededError,
    Client,
    ConfigError,
    DeadlineExceededError,
    DirectorySink,
    FixedPolling,
    GenerationError,
    InsufficientCreditsError,
    InvalidJobError,
    Job,
    JobEvent,
    State,
    Succeeded,
    generate_many,
    resume,
)
from pixverse_async._core.schedule.poll_budget import LEAST_CALLS
from pixverse_async._core.wire import READ_TIMEOUT
from pixverse_async._edge.save import MANY_REFUSALS
from tests.edge.small_sink import SmallPart, SmallSink
from tests.memory import Scene, kinds, some_jobs, tiny_png

pytestmark = pytest.mark.anyio


async def test_jobs_become_files_in_input_order(tmp_path: Path) -> None:
    """Every job has its outcome at its index, its file holds what the service holds, and is charged once."""
    scene = Scene.set(tmp_path)
    batch = await scene.run(some_jobs(20))
    assert ["Succeeded"] * 20 == kinds(batch)
    assert [f"job-{n}" for n in range(20)] == [outcome.name for outcome in batch]
    assert scene.charges == scene.submits == 20
    assert sum(charge.usd for charge in scene.cloud.ledger.committed) == batch.usd_spent
    for outcome in batch.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
    assert list(tmp_path.glob("*.part")) == []


async def test_a_batch_of_nothing_returns_at_once(tmp_path: Path) -> None:
    """No job, no call, no outcome."""
    scene = Scene.set(tmp_path)
    assert [] == kinds(await scene.run([]))
    assert not scene.transport.calls


async def test_wrong_jobs_fail_alone_and_unpaid(tmp_path: Path) -> None:
    """A corrupt image, a missing file, an empty prompt, a duration of 16: each fails alone; only good jobs cost."""
    corrupt = tmp_path / "corrupt.png"
    corrupt.write_bytes(tiny_png(1)[:40])
    scene = Scene.set(tmp_path / "out", "submit:moderation:prompt=forbidden")
    rows = [
        Job(tiny_png(1), "good", name="first"),
        Job(corrupt, "broken"),
        Job(tmp_path / "missing.jpg", "not there"),
        {"image": tiny_png(2), "prompt": ""},
        {"image": tiny_png(3), "prompt": "too long", "duration": 16},
        {"image": tiny_png(4), "prompt": "typo", "durations": 5},
        Job(tiny_png(5), "forbidden"),
        Job(tiny_png(6), "good", name="last"),
    ]
    batch = await scene.run(rows)
    assert ["Succeeded", *["Failed"] * 6, "Succeeded"] == kinds(batch)
    assert scene.submits == 3
    assert scene.charges == 2
    for failed, words in zip(
        batch.failed,
        ("corrupt", "missing.jpg", "prompt", "duration=16", "durations", "moderation"),
        strict=True,
    ):
        assert words in str(failed.error)
        assert not failed.error.may_be_billed
    assert [InvalidJobError] * 5 + [GenerationError] == [type(failed.error) for failed in batch.failed]


async def test_equal_jobs_are_different_videos(tmp_path: Path) -> None:
    """Two jobs that ask for the same get two files, two requests, and one upload."""
    scene = Scene.set(tmp_path)
    batch = await scene.run([Job(tiny_png(1), "twice"), Job(tiny_png(1), "twice")])
    assert [outcome.name for outcome in batch] == ["image", "image-2"]
    assert scene.charges == 2
    assert scene.transport.calls["PUT"] == 1


@pytest.mark.fault(40)
async def test_an_endless_iterable_is_pulled_lazily(tmp_path: Path) -> None:
    """Jobs are pulled only as slots come free: a few outcomes of endless jobs need a bounded number of them."""
    pulled = 0

    def endless() -> Iterator[Job]:
        nonlocal pulled
        for n in itertools.count():
            pulled += 1
            yield Job(tiny_png(n), f"scene {n}")

    scene = Scene.set(tmp_path)
    seen = 0
    async with (
        scene.client() as client,
        client.as_completed(endless(), output_dir=tmp_path, max_in_flight=4) as outcomes,
    ):
        async for _ in outcomes:
            seen += 1
            if seen == 10:
                break
    assert pulled <= 10 + 4 + 2 * 4 + 2


async def test_no_more_requests_are_in_flight_than_allowed(tmp_path: Path) -> None:
    """With seven slots the service never holds an eighth unfinished request."""
    scene = Scene.set(tmp_path)
    in_flight = most = 0

    def watch(event: JobEvent) -> None:
        nonlocal in_flight, most
        match type(event.event).__name__:
            case "SubmitAccepted":
                in_flight += 1
            case "GenerationSucceeded":
                in_flight -= 1
            case _:
                pass
        most = max(most, in_flight)

    await scene.run(some_jobs(40), max_in_flight=7, on_event=watch)
    assert most == 7


async def test_a_raising_observer_costs_nobody_a_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in on_event is logged, once, and every job succeeds all the same."""

    def broken(event: JobEvent) -> None:
        raise ZeroDivisionError(event.name)

    assert ["Succeeded"] * 3 == kinds(await Scene.set(tmp_path).run(some_jobs(3), on_event=broken))
    assert 1 == caplog.text.count("on_event raised")


async def tell_later(_: JobEvent) -> None:
    """An observer that nobody would await."""


class TellsLater:
    """Another one."""

    async def __call__(self, _: JobEvent) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("on_event", tell_later, "nobody would await"),
        ("on_event", TellsLater(), "nobody would await"),
        ("on_event", "print", "'print' cannot be called"),
        ("poll_policy", AdaptivePolling, "the class AdaptivePolling instead"),
        ("poll_policy", 5, "5 is no poll policy"),
        ("polls_per_second", "10", "'10' is no number"),
        ("polls_per_second", math.nan, "nan is out of range"),
        ("max_in_flight", "10", "'10' is no whole number"),
        ("max_downloads", 2.5, "2.5 is no whole number"),
        ("job_timeout", None, "None is no number"),
        ("job_timeout", math.nan, "nan is too small"),
        ("sink", DirectorySink, "the class DirectorySink instead"),
        ("sink", object(), "it has no prepare and no open and no exists and no find"),
        ("output_dir", None, "None is no path"),
        ("output_dir", "a\0b", "is no path"),
        ("inline_images", "no", "'no' is neither True nor False"),
        ("journal", 5, "5 is no path"),
        ("journal", "", "'' names no file"),
    ],
)
async def test_an_argument_of_the_wrong_kind_is_refused_before_anything_is_sent(
    tmp_path: Path, name: str, value: object, says: str
) -> None:
    """The error names the argument and what was given; nothing is uploaded or paid."""
    scene = Scene.set(tmp_path)
    with pytest.raises(ConfigError, match=f"^{name}: .*{says}"):
        await scene.run(some_jobs(1), **{name: value})
    assert not scene.transport.calls


@pytest.mark.parametrize("progress", ["no", 1, None])
async def test_whether_progress_is_shown_is_a_boolean(tmp_path: Path, progress: Any) -> None:
    """As `audio` of a job is: `progress="no"` showed it."""
    for call in (generate_many([], output_dir=tmp_path, progress=progress), resume(tmp_path, progress=progress)):
        with pytest.raises(ConfigError, match=rf"^progress: {progress!r} is neither True nor False\. Use True or"):
            await call


@pytest.mark.fault(11)
async def test_no_credit_stops_admission_and_saves_what_is_paid(tmp_path: Path) -> None:
    """After a 402 the accepted jobs are still saved, and those not sent say what to do."""
    scene = Scene.set(tmp_path, "submit:402:nth=4,5,6,7,8,9,10")
    batch = await scene.run(some_jobs(10), max_in_flight=1)
    assert ["Succeeded"] * 3 + ["Failed"] * 7 == kinds(batch)
    assert all(isinstance(failed.error, InsufficientCreditsError) for failed in batch.failed)
    assert scene.submits == 4
    again = await Scene(tmp_path, scene.cloud, scene.transport).run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(again)


async def test_a_job_not_sent_for_want_of_room_is_not_called_paid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is named, and none of what is to be done about the video that it has no room for."""
    scene = Scene.set(tmp_path)
    sink = SmallSink(0, OSError(errno.ENOSPC, "No space left on device"))
    batch = await scene.run(some_jobs(3), sink=sink, journal=tmp_path / "journal", max_in_flight=1)
    made, _, unsent = (failed.error for failed in batch.failed)
    assert made.may_be_billed
    assert "not sent: the disk is full (ENOSPC). Nothing was charged; run it again." == unsent.describe()
    assert "no further job is sent: the disk is full (ENOSPC)" in caplog.messages


@attrs.define(eq=False)
class _Moody(SmallSink):
    """Refuses without a reason the first, and all but each `takes`-th video; as an object store whose key ran out."""

    takes: int = 10**6
    first: int = 0
    asked: int = 0

    async def open(self, name: str) -> SmallPart:
        self.asked += 1
        if self.asked <= self.first or self.asked % self.takes:
            raise self.refusal
        return await SmallSink.open(self, name)


@pytest.mark.fault(32)
async def test_a_place_that_takes_nothing_is_not_bought_for(tmp_path: Path) -> None:
    """It does not say that it is full, and may have been cut off for a moment; not for so many videos in a row."""
    scene = Scene.set(tmp_path)
    sink = _Moody(10**9, OSError("the token has expired"))
    batch = await scene.run(some_jobs(60), sink=sink, journal=tmp_path / "journal", max_in_flight=4)
    assert MANY_REFUSALS <= scene.submits <= MANY_REFUSALS + 4
    assert (
        "not sent: the token has expired. Nothing was charged; run it again." == batch.failed[-1].error.describe()
    )


@pytest.mark.fault(32)
async def test_a_place_that_takes_a_video_now_and_then_is_bought_for(tmp_path: Path) -> None:
    """What it refused is saved by the next run."""
    scene = Scene.set(tmp_path)
    sink = _Moody(10**9, OSError("503"), takes=MANY_REFUSALS)
    batch = await scene.run(some_jobs(60), sink=sink, journal=tmp_path / "journal", max_in_flight=4)
    assert 60 == scene.submits
    assert 60 // MANY_REFUSALS == len(batch.succeeded)


@pytest.mark.fault(32)
async def test_a_moment_in_which_a_place_refuses_all_that_come_at_once_stops_nothing(tmp_path: Path) -> None:
    """However many downloads its user allows."""
    scene = Scene.set(tmp_path)
    at_once = 2 * MANY_REFUSALS
    sink = _Moody(10**9, OSError("503"), takes=1, first=at_once)
    batch = await scene.run(
        some_jobs(60), sink=sink, journal=tmp_path / "journal", max_in_flight=4, max_downloads=at_once
    )
    assert (60 - at_once, 60) == (len(batch.succeeded), scene.submits)


async def test_a_refused_key_raises_and_pays_nothing(tmp_path: Path) -> None:
    """A 401 ends the batch with AuthError, whose text holds no key."""
    scene = Scene.set(tmp_path, "submit:401")
    with pytest.raises(AuthError) as caught:
        await scene.run(some_jobs(3))
    assert scene.charges == 0
    assert scene.cloud.api_key not in str(caught.value)


async def test_the_wrong_host_is_named(tmp_path: Path) -> None:
    """Where every path answers 405 the error names GMI_BASE_URL."""
    with pytest.raises(ConfigError, match="GMI_BASE_URL"):
        await Scene.set(tmp_path, wrong_host=True).run(some_jobs(2))


async def test_a_budget_is_a_promise_for_the_folder(tmp_path: Path) -> None:
    """The budget admits what fits, also over two runs, and a job that does not fit is not sent."""
    scene = Scene.set(tmp_path)
    first = await scene.run(some_jobs(5), budget_usd="0.35")
    assert ["Failed"] * 3 + ["Succeeded"] * 2 == sorted(kinds(first))
    assert isinstance(first.failed[0].error, BudgetExceededError)
    second = await scene.run(some_jobs(5), budget_usd=0.525)
    assert ["Failed"] * 2 + ["Succeeded"] * 3 == sorted(kinds(second))
    assert scene.submits == 3


@pytest.mark.fault(15)
async def test_a_stuck_request_is_left_and_picked_up(tmp_path: Path) -> None:
    """A request that does not finish in job_timeout is Pending, may be billed, and the next run finds it."""
    scene = Scene.set(tmp_path, generation_median=400.0, generation_sigma=0.0)
    first = await scene.run(some_jobs(2), job_timeout=60.0)
    assert ["Pending"] * 2 == kinds(first)
    assert all(isinstance(one.error, DeadlineExceededError) and one.error.may_be_billed for one in first.pending)
    second = await scene.run(some_jobs(2))
    assert ["Succeeded"] * 2 == kinds(second)
    assert scene.submits == 2


@pytest.mark.fault(15)
async def test_a_deadline_is_kept_when_every_status_call_hangs(tmp_path: Path) -> None:
    """More jobs than calls may be under way, and none comes back: each is left when its time is over, no later."""
    scene = Scene.set(tmp_path, "poll:hang")
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(LEAST_CALLS + 6)]
    batch = await scene.run(jobs, job_timeout=25.0, poll_policy=FixedPolling(1.0), max_in_flight=len(jobs))
    assert ["Pending"] * len(jobs) == kinds(batch)
    assert anyio.current_time() < READ_TIMEOUT
    assert LEAST_CALLS == scene.transport.calls["GET /requests"]


async def test_slow_answers_do_not_hold_the_polls_back(tmp_path: Path) -> None:
    """Where an answer takes 0.2 s, 200 jobs asked each second are asked nearly as often; 16 at once would be 80."""
    scene = Scene.set(tmp_path, poll_latency=0.2, generation_median=60.0, generation_sigma=0.0)
    await scene.run(
        [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(200)],
        poll_policy=FixedPolling(1.0), polls_per_second=250, max_in_flight=200, job_timeout=40.0,
    )  # fmt: skip
    assert 140 < scene.transport.calls["GET /requests"] / anyio.current_time() < 200


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("moderation", "moderation"),
        ("high_load", "capacity"),
        ("rate_limit_as_failed", "rate_limited"),
        ("error_object", "failed"),
        ("error_string", "failed"),
        ("no_reason", "gave no reason"),
        ("success_without_media", "no_media"),
        ("cancelled", "cancelled"),
    ],
)
async def test_a_failed_generation_tells_its_reason(tmp_path: Path, fault: str, words: str) -> None:
    """Wherever the service hides the reason, the outcome shows it, and the other job succeeds."""
    scene = Scene.set(tmp_path, f"submit:{fault}:prompt=scene 0")
    batch = await scene.run(some_jobs(2))
    assert ["Failed", "Succeeded"] == kinds(batch)
    assert words in str(batch.failed[0].error)
    assert batch.failed[0].error.may_be_billed == (fault == "success_without_media")


@pytest.mark.parametrize("fault", ["slow_sync", "dispatched", "created", "slow"])
async def test_every_form_of_acceptance_is_read(tmp_path: Path, fault: str) -> None:
    """A submit may answer late, with another word, or with the finished record."""
    scene = Scene.set(tmp_path, f"submit:{fault}")
    assert ["Succeeded"] * 3 == kinds(await scene.run(some_jobs(3)))
    assert scene.charges == scene.submits == 3


async def test_a_failure_on_the_post_itself_is_an_outcome(tmp_path: Path) -> None:
    """A submit that answers with a failed record is neither polled nor sent again."""
    scene = Scene.set(tmp_path, "submit:failed_on_post")
    assert ["Failed"] == kinds(await scene.run(some_jobs(1)))
    assert scene.submits == 1


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "fault",
    [
        "429",
        "500",
        "503_plain",
        "502_html",
        "504_html",
        "drop",
        "hang",
        "200_html",
        "200_truncated_json",
        "200_empty",
    ],
)
async def test_bad_polls_cost_nobody_a_video(tmp_path: Path, fault: str) -> None:
    """Every second poll going wrong delays a job and does not end it."""
    scene = Scene.set(tmp_path, f"poll:{fault}:every=2")
    assert ["Succeeded"] * 5 == kinds(await scene.run(some_jobs(5)))
    assert scene.submits == 5


async def test_a_new_record_may_answer_404_for_a_while(tmp_path: Path) -> None:
    """A request that cannot be read for half a minute after its acceptance is not lost."""
    assert ["Succeeded"] * 3 == kinds(await Scene.set(tmp_path, poll_lag=30.0).run(some_jobs(3)))


async def test_a_request_that_the_service_denies_is_pending(tmp_path: Path) -> None:
    """A minute of nothing but 404 ends the wait, not the claim: it stays resumable and may be billed."""
    batch = await Scene.set(tmp_path, "poll:404").run(some_jobs(1))
    assert ["Pending"] == kinds(batch)
    assert batch.pending[0].error.may_be_billed


@pytest.mark.parametrize(
    "rule",
    [
        "media:truncate:nth=1,2:per_item",
        "media:reset_mid_body:nth=1,2:per_item",
        "media:truncate_unframed:nth=1:per_item",
        "media:truncate_chunked:nth=1:per_item",
        "media:truncate_by_one:nth=1:per_item",
        "media:zero_tail:nth=1:per_item",
        "media:corrupt:nth=1:per_item",
        "media:no_length:nth=1:per_item",
        "media:close_delimited:nth=1:per_item",
        "media:html_200:nth=1:per_item",
        "media:xml_200:nth=1:per_item",
        "media:empty_200:nth=1:per_item",
        "media:ignore_range:nth=1:per_item",
        "media:404:nth=1,2:per_item",
        "media:403:nth=1:per_item",
        "media:503:nth=1,2:per_item",
        "media:drop:nth=1,2:per_item",
        "media:no_hashes:nth=1:per_item",
    ],
)
async def test_no_misdeed_of_storage_ends_as_a_wrong_file(tmp_path: Path, rule: str) -> None:
    """Whatever storage does once or twice, the file is bit for bit what the service holds."""
    scene = Scene.set(tmp_path, rule)
    batch = await scene.run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(batch)
    for outcome in batch.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
    assert not scene.cloud.bucket.leaks


async def test_a_video_that_storage_never_gives_is_left_for_the_next_run(tmp_path: Path) -> None:
    """A download that fails for good is Failed, may be billed, and the next run fetches it without paying."""
    scene = Scene.set(tmp_path, "media:truncate:times=30")
    first = await scene.run(some_jobs(1))
    assert ["Failed"] == kinds(first)
    assert first.failed[0].error.may_be_billed
    second = await scene.run(some_jobs(1))
    while kinds(second) == ["Failed"]:
        second = await scene.run(some_jobs(1))
    assert ["Succeeded"] == kinds(second)
    assert scene.submits == 1


@pytest.mark.fault(26)
async def test_uploads_carry_no_key_and_no_secret_lands_on_disk(tmp_path: Path) -> None:
    """No Authorization reaches storage; neither key nor signed link is in the journal or any name."""
    scene = Scene.set(tmp_path, "submit:500_backend_400:nth=2", "media:403:nth=1")
    batch = await scene.run(some_jobs(4))
    assert not scene.cloud.bucket.leaks
    for path in list(tmp_path.iterdir()):
        content = path.read_bytes()
        assert scene.cloud.api_key.encode() not in content
        assert b"X-Goog-Signature" not in content
    assert "X-Goog" not in repr(batch[:])


async def test_timings_say_where_the_time_went(tmp_path: Path) -> None:
    """Polls are counted, and a job was noticed no later than the time since the look before."""
    scene = Scene.set(tmp_path)
    batch = await scene.run(some_jobs(5))
    for outcome in batch:
        assert isinstance(outcome, Succeeded)
        assert outcome.timings.polls >= 1
        assert outcome.timings.generating is not None
        assert outcome.timings.generating > 0
        assert outcome.timings.detected_late_by is not None
        assert outcome.timings.downloading is not None


async def test_a_client_is_for_the_inside_of_its_block() -> None:
    """A client that was not entered says so instead of failing somewhere deep."""
    with pytest.raises(ConfigError, match="async with"):
        Client("key").attach("some-id")


@pytest.mark.fault(35)
async def test_asyncio_style_timeout_leaves_the_accepted_running(tmp_path: Path) -> None:
    """A deadline around the batch ends it in time; the same call afterwards pays nothing again."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(30.0):
        await scene.run(some_jobs(10))
    assert anyio.current_time() <= 30.0 + 10.0
    batch = await scene.run(some_jobs(10))
    assert ["Succeeded"] * 10 == kinds(batch)
    assert scene.submits == scene.charges == 10


async def test_the_second_run_starts_warm(tmp_path: Path) -> None:
    """What a run learned of the service lies beside its journal, and spares the next one polls; both hear soon."""
    scene = Scene.set(tmp_path, generation_median=300.0, generation_sigma=0.05)
    first = await scene.run(some_jobs(20))
    (timing,) = tmp_path.glob("*.timing.json")
    assert timing.stat().st_size < 1000
    second = await scene.run([Job(tiny_png(n), "another scene") for n in range(20, 40)])
    assert ["Succeeded"] * 20 == kinds(second)
    assert sum(one.timings.polls for one in second) < sum(one.timings.polls for one in first)
    for batch in (first, second):
        assert sum(one.timings.detected_late_by or 0.0 for one in batch) / 20 < 30.0


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", "not json", "\0" * 100_000])
async def test_a_foreign_timing_file_costs_nothing(tmp_path: Path, content: str) -> None:
    """Whatever lies where the learned timing should be, the batch succeeds."""
    (tmp_path / "pixverse-journal.timing.json").write_text(content)
    assert ["Succeeded"] * 3 == kinds(await Scene.set(tmp_path).run(some_jobs(3)))


@pytest.mark.parametrize("jobs", [Job("cat.jpg", "yawns"), {"image": "cat.jpg", "prompt": "yawns"}, "cat.jpg", 5])
async def test_a_single_job_is_not_taken_for_many(tmp_path: Path, jobs: Any) -> None:
    """One job, one row or one path where a list belongs is named, with the remedy."""
    with pytest.raises(ConfigError, match="list of jobs"):
        await Scene.set(tmp_path).run(jobs)


async def test_one_client_is_open_once() -> None:
    """Entered a second time it says so: the inner block's end would take the connection from the outer one."""
    client = Client("key", base_url="http://127.0.0.1:9/q")
    async with client:
        with pytest.raises(ConfigError, match="open already"):
            await client.__aenter__()
    async with client:
        pass


async def test_events_tell_what_a_job_may_cost(tmp_path: Path) -> None:
    """From its submit on, in this run and in the next one, which takes it over; nothing before."""
    scene = Scene.set(tmp_path)
    told: list[JobEvent] = []
    (job,) = some_jobs(1)
    await scene.run([job], on_event=told.append, job_timeout=0)
    assert {State.SUBMITTING, State.QUEUED} == {event.state for event in told}
    (saved,) = await scene.run([job], on_event=told.append)
    assert {saved.usd} == {event.usd for event in told} != {Decimal(0)}


async def test_events_tell_how_many_status_calls_the_batch_has_made(tmp_path: Path) -> None:
    """The number never falls, and the last one is the sum of what the outcomes tell."""
    told: list[int] = []

    def note(event: JobEvent) -> None:
        told.append(event.batch_polls)

    batch = await Scene.set(tmp_path).run(some_jobs(5), on_event=note)
    assert sorted(told) == told
    assert told[-1] == sum(outcome.timings.polls for outcome in batch) > 0
