"""What an answer means, and what may follow: try again, stop, or find out what became of it.

A submit costs money and has no idempotency key, so its answer gets one of four verdicts, and only `Deferred` may be
sent again: the service said it did nothing (429, 401, 402, 403, 405), or the connection was never made.
Whatever may have been received is `Ambiguous`, every 5xx included, and goes to reconciliation.
A read changes nothing and may be repeated as long as anybody cares for the answer.

Pure: the wall clock (to read dates) and randomness come as arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from . import replies
from .config import base_url_error
from .errors import (
    ApiError,
    AuthError,
    ConfigError,
    InsufficientCreditsError,
    NoSuchRequestError,
    PixverseError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    TransportError,
)
from .frozen import frozen
from .wire import Listing, RateHint, Reply, Status

MAX_RETRY_AFTER: Final = 300.0
"""Seconds. A service that asks for more is asked again after this long; hints of 10**9 ms have been seen."""
BACKOFF_BASE: Final = 1.0
"""Seconds. The base that AWS's SDKs use for throttling (2026 standard retry mode)."""
BACKOFF_CEILING: Final = 20.0
"""Seconds. The cap of the same."""
GONE_AFTER: Final = 60.0
"""Seconds of nothing but 404 before a request counts as lost; a new record may take a moment to be readable."""

_REFUSED_AT_THE_DOOR: Final = frozenset({401, 403, 405})
"""Safe to send again, whatever the body says."""
_REFUSED_FOR_NOW: Final = frozenset({402, 429})
"""Safe to send again unless the body names a request: the live 503 shows that a refusal may have left a record."""
_FATE_UNKNOWN_4XX: Final = frozenset({408, 499})
"""Never safe to send again. A gateway's timeout: the request may have been passed on."""


@frozen
class Accepted:
    """The service took the job."""

    status: Status


@frozen
class Deferred:
    """Nothing happened, nothing was charged. `is_final`: no later try of any job can do better."""

    error: PixverseError
    wait: float | None = None
    """Seconds that the service asked for."""
    hint: RateHint | None = None
    """The limit that it named."""
    is_final: bool = False


@frozen
class Rejected:
    """This job will not be accepted; nothing was charged."""

    error: RejectedError


@frozen
class Ambiguous:
    """It may have been accepted. `request_id`: an id that the error reply named."""

    why: str
    request_id: str | None = None


SubmitVerdict: TypeAlias = Accepted | Deferred | Rejected | Ambiguous


def judge_submit(
    answer: Reply | TransportError, now_utc: float, taken: Container[str] = frozenset()
) -> SubmitVerdict:
    """What one paid POST came to. `taken`: ids of other jobs' requests, which cannot be this one's."""
    if isinstance(answer, TransportError):
        return Deferred(error=answer) if answer.sent is False else Ambiguous(why=answer.what)
    if answer.is_success:
        return _judge_success(answer, taken)
    named_id = replies.read_named_id(answer)
    if answer.status in _REFUSED_AT_THE_DOOR or (answer.status in _REFUSED_FOR_NOW and named_id is None):
        error = api_error(answer, now_utc)
        wait = error.retry_after if isinstance(error, RateLimitedError) else None
        hint = replies.read_rate_hint(answer)
        return Deferred(error=error, wait=wait, hint=hint, is_final=answer.status != 429)
    if 400 <= answer.status < 500 and answer.status not in _FATE_UNKNOWN_4XX | _REFUSED_FOR_NOW:
        return Rejected(error=RejectedError(answer.status, replies.read_error(answer)))
    why = f"the service answered {answer.status}: {replies.read_error(answer)}"
    return Ambiguous(why=why, request_id=named_id)


def _judge_success(reply: Reply, taken: Container[str]) -> SubmitVerdict:
    try:
        status = replies.read_record(reply)
    except ProtocolError as problem:
        return Ambiguous(why=problem.describe())
    if status.request_id in taken:
        # Such as a cached reply: one video would be called the success of two jobs, and the other one be forgotten.
        return Ambiguous(why=f"the reply names {status.request_id}, the request of another job")
    return Accepted(status=status)


@frozen
class Seen:
    """A status that can be read."""

    status: Status


