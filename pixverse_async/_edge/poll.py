"""Watching every request in flight: one scheduler, one loop, a bounded number of calls under way.

The scheduler decides whom to ask and when; this file asks, and turns answers into events.  A read changes nothing,
so no answer short of a final status ends a wait: errors, unreadable answers and rate limits only put the next look
off.  What ends it early is time (`job_timeout`: the request stays, the run stops waiting), a service that for a
minute has known no such request, and a refusal: of the key, which ends the batch, or of this one request.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

import anyio

from .._core import retry, wire
from .._core.errors import DeadlineExceededError, GenerationError, PixverseError, TransportError
from .._core.events import GenerationFailed, GenerationSucceeded, StatusSeen
from .._core.failures import failure_of, limit_interval
from .._core.job import Stage
from .._core.retry import Again, Denied, Gone, ReadVerdict, Seen
from .._core.schedule import Scheduler
from .._core.schedule.poll_budget import calls_at_once
from .._core.wire import Reply, Status
from .calls import answer_to
from .flight import Flight
from .run import Run
from .tasks import flat_task_group
from .wall_clock import utc_now

_LATEST = 0.1
"""The weight of the latest call in the running mean of how long a call takes: some ten calls count."""
LOOK_FOR_STALLS_EVERY = 30.0
"""Seconds. A stall is of minutes at least, and the search goes through all jobs in flight."""
KEY_GOOD_FOR = 60.0
"""Seconds for which a list that was shown says that the key is taken: many requests may be refused at once."""
EMPTY_SUCCESS_LOOKS = 3
"""Looks at a success that names no video before it counts as a failure."""


class _Worker:
    """A task that looks at what it is given, one after the other. A tenth of the cost of a stream between tasks."""

    def __init__(self, first: Flight) -> None:
        self._flight: Flight | None = first
        self._given = asyncio.Event()

    def take(self, flight: Flight) -> None:
        """Look at this one next; only for a worker that is idle."""
        self._flight = flight
        self._given.set()

    async def next(self) -> Flight:
        """What it was given."""
        if self._flight is None:
            self._given.clear()
            await self._given.wait()
        flight, self._flight = self._flight, None
        assert flight is not None, "nobody sets the event without a flight"
        return flight


class Poller:
    """Carries flights from QUEUED to READY, or to the outcome that the service's answer means."""

    def __init__(self, run: Run, scheduler: Scheduler, *, on_ready: Callable[[Flight], None]) -> None:
        self._run = run
        self._scheduler = scheduler
        self._on_ready = on_ready
        self._flights: dict[int, Flight] = {}
        self._deadlines: deque[tuple[float, int]] = deque()
        self._idle: list[_Worker] = []
        self._workers = 0
        self._call_seconds = 0.0
        self._list_shown_at = -math.inf
        self._sleeps_until = -math.inf
        self._woken = asyncio.Event()
        self._now = run.now

    def add(self, flight: Flight, accepted_at: float) -> None:
        """Watch a request that was accepted at `accepted_at`, loop time; in the past when taken over."""
        now = self._now()
        request_id = flight.record.request_id
        assert request_id is not None, "the lifecycle table gives every queued job its id"
        flight.look = wire.status_call(request_id)
        flight.accepted_at = accepted_at
        self._flights[flight.index] = flight
        self._deadlines.append((now + self._run.limits.job_timeout, flight.index))
        sent_at = accepted_at if flight.sent_at is None else flight.sent_at
        self._scheduler.submitted(flight.index, flight.job.job_class, min(sent_at, now))
        self._wake()

    @property
    def waiting(self) -> tuple[Flight, ...]:
        """The requests that are being watched."""
        return tuple(self._flights.values())

    async def run(self) -> None:
        """Poll for ever. *Cancellation*: ends it; calls under way are dropped, which harms nothing."""
        async with flat_task_group() as group:
            group.start_soon(self._report_stalls, name="stalls")
            while True:
                await self._leave_overdue(self._now())
                flight = self._take() if self._has_hands else None
                if flight is None:
                    await self._sleep()
                elif self._idle:
                    self._idle.pop().take(flight)
                else:
                    self._workers += 1
                    group.start_soon(self._work, _Worker(flight), name=f"poll {self._workers}")

    async def _work(self, worker: _Worker) -> None:
        while True:
            flight: Flight | None = await worker.next()
            while flight is not None:
                await self._run.guard(flight, self._ask)
                if flight.is_finished:
                    self._flights.pop(flight.index, None)
                flight = self._take()
            self._idle.append(worker)
            self._wake()

    async def _report_stalls(self) -> None:
        while True:
            await anyio.sleep(LOOK_FOR_STALLS_EVERY)
            now = self._now()
            for flight in filter(None, map(self._flights.get, self._scheduler.stalled(now))):
                assert flight.accepted_at is not None, "it has been added"
                self._run.report_stall(flight, now - flight.accepted_at)

    def _wake(self) -> None:
        """Let the loop ask the schedule again, if its next look is earlier now."""
        if self._next_time() < self._sleeps_until:
            self._woken.set()

    def _take(self) -> Flight | None:
        """A flight that is due, if there is one."""
        now = self._now()
        while (index := self._scheduler.take(now)) is not None:
            if index in self._flights:
                return self._flights[index]
        return None

    @property
    def _has_hands(self) -> bool:
        return bool(self._idle) or self._workers < calls_at_once(self._call_seconds)

    def _next_time(self) -> float:
        """The next deadline, or the next look if somebody is free for it."""
        look_at = self._scheduler.next_wakeup() if self._has_hands else None
        deadline = self._deadlines[0][0] if self._deadlines else math.inf
        return deadline if look_at is None else min(look_at, deadline)

    async def _sleep(self) -> None:
        """Until the next look or deadline, or until the schedule has an earlier one."""
        self._sleeps_until = self._next_time()
        with anyio.CancelScope(deadline=self._sleeps_until):
            await self._woken.wait()
        self._sleeps_until = -math.inf
        self._woken.clear()

    async def _leave_overdue(self, now: float) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            _, index = self._deadlines.popleft()
            flight = self._flights.get(index)
            if flight is not None:
                self._forget(flight, now)
                state = flight.last_word or "queued"
                await self._run.leave(flight, DeadlineExceededError(self._run.limits.job_timeout, state))

    def _forget(self, flight: Flight, now: float) -> None:
        if self._flights.pop(flight.index, None) is not None:
            self._scheduler.abandoned(flight.index, now)

    async def _ask(self, flight: Flight) -> None:
        request_id, look = flight.record.request_id, flight.look
        assert request_id is not None, "the lifecycle table gives every queued job its id"
        assert look is not None, "it has been added"
        sent = self._now()
        answer = await answer_to(self._run.transport, look)
        received = self._now()
        flight.polls += 1
        self._run.polls += 1
        if isinstance(answer, Reply):
            self._call_seconds += _LATEST * (received - sent - self._call_seconds)
        if flight.index not in self._flights:
            return  # its deadline came while we asked
        match _judge(answer, request_id):
            case Seen(status=status):
                flight.gone_since = None
                await self._learn(flight, status, sent, received)
            case Again(http_status=http_status, wait=wait):
                self._scheduler.error(flight.index, http_status, wait, sent, received)
            case Gone(error=error):
                await self._miss(flight, error, sent, received)
            case Denied(error=error):
                self._forget(flight, received)
                if await self._is_key_refused(received):
                    raise error
                await self._run.leave(flight, error)

    async def _is_key_refused(self, now: float) -> bool:
        """Or only the one request: that of another account, say, whose id somebody gave to `resolve`."""
        if self._run.halted.fatal is not None:
            return True
        if now - self._list_shown_at >= KEY_GOOD_FOR:
            answer = await answer_to(self._run.transport, wire.list_call())
            if isinstance(answer, TransportError) or not answer.is_success:
                return True
            self._list_shown_at = now
        return False

    async def _learn(self, flight: Flight, status: Status, sent: float, received: float) -> None:
        """Take in one readable status. It is recorded when its word changes, not each time it is seen."""
        if status.stage.is_final:
            await self._learn_end(flight, status, sent, received)
            return
        self._scheduler.observed(flight.index, status.stage, sent, received)
        if flight.processing_at is None and status.stage is Stage.PROCESSING:
            flight.processing_at = sent
        flight.last_look_at = sent
        if status.word != flight.last_word:
            flight.last_word = status.word
            await self._run.note(flight, StatusSeen(status=status.word))

    async def _learn_end(self, flight: Flight, status: Status, sent: float, received: float) -> None:
        """Take in a final status, unless it is a success that names no video yet."""
        if (
            status.stage is Stage.SUCCEEDED
            and status.media is None
            and flight.empty_successes < EMPTY_SUCCESS_LOOKS
        ):
            flight.empty_successes += 1
            self._scheduler.error(flight.index, 200, None, sent, received)
            return
        self._scheduler.observed(flight.index, status.stage, sent, received)
        del self._flights[flight.index]
        flight.ended_at = received
        earlier = flight.last_look_at if flight.last_look_at is not None else flight.accepted_at
        flight.detected_late_by = None if earlier is None else received - earlier
        await self.end(flight, status)

    async def end(self, flight: Flight, status: Status) -> None:
        """Take in a final status, here or on the reply to the submit itself."""
        if status.stage is Stage.SUCCEEDED and status.media is not None:
            await self._run.note(flight, GenerationSucceeded())
            self._run.settle(flight)
            flight.media = status.media
            self._run.pacer.served()
            self._run.slots.capacity.served(flight.rank)
            self._run.free_slot(flight)
            self._on_ready(flight)
            return
        error = failure_of(status)
        self._learn_limit(flight, error)
        await self._run.note(flight, GenerationFailed(reason=error.reason, kind=error.kind))
        # What was once called a success may be billed, and counts as spent; a failure is reported not to be billed.
        is_billed = flight.record.is_billed_failure
        if is_billed:
            self._run.settle(flight)
        else:
            self._run.release(flight)
        await self._run.fail(flight, error, may_be_billed=is_billed)

    def _learn_limit(self, flight: Flight, error: GenerationError) -> None:
        """A limit may be told by failures alone: the next submits heed it, or most of the batch would fail alike."""
        if flight.sent_at is None:
            return  # An earlier run sent it: who else was there then is not known.
        pacer, slots = self._run.pacer, self._run.slots
        if error.kind == "rate_limited":
            pacer.overran(flight.number, limit_interval(error.reason))
        elif error.kind == "capacity":
            slots.capacity.overrun(flight.rank)
            pacer.overloaded(flight.sent_at, self._now(), self._run.rng.random())

    async def _miss(self, flight: Flight, error: PixverseError, sent: float, received: float) -> None:
        """A 404: a new record may not be readable yet; a lost one never will be."""
        if flight.gone_since is None:
            flight.gone_since = sent
        if received - flight.gone_since < retry.GONE_AFTER:
            self._scheduler.error(flight.index, 404, None, sent, received)
            return
        self._forget(flight, received)
        raise error


def _judge(answer: Reply | TransportError, request_id: str) -> ReadVerdict:
    """What the answer came to. Only a refusal can name a time, and to ask for the time is a hundredth of a poll."""
    if isinstance(answer, Reply) and answer.is_success:
        return retry.judge_record(answer, request_id)
    return retry.judge_status(answer, request_id, utc_now())
