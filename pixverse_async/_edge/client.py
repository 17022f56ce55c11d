"""The public face: a `Client`, from which `many` makes the calls for a whole batch.

Nothing is decided here.  Arguments are checked, and what they ask for is handed on: one job to `single`, many to
`assembly`.  A `Client` belongs to the event loop in which it was entered.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Self

import anyio
import attrs

from .._core import replies
from .._core.config import read_endpoint
from .._core.errors import ConfigError
from .._core.job import Job
from .._core.job_event import Observer
from .._core.names import VIDEO_SUFFIX
from .._core.outcome import Outcome
from .._core.reconcile import RESUBMIT_AFTER
from .._core.record import RecordedJob
from .._core.redaction import redact
from .._core.rows import check_job
from .._core.schedule import DEFAULT_POLLS_PER_SECOND, PollPolicy
from .aiohttp_transport import AiohttpTransport
from .arguments import check_plural, path_of, retry_before_utc
from .assembly import outcomes_of
from .calls import list_requests
from .handle import Handle
from .images import ImageHost
from .inquiry import Inquiry
from .limits import (
    DEFAULT_JOB_TIMEOUT,
    DEFAULT_MAX_DOWNLOADS,
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_POLICY,
    Limits,
    OnCancel,
    OnUnknown,
)
from .plan import Jobs
from .record import existing_journal, settle
from .settings import Settings
from .single import submit_one
from .sinks import Sink
from .threads import in_thread
from .transport import Transport


class Client:
    """A connection to the service, for as long as its `async with` block.

    `api_key`, `base_url` and `org_id` default to GMI_API_KEY, GMI_BASE_URL and GMI_ORG_ID.
    HTTPS_PROXY and NO_PROXY are honoured. `transport`: another way to reach the service, for tests. `rng`: what seeds
    and waits are drawn from; by default the system's own source.
    *Raises* `ConfigError` at once when the key is missing or the base is wrong; nothing is sent before the first call.

    >>> import asyncio
    >>> from pixverse_async import FixedPolling
    >>> from pixverse_async.emulator import Emulator, tiny_film
    >>> async def main() -> None:
    ...     async with (
    ...         Emulator(speed=2000, film=tiny_film) as service,
    ...         Client(service.api_key, base_url=service.base_url) as client,
    ...     ):
    ...         await client.check()
    ...         handle = await client.submit(Job("https://example.com/cat.jpg", "the cat yawns"))
    ...         again = client.attach(handle.request_id)  # in any process, at any time
    ...         print((await again.result(poll_policy=FixedPolling(0.02))).stage)
    >>> asyncio.run(main())
    success
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        org_id: str | None = None,
        transport: Transport | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._endpoint = read_endpoint(os.environ, api_key=api_key, base_url=base_url, org_id=org_id)
        self._given = transport
        self._transport = transport
        self._rng = random.SystemRandom() if rng is None else rng
        self._loop: asyncio.AbstractEventLoop | None = None
        """In which the block was entered."""

    async def __aenter__(self) -> Self:
        if self._given is None:
            if self._transport is not None:
                raise ConfigError(
                    "Client", "open already", "Make another one: leaving one block would close both."
                )
            self._transport = AiohttpTransport.open(self._endpoint)
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        opened, self._transport = self._transport, self._given
        if opened is not None and opened is not self._given:
            await opened.aclose()

    def __repr__(self) -> str:
        opened = self._transport
        way = " through a proxy" if isinstance(opened, AiohttpTransport) and opened.is_proxied else ""
        return f"<Client of {self._endpoint.base_url}{way}>"

    async def check(self) -> None:
        """Ask once for the list of requests: the service is there, and takes the key. *Charges* nothing.

        *Raises* `AuthError` for the key, `ConfigError` for a place that is not the queue, `TransportError` when no
        answer comes, another `ApiError` or a `ProtocolError` for any other answer than a list.
        """
        await list_requests(self._open_transport())

    # -- one job -----------------------------------------------------------------------------------

    async def submit(self, job: Job) -> Handle:
        """Upload the job's image and send the job; the handle of the accepted request.

        *Charges* once the generation succeeds. *Cancellation*: a POST under way is heard out for ten seconds, and the
        log (a warning) names the request, or the seed to look for.
        *Raises* `InvalidJobError`, `ApiError` and its kinds, and `TransportError` when nothing was charged;
        `SubmitUnknownError` when the reply was lost and the service's list did not show the job: do not send it again
        before looking in the console.
        """
        transport = self._open_transport()
        check_job(job)
        images = ImageHost(
            transport, inline=False, allow_loopback=self._endpoint.is_loopback, rng=self._rng, patience=0.0
        )
        return await submit_one(transport, images, job, self._rng)

    def attach(self, request_id: str) -> Handle:
        """The handle of a request that was submitted before, by anybody with this key. *Charges* nothing.

        *Raises* `ConfigError` for what can be no id. Whether the service knows it, the handle's first call tells.
        """
        if not replies.is_request_id(request_id):
            raise ConfigError(
                "request_id", f"{redact(request_id, 60)!r} is no request id", "Copy it as it was given."
            )
        return Handle(request_id=request_id, transport=self._open_transport(), rng=self._rng)

    async def generate(
        self, job: Job, path: str | os.PathLike[str], *, job_timeout: float = DEFAULT_JOB_TIMEOUT
    ) -> Outcome:
        """Make one video and save it at `path`, which must end in .mp4 and not exist.

        `job_timeout`: seconds to wait for it before it is left as `Pending`.
        *Charges* when it succeeds. No journal is kept: for work that must survive a crash use `generate_many`.
        *Cancellation*: as of `submit`; `attach` takes the request up again.
        *Raises* `InvalidJobError` for what is no job, `ConfigError` for a path that cannot be used, and `AuthError` for
        a refused key; whatever else goes wrong is the outcome's `error`.
        """
        check_job(job)
        target = path_of("path", path)
        if target.suffix != VIDEO_SUFFIX:
            raise ConfigError(
                "path",
                f"{target.name!r} does not end in {VIDEO_SUFFIX}",
                "Give it that ending: all videos are MP4.",
            )
        if await anyio.Path(target).exists():
            raise ConfigError("path", f"{str(target)!r} exists", "Remove it or choose another name.")
        named = attrs.evolve(job, name=target.stem)
        async with self.as_completed(
            [named], output_dir=target.parent, journal=False, job_timeout=job_timeout
        ) as outcomes:
            async for outcome in outcomes:
                return attrs.evolve(outcome, job=job)
        raise AssertionError("a batch of one has one outcome")

    async def resolve(
        self, output_dir: str | os.PathLike[str], key: str, *, request_id: str | None = None
    ) -> RecordedJob:
        """Settle one job as `resolve`, the function, does, unless the service tells otherwise: it is asked first.

        With `request_id`: it knows the request, and does not show it with another seed, prompt, duration, quality or
        model than the job was sent with.  Without: it does not list the job.  A queued job moreover needs that the
        request which it waits for is missing for a whole minute, as long as a run would insist.  Meanwhile the folder
        is locked.

        *Charges* nothing. *Cancellation*: the job is settled, held, or as it was. *Raises* what `resolve` raises,
        `ConfigError` for what the service tells otherwise and for a job that another account sent, and what `check`
        raises.
        """
        inquiry = Inquiry(transport=self._open_transport(), endpoint=self._endpoint, rng=self._rng)
        return await settle(output_dir, key, request_id, inquiry)

    # -- many jobs ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def as_completed(
        self,
        jobs: Jobs,
        *,
        output_dir: str | os.PathLike[str] = "videos",
        sink: Sink | None = None,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        max_downloads: int = DEFAULT_MAX_DOWNLOADS,
        polls_per_second: float = DEFAULT_POLLS_PER_SECOND,
        poll_policy: PollPolicy = DEFAULT_POLICY,
        job_timeout: float = DEFAULT_JOB_TIMEOUT,
        budget_usd: Decimal | float | str | None = None,
        on_unknown: OnUnknown = "reconcile",
        on_cancel: OnCancel = "detach",
        journal: bool | str | os.PathLike[str] = True,
        on_event: Observer | None = None,
        retry_failed: bool | datetime = False,
        inline_images: bool = False,
        resubmit_after: float = RESUBMIT_AFTER,
    ) -> AsyncGenerator[AsyncIterator[Outcome]]:
        """Outcomes as they come, in the order in which jobs end. Leaving the block ends every task.

        The arguments are those of `generate_many`. *Charges* for each job that succeeds, once. *Cancellation*, and
        leaving early: POSTs under way are heard out, accepted requests go on at the service, and the same call picks
        them up. *Raises* `ConfigError`, `AuthError`, `JournalError` and what the iterable of jobs raises, for the batch
        as a whole; one job's failure is its outcome.

        The block has to be left by the task that entered it. An async generator of your own that holds this block
        breaks that rule when it is abandoned half-way: close it, with `contextlib.aclosing`.
        """
        check_plural(jobs)
        limits = Limits(
            max_in_flight=max_in_flight,
            max_downloads=max_downloads,
            job_timeout=job_timeout,
            on_unknown=on_unknown,
            on_cancel=on_cancel,
            retry_before_utc=retry_before_utc(retry_failed),
            resubmit_after=resubmit_after,
        )
        settings = Settings(
            limits=limits,
            output_dir=output_dir,
            sink=sink,
            journal=journal,
            poll_policy=poll_policy,
            polls_per_second=polls_per_second,
            budget_usd=budget_usd,
            inline_images=inline_images,
            on_event=on_event,
        )
        async with self._outcomes(jobs, settings) as outcomes:
            yield outcomes

    @asynccontextmanager
    async def resume(
        self,
        output_dir: str | os.PathLike[str] = "videos",
        *,
        sink: Sink | None = None,
        max_downloads: int = DEFAULT_MAX_DOWNLOADS,
        polls_per_second: float = DEFAULT_POLLS_PER_SECOND,
        poll_policy: PollPolicy = DEFAULT_POLICY,
        job_timeout: float = DEFAULT_JOB_TIMEOUT,
        journal: str | os.PathLike[str] | None = None,
        on_event: Observer | None = None,
    ) -> AsyncGenerator[AsyncIterator[Outcome]]:
        """Finish what was sent into an output folder, from its journal alone, in the order in which it comes.

        The arguments are those of `resume`, the function. *Charges* nothing: no job is sent. *Cancellation*, and
        leaving early: what is not saved is left to the next call.
        *Raises* `NoJournalError` when no batch has run there, `JournalError`, `ConfigError` and `AuthError`.
        """
        path = await in_thread(existing_journal, output_dir if journal is None else journal)
        settings = Settings(
            limits=Limits(max_downloads=max_downloads, job_timeout=job_timeout),
            output_dir=output_dir,
            sink=sink,
            journal=path,
            poll_policy=poll_policy,
            polls_per_second=polls_per_second,
            on_event=on_event,
        )
        async with self._outcomes(None, settings) as outcomes:
            yield outcomes

    def _outcomes(
        self, jobs: Jobs | None, settings: Settings
    ) -> AbstractAsyncContextManager[AsyncIterator[Outcome]]:
        transport = self._open_transport()
        return outcomes_of(jobs, settings, transport=transport, endpoint=self._endpoint, rng=self._rng)

    def _open_transport(self) -> Transport:
        if self._transport is None:
            raise ConfigError("Client", "not open", "Use it inside `async with Client(...) as client:`.")
        if self._loop not in (None, asyncio.get_running_loop()):
            remedy = "Make one for each event loop, as each asyncio.run() makes its own."
            raise ConfigError("Client", "opened in another event loop", remedy)
        return self._transport
