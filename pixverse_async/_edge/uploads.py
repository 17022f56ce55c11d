"""The upload of one image: a grant from the queue, then the bytes to storage.

What an answer means is `_core.upload`'s to say; here it is asked for, again if need be.  The upload link is a secret
that lives for the length of `upload` alone.
"""

from __future__ import annotations

import random
from typing import Final

from .._core import retry, wire
from .._core.errors import DownloadError, ProtocolError, TransportError
from .._core.picture import FileType
from .._core.upload import Setback, judge_grant, judge_put
from .._core.wire import Grant, Reply
from .calls import answer_to
from .retries import Retries, Tries
from .transport import Transport
from .wall_clock import utc_now

MAX_TRIES: Final = 5
"""With the waits of `retry.backoff` between them 7 to 15 s, and in an outage of all uploads as long as that lasts."""


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
    *Raises* what `judge_grant` and `judge_put` raise; after five tries that count (`Tries`), the error of the last one.
    """
    grant: Grant | None = None
    tries = Tries(retries, MAX_TRIES)
    while True:
        step = grant if grant is not None else await _ask(transport, file_type, allow_loopback=allow_loopback)
        if isinstance(step, Grant):
            setback = judge_put(await _put(transport, step, body, file_type), utc_now())
            if setback is None:
                retries.succeeded()
                return step.public_url
            grant = None if setback.needs_grant else step
        else:
            setback = step
        tries.add_failure(is_away=not setback.needs_grant)
        if tries.is_over:
            raise setback.error
        await tries.pause(setback.wait + retry.backoff(tries.failed - 1, rng.random()))


async def _ask(transport: Transport, file_type: FileType, *, allow_loopback: bool) -> Grant | Setback:
    answer = await answer_to(transport, wire.grant_call(file_type))
    return judge_grant(answer, utc_now(), allow_loopback=allow_loopback)


async def _put(transport: Transport, grant: Grant, body: bytes, file_type: FileType) -> Reply | TransportError:
    """Storage's answer. The content type is what the grant's signature covers, to the letter."""
    try:
        return await transport.put(grant.upload_url, body, f"image/{file_type}")
    except TransportError as error:
        return error
    except DownloadError as refused:
        raise ProtocolError("upload_url", "a link that may be used", "another") from refused
