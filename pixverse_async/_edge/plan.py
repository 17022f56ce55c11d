"""What the user gave becomes flights: each job gets a name, an identity, a key, and the place where it enters.

Jobs are planned one after the other, in input order, because names and the count of equal jobs depend on those
that came before.  What the journal already knows of a job decides where it enters the pipeline; nothing is sent.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TypeAlias

import attrs

from .._core.errors import DownloadError, GenerationError, InvalidJobError, PixverseError, RejectedError
from .._core.events import (
    RUN_ENDED,
    GenerationFailed,
    GenerationSucceeded,
    LinkExpired,
    RetryRequested,
    Saved,
    SavedFileMissing,
    SubmitInterrupted,
    SubmitRejected,
)
from .._core.identity import job_key
from .._core.job import Job
from .._core.lifecycle import JobRecord, State
from .._core.names import VIDEO_SUFFIX, UniqueStems
from .._core.record import job_on_record, unsaved, was_sent
from .._core.rows import JobLike, job_from_row
from .flight import Flight
from .images import identify
from .run import Run
from .sinks import Sink

Jobs: TypeAlias = "Iterable[JobLike] | AsyncIterable[JobLike]"

logger = logging.getLogger("pixverse_async")


@attrs.frozen
class OnRecord:
    """A job that the journal knows, and that nobody gave again."""

    key: str
    job: Job


Item: TypeAlias = "JobLike | OnRecord"
"""What a batch takes in."""


async def each(jobs: Jobs | Iterable[OnRecord]) -> AsyncGenerator[Item]:
    """The jobs of either kind of iterable, pulled one by one; an async generator is closed with this one."""
    is_empty = True
    if isinstance(jobs, AsyncIterable):
        async with AsyncExitStack() as stack:
            if isinstance(jobs, AsyncGenerator):
                stack.push_async_callback(jobs.aclose)
            async for job in jobs:
                is_empty = False
                yield job
    else:
        for job in jobs:
            is_empty = False
            yield job
    if is_empty:
        logger.warning("there was no job to do; an iterator of jobs can be used only once")


class Planner:
    """Makes flights; one for a batch."""

    def __init__(self, run: Run, sink: Sink) -> None:
        self._run = run
        self._sink = sink
        self._equal: Counter[str] = Counter()
        self._has_warned = False
        self._stems = UniqueStems(record.name for record in run.log.records.values() if record.name is not None)

    def on_record(self) -> list[OnRecord]:
        """The jobs of the journal, as they stand before this run."""
        records = self._run.log.records.items()
        return [OnRecord(key, job_on_record(key, record)) for key, record in records if was_sent(record)]

    def flight(self, index: int, item: Item) -> tuple[Flight, PixverseError | None]:
        """A flight, and why it is none, if it is none."""
        if isinstance(item, OnRecord):
            return Flight(job=item.job, index=index, name=item.job.stem, key=item.key), None
        job, problem = job_from_row(item, index)
        if problem is not None and not _is_row(item) and not self._has_warned:
            self._has_warned = True  # Each is told in its outcome; of the mistake in the call, once is enough.
            logger.warning("%s", problem.describe())
        return Flight(job=job, index=index, name=_wished(job)), problem

    async def identify(self, flight: Flight) -> None:
        """Say which job it is, and what it is called. Reads the image; *charges* nothing.

        *Raises* `InvalidJobError` for an image that cannot be read, and what the sink raises.
        """
        if not flight.key:
            flight.identity = await self._identity(flight)
            flight.key = self._key(flight)
        flight.record = self._run.log.records.get(flight.key, flight.record)
        flight.name = flight.record.name or await self._free_name(flight.name)

    async def _identity(self, flight: Flight) -> str:
        try:
            return await identify(flight.job)
        except InvalidJobError as error:
            sent = unsaved(self._run.log.records.values(), flight.job)
            if not sent:
                raise
            raise _with_requests(error, sent) from error

    def _key(self, flight: Flight) -> str:
        first = job_key(flight.job, flight.identity)
        occurrence = self._equal[first]
        self._equal[first] += 1
        return job_key(flight.job, flight.identity, occurrence) if occurrence else first

    async def _free_name(self, wished: str) -> str:
        """A name that no job of this folder has, and under which no file of anybody else's lies."""
        while True:
            name = self._stems.take(wished)
            if not await self._sink.exists(name + VIDEO_SUFFIX):
                return name

    async def rename(self, flight: Flight) -> None:
        """Another file has taken the name meanwhile: it is left alone, and what is paid is saved beside it."""
        taken, flight.name = flight.name + VIDEO_SUFFIX, await self._free_name(flight.name)
        flight.notes += (f"{taken} was taken by another file meanwhile",)

    async def enter(self, flight: Flight) -> State:
        """Bring what an earlier run left into a state from which this run goes on; the state."""
        run = self._run
        match flight.record.state:
            case State.SUBMITTING:
                await run.note(flight, SubmitInterrupted(why=RUN_ENDED))
            case State.READY | State.QUEUED:
                await self._take_up(flight)
            case State.SAVED:
                await self._check_saved(flight)
            case State.FAILED if self._is_retried(flight.record):
                await run.note(flight, RetryRequested())
            case _:
                pass
        return flight.record.state

    def _is_retried(self, record: JobRecord) -> bool:
        sent_at_utc = -math.inf if record.started is None else record.started.at_utc
        return sent_at_utc < self._run.limits.retry_before_utc

    async def _take_up(self, flight: Flight) -> None:
        """It is asked for at the service, unless its file was gone in an earlier run and has been put back."""
        if flight.record.state is State.READY:
            await self._run.note(flight, LinkExpired())
        if flight.record.saved is None:
            return
        flight.kept = await self._found(flight.record.saved)
        if flight.kept is not None:  # The service may no longer have it.
            await self._run.note(flight, GenerationSucceeded())
            await self._run.note(flight, flight.kept)

    async def _found(self, saved: Saved) -> Saved | None:
        """The file, with the place where it is now; None when it is not there, or not what was saved."""
        place = await self._sink.find(saved.path, saved.size_bytes, saved.sha256)
        return None if place is None else attrs.evolve(saved, path=place)

    async def _check_saved(self, flight: Flight) -> None:
        saved = flight.record.saved
        assert saved is not None, "the lifecycle table saves no job without its file"
        flight.kept = await self._found(saved)
        if flight.kept is not None:
            return
        accounts = self._run.accounts
        if accounts is not None and accounts.is_foreign(flight.record):
            raise DownloadError(f"{saved.path} is gone, and only the account that sent it can fetch it again")
        if flight.record.request_id is None:  # nothing to ask for: it stays saved until it is back
            raise DownloadError(f"{saved.path} is gone, and a repair found the line with its request's id lost")
        # What lies there now is somebody's: a video that was edited, perhaps. It is not replaced.
        if await self._sink.exists(flight.name + VIDEO_SUFFIX):
            flight.name = await self._free_name(flight.name)
        problem = "gone, or not the bytes that were saved"
        await self._run.note(flight, SavedFileMissing(problem=problem, name=flight.name))


