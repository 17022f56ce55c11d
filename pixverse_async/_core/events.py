"""What can happen to a job: facts in the past tense, frozen, and all that a journal holds.

What may happen when, and what follows, is said in `lifecycle`.  No clock is read here: times arrive as fields, and
`*_utc` is epoch seconds of the wall clock, for records only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from .account import Account
from .frozen import frozen

NO_MEDIA: Final = "no_media"
"""The kind of a `GenerationFailed` that the service called a success."""
RUN_ENDED: Final = "an earlier run ended before the answer came"
"""Why a submit was interrupted that the journal shows as begun and not ended."""


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
