"""Looking for submits whose reply was lost in the service's own list.

One listing serves all that wait.  What it shows is adopted; what it does not show is held, because a list may lag,
be paged or fail.  Only at the user's explicit wish, and when a listing that would have to show it still does not
after minutes, is a submit declared absent and sent again.  The matching itself is `_core.reconcile`'s.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

import anyio
import attrs

from .._core import reconcile, retry, wire
from .._core.errors import SubmitUnknownError, TransportError
from .._core.events import ConfirmedAbsent, Reconciled
from .._core.lifecycle import State
from .._core.reconcile import Lost
from .._core.retry import Seen
from .._core.wire import Listing
from .calls import answer_to
from .flight import Flight
from .run import Run
from .wall_clock import utc_now

logger = logging.getLogger("pixverse_async")


@attrs.define(eq=False, repr=False)
class _Waiting:
    flight: Flight
    since: float
    """When we began to look, loop time."""
    lost_at: float
    """When the submit left, loop time; in the past when an earlier run sent it."""
    looks: int = 0
    clean_listings: int = 0
    last_clean_at: float | None = None

    @property
    def lost(self) -> Lost:
        started = self.flight.record.started
        assert started is not None, "the lifecycle table lets no job be unknown that was not sent"
        # The wall clock may have been set since the submit was dated; what passed on the loop's is certain.
        left_at_utc = min(started.at_utc, utc_now() - (anyio.current_time() - self.lost_at))
        started = attrs.evolve(started, at_utc=left_at_utc)
        return Lost(
            key=self.flight.key,
            started=started,
            is_dated=self.flight.sent_at is not None,
            has_gaps=self.flight.record.has_gaps,
        )

    @property
    def look_at(self) -> float:
        """When to look for it next."""
        if self.looks < len(reconcile.LOOK_AFTER):
            return self.since + reconcile.LOOK_AFTER[self.looks]
        return (
            self.since
            + reconcile.LOOK_AFTER[-1]
            + reconcile.LOOK_EVERY * (self.looks - len(reconcile.LOOK_AFTER) + 1)
        )


class Reconciler:
    """Carries flights from UNKNOWN to QUEUED, or holds them."""

    def __init__(
        self,
        run: Run,
        *,
        on_adopted: Callable[[Flight], Awaitable[None]],
        on_absent: Callable[[Flight], Awaitable[None]],
    ) -> None:
        self._run = run
        self._on_adopted = on_adopted
        self._on_absent = on_absent
        self._waiting: dict[str, _Waiting] = {}
        self._woken = anyio.Event()

    async def add(self, flight: Flight) -> None:
        """Look for this one too; hold it if a repaired journal no longer knows what was sent."""
        now = anyio.current_time()
        started = flight.record.started
        if started is None:
            await self._run.hold(flight, SubmitUnknownError(flight.record.why or "no answer", flight.job.seed))
            return
        lost_at = now - max(0.0, utc_now() - started.at_utc) if flight.sent_at is None else flight.sent_at
        self._waiting[flight.key] = _Waiting(flight, now, lost_at)
        self._woken.set()

    async def run(self) -> None:
        """Look whenever one is due, for ever. *Cancellation*: the unknown stay unknown in the journal."""
        while True:
            due_at = min((one.look_at for one in self._waiting.values()), default=math.inf)
            with anyio.CancelScope(deadline=due_at):
                await self._woken.wait()
            self._woken = anyio.Event()
            await self._look()

    async def _look(self) -> None:
        now = anyio.current_time()
        if not any(one.look_at <= now for one in self._waiting.values()):
            return
        for one in [one for one in self._waiting.values() if one.look_at <= now]:
            await self._run.guard(one.flight, self._read_named)
        await self._read_list(now)
        for one in [one for one in self._waiting.values() if one.look_at <= now]:
            one.looks += 1
            await self._judge(one, now)

    async def _read_named(self, flight: Flight) -> None:
        """An error reply that named an id is settled by reading it."""
        named = flight.record.named_id
        if named is None or named in self._run.request_ids:
            return
        answer = await answer_to(self._run.transport, wire.status_call(named))
        verdict = retry.judge_status(answer, named, utc_now())
        one = self._waiting[flight.key]
        if isinstance(verdict, Seen) and reconcile.is_same(one.lost, verdict.status):
            await self._adopt(one, named)

    async def _read_list(self, now: float) -> None:
        if self._run.limits.on_unknown == "hold" or not self._waiting:
            return
        answer = await answer_to(self._run.transport, wire.list_call())
        if isinstance(answer, TransportError):
            return
        now_utc = utc_now()
        try:
            # Thousands of records take longer to read than the loop may stand still.
            listing = await asyncio.to_thread(retry.judge_list, answer, now_utc)
        except Exception as problem:  # noqa: BLE001 - whatever it is
            # Such as no memory for so many, or no thread: a list that is not read shows nothing, and ends no batch.
            logger.warning("the service's list could not be read: %s", type(problem).__name__)
            return
        if not isinstance(listing, Listing):
            return
        server_time = retry.server_time_utc(answer)
        skew = 0.0 if server_time is None else server_time - now_utc
        rivals = self._under_way()
        lost = [one.lost for one in self._waiting.values() if one.lost.started.payload_sha256 not in rivals]
        for key, request_id in reconcile.claim(lost, listing.records, self._run.request_ids, skew).items():
            await self._adopt(self._waiting[key], request_id)
        if self._run.limits.on_unknown != "resubmit":
            return
        for one in self._waiting.values():
            if one.flight.record.has_gaps:
                continue  # The list may show the submit that is looked for without anybody knowing its seed.
            if one.look_at <= now and reconcile.is_conclusive(one.lost, listing, skew, self._run.request_ids):
                one.clean_listings += 1
                one.last_clean_at = now

    def _under_way(self) -> frozenset[str]:
        """Payloads of submits whose reply is still awaited: a record that equals one of them may be theirs."""
        return frozenset(
            record.started.payload_sha256
            for record in self._run.log.records.values()
            if record.state is State.SUBMITTING and record.started is not None
        )

    async def _adopt(self, one: _Waiting, request_id: str) -> None:
        await self._run.note(one.flight, Reconciled(request_id=request_id))
        del self._waiting[one.flight.key]
        await self._on_adopted(one.flight)

    async def _judge(self, one: _Waiting, now: float) -> None:
        """Still nothing: wait for the next look, hold it, or declare it absent."""
        if self._run.limits.on_unknown == "resubmit":
            if now - one.lost_at < self._run.limits.resubmit_after:
                return
            if one.last_clean_at == now:
                await self._declare_absent(one)
                return
        elif self._run.limits.on_unknown == "reconcile" and one.looks < len(reconcile.LOOK_AFTER):
            return
        await self._hold(one)

    async def _hold(self, one: _Waiting) -> None:
        del self._waiting[one.flight.key]
        why = one.flight.record.why or "no answer"
        await self._run.hold(one.flight, SubmitUnknownError(why, one.lost.started.seed))

    async def _declare_absent(self, one: _Waiting) -> None:
        del self._waiting[one.flight.key]
        await self._run.note(one.flight, ConfirmedAbsent(listings=one.clean_listings))
        # Not before it is written: a process that dies here would promise the same money twice.
        self._run.release(one.flight)
        self._run.free_slot(one.flight)
        await self._on_absent(one.flight)
