"""The two calls that most programs need: make a video of every job, and finish what an earlier run began."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sized
from contextlib import AbstractContextManager, AsyncExitStack
from datetime import datetime
from decimal import Decimal

from .._core.job_event import Observer
from .._core.outcome import Outcome
from .._core.reconcile import RESUBMIT_AFTER
from .._core.result import BatchResult
from .._core.schedule import DEFAULT_POLLS_PER_SECOND, PollPolicy
from .arguments import check_flag, check_observer
from .client import Client
from .limits import (
    DEFAULT_JOB_TIMEOUT,
    DEFAULT_MAX_DOWNLOADS,
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_POLICY,
    OnCancel,
    OnUnknown,
)
from .plan import Jobs
from .sinks import Sink


async def generate_many(
    jobs: Jobs,
    *,
    output_dir: str | os.PathLike[str] = "videos",
    sink: Sink | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    org_id: str | None = None,
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
    progress: bool = False,
    retry_failed: bool | datetime = False,
    inline_images: bool = False,
    resubmit_after: float = RESUBMIT_AFTER,
) -> BatchResult:
    """Make a video of every job; all outcomes, in input order. One job's failure never raises.

    `jobs`: jobs, or mappings of `Job`'s parameters (a wrong row then fails alone), from any iterable, pulled lazily.
    Each has an outcome, even one that the budget refuses: an endless source therefore keeps the call waiting for ever.
    `output_dir`: where the videos go, with the journal beside them; or `sink`, anything with the `Sink` protocol.
    `max_in_flight`: requests at the service at once. `max_downloads`: videos being saved at once.
    `polls_per_second`: status calls, all jobs together; 16 at once, and up to 128 where answers are slow.
    `poll_policy`: when to look; see `PollPolicy`.
    `job_timeout`: seconds to wait for one video before it is left to the next run as `Pending`.
    `budget_usd`: what all runs over this journal may cost together; a job that does not fit is not sent.
    `on_unknown`: a submit whose reply was lost is looked for in the service's list and, if not found there, held
    ("reconcile"); held at once ("hold"); or sent again when listings `resubmit_after` seconds later still do not
    show it ("resubmit": pays twice if the list lags longer than that, or the clock was set forward between two runs).
    `on_cancel`: when the batch is cancelled, leave what is accepted running ("detach"), or ask the service to drop
    what still waits ("cancel_queued", best effort). A batch that ends by an error leaves it running in any case.
    `journal`: True, a path, or False (then a crash loses sight of what was paid).
    `on_event`: called with each `JobEvent`, in the loop; keep it short. `progress`: show it on stderr.
    `retry_failed`: send again the jobs that an earlier run saw fail; with a time, only those last sent before it, so
    that the same call again finishes one round of retries and begins no other. `inline_images`: send local images as
    data: URIs within the request, instead of uploading them.

    *Charges* for each job that succeeds, once, however often the same call is run over the same folder.
    *Cancellation*: submits under way are heard out for ten seconds; what is accepted goes on at the service, and the
    same call picks it up. *Raises* `ConfigError`, `AuthError` and `JournalError` for the batch as a whole, and
    `UnexpectedError` if code of yours that it calls raised a cancellation that ended it.

    >>> import asyncio, tempfile
    >>> from pixverse_async import FixedPolling, Job
    >>> from pixverse_async.emulator import Emulator, tiny_film
    >>> async def main(folder: str) -> None:
    ...     jobs = [Job(f"https://example.com/{name}.jpg", "it yawns") for name in ("cat", "dog")]
    ...     async with Emulator(speed=2000, film=tiny_film) as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         print(await generate_many(jobs, budget_usd="0.20", poll_policy=FixedPolling(0.02), **where))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder))
    <BatchResult: 1 succeeded, 1 failed, 0 unknown, 0 pending, $0.175>
    """
    check_flag("progress", progress)
    async with AsyncExitStack() as stack:
        if progress:
            on_event = stack.enter_context(_progress(on_event, jobs, budget_usd))
        client = await stack.enter_async_context(Client(api_key, base_url=base_url, org_id=org_id))
        outcomes = await stack.enter_async_context(
            client.as_completed(
                jobs,
                output_dir=output_dir,
                sink=sink,
                max_in_flight=max_in_flight,
                max_downloads=max_downloads,
                polls_per_second=polls_per_second,
                poll_policy=poll_policy,
                job_timeout=job_timeout,
                budget_usd=budget_usd,
                on_unknown=on_unknown,
                on_cancel=on_cancel,
                journal=journal,
                on_event=on_event,
                retry_failed=retry_failed,
                inline_images=inline_images,
                resubmit_after=resubmit_after,
            )
        )
        return await _gathered(outcomes)


async def resume(
    output_dir: str | os.PathLike[str] = "videos",
    *,
    sink: Sink | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    org_id: str | None = None,
    max_downloads: int = DEFAULT_MAX_DOWNLOADS,
    polls_per_second: float = DEFAULT_POLLS_PER_SECOND,
    poll_policy: PollPolicy = DEFAULT_POLICY,
    job_timeout: float = DEFAULT_JOB_TIMEOUT,
    journal: str | os.PathLike[str] | None = None,
    on_event: Observer | None = None,
    progress: bool = False,
) -> BatchResult:
    """Finish what was sent into an output folder, from its journal alone; all outcomes, in the order they were sent.

    Paid requests are picked up by their ids, lost submits are looked for in the service's list, saved videos are
    checked. What was never sent is not known here: for that, make the call that made the folder again.
    `output_dir`, or `sink`, is where the videos go; `journal` is needed only if it is not in `output_dir`. The image of
    an outcome's job is only a description (see `RecordedJob`). The other arguments are those of `generate_many`.

    *Charges* nothing: no job is sent, not even one that was surely refused. *Cancellation*: what is not saved is left
    to the next call. *Raises* `ConfigError`, `AuthError`, and `JournalError` when there is no journal.

    >>> import asyncio, tempfile
    >>> from pixverse_async import FixedPolling, Job
    >>> from pixverse_async.emulator import Emulator, tiny_film
    >>> async def main(folder: str) -> None:
    ...     jobs = [Job("https://example.com/cat.jpg", "it yawns")]
    ...     async with Emulator(speed=2000, film=tiny_film) as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         print(await generate_many(jobs, job_timeout=0, **where))
    ...         print(await resume(poll_policy=FixedPolling(0.02), **where))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder))
    <BatchResult: 0 succeeded, 0 failed, 0 unknown, 1 pending, $0.175>
    <BatchResult: 1 succeeded, 0 failed, 0 unknown, 0 pending, $0.175>
    """
    check_flag("progress", progress)
    async with AsyncExitStack() as stack:
        if progress:
            on_event = stack.enter_context(_progress(on_event, None, None))
        client = await stack.enter_async_context(Client(api_key, base_url=base_url, org_id=org_id))
        outcomes = await stack.enter_async_context(
            client.resume(
                output_dir,
                sink=sink,
                max_downloads=max_downloads,
                polls_per_second=polls_per_second,
                poll_policy=poll_policy,
                job_timeout=job_timeout,
                journal=journal,
                on_event=on_event,
            )
        )
        return await _gathered(outcomes)


async def _gathered(outcomes: AsyncIterator[Outcome]) -> BatchResult:
    found = [outcome async for outcome in outcomes]
    return BatchResult(sorted(found, key=lambda outcome: outcome.index))


def _progress(
    on_event: Observer | None, jobs: Jobs | None, budget_usd: Decimal | float | str | None
) -> AbstractContextManager[Observer]:
    # The one leaf that the package reaches for, and only when asked: everything else imports leaves by name.
    from ..observe import Progress

    check_observer(on_event)
    total = len(jobs) if isinstance(jobs, Sized) else None
    return Progress(then=on_event, total=total, budget_usd=budget_usd)