@frozen
class Again:
    """No answer worth having this time. `http_status` is 0 when there was none."""

    error: PixverseError
    http_status: int = 0
    wait: float | None = None


@frozen
class Gone:
    """The service says that it has no such request."""

    error: ApiError


@frozen
class Denied:
    """We may not ask, and asking again will not help."""

    error: PixverseError


ReadVerdict: TypeAlias = Seen | Again | Gone | Denied


def judge_status(answer: Reply | TransportError, request_id: str, now_utc: float) -> ReadVerdict:
    """What one status call came to."""
    if isinstance(answer, TransportError):
        return Again(error=answer)
    if answer.is_success:
        return judge_record(answer, request_id)
    match answer.status:
        case 404 | 410:
            return Gone(error=NoSuchRequestError(answer.status, replies.read_error(answer)))
        case 401 | 403 | 405:
            return Denied(error=api_error(answer, now_utc))
        case _:
            wait = retry_after(answer, now_utc)
            return Again(error=api_error(answer, now_utc), http_status=answer.status, wait=wait)


def judge_record(reply: Reply, request_id: str) -> Seen | Again:
    """The verdict on a 2xx reply to a status call."""
    try:
        status = replies.read_record(reply)
    except ProtocolError as problem:
        return Again(error=problem, http_status=reply.status)
    if status.request_id != request_id:
        error = ProtocolError("request_id", request_id, status.request_id)
        return Again(error=error, http_status=reply.status)
    return Seen(status=status)


def api_error(reply: Reply, now_utc: float) -> ApiError | ConfigError:
    """The error that a refusal means."""
    reason = replies.read_error(reply)
    match reply.status:
        case 401 | 403:
            return AuthError(reply.status, reason)
        case 402:
            return InsufficientCreditsError(reply.status, reason)
        case 405:
            # Every queue path answers 405 on the host of the language models (thutapi, live, 2026-09).
            return base_url_error("the service answers 405: this is not the queue")
        case 429:
            return RateLimitedError(reply.status, reason, retry_after(reply, now_utc))
        case _:
            return ApiError(reply.status, reason)


def judge_list(reply: Reply, now_utc: float) -> Listing | PixverseError:
    """The list, which shows that the queue is there and takes the key; or why this reply to `list_call` is none."""
    if reply.status == 404:
        # Of one request it could mean that it is lost; the list is there wherever the queue is.
        return base_url_error("there is no queue at this address (404)")
    if not reply.is_success:
        return api_error(reply, now_utc)
    try:
        return replies.read_listing(reply)
    except ProtocolError as problem:
        return problem


def retry_after(reply: Reply, now_utc: float) -> float | None:
    """The wait that the service asks for, in seconds within [0, 300]; None when it asks for none that makes sense.

    The queue's own hint (`retry_after_ms`) comes first; no `Retry-After` header is attested, so it is read in
    case there is one. A date in it is measured against the reply's own `date`, not against our clock.
    """
    milliseconds = replies.read_retry_after_ms(reply)
    seconds = milliseconds / 1000 if milliseconds is not None else _header_seconds(reply.headers, now_utc)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)


def _header_seconds(headers: Mapping[str, str], now_utc: float) -> float | None:
    text = headers.get("retry-after")
    if text is not None and re.fullmatch(r"[ \t]*[0-9]{1,12}(\.[0-9]+)?[ \t]*", text):
        return float(text)
    until = _epoch(text)
    if until is None:
        return None
    sent = _epoch(headers.get("date"))
    return max(0.0, until - (now_utc if sent is None else sent))


def _epoch(http_date: str | None) -> float | None:
    if http_date is None:
        return None
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def server_time_utc(reply: Reply) -> float | None:
    """What the service's clock showed, in epoch seconds."""
    return _epoch(reply.headers.get("date"))


def backoff(attempt: int, u: float, *, base: float = BACKOFF_BASE, ceiling: float = BACKOFF_CEILING) -> float:
    """Seconds before try `attempt + 1`; `u` in [0, 1) is random. Half of it is certain, half is jitter.

    >>> [backoff(n, 0.0) for n in range(6)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    """
    whole = min(ceiling, base * 2.0 ** min(attempt, 30))
    return whole * (0.5 + 0.5 * u)
