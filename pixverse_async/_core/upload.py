"""What the answers to an upload mean: done, tried again, tried again with a fresh grant, or refused for good.

The grant and the bytes are free and safe to send again, unlike a submit.  So both are repeated after whatever may
pass: a lost connection, a 5xx, a 429, and a signature that expired or whose clock was off, which a fresh grant cures.
Pure: replies in, verdicts out.  The upload link is a secret, and no error quotes it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from . import replies, retry
from .errors import ApiError, ConfigError, ProtocolError, TransportError
from .frozen import frozen
from .wire import Grant, Reply

MAX_WAIT: Final = 60.0
"""Seconds. A longer hint is cut to this: the attested limits are counted per minute."""
_BUSY: Final = frozenset({408, 425, 429})
_STALE_GRANT: Final = frozenset({400, 401, 403, 404, 410})
"""Storage's answers to a signature that it does not accept (any longer); 400 is its ExpiredToken."""


@frozen
class Setback:
    """A try that failed in a way that may pass."""

    error: ApiError | ConfigError | TransportError
    wait: float = 0.0
    """Seconds that the service asked for, `MAX_WAIT` at most."""
    needs_grant: bool = False
    """The same bytes under the same grant would be refused again."""


def judge_grant(answer: Reply | TransportError, now_utc: float, *, allow_loopback: bool) -> Grant | Setback:
    """What the call for a grant came to. `allow_loopback`: links without TLS pass, to a service on this machine.

    *Raises* what another try will not change: `AuthError`, `InsufficientCreditsError`, `ConfigError` or another
    `ApiError` for a refusal, `ProtocolError` for a grant that cannot be used.
    """
    if isinstance(answer, TransportError):
        return Setback(error=answer)
    if answer.is_success:
        return _checked(replies.read_grant(answer), allow_loopback=allow_loopback)
    error = retry.api_error(answer, now_utc)
    if _may_pass(answer.status):
        return Setback(error=error, wait=_asked_wait(answer, now_utc))
    raise error


def judge_put(answer: Reply | TransportError, now_utc: float) -> Setback | None:
    """What sending the bytes came to; None when they are there.

    *Raises* `ApiError` for what another try will not change.
    """
    if isinstance(answer, TransportError):
        return Setback(error=answer)
    if answer.is_success:
        return None
    error = ApiError(answer.status, f"storage refused the upload ({_storage_code(answer)})")
    if answer.status in _STALE_GRANT:
        return Setback(error=error, needs_grant=True)
    if _may_pass(answer.status):
        return Setback(error=error, wait=_asked_wait(answer, now_utc))
    raise error


def _checked(grant: Grant, *, allow_loopback: bool) -> Grant:
    for name, link in (("upload_url", grant.upload_url), ("public_url", grant.public_url)):
        if urlsplit(link).scheme != "https" and not allow_loopback:
            raise ProtocolError(name, "an https link", "one without TLS")
    return grant


def _may_pass(status: int) -> bool:
    return status >= 500 or status in _BUSY


def _asked_wait(reply: Reply, now_utc: float) -> float:
    wait = retry.retry_after(reply, now_utc)
    return 0.0 if wait is None else min(wait, MAX_WAIT)


def _storage_code(reply: Reply) -> str:
    """The one word of storage's XML that is safe to quote: the rest repeats the signed link."""
    match = re.search(rb"<Code>(\w{1,60})</Code>", reply.body[:4096])
    return match[1].decode() if match else "no reason given"
