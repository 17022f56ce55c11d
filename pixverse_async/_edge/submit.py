"""The paid call: one POST that is never torn, and whose fate is written down.

The order is the point of this file.  Slot, pace, budget; then the intent on disk; then the POST; then what came of
it on disk; only then anything else.  The POST runs shielded: when the batch is cancelled it may take a few seconds
more to hear the answer, because an answer not heard is a video that may be paid for and lost.
It decides nothing: `retry.judge_submit` says what an answer means, `pace` when the next may leave.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import anyio

from .._core import retry, wire
from .._core.errors import ConfigError, StoppedError, TransportError
from .._core.events import SubmitAccepted, SubmitDeferred, SubmitInterrupted, SubmitRejected, SubmitStarted
from .._core.job import MAX_SEED, image_words
from .._core.journal_accounts import Accounts
from .._core.lifecycle import State
from .._core.price import price_usd
from .._core.retry import Accepted, Ambiguous, Deferred, Rejected, SubmitVerdict
from .calls import answer_to
from .flight import Flight
from .images import ImageHost
from .run import Run
from .tasks import Grace
from .wall_clock import utc_now

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
        self.grace = Grace(POST_GRACE)
        """`grace.watch` is to run beside the submits."""
        self._has_accepted = False
        self._door = anyio.Lock(fast_acquire=True)
        self._shut_since = math.inf
        """Since when there has been a slot for a submit, and the service has taken none."""

    async def submit(self, flight: Flight) -> None:
        """Upload the image and send the job. *Charges* once, if the service accepts it and it succeeds.

        *Cancellation*: before the POST nothing is spent; during it the answer is awaited for `POST_GRACE` seconds.
        *Raises* `PixverseError` when the job was not sent, `JournalError` when nothing may be sent any more.
        """
        self._check_halted()
        self._run.check_budget(price_usd(flight.job))
        hosted = await self._images.url_for(flight.job, flight.identity)
        flight.notes += hosted.notes
        await self._run.backlog.wait_for_room()
        match await self._until_settled(flight, hosted.url):
            case Accepted(status=status):
                await self._on_accepted(flight, status)
            case Ambiguous():
                await self._on_unknown(flight)
            case Deferred(error=error) | Rejected(error=error):
                raise error

    async def _until_settled(self, flight: Flight, image_url: str) -> SubmitVerdict:
        """Try until the verdict is more than "not now", or trying longer makes no sense."""
        came_at = self._run.now()
        failures = 0
        while True:
            verdict = await self._in_turn(flight, image_url, came_at)
            if not isinstance(verdict, Deferred) or verdict.is_final:
                return verdict
            failures += isinstance(verdict.error, TransportError)
            if failures >= CONNECT_TRIES or self._run.now() >= self._give_up_at(came_at):
                return verdict
            await self._back_off(verdict, flight, failures)

    async def _in_turn(self, flight: Flight, image_url: str, came_at: float) -> SubmitVerdict:
        """One attempt, when there is a slot for it and its turn has come.

        All go through one door, in the order in which they came: a slot, the turn, and out. Until the service is
        seen to accept, the next one has to wait for the answer too.
        """
        async with self._door:
            if not self._run.slots.has_room:
                self._shut_since = math.inf  # Nobody asks the service while we wait for one.
            await self._run.wait_for_slot(flight)
            await self._wait_for_turn(came_at)
            if not self._is_accepting:
                return await self._attempt(flight, image_url)
        return await self._attempt(flight, image_url)

    @property
    def _is_accepting(self) -> bool:
        """A mistake in all jobs, or an outage, is to cost one submit and not a hundred."""
        return self._has_accepted and not self._run.breaker.is_on_trial

    async def _wait_for_turn(self, came_at: float) -> None:
        """Wait until pacer and breaker let a submit leave; it then leaves before anything else is awaited.

        *Raises* `StoppedError` when the batch halted, or no turn came in time.
        """
        run = self._run
        while True:
            self._check_halted()
            now = run.now()
            start_at = max(run.pacer.next_start(now), run.breaker.closed_at(now))
            if start_at > now:
                self._shut_since = min(self._shut_since, now)
                if start_at > self._give_up_at(came_at):
                    raise StoppedError(f"the service took no submit for {run.limits.job_timeout:g} s")
                await anyio.sleep_until(start_at)
            elif run.breaker.needs_read(now):
                await self._read_before_submits()
            else:
                return

    def _give_up_at(self, came_at: float) -> float:
        """Waiting for a slot does not count: only how long the service has taken nobody while there was one."""
        return max(came_at, self._shut_since) + self._run.limits.job_timeout

    def _check_halted(self) -> None:
        stopped = self._run.halted.not_sent()
        if stopped is not None:
            raise stopped

    async def _read_before_submits(self) -> None:
        """An outage is not to be explored with paid calls."""
        answer = await answer_to(self._run.transport, wire.list_call())
        is_failure = isinstance(answer, TransportError) or answer.status >= 500
        self._run.breaker.heard_read(self._run.now(), is_failure=is_failure)

    async def _back_off(self, verdict: Deferred, flight: Flight, failures: int) -> None:
        u = self._run.rng.random()
        if isinstance(verdict.error, TransportError):
            await anyio.sleep(retry.backoff(failures, u))
        else:
            assert flight.sent_at is not None, "what was refused has been sent"
            self._run.pacer.refused(flight.sent_at, self._run.now(), verdict.wait, verdict.hint, u)

    async def _attempt(self, flight: Flight, image_url: str) -> SubmitVerdict:
        usd = price_usd(flight.job)
        self._run.reserve(flight, usd)
        flight.sent_at = self._run.now()
        flight.number = self._run.pacer.started(flight.sent_at)
        seed = flight.job.seed if flight.job.seed is not None else self._run.rng.randint(0, MAX_SEED)
        content = wire.payload(flight.job, image_url, seed)
        started = _started(flight, seed, content, usd, self._run.accounts)
        return await self._send(flight, started, wire.submit_call(content))

    async def _send(self, flight: Flight, started: SubmitStarted, call: wire.Call) -> SubmitVerdict:
        """Intent, POST and answer, as one piece that a cancellation can hurry but not tear."""

        async def exchange() -> SubmitVerdict:
            await self._note_start(flight, started)
            is_cancelled = self.grace.has_begun
            verdict = _NEVER_LEFT if is_cancelled else await self._verdict(call)
            if not is_cancelled:
                self._run.breaker.heard(self._run.now(), is_failure=_is_failure(verdict))
            await self._settle(flight, verdict)
            return verdict

        return await self.grace.unbroken(exchange)

    async def _verdict(self, call: wire.Call) -> SubmitVerdict:
        """POST, and what it came to."""
        try:
            answer = await answer_to(self._run.transport, call)
        except ConfigError as error:  # such as of a client that was closed meanwhile: nothing left
            return Deferred(error=error, is_final=True)
        return retry.judge_submit(answer, utc_now(), self._run.request_ids)

    async def _note_start(self, flight: Flight, started: SubmitStarted) -> None:
        """Write the intent; if it is on record and an observer then ends the program, write that nothing left."""
        try:
            await self._run.note(flight, started)
        except BaseException as ending:
            if flight.record.state is State.SUBMITTING:
                await self._run.note(flight, SubmitDeferred(why=f"{type(ending).__name__} before it left"))
            raise

    async def _settle(self, flight: Flight, verdict: SubmitVerdict) -> None:
        match verdict:
            case Accepted(status=status):
                await self._run.note(flight, SubmitAccepted(request_id=status.request_id))
                self._run.pacer.accepted()
                self._has_accepted = True
                self._shut_since = math.inf
            case Deferred(error=error):
                await self._run.note(flight, SubmitDeferred(why=error.describe()))
                self._run.release(flight)
                # It is not at the service, and others may be waiting with a slot in front of it.
                self._run.free_slot(flight)
                assert flight.sent_at is not None, "what was refused has been sent"
                self._shut_since = min(self._shut_since, flight.sent_at)
            case Rejected(error=error):
                await self._run.note(flight, SubmitRejected(status=error.status, reason=error.reason))
                self._run.release(flight)
            case Ambiguous(why=why, request_id=request_id):
                await self._run.note(flight, SubmitInterrupted(why=why, request_id=request_id))


def _started(
    flight: Flight, seed: int, content: Mapping[str, object], usd: Decimal, accounts: Accounts | None
) -> SubmitStarted:
    job = flight.job
    return SubmitStarted(
        name=flight.name,
        seed=seed,
        is_own_seed=job.seed is None,
        payload_sha256=wire.payload_sha256(content),
        usd=usd,
        at_utc=utc_now(),
        image=image_words(job),
        prompt=job.prompt,
        duration=job.duration,
        quality=job.quality,
        audio=job.audio,
        multi_clip=job.multi_clip,
        account=None if accounts is None else accounts.ours,
    )


_NEVER_LEFT = Deferred(error=TransportError("cancelled before it left", sent=False))


def _is_failure(verdict: SubmitVerdict) -> bool:
    """The network or the service failed; a refusal is an answer."""
    return isinstance(verdict, Ambiguous) or (
        isinstance(verdict, Deferred) and isinstance(verdict.error, TransportError)
    )
