"""What the stages of one batch share: the journal, the budget, the slots, and the way out for outcomes.

A `Flight` is one job on its way through this run; its `record` is what the journal knows of it.  Every change goes
through `Run.note`, which writes the event before anything else may happen, and every flight leaves exactly once,
through `Run.finish`.  Nothing here knows HTTP or the order of the stages.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypedDict

import anyio
import attrs

from .._core.breaker import Breaker
from .._core.budget import Budget
from .._core.errors import (
    AuthError,
    BudgetExceededError,
    ConfigError,
    InsufficientCreditsError,
    JournalError,
    PixverseError,
    StoppedError,
    UnexpectedError,
)
from .._core.events import Event, Reconciled, Saved, SubmitAccepted, SubmitStarted
from .._core.halted import Halted
from .._core.job import Job
from .._core.job_event import JobEvent, Observer
from .._core.journal_accounts import Accounts
from .._core.lifecycle import JobRecord, State, advance
from .._core.outcome import Failed, Outcome, Pending, Succeeded, Timings, Unknown
from .._core.pace import Pacer
from .._core.redaction import redact, redact_lines
from .._core.urls import url_scheme
from .backlog import Backlog
from .flight import Flight
from .journal import EventLog
from .limits import Limits
from .slots import Slots
from .tasks import is_being_cancelled
from .transport import Transport

logger = logging.getLogger("pixverse_async")


@attrs.define(eq=False, repr=False, kw_only=True)
class Run:
    """One batch under way."""

    transport: Transport
    log: EventLog
    limits: Limits
    rng: random.Random
    deliver: Callable[[Outcome], Awaitable[None]]
    on_finished: Callable[[], None] = lambda: None
    on_event: Observer | None = None
    accounts: Accounts | None = None
    """As which account this run sends, and those that sent what the journal holds; None where no journal is kept."""
    budget: Budget = attrs.field(factory=Budget)
    pacer: Pacer = attrs.field(factory=Pacer)
    breaker: Breaker = attrs.field(factory=Breaker)
    slots: Slots = attrs.field(init=False)
    pull: anyio.CancelScope = attrs.field(factory=lambda: anyio.CancelScope(), init=False)
    """In which the batch waits for the next job to be given."""
    halted: Halted = attrs.field(factory=Halted)
    polls: int = attrs.field(default=0, init=False)
    """Status calls that were answered, or failed."""
    backlog: Backlog = attrs.field(init=False)
    request_ids: set[str] = attrs.field(init=False)
    """Those of our account that jobs hold, or held before they failed and were sent again: no other submit's."""
    _has_observer_raised: bool = attrs.field(default=False, init=False)
    now: Callable[[], float] = attrs.field(init=False)
    """The loop's clock. `anyio.current_time` looks up its loop at every call, and takes ten times as long: three times
    a poll that is a thirtieth of what a poll costs."""

    def __attrs_post_init__(self) -> None:
        self.slots = Slots(self.limits.max_in_flight)
        self.backlog = Backlog(self.limits.max_downloads)
        self.now = asyncio.get_running_loop().time
        records = [record for record in self.log.records.values() if not self._is_foreign(record)]
        ours = {record.request_id for record in records if record.request_id is not None}
        self.request_ids = ours.union(*(record.past_ids for record in records if record.past_ids))

    def _is_foreign(self, record: JobRecord) -> bool:
        return self.accounts is not None and self.accounts.is_foreign(record)

    # -- events ------------------------------------------------------------------------------------

    async def note(self, flight: Flight, event: Event) -> None:
        """Write the event; when this returns it is as durable as the table asks.

        *Raises* `JournalError` for a submit that is about to leave and cannot be written: it must not leave. Any
        other event that cannot be written only halts the batch: what is paid is still polled and saved.
        """
        event = flight.timed(event)
        if isinstance(event, SubmitAccepted | Reconciled):
            self.request_ids.add(event.request_id)
        try:
            flight.record = await self.log.append(flight.key, event)
        except JournalError as error:
            self.halt(error)
            if isinstance(event, SubmitStarted):
                raise
            flight.record = advance(flight.record, event)
        self._tell(flight, event=event)

    def report_stall(self, flight: Flight, seconds: float) -> None:
        """Tell, once, that the job takes far longer than others did. Nothing follows from it."""
        if flight.is_stalled:
            return
        flight.is_stalled = True
        logger.warning(
            "job %r: no end after %.0f s, far longer than others took; it is watched on", flight.name, seconds
        )
        self._tell(flight, stalled_for=seconds)

    def _tell(
        self,
        flight: Flight,
        *,
        event: Event | None = None,
        outcome: Outcome | None = None,
        stalled_for: float | None = None,
    ) -> None:
        if self.on_event is None:
            return
        told = JobEvent(
            index=flight.index,
            name=flight.name,
            state=flight.record.state,
            event=event,
            outcome=outcome,
            stalled_for=stalled_for,
            batch_polls=self.polls,
            usd=flight.record.usd,
        )
        try:
            self.on_event(told)
        except (Exception, asyncio.CancelledError):
            # An observer's mistake must not cost anybody a video, nor fill the log with one traceback for each event.
            if not self._has_observer_raised:
                logger.exception("on_event raised; the batch goes on, and says so once")
            self._has_observer_raised = True

    # -- outcomes ----------------------------------------------------------------------------------

    async def succeed(self, flight: Flight, saved: Saved) -> None:
        """The video is saved."""
        await self.finish(
            flight,
            Succeeded(
                **self._common(flight),
                path=saved.path if url_scheme(saved.path) is not None else Path(saved.path),
                size_bytes=saved.size_bytes,
                sha256=saved.sha256,
                notes=flight.notes,
            ),
        )

    async def fail(self, flight: Flight, error: PixverseError, *, may_be_billed: bool | None = None) -> None:
        """It will not come out of this run."""
        error = self._about(flight, error, may_be_billed)
        await self.finish(flight, Failed(**self._common(flight), error=error))

    async def hold(self, flight: Flight, error: PixverseError) -> None:
        """It may have been accepted, and nothing shows whether it was."""
        await self.finish(
            flight, Unknown(**self._common(flight), error=self._about(flight, error, may_be_billed=True))
        )

    async def leave(self, flight: Flight, error: PixverseError) -> None:
        """It is accepted and not finished; the next run picks it up."""
        await self.finish(
            flight, Pending(**self._common(flight), error=self._about(flight, error, may_be_billed=True))
        )

    async def finish(self, flight: Flight, outcome: Outcome) -> None:
        """The flight leaves; the only way out. A second call is ignored: a job has one outcome."""
        if flight.is_finished:
            return
        flight.is_finished = True
        self.free_slot(flight)
        self._tell(flight, outcome=outcome)
        try:
            await self.deliver(outcome)
        finally:
            self.on_finished()

    # -- money -------------------------------------------------------------------------------------

    def check_budget(self, usd: Decimal) -> None:
        """*Raises* `BudgetExceededError` when the budget has no room for the price."""
        if not self.budget.has_room(usd):
            raise self._over_budget(usd)

    def reserve(self, flight: Flight, usd: Decimal) -> None:
        """Promise the job's price. *Raises* `BudgetExceededError` when the budget has no room for it."""
        if not self.budget.reserve(usd):
            raise self._over_budget(usd)
        flight.reserved_usd = usd

    def _over_budget(self, usd: Decimal) -> BudgetExceededError:
        left = self.budget.left_usd
        assert left is not None, "without a limit there is room for everything"
        return BudgetExceededError(usd, left)

    def settle(self, flight: Flight) -> None:
        """The job's price is spent; once, however often its link is fetched anew."""
        self.budget.settle(flight.reserved_usd)
        flight.reserved_usd = Decimal(0)

    def release(self, flight: Flight) -> None:
        """The job's price is certain not to be charged."""
        self.budget.release(flight.reserved_usd)
        flight.reserved_usd = Decimal(0)

    # -- slots -------------------------------------------------------------------------------------

    async def wait_for_slot(self, flight: Flight) -> None:
        """Wait until one more request may be at the service."""
        await self.slots.acquire()
        flight.has_slot = True
        flight.rank = self.slots.used

    def take_slot(self, flight: Flight) -> None:
        """Count a request that is at the service already."""
        self.slots.take()
        flight.has_slot = True

    def free_slot(self, flight: Flight) -> None:
        """The request is over, or we no longer look after it."""
        if flight.has_slot:
            flight.has_slot = False
            self.slots.release()

    # -- trouble -----------------------------------------------------------------------------------

    def halt(self, error: PixverseError) -> None:
        """Send no further job. What is paid goes on being polled and saved."""
        if self.halted.take(error):
            logger.error("no further job is sent: %s", error.why if isinstance(error, StoppedError) else error)
            if self.halted.fatal is not None:
                self.pull.cancel()

    async def guard(self, flight: Flight, step: Callable[[Flight], Awaitable[None]]) -> None:
        """Take the step; what goes wrong in it is this flight's alone."""
        try:
            await step(flight)
        except (AuthError, ConfigError, InsufficientCreditsError) as error:
            self.halt(error)
            await self.give_up(flight, error)
        except PixverseError as error:
            await self.give_up(flight, error)
        except (Exception, asyncio.CancelledError) as bug:
            # One job's isolation: a mistake of ours (or of a sink) must not cost the other jobs their videos.
            if isinstance(bug, asyncio.CancelledError) and is_being_cancelled():
                raise
            told = redact_lines("".join(traceback.format_exception(bug)))  # a sink's error may quote its own links
            logger.error("job %r: unexpected %s\n%s", flight.name, type(bug).__name__, told)  # noqa: TRY400
            error = UnexpectedError(f"{type(bug).__name__}: {redact(str(bug))}")
            error.__cause__ = bug
            await self.give_up(flight, error)

    async def give_up(self, flight: Flight, error: PixverseError) -> None:
        """End the flight with the outcome that its state allows: only what is surely unpaid is called failed."""
        match flight.record.state:
            case State.SUBMITTING | State.UNKNOWN:
                await self.hold(flight, error)
            case State.QUEUED:
                await self.leave(flight, error)
            case State.READY | State.SAVED:
                await self.fail(flight, error, may_be_billed=True)
            case State.NEW | State.FAILED:
                await self.fail(flight, error)

    def _common(self, flight: Flight) -> _CommonFields:
        started = flight.record.started
        return {
            "job": flight.job,
            "index": flight.index,
            "name": flight.name,
            "request_id": flight.record.request_id,
            "seed": started.seed if started is not None else flight.job.seed,
            "usd": flight.record.usd + flight.record.sunk_usd,
            "timings": flight.timings,
        }

    def _about(self, flight: Flight, error: PixverseError, may_be_billed: bool | None) -> PixverseError:
        return error.about(job_name=flight.name, request_id=flight.record.request_id, may_be_billed=may_be_billed)


class _CommonFields(TypedDict):
    job: Job
    index: int
    name: str
    request_id: str | None
    seed: int | None
    usd: Decimal
    timings: Timings
