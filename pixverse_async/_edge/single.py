"""One job sent by itself: the submit stage of a batch, with a journal in memory."""

from __future__ import annotations

import random

import anyio

from .._core.errors import PixverseError
from .._core.job import Job
from .._core.outcome import Outcome, Succeeded
from .flight import Flight
from .handle import Handle
from .images import ImageHost, identify
from .journal import NoJournal
from .limits import Limits
from .reconcile import Reconciler
from .run import Run
from .submit import Submitter
from .tasks import flat_task_group
from .transport import Transport


async def submit_one(transport: Transport, images: ImageHost, job: Job, rng: random.Random) -> Handle:
    """Send one job and settle its fate; see `Client.submit`."""
    flight = Flight(job=job, index=0, name=job.stem, key="one")
    log = NoJournal()
    try:
        flight.identity = await identify(job)
        outcome = await _settled(flight, transport, images, log, rng)
    except PixverseError as error:
        error.about(job_name=flight.name)
        raise
    except anyio.get_cancelled_exc_class():
        await log.aclose()
        raise
    if outcome is not None:
        assert not isinstance(outcome, Succeeded), "a submit is not a video yet"
        raise outcome.error
    request_id, started = flight.record.request_id, flight.record.started
    assert request_id is not None
    assert started is not None
    return Handle(request_id=request_id, job=job, seed=started.seed, transport=transport, rng=rng)


async def _settled(
    flight: Flight, transport: Transport, images: ImageHost, log: NoJournal, rng: random.Random
) -> Outcome | None:
    """Send the job until it is known what became of it: None when it is accepted, else its outcome."""
    is_settled = anyio.Event()
    outcome: Outcome | None = None

    async def settle(*_: object) -> None:
        is_settled.set()

    async def look_for(lost: Flight) -> None:
        await reconciler.add(lost)

    async def deliver(given: Outcome) -> None:
        nonlocal outcome
        outcome = given
        is_settled.set()

    run = Run(transport=transport, log=log, limits=Limits(max_in_flight=1), rng=rng, deliver=deliver)
    reconciler = Reconciler(run, on_adopted=settle, on_absent=settle)
    submitter = Submitter(run, images, on_accepted=settle, on_unknown=look_for)
    async with flat_task_group() as group:
        group.start_soon(reconciler.run, name="reconcile")
        group.start_soon(submitter.grace.watch, name="grace")
        group.start_soon(submitter.submit, flight, name="submit")
        await is_settled.wait()
        group.cancel_scope.cancel()
    return outcome
