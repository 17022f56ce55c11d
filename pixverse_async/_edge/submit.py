"""The paid call: one POST that is never torn, and whose fate is written down.

The order is the point of this file.  Slot, pace, budget; then the intent on disk; then the POST; then what came of
it on disk; only then anything else.  The POST runs shielded: when the batch is cancelled it may take a few seconds
more to hear the answer, because an answer not heard is a video that may be paid for and lost.
It decides nothing: `retry.judge_submit` says what an answer means, `pace` when the next may leave.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio

from .._core import retry, wire
from .._core.budget import price_usd
from .._core.errors import TransportError
from .._core.job import MAX_SEED
from .._core.lifecycle import SubmitAccepted, SubmitDeferred, SubmitInterrupted, SubmitRejected, SubmitStarted
from .._core.retry import Accepted, Ambiguous, Deferred, Rejected, SubmitVerdict
from .calls import answer_to, unbroken
from .images import ImageHost
from .run import Flight, Run, utc_now

POST_GRACE = 10.0
"""Seconds that a cancelled batch waits for the answer to a POST that is under way (faults study, 2026)."""
CONNECT_TRIES = 8
"""Tries to connect before a job is given up unsent: with the pauses between them about a minute and a half."""


class Submitter:
    """Carries flights from NEW to QUEUED, or to the outcome that the service's refusal means."""

    def __init__(
        self,
        run: Run,
        images: ImageHost,
        *,
        on_accepted: Callable[[Flight, wire.Status], Awaitable[None]],
        on_unknown: Callable[[Flight], Awaitable[None]],
    ) -> None:
        self._run = run
        self._images = images
        self._on_accepted = on_accepted
        self._on_unknown = on_unknown

    async def submit(self, flight: Flight) -> None:
        """Upload the image and send the job. *Charges* once, if the service accepts it and it succeeds.

        *Cancellation*: before the POST nothing is spent; during it the answer is awaited for `POST_GRACE` seconds.
        *Raises* `PixverseError` when the job was not sent, `JournalError` when nothing may be sent any more.
        """
        hosted = await self._images.url_for(flight.job, flight.identity)
        flight.notes += hosted.notes
        await self._run.wait_for_disk()
        await self._run.wait_for_slot(flight)
        match await self._until_settled(flight, hosted.url):
            case Accepted(status=status):
                await self._on_accepted(flight, status)
            case Ambiguous():
                await self._on_unknown(flight)
            case Deferred(error=error) | Rejected(error=error):
                raise error

    async def _until_settled(self, flight: Flight, image_url: str) -> SubmitVerdict:
        """Try until the verdict is more than "not now", or trying longer makes no sense."""
        give_up_at = anyio.current_time() + self._run.limits.job_timeout
        failures = 0
        while True:
            started_at = await self._wait_for_turn()
            verdict = await self._attempt(flight, image_url)
            if not isinstance(verdict, Deferred) or verdict.is_final:
                return verdict
            failures += isinstance(verdict.error, TransportError)
            if failures >= CONNECT_TRIES or anyio.current_time() >= give_up_at:
                return verdict
            await self._back_off(verdict, started_at, failures)

    async def _wait_for_turn(self) -> float:
        """Wait until the pacer lets a submit leave; the time at which it does. *Raises* when the batch halted."""
        while True:
            stopped = self._run.not_sent()
            if stopped is not None:
                raise stopped
            now = anyio.current_time()
            start_at = self._run.pacer.next_start(now)
            if start_at <= now:
                self._run.pacer.started(now)
                return now
            await anyio.sleep_until(start_at)

    async def _back_off(self, verdict: Deferred, started_at: float, failures: int) -> None:
        u = self._run.random.random()
        if isinstance(verdict.error, TransportError):
            await anyio.sleep(retry.backoff(failures, u))
        else:
            self._run.pacer.refused(started_at, anyio.current_time(), verdict.wait, verdict.hint, u)

    async def _attempt(self, flight: Flight, image_url: str) -> SubmitVerdict:
        usd = price_usd(flight.job)
        self._run.reserve(flight, usd)
        seed = flight.job.seed if flight.job.seed is not None else self._run.random.randint(0, MAX_SEED)
        content = wire.payload(flight.job, image_url, seed)
        started = SubmitStarted(
            name=flight.name, seed=seed, payload_sha256=wire.payload_sha256(content), usd=usd, at_utc=utc_now()
        )
        return await self._send(flight, started, wire.submit_call(content))

    async def _send(self, flight: Flight, started: SubmitStarted, call: wire.Call) -> SubmitVerdict:
        """Intent, POST and answer, as one piece that a cancellation can hurry but not tear."""

        async def exchange(scope: anyio.CancelScope) -> SubmitVerdict:
            await self._run.note(flight, started)
            is_cancelled = scope.deadline != math.inf
            answer = _NEVER_LEFT if is_cancelled else await answer_to(self._run.transport, call)
            verdict = retry.judge_submit(answer, utc_now())
            await self._settle(flight, verdict)
            return verdict

        return await unbroken(exchange, POST_GRACE)

    async def _settle(self, flight: Flight, verdict: SubmitVerdict) -> None:
        match verdict:
            case Accepted(status=status):
                await self._run.note(flight, SubmitAccepted(request_id=status.request_id))
                self._run.pacer.accepted()
            case Deferred(error=error):
                await self._run.note(flight, SubmitDeferred(why=error.describe()))
                self._run.release(flight)
            case Rejected(error=error):
                await self._run.note(flight, SubmitRejected(status=error.status, reason=error.reason))
                self._run.release(flight)
            case Ambiguous(why=why, request_id=request_id):
                await self._run.note(flight, SubmitInterrupted(why=why, request_id=request_id))


_NEVER_LEFT = TransportError("cancelled before it left", sent=False)
