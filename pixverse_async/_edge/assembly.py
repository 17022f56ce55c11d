"""The parts of a batch, put together and torn down in the right order; its outcomes, as they come.

Nothing is decided here, and nothing of one batch outlives its block.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio

from .._core.config import Endpoint
from .._core.errors import StoppedError
from .._core.journal_accounts import Accounts, accounts_of, refusal
from .._core.outcome import Outcome
from .batch import Batch
from .directory import DirectorySink
from .images import ImageHost
from .journal import EventLog, Journal, NoJournal
from .plan import Jobs
from .retries import OUTAGE_PATIENCE
from .settings import Settings
from .tasks import flat_task_group
from .timing import warm_scheduler
from .transport import Transport

NOTHING_SENT = "resume sends nothing; the batch that it was given to sends it"
OUTCOME_BUFFER = 64
"""Outcomes that may wait for a slow consumer of `as_completed` before the batch waits for it."""


@asynccontextmanager
async def outcomes_of(
    jobs: Jobs | None, settings: Settings, *, transport: Transport, endpoint: Endpoint, rng: random.Random
) -> AsyncGenerator[AsyncIterator[Outcome]]:
    """A batch under way; of the jobs on record, and sending nothing, without `jobs`."""
    async with AsyncExitStack() as stack:
        sink = DirectorySink(settings.output_dir) if settings.sink is None else settings.sink
        await sink.prepare()
        kept_at = settings.journal_path()
        log = NoJournal() if kept_at is None else await Journal.open(kept_at)
        stack.push_async_callback(log.aclose)
        accounts = None if kept_at is None else _accounts(endpoint, log, kept_at)
        scheduler = await stack.enter_async_context(
            warm_scheduler(settings.poll_policy, settings.polls_per_second, rng, kept_at)
        )
        send, receive = anyio.create_memory_object_stream[Outcome](OUTCOME_BUFFER)
        stack.enter_context(receive)
        batch = Batch(
            transport=transport,
            log=log,
            sink=sink,
            limits=settings.limits,
            budget_usd=settings.budget_usd,
            images=ImageHost(
                transport,
                inline=settings.inline_images,
                allow_loopback=endpoint.is_loopback,
                rng=rng,
                patience=OUTAGE_PATIENCE,
            ),
            scheduler=scheduler,
            rng=rng,
            deliver=send.send,
            on_event=settings.on_event,
            accounts=accounts,
            not_sent=StoppedError(NOTHING_SENT) if jobs is None else None,
        )

        async def produce() -> None:
            with send:
                await batch.run(jobs)

        group = await stack.enter_async_context(flat_task_group())
        group.start_soon(produce, name="batch")
        yield receive
        group.cancel_scope.cancel()


def _accounts(endpoint: Endpoint, log: EventLog, kept_at: Path) -> Accounts:
    """The accounts that sent what is on record. *Raises* `ConfigError` when another account sent unfinished jobs."""
    records = log.records.values()
    accounts = accounts_of(records, endpoint, salt=secrets.token_hex(8))
    problem = refusal(str(kept_at), records, accounts)
    if problem is not None:
        raise problem
    return accounts
