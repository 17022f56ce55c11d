"""What an observer is told of a job: its lifecycle events as they happen, and at last its outcome."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from .events import Event
from .frozen import frozen
from .lifecycle import State
from .outcome import Outcome


@frozen
class JobEvent:
    """Something happened to a job. `event` is the lifecycle event; `outcome` is set on the last one of the run.

    `stalled_for`: it has been at the service for this many seconds, far longer than any job that has ended. It is
    told once, changes nothing, and is no reason to send the job again: it goes on being watched until `job_timeout`.
    `batch_polls`: status calls of the whole batch until now.
    `usd`: what its present request has cost or may yet cost; 0 before it is sent, and once it surely is not charged.

    >>> from pixverse_async import events
    >>> told = JobEvent(
    ...     index=0, name="cat", state=State.QUEUED, event=events.SubmitAccepted(request_id="5a7a5466")
    ... )
    >>> match told.event:
    ...     case events.SubmitAccepted(request_id=request_id):
    ...         print(told.name, "is", told.state, "as", request_id)
    cat is queued as 5a7a5466
    """

    index: int
    name: str
    state: State
    event: Event | None = None
    outcome: Outcome | None = None
    stalled_for: float | None = None
    batch_polls: int = 0
    usd: Decimal = Decimal(0)


Observer: TypeAlias = Callable[[JobEvent], None]
"""Watches a batch. It is called in the event loop: what it does there delays everything else."""
