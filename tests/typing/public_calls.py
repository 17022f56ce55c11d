"""Every public call in every legal form, for the type checker: this file is never executed.

The lines below "must be an error" are mistakes that the types have to catch; an ignore that is not needed is itself
an error, so each proves that its mistake is caught.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import assert_never, assert_type

from pixverse_async import (
    AdaptivePolling,
    ApiError,
    AuthError,
    BatchResult,
    BudgetExceededError,
    Client,
    ConfigError,
    DeadlineExceededError,
    DirectorySink,
    DownloadError,
    Estimate,
    ExponentialPolling,
    Failed,
    FixedPolling,
    GenerationError,
    Handle,
    InsufficientCreditsError,
    IntervalPolling,
    InvalidJobError,
    Job,
    JobClass,
    JobEvent,
    JournalError,
    Look,
    Media,
    Outcome,
    Part,
    Pending,
    PixverseError,
    PollPolicy,
    ProtocolError,
    RateLimitedError,
    RecordedJob,
    RejectedError,
    Scheduler,
    Sink,
    Stage,
    State,
    Status,
    StoppedError,
    SubmitUnknownError,
    Succeeded,
    Timings,
    TransportError,
    UnexpectedError,
    Unknown,
    estimate,
    generate_many,
    jobs_from_folder,
    jobs_from_images,
)


def jobs() -> None:
    job = Job("cat.jpg", "yawns")
    Job(Path("cat.jpg"), "yawns")
    Job(b"png", "yawns")
    Job(image="https://x.example/cat.jpg", prompt="yawns")
    Job(
        "cat.jpg", "yawns", duration=15, quality="1080p", audio=True, multi_clip=True, seed=None, name="felix",
        metadata={"row": 3, "tags": ["a"]},
    )  # fmt: skip
    assert_type(job.duration, int)
    assert_type(job.seed, int | None)
    assert_type(job.stem, str)
    assert_type(job.image_url, str | None)
    assert_type(job.job_class, JobClass)
    assert_type(jobs_from_folder("photos"), list[Job])
    assert_type(jobs_from_folder(Path("photos"), prompt="yawns", duration=3, quality="360p", seed=7), list[Job])
    assert_type(jobs_from_images(Path("photos").rglob("*.jpg"), prompt="yawns", audio=True), list[Job])


def prices(job: Job) -> None:
    made = estimate([job])
    assert_type(made, Estimate)
    assert_type(estimate(one for one in (job, job)).total_usd, Decimal)
    assert_type(made.per_job, tuple[Decimal, ...])


def iterator(job: Job) -> Iterator[Job]:
    yield job


async def stream(job: Job) -> AsyncIterator[Job]:
    yield job


def watch(event: JobEvent) -> None:
    assert_type(event.state, State)
    assert_type(event.index, int)
    assert_type(event.outcome, Outcome | None)


async def batches(job: Job, sink: Sink) -> None:
    assert_type(await generate_many([job]), BatchResult)
    await generate_many(iterator(job), output_dir=Path("videos"))
    await generate_many(stream(job), output_dir="videos")
    await generate_many([{"image": "cat.jpg", "prompt": "yawns", "duration": 3}])
    await generate_many([job], sink=sink, journal="journal.jsonl")
    await generate_many(
        [job], api_key="key", base_url="https://q.example/q", org_id="org", max_in_flight=5, max_downloads=2,
        polls_per_second=3, poll_policy=FixedPolling(2), job_timeout=60, budget_usd=Decimal("9.5"),
        on_unknown="resubmit", on_cancel="cancel_queued", journal=False, on_event=watch, progress=True,
        retry_failed=True, inline_images=True, resubmit_after=900,
    )  # fmt: skip
    for budget in (5, 9.5, "9.50", None):
        await generate_many([job], budget_usd=budget, on_unknown="hold", on_cancel="detach", journal=Path("j"))


async def results(batch: BatchResult) -> None:
    assert_type(batch[0], Outcome)
    assert_type(batch[1:], tuple[Outcome, ...])
    assert_type(len(batch), int)
    assert_type(batch.succeeded, tuple[Succeeded, ...])
    assert_type(batch.failed, tuple[Failed, ...])
    assert_type(batch.unknown, tuple[Unknown, ...])
    assert_type(batch.pending, tuple[Pending, ...])
    assert_type(batch.usd_spent, Decimal)
    assert_type(batch.summary(), str)
    batch.raise_for_failures()
    for outcome in batch:
        assert_type(outcome.usd, Decimal)
        assert_type(outcome.timings, Timings)
        assert_type(outcome.request_id, str | None)


def exhaustive(outcome: Outcome) -> str:
    """A match over the four outcomes is complete."""
    match outcome:
        case Succeeded(path=path):
            return str(path)
        case Failed(error=error) | Unknown(error=error) | Pending(error=error):
            assert_type(error, PixverseError)
            return str(error)
        case _:
            assert_never(outcome)


async def clients(job: Job) -> None:
    async with Client() as client:
        handle = await client.submit(job)
        assert_type(handle, Handle)
        assert_type(handle.request_id, str)
        status = await handle.status()
        assert_type(status, Status)
        assert_type(status.stage, Stage)
        assert_type(status.media, Media | None)
        assert_type((await handle.result()).reason, str | None)
        assert_type((await handle.result(timeout=60)).word, str)
        assert_type((await handle.save("cat.mp4", timeout=60)).size_bytes, int)
        assert_type(client.attach("r-1"), Handle)
        assert_type(await client.check(), None)
        assert_type(await client.resolve("videos", "3f2a91c0"), RecordedJob)
        assert_type(await client.resolve(Path("videos"), "3f2a91c0", request_id="r-1"), RecordedJob)
        assert_type(await client.generate(job, "cat.mp4"), Outcome)
        await client.generate(job, Path("cat.mp4"), job_timeout=60)
        async with client.as_completed([job], output_dir="videos", budget_usd="5") as outcomes:
            assert_type(outcomes, AsyncIterator[Outcome])
            async for outcome in outcomes:
                assert_type(outcome, Outcome)
    Client("key", base_url="https://q.example/q", org_id="org", rng=random.Random(1))


def policies(sink: Part) -> None:
    each: list[PollPolicy] = [
        AdaptivePolling(), FixedPolling(interval=2.0), ExponentialPolling(first=1, factor=2, ceiling=30),
        IntervalPolling(interval),
    ]  # fmt: skip
    for policy in each:
        assert_type(policy.scheduler(polls_per_second=1.0, seed=1), Scheduler)
    seam: Sink = DirectorySink(Path("videos"))
    opened: Callable[[str], object] = seam.open
    del opened, sink


def interval(look: Look) -> float:
    return 2.0 if look.age > 60 and look.stage is Stage.PROCESSING else 10.0


def errors(error: PixverseError) -> None:
    assert_type(error.may_be_billed, bool)
    assert_type(error.job_name, str | None)
    assert_type(error.request_id, str | None)
    match error:
        case ApiError(status=status, reason=reason):
            assert_type((status, reason), tuple[int, str])
        case InvalidJobError(field, value, problem, remedy):
            assert_type((field, value, problem, remedy), tuple[str, str, str, str])
        case BudgetExceededError(needed_usd=needed):
            assert_type(needed, Decimal)
        case GenerationError(kind=kind):
            assert_type(kind, str)
        case DownloadError(received_bytes=received):
            assert_type(received, int)
        case TransportError(sent=sent):
            assert_type(sent, bool | None)
        case _:
            pass
    is_ours: list[type[PixverseError]] = [
        AuthError, ConfigError, DeadlineExceededError, InsufficientCreditsError, JournalError, ProtocolError,
        RateLimitedError, RejectedError, StoppedError, SubmitUnknownError, UnexpectedError,
    ]  # fmt: skip
    as_timeout: TimeoutError = DeadlineExceededError(1.0, "queued")
    as_value: list[ValueError] = [InvalidJobError("a", "b", "c", "d"), ConfigError("a", "b", "c")]
    del is_ours, as_timeout, as_value


# -- must be an error --------------------------------------------------------------------------------


async def mistakes(job: Job, client: Client, outcome: Outcome, batch: BatchResult) -> None:
    Job("cat.jpg")  # pyright: ignore[reportCallIssue]
    Job("cat.jpg", "yawns", 5)  # pyright: ignore[reportCallIssue]
    Job("cat.jpg", "yawns", quality="480p")  # pyright: ignore[reportArgumentType]
    Job("cat.jpg", "yawns", duration="5")  # pyright: ignore[reportArgumentType]
    Job("cat.jpg", "yawns", lenght=5)  # pyright: ignore[reportCallIssue]
    Job(5, "yawns")  # pyright: ignore[reportArgumentType]
    job.prompt = "sleeps"  # pyright: ignore[reportAttributeAccessIssue]
    estimate(job)  # pyright: ignore[reportArgumentType]
    estimate(["cat.jpg"])  # pyright: ignore[reportArgumentType]
    await generate_many([job], "videos")  # pyright: ignore[reportCallIssue]
    await generate_many(job)  # pyright: ignore[reportArgumentType]
    await generate_many([job], on_unknown="retry")  # pyright: ignore[reportArgumentType]
    await generate_many([job], on_cancel="kill")  # pyright: ignore[reportArgumentType]
    await generate_many([job], poll_policy=5.0)  # pyright: ignore[reportArgumentType]
    await generate_many([job], on_event=print_name)  # pyright: ignore[reportArgumentType]
    await generate_many([job], sink="videos")  # pyright: ignore[reportArgumentType]
    await client.submit("cat.jpg")  # pyright: ignore[reportArgumentType]
    await client.generate(job)  # pyright: ignore[reportCallIssue]
    async for _ in client.as_completed([job]):  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    print(outcome.path)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    print(outcome.error)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    batch["cat"]  # pyright: ignore[reportCallIssue, reportArgumentType]
    generate_many([job])  # pyright: ignore[reportUnusedCoroutine]
    FixedPolling("5")  # pyright: ignore[reportArgumentType]
    IntervalPolling(5.0)  # pyright: ignore[reportArgumentType]
    context: AbstractAsyncContextManager[int] = client.as_completed([job])  # pyright: ignore[reportAssignmentType]
    del context


def print_name(name: str) -> None:
    print(name)


def forgets_a_kind(outcome: Outcome) -> str:
    match outcome:  # pyright: ignore[reportMatchNotExhaustive]
        case Succeeded():
            return "ok"
        case Failed() | Unknown():
            return "no"
    return "pending"