def _is_row(item: object) -> bool:
    return isinstance(item, Job | Mapping)


def _with_requests(error: InvalidJobError, sent: Sequence[JobRecord]) -> InvalidJobError:
    """The image is gone, and what was paid for it is not: it is fetched without."""
    requests, are = ("an unsaved request", "is") if len(sent) == 1 else (f"{len(sent)} unsaved requests", "are")
    problem = f"{error.problem}, and {requests} like it {are} on record"
    remedy = f"`resume` fetches what is on record without the image. {error.remedy}"
    request_id = sent[0].request_id if len(sent) == 1 else None
    return attrs.evolve(error, problem=problem, remedy=remedy).about(request_id=request_id, may_be_billed=True)


def failed_earlier(record: JobRecord) -> PixverseError:
    """The error with which an earlier run ended the job."""
    match record.ending:
        case SubmitRejected(status=status, reason=reason):
            return RejectedError(status, reason)
        case GenerationFailed(reason=reason, kind=kind):
            return GenerationError(reason, kind)
        case None:
            raise AssertionError("the lifecycle table fails no job without a reason")


def _wished(job: Job) -> str:
    """The stem; of a row that is no job, whatever can be had."""
    try:
        return job.stem
    except (TypeError, ValueError, AttributeError):
        return "video"
