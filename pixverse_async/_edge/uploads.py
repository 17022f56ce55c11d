"""The upload of one image: a grant from the queue, then the bytes to storage.

Both calls are free and safe to repeat, unlike a submit, so both are tried again after whatever may pass: a lost
connection, a 5xx, a 429, and a signature that expired or whose clock was off, which a fresh grant cures.
The upload link is a secret that lives for the length of `upload` alone; no error quotes it.
"""

from __future__ import annotations

import random
import re
from typing import Final
from urllib.parse import urlsplit

from .._core import replies, retry, wire
from .._core.errors import (
    ApiError,
    ConfigError,
    DownloadError,
    ProtocolError,
    TransportError,
)
from .._core.frozen import frozen
from .._core.picture import FileType
from .._core.wire import Grant, Reply
from .calls import answer_to
from .retries import Retries, Tries
from .transport import Transport
from .wall_clock import utc_now

MAX_TRIES: Final = 5
"""With the waits of `retry.backoff` between them 7 to 15 s, and in an outage of all uploads as long as that lasts."""
MAX_WAIT: Final = 60.0
"""Seconds. A longer hint is cut to this: the attested limits are counted per minute."""
_BUSY: Final = frozenset({408, 425, 429})
_STALE_GRANT: Final = frozenset({400, 401, 403, 404, 410})
"""Storage's answers to a signature that it does not accept (any longer); 400 is its ExpiredToken."""


@frozen
class _Setback:
    """A try that failed in a way that may pass. `wait`: seconds that the service asked for."""

    error: ApiError | ConfigError | TransportError
    wait: float = 0.0
    needs_grant: bool = False


async def upload(
    transport: Transport,
    body: bytes,
    file_type: FileType,
    *,
    rng: random.Random,
    allow_loopback: bool,
    retries: Retries,
) -> str:
    """The public URL of the uploaded image.

    *Charges* nothing. *Cancellation* leaves at most an upload that nobody refers to.
    *Raises* `AuthError`, `InsufficientCreditsError`, `ConfigError` or another `ApiError` when a grant is refused;
    `ProtocolError` for a grant that cannot be read; after five tries that count (`Tries`), the error of the last one.
    """
    grant: Grant | None = None
    tries = Tries(retries, MAX_TRIES)
    while True:
        step = grant if grant is not None else await _ask(transport, file_type, allow_loopback=allow_loopback)
        if isinstance(step, Grant):
            setback = await _put(transport, step, body, file_type)
            if setback is None:
                retries.succeeded()
                return step.public_url
            grant = None if setback.needs_grant else step
        else:
            setback = step
        tries.add_failure(is_away=not setback.needs_grant)
        if tries.is_over:
            raise setback.error
        await tries.pause(min(setback.wait, MAX_WAIT) + retry.backoff(tries.failed - 1, rng.random()))


async def _ask(transport: Transport, file_type: FileType, *, allow_loopback: bool) -> Grant | _Setback:
    answer = await answer_to(transport, wire.grant_call(file_type))
    if isinstance(answer, TransportError):
        return _Setback(error=answer)
    if answer.is_success:
        return _checked(replies.read_grant(answer), allow_loopback=allow_loopback)
    error = retry.api_error(answer, utc_now())
    if _may_pass(answer.status):
        return _Setback(error=error, wait=_asked_wait(answer))
    raise error


async def _put(transport: Transport, grant: Grant, body: bytes, file_type: FileType) -> _Setback | None:
    """None when the bytes are there. The content type is what the grant's signature covers, to the letter."""
    try:
        answer = await transport.put(grant.upload_url, body, f"image/{file_type}")
    except TransportError as error:
        return _Setback(error=error)
    except DownloadError as refused:
        raise ProtocolError("upload_url", "a link that may be used", "another") from refused
    if answer.is_success:
        return None
    reason = f"storage refused the upload ({_storage_code(answer)})"
    if answer.status in _STALE_GRANT:
        return _Setback(error=ApiError(answer.status, reason), needs_grant=True)
    if _may_pass(answer.status):
        return _Setback(error=ApiError(answer.status, reason), wait=_asked_wait(answer))
    raise ApiError(answer.status, reason)


def _checked(grant: Grant, *, allow_loopback: bool) -> Grant:
    for name, link in (("upload_url", grant.upload_url), ("public_url", grant.public_url)):
        if urlsplit(link).scheme != "https" and not allow_loopback:
            raise ProtocolError(name, "an https link", "one without TLS")
    return grant


def _may_pass(status: int) -> bool:
    return status >= 500 or status in _BUSY


def _asked_wait(reply: Reply) -> float:
    wait = retry.retry_after(reply, utc_now())
    return 0.0 if wait is None else wait


def _storage_code(reply: Reply) -> str:
    """The one word of storage's XML that is safe to quote: the rest repeats the signed link."""
    match = re.search(rb"<Code>(\w{1,60})</Code>", reply.body[:4096])
    return match[1].decode() if match else "no reason given"
