"""The life of one job as a table: which event may follow which state, and what must be on disk first.

Everything that changes a job's state is one of `events` and goes through `advance`; no flag changes
beside it.  A journal is a list of these events, so resuming after a crash is `advance` over what was
written, and then the same pipeline.  This file knows no clock, no disk and no HTTP.

Invariants: a job in UNKNOWN may be billed; `request_id` is set in QUEUED and READY, and in SAVED unless
a repair found its line lost; no event leads from UNKNOWN back to NEW except `ConfirmedAbsent`, which only
the user's explicit `on_unknown="resubmit"` or `resolve` can cause.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import attrs

from .events import (
    NO_MEDIA,
    ConfirmedAbsent,
    DownloadAbandoned,
    Event,
    GenerationFailed,
    GenerationSucceeded,
    LinkExpired,
    Reconciled,
    RequestLost,
    RetryRequested,
    Saved,
    SavedFileMissing,
    StatusSeen,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInterrupted,
    SubmitRejected,
    SubmitStarted,
)
from .frozen import frozen
from .price import MOST_USD


class State(enum.StrEnum):
    """Where a job stands, as far as its recorded events tell.

    >>> State("unknown").name
    'UNKNOWN'
    """

    NEW = "new"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    QUEUED = "queued"
    READY = "ready"
    SAVED = "saved"
    FAILED = "failed"


TABLE: Final[Mapping[State, Mapping[type[Event], State]]] = {
    State.NEW: {SubmitStarted: State.SUBMITTING},
    State.SUBMITTING: {
        SubmitAccepted: State.QUEUED,
        SubmitDeferred: State.NEW,
        SubmitRejected: State.FAILED,
        SubmitInterrupted: State.UNKNOWN,
    },
    State.UNKNOWN: {Reconciled: State.QUEUED, ConfirmedAbsent: State.NEW},
    State.QUEUED: {
        StatusSeen: State.QUEUED,
        GenerationSucceeded: State.READY,
        GenerationFailed: State.FAILED,
        RequestLost: State.UNKNOWN,
    },
    State.READY: {LinkExpired: State.QUEUED, Saved: State.SAVED, DownloadAbandoned: State.READY},
    State.SAVED: {SavedFileMissing: State.QUEUED},
    State.FAILED: {RetryRequested: State.NEW},
}

NOT_SYNCED: Final[frozenset[type[Event]]] = frozenset({StatusSeen, DownloadAbandoned})
"""Losing one of these costs a poll or a download. Every other event is on disk before its next effect."""

HELD: Final = (State.SUBMITTING, State.UNKNOWN)
"""The service may have the request, and nothing shows whether it has: it is looked for, and not sent again unasked."""
AT_STAKE: Final = (*HELD, State.QUEUED)
"""May yet be billed: the price is reserved. In READY and SAVED it is spent, in NEW and FAILED it is not owed."""
UNFINISHED: Final = (*AT_STAKE, State.READY)
"""Paid, or may be, with no video saved: what another account could not find, and a run without the image still can."""


class IllegalTransitionError(AssertionError):
    """A bug of ours: an event came that the table does not allow."""


@frozen
class JobRecord:
    """What the events of one job amount to."""

    state: State = State.NEW
    name: str | None = None
    attempts: int = 0
    """How many times a paid POST was about to leave."""
    started: SubmitStarted | None = None
    request_id: str | None = None
    past_ids: tuple[str, ...] = ()
    """Its requests that failed, before it was sent again: no lost submit is one of these."""
    named_id: str | None = None
    """An id that an ambiguous error reply named, or that was said to be lost: it is read before it is believed."""
    ending: SubmitRejected | GenerationFailed | None = None
    saved: Saved | None = None
    """Where its video was saved last; the file may be gone, and put back."""
    why: str | None = None
    is_paid: bool = attrs.field(default=False, converter=bool)
    """The service called this request a success once, whatever it said later."""
    sunk_usd: Decimal = Decimal(0)
    """What requests before this one, since given up, may have cost."""
    has_gaps: bool = attrs.field(default=False, converter=bool)
    """A repair found lines lost: its latest submit may be another one than `started`, with a seed that nobody knows."""

    @property
    def usd(self) -> Decimal:
        """What may have been spent on its present request: its price, unless it is known to be free.

        The highest there is, when a repair found the line of its submit lost.
        """
        if self.state is State.NEW or (self.state is State.FAILED and not self.is_billed_failure):
            return Decimal(0)
        return MOST_USD if self.started is None else self.started.usd

    @property
    def is_billed_failure(self) -> bool:
        """The service called it a success and then gave no video: that may have been charged."""
        return isinstance(self.ending, GenerationFailed) and (self.is_paid or self.ending.kind == NO_MEDIA)


NEW_JOB: Final = JobRecord()


def advance(record: JobRecord, event: Event) -> JobRecord:
    """The record after the event; `IllegalTransitionError` when the table does not allow it."""
    state = TABLE[record.state].get(type(event))
    if state is None:
        raise IllegalTransitionError(f"{type(event).__name__} cannot happen to a job in state {record.state}")
    return attrs.evolve(record, state=state, **changes(record, event))


def changes(record: JobRecord, event: Event) -> dict[str, object]:
    """The fields that the event changes, besides the state."""
    match event:
        case SubmitStarted(name=name):
            attempts = record.attempts + 1
            return {
                "name": name, "started": event, "attempts": attempts, "named_id": None, "why": None, "has_gaps": False,
            }  # fmt: skip
        case SubmitAccepted(request_id=request_id) | Reconciled(request_id=request_id):
            return {"request_id": request_id}
        case SubmitInterrupted(why=why, request_id=named_id):
            return {"why": why, "named_id": named_id}
        case GenerationSucceeded():
            return {"is_paid": True}
        case SubmitRejected() | GenerationFailed():
            return {"ending": event}
        case RequestLost(why=why):
            # Not a past id: it may be another job's, and this one was given it by mistake.
            sunk_usd = record.sunk_usd + (record.usd if record.is_paid else 0)
            return {
                "why": why, "request_id": None, "named_id": record.request_id, "is_paid": False, "sunk_usd": sunk_usd,
                "saved": None,
            }  # fmt: skip
        case RetryRequested():
            past_ids = record.past_ids if record.request_id is None else (*record.past_ids, record.request_id)
            sunk_usd = record.sunk_usd + record.usd
            return {
                "ending": None, "request_id": None, "is_paid": False, "sunk_usd": sunk_usd, "past_ids": past_ids,
                "saved": None,
            }  # fmt: skip
        case Saved():
            return {"saved": event}
        case SavedFileMissing(name=name):
            return {"name": name or record.name}
        case _:
            return {}
