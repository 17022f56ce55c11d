"""The life of one job as a table: which event may follow which state, and what must be on disk first.

Everything that changes a job's state is an event of this file and goes through `advance`; no flag
changes beside it.  A journal is a list of these events, so resuming after a crash is `advance` over what
was written, and then the same pipeline.  This file knows no clock, no disk and no HTTP; times arrive as
fields (`*_utc` is epoch seconds of the wall clock, for records only).

Invariants: a job in UNKNOWN may be billed; `request_id` is set in QUEUED and READY, and in SAVED unless
a repair found its line lost; no event leads from UNKNOWN back to NEW except `ConfirmedAbsent`, which only
the user's explicit `on_unknown="resubmit"` or `resolve` can cause.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from .account import Account
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


@frozen
class SubmitStarted:
    """A paid POST is about to leave. `seed` and `payload_sha256` are its fingerprint, the rest is what it asks for.

    With it the journal alone is enough to find the video, save it, and show people what they paid for.
    """

    name: str
    seed: int
    is_own_seed: bool = attrs.field(converter=bool)
    """Drawn by us, not given by the user: no other request has it."""
    payload_sha256: str
    usd: Decimal
    at_utc: float
    image: str
    """For people: a path, a link without its query, or how many bytes."""
    prompt: str
    duration: int
    quality: str
    audio: bool = attrs.field(converter=bool)
    multi_clip: bool = attrs.field(converter=bool)
    account: Account | None = None
    """Who sent it, and where to; None in journals of earlier versions."""


@frozen
class SubmitAccepted:
    """The service took the job and named it."""

    request_id: str


@frozen
class SubmitDeferred:
    """Refused for sure and nothing charged, not by fault of the job: never connected, 401, 402, 403, 429."""

    why: str


@frozen
class SubmitRejected:
    """Refused for sure and nothing charged: this job, as it is, will not be accepted."""

    status: int
    reason: str


@frozen
class SubmitInterrupted:
    """The reply was lost, could not be read, or the process ended before it came. May be billed."""

    why: str
    request_id: str | None = None
    """An id that an error reply named: a record may or may not exist under it."""


@frozen
class Reconciled:
    """The service's own records showed that the interrupted submit had been accepted."""

    request_id: str


@frozen
class ConfirmedAbsent:
    """The user asked to send it again: after clean listings that did not show it, or having looked at the console.

    `listings`: how many; 0 when the user says so.
    """

    listings: int


@frozen
class RequestLost:
    """The user says that the service does not know the request: it was deleted there, or its id was mistyped."""

    why: str


@frozen
class StatusSeen:
    """A status that is not the end."""

    status: str


@frozen
class GenerationSucceeded:
    """The video exists at the service. Its link is not recorded: links may be signed, and expire."""


@frozen
class GenerationFailed:
    """The service ended the job without a video.

    Its times are those of `Timings`, as far as they were seen.
    """

    reason: str
    kind: str
    queued: float | None = None
    generating: float | None = None
    detected_late_by: float | None = None


@frozen
class LinkExpired:
    """The link no longer serves the video; the record must be read again for a fresh one."""


@frozen
class Saved:
    """The video is where it belongs, whole and verified.

    Its times are those of `Timings`, as far as they were seen.
    """

    path: str
    size_bytes: int
    sha256: str
    queued: float | None = None
    generating: float | None = None
    detected_late_by: float | None = None
    downloading: float | None = None


@frozen
class DownloadAbandoned:
    """This run gave up on the download. The next one tries again; nothing is paid again."""

    problem: str


@frozen
class SavedFileMissing:
    """A saved file is gone or is not the one that was saved. It is downloaded again, not bought again."""

    problem: str
    name: str | None = None
    """What it is called from now on, when something else has taken the old name."""


@frozen
class RetryRequested:
    """The user asked, with `retry_failed`, to send a failed job again."""


Event: TypeAlias = (
    SubmitStarted
    | SubmitAccepted
    | SubmitDeferred
    | SubmitRejected
    | SubmitInterrupted
    | Reconciled
    | ConfirmedAbsent
    | RequestLost
    | StatusSeen
    | GenerationSucceeded
    | GenerationFailed
    | LinkExpired
    | Saved
    | DownloadAbandoned
    | SavedFileMissing
    | RetryRequested
)

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


NO_MEDIA: Final = "no_media"
"""The kind of a `GenerationFailed` that the service called a success."""


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
    return attrs.evolve(record, state=state, **lesson(record, event))


def lesson(record: JobRecord, event: Event) -> dict[str, object]:
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
