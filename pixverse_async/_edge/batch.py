"""The pipeline from top to bottom: jobs in, outcomes out, under one task group.

    plan ──▶ submit ───────────▶ poll ────────────▶ save ──────▶ outcome
      │      a few workers       one scheduler      a few workers
      │        └─ unknown ─▶ reconcile ─▶ poll, or held
      └─ known to the journal: enters where it had got to

Jobs are pulled lazily and planned one after the other.  Each takes a slot before it is sent and gives it back
when the service is done with it, so that downloads hold none.  A waiting job is a `Flight` and an entry in the
scheduler, not a task.  The batch ends when every job that was pulled has left through `Run.finish`: a job's failure
is its own outcome and nobody else's.  A refused key or a journal that cannot be written stops the sending; what is
paid is still saved, and then the batch raises.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from decimal import Decimal

import anyio
import attrs

from .._core import retry, wire
from .._core.budget import open_budget
from .._core.errors import PixverseError, UnexpectedError
from .._core.halted import Halted
from .._core.job import Stage
from .._core.job_event import Observer
from .._core.journal_accounts import Accounts
from .._core.lifecycle import AT_STAKE, State
from .._core.outcome import Outcome
from .._core.replies import stage_of
from .._core.retry import Seen
from .._core.schedule import Scheduler
from .._core.wire import Status
from .calls import answer_to
from .flight import Flight
from .images import ImageHost
from .journal import EventLog
from .limits import Limits
from .plan import Item, Jobs, OnRecord, Planner, each, failed_earlier
from .poll import Poller
from .reconcile import Reconciler
from .run import Run
from .save import Saver
from .sinks import Sink
from .submit import Submitter
from .tasks import flat_task_group, is_being_cancelled
from .transport import Transport
from .wall_clock import utc_now

SUBMIT_WORKERS = 64
"""Jobs being uploaded and sent at once, at most. Submits were seen to block for a minute: a few are not enough."""
CANCEL_GRACE = 5.0
"""Seconds spent on cancelling remote requests when the batch is cancelled (`on_cancel="cancel_queued"`)."""
KEPT = "kept from an earlier run"


class Batch:
    """One run over some jobs. `deliver` is given each outcome as it comes; while it waits, the batch waits.

    `not_sent`: why this run sends nothing, if it only looks after what was sent before.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        log: EventLog,
        sink: Sink,
        limits: Limits,
        budget_usd: Decimal | None,
        images: ImageHost,
        scheduler: Scheduler,
        rng: random.Random,
        deliver: Callable[[Outcome], Awaitable[None]],
        on_event: Observer | None = None,
        accounts: Accounts | None = None,
        not_sent: PixverseError | None = None,
    ) -> None:
        self._run = Run(
            transport=transport,
            log=log,
            limits=limits,
            rng=rng,
            deliver=deliver,
            on_finished=self._one_left,
            on_event=on_event,
            accounts=accounts,
            budget=open_budget(budget_usd, log.records.values()),
            halted=Halted(not_sent),
        )
        self._planner = Planner(self._run, sink)
        self._submitter = Submitter(self._run, images, on_accepted=self._accepted, on_unknown=self._became_unknown)
        self._poller = Poller(self._run, scheduler, on_ready=self._became_ready)
        self._reconciler = Reconciler(self._run, on_adopted=self._adopted, on_absent=self._became_absent)
        self._saver = Saver(self._run, sink, rename=self._planner.rename, on_queued_again=self._queued_again)
        # asyncio's queues: anyio's streams let the loop turn at every item, and cost five times as much.
        self._submits = asyncio.Queue[Flight](1)
        self._resubmits = asyncio.Queue[Flight]()
        self._downloads = asyncio.Queue[Flight]()
        self._open = 0
        self._is_planned = False
        self._is_done = anyio.Event()

    async def run(self, jobs: Jobs | None = None) -> None:
        """Take every job to its outcome; without `jobs`, those that are on record.

        *Charges* for each job that succeeds. *Cancellation*: POSTs under way are heard out, then everything stops;
        what is accepted goes on at the service and is picked up by the next run.
        *Raises* `JournalError`, `AuthError`, `ConfigError`, whatever the iterable of jobs raises, and
        `UnexpectedError` when code of the caller's raised a cancellation that ended the batch.
        """
        limits = self._run.limits
        try:
            async with flat_task_group() as group:
                group.start_soon(self._poller.run, name="poll")
                group.start_soon(self._reconciler.run, name="reconcile")
                group.start_soon(self._resubmit_each, name="resubmit")
                group.start_soon(self._submitter.grace.watch, name="grace")
                for n in range(min(SUBMIT_WORKERS, limits.max_in_flight)):
                    group.start_soon(self._submit_each, name=f"submit {n}")
                for n in range(limits.max_downloads):
                    group.start_soon(self._download_each, name=f"download {n}")
                await self._plan_all(self._planner.on_record() if jobs is None else jobs)
                await self._is_done.wait()
                group.cancel_scope.cancel()
        finally:
            # Not after an error, such as one of the iterable of jobs: nobody has asked to drop what is in flight then.
            is_cancelled = is_being_cancelled() and not self._is_done.is_set()
            if is_cancelled and limits.on_cancel == "cancel_queued":
                with anyio.move_on_after(CANCEL_GRACE, shield=True):
                    await self._cancel_queued()
        fatal = self._run.halted.fatal
        if fatal is None and not self._is_done.is_set():
            # Never a part of the outcomes that looks like all of them.
            raise UnexpectedError("end: the batch was ended by a cancellation that nobody asked for")
        if fatal is not None:
            # A copy: the original knows the job that met it first, and speaks for the batch here.
            raise attrs.evolve(fatal) from fatal

    # -- in ----------------------------------------------------------------------------------------

    async def _plan_all(self, jobs: Jobs | Iterable[OnRecord]) -> None:
        async with aclosing(each(jobs)) as items:
            index = 0
            while (pulled := await self._pulled(items)) is not None:
                self._open += 1
                flight, problem = self._planner.flight(index, *pulled)
                index += 1
                if problem is not None:
                    await self._run.fail(flight, problem)
                else:
                    await self._run.guard(flight, self._enter)
        self._is_planned = True
        self._check_done()

    async def _pulled(self, items: AsyncIterator[Item]) -> tuple[Item] | None:
        """The next item, if there is one. Not waited for once no job could be sent: that may take for ever."""
        if self._run.halted.fatal is not None:
            return None
        with anyio.CancelScope() as self._run.pull:
            try:
                return (await anext(items),)
            except StopAsyncIteration:
                return None
            except asyncio.CancelledError as stray:
                if is_being_cancelled():
                    raise
                raise UnexpectedError("CancelledError from the iterable of jobs") from stray
        return None

    async def _enter(self, flight: Flight) -> None:
        """Put the flight where it belongs."""
        await self._planner.identify(flight)
        if flight.record.state in AT_STAKE:
            flight.reserved_usd = flight.record.usd
        state = await self._planner.enter(flight)
        if state in AT_STAKE:
            self._run.take_slot(flight)
        match state:
            case State.UNKNOWN:
                await self._reconciler.add(flight)
            case State.QUEUED:
                await self._adopted(flight)
            case State.SAVED:
                assert flight.kept is not None, "a saved file that is not there left this state"
                self._run.settle(flight)
                flight.notes += (KEPT,)
                await self._run.succeed(flight, flight.kept)
            case State.FAILED:
                error = failed_earlier(flight.record)
                await self._run.fail(flight, error, may_be_billed=flight.record.is_billed_failure)
            case _:
                await self._queue_submit(flight)

    # -- between the stages ------------------------------------------------------------------------

    async def _queue_submit(self, flight: Flight) -> None:
        await self._submits.put(flight)

    async def _accepted(self, flight: Flight, status: Status) -> None:
        # A success that names no video yet is looked at again before it counts.
        if status.stage.is_final and (status.stage is not Stage.SUCCEEDED or status.media is not None):
            flight.accepted_at = flight.ended_at = self._run.now()
            await self._poller.end(flight, status)
        else:
            self._poller.add(flight, self._run.now())

    async def _became_unknown(self, flight: Flight) -> None:
        await self._reconciler.add(flight)

    async def _became_absent(self, flight: Flight) -> None:
        """It is sent again when a worker is free. Nobody waits for that here: workers may wait for the reconciler."""
        self._resubmits.put_nowait(flight)

    async def _adopted(self, flight: Flight) -> None:
        """An earlier run's request, or one found in the list: it has been running since it was sent."""
        started = flight.record.started
        age = 0.0 if started is None else max(0.0, utc_now() - started.at_utc)
        # The wall clock is asked only for what an earlier run sent: it may be set at any time.
        self._poller.add(flight, self._run.now() - age if flight.sent_at is None else flight.sent_at)

    async def _queued_again(self, flight: Flight) -> None:
        self._run.take_slot(flight)
        await self._adopted(flight)

    def _became_ready(self, flight: Flight) -> None:
        self._run.backlog.enter()
        self._downloads.put_nowait(flight)

    # -- the workers -------------------------------------------------------------------------------

    async def _submit_each(self) -> None:
        while True:
            flight = await self._submits.get()
            await self._run.guard(flight, self._submitter.submit)

    async def _resubmit_each(self) -> None:
        while True:
            await self._queue_submit(await self._resubmits.get())

    async def _download_each(self) -> None:
        while True:
            flight = await self._downloads.get()
            try:
                await self._run.guard(flight, self._saver.save)
            finally:
                self._run.backlog.leave()

    # -- out ---------------------------------------------------------------------------------------

    def _one_left(self) -> None:
        self._open -= 1
        self._check_done()

    def _check_done(self) -> None:
        if self._is_planned and self._open == 0:
            self._is_done.set()

    async def _cancel_queued(self) -> None:
        """Ask the service to drop what still waits there. Undocumented and best effort: nothing is concluded."""
        async with flat_task_group() as group:
            for flight in self._poller.waiting:
                request_id, waits = flight.record.request_id, flight.processing_at is None
                if request_id is not None and waits and not flight.record.is_paid:
                    group.start_soon(self._cancel_waiting, request_id)

    async def _cancel_waiting(self, request_id: str) -> None:
        """Cancel it if it waits at this moment.

        The latest look may be of minutes ago, or of an earlier run: what was made since is paid for, and nobody knows
        whether a DELETE would take the video away.
        """
        answer = await answer_to(self._run.transport, wire.status_call(request_id))
        match retry.judge_status(answer, request_id, utc_now()):
            case Seen(status=Status(word=word)) if stage_of(word) is Stage.QUEUED:
                await answer_to(self._run.transport, wire.cancel_call(request_id))
            case _:
                pass
