"""One accepted request by itself: look at it, wait for it, save it.

To lose nothing by a crash, keep its `request_id`, from which a handle can be made again in any process; or use
`generate_many`.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator

import anyio
import attrs

from .._core import retry, wire
from .._core.errors import DeadlineExceededError, DownloadError, PixverseError
from .._core.events import LinkExpired, Saved
from .._core.failures import failure_of
from .._core.frozen import frozen
from .._core.job import Job, JobClass, Stage
from .._core.retry import Again, Denied, Gone, Seen
from .._core.schedule import DEFAULT_POLLS_PER_SECOND, PollPolicy, Scheduler
from .._core.wire import Status
from .arguments import check_policy, check_timeout, path_of
from .calls import answer_to
from .directory import DirectorySink
from .download import Abandoned, download
from .limits import DEFAULT_JOB_TIMEOUT, DEFAULT_POLICY
from .poll import EMPTY_SUCCESS_LOOKS
from .transport import Transport
from .wall_clock import utc_now

STATUS_TRIES = 5
"""Tries of one `status()`: a status call is free and safe to repeat."""
LINK_TRIES = 5
"""Links of one `save()` that may turn out not to serve the video: a fresh one is free."""
_TYPICAL = JobClass("540p", 5, False)
"""What an attached request is taken for: only the first looks depend on it."""


@frozen
class Handle:
    """An accepted request. It costs nothing to hold, to lose, or to make again from its id.

    >>> import asyncio, tempfile
    >>> from pathlib import Path
    >>> from pixverse_async import Client, FixedPolling
    >>> from pixverse_async.emulator import Emulator, tiny_film
    >>> async def main(path: Path) -> None:
    ...     async with (
    ...         Emulator(speed=2000, film=tiny_film) as service,
    ...         Client(service.api_key, base_url=service.base_url) as client,
    ...     ):
    ...         handle: Handle = await client.submit(Job("https://example.com/cat.jpg", "the cat yawns"))
    ...         saved = await handle.save(path, poll_policy=FixedPolling(0.02))
    ...         print(path.name, path.stat().st_size == saved.size_bytes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(Path(folder, "cat.mp4")))
    cat.mp4 True
    """

    request_id: str
    job: Job | None = None
    seed: int | None = None
    _transport: Transport = attrs.field(alias="transport", repr=False, eq=False)
    _rng: random.Random = attrs.field(alias="rng", repr=False, eq=False)

    async def status(self) -> Status:
        """What the service says now. *Charges* nothing.

        *Raises* `ApiError`, `TransportError` or `ProtocolError`, after five tries where that may pass: ask again later.
        """
        for attempt in range(STATUS_TRIES):
            verdict = await self._look()
            match verdict:
                case Seen(status=status):
                    return status
                case Again(error=error, wait=wait) if attempt + 1 < STATUS_TRIES:
                    await anyio.sleep(retry.backoff(attempt, self._rng.random()) if wait is None else wait)
                case Again(error=error) | Gone(error=error) | Denied(error=error):
                    raise self._about(error)
        raise AssertionError("the last try returns or raises")

    async def result(
        self, timeout: float = DEFAULT_JOB_TIMEOUT, *, poll_policy: PollPolicy = DEFAULT_POLICY
    ) -> Status:
        """Wait up to `timeout` seconds for the end; the final status, whose `media` holds the link. *Charges* nothing.

        *Cancellation*: the request goes on at the service, and may be waited for again.
        *Raises* `GenerationError` when the service made no video, `DeadlineExceededError` after `timeout` seconds
        (the request lives on), `ApiError` when the service does not know the request or refuses the key, and
        `ConfigError` for a `timeout` or a `poll_policy` that is none.
        """
        check_timeout(timeout)
        word = "queued"
        empty_successes = 0
        with anyio.move_on_after(timeout):
            async for status in self._looks(poll_policy):
                word = status.word
                if status.stage is Stage.SUCCEEDED and status.media is not None:
                    return status
                if status.stage is Stage.SUCCEEDED and empty_successes < EMPTY_SUCCESS_LOOKS:
                    empty_successes += 1
                elif status.stage.is_final:
                    raise self._about(failure_of(status), may_be_billed=status.stage is Stage.SUCCEEDED)
        raise self._about(DeadlineExceededError(timeout, word), may_be_billed=True)

    async def save(
        self,
        path: str | os.PathLike[str],
        timeout: float = DEFAULT_JOB_TIMEOUT,
        *,
        poll_policy: PollPolicy = DEFAULT_POLICY,
    ) -> Saved:
        """Wait for the end and save the video at `path`, whole and checked. *Charges* nothing.

        `timeout`: seconds to wait for the end, not counting the download. A file that is there already is not replaced.
        *Cancellation*: bytes that came stay in a part beside `path`, from which the next call goes on.
        *Raises* what `result` raises, `ConfigError` for a folder that cannot be written to, and `DownloadError`; the
        video stays at the service and can be saved again.
        """
        target = path_of("path", path)
        sink = DirectorySink(target.parent)
        await sink.prepare()
        for attempt in range(LINK_TRIES):
            media = (await self.result(timeout, poll_policy=poll_policy)).media
            assert media is not None, "result() returns only statuses that name a video"
            duration = self.job.duration if self.job is not None else None
            match await download(self._transport, sink, target.name, media.url, duration=duration, rng=self._rng):
                case Saved() as saved:
                    return saved
                case Abandoned(problem=problem):
                    raise self._about(DownloadError(problem), may_be_billed=True)
                case LinkExpired():
                    await anyio.sleep(retry.backoff(attempt, self._rng.random()))
        problem = f"{LINK_TRIES} links in a row did not serve it"
        raise self._about(DownloadError(problem), may_be_billed=True)

    async def _looks(self, policy: PollPolicy) -> AsyncGenerator[Status]:
        """Statuses at the scheduler's pace, for ever."""
        check_policy(policy)
        scheduler = policy.scheduler(polls_per_second=DEFAULT_POLLS_PER_SECOND, seed=self._rng.getrandbits(32))
        job_class = self.job.job_class if self.job is not None else _TYPICAL
        scheduler.submitted(0, job_class, anyio.current_time())
        gone_since: float | None = None
        is_first = True  # Of that look, which is at once, the scheduler is not told: it did not offer it.
        while True:
            sent = anyio.current_time()
            verdict = await self._look()
            received = anyio.current_time()
            match verdict:
                case Seen(status=status):
                    gone_since = None
                    yield status
                case Gone(error=error):
                    gone_since = sent if gone_since is None else gone_since
                    if received - gone_since >= retry.GONE_AFTER:
                        raise self._about(error, may_be_billed=True)
                case Denied(error=error):
                    raise self._about(error, may_be_billed=True)
                case Again():
                    pass
            if not is_first:
                _tell(scheduler, verdict, sent, received)
            is_first = False
            await _turn(scheduler)

    async def _look(self) -> retry.ReadVerdict:
        answer = await answer_to(self._transport, wire.status_call(self.request_id))
        return retry.judge_status(answer, self.request_id, utc_now())

    def _about(self, error: PixverseError, may_be_billed: bool | None = None) -> PixverseError:
        name = self.job.stem if self.job is not None else None
        return error.about(job_name=name, request_id=self.request_id, may_be_billed=may_be_billed)


def _tell(scheduler: Scheduler, verdict: Seen | Again | Gone, sent: float, received: float) -> None:
    """The answer to a look that the scheduler offered; it is never told of an end, and goes on offering."""
    match verdict:
        case Seen(status=status):
            scheduler.observed(0, Stage.QUEUED if status.stage.is_final else status.stage, sent, received)
        case Again(http_status=http_status, wait=wait):
            scheduler.error(0, http_status, wait, sent, received)
        case Gone(error=error):
            scheduler.error(0, error.status, None, sent, received)


async def _turn(scheduler: Scheduler) -> None:
    """Wait until the scheduler offers its one job."""
    while scheduler.take(anyio.current_time()) is None:
        wake_at = scheduler.next_wakeup()
        assert wake_at is not None, "the scheduler holds one job"
        await anyio.sleep_until(wake_at)
