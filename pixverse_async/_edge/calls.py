"""One HTTP exchange whose failure is a value, for the rules of `_core.retry` to judge; and the list, or an error."""

from __future__ import annotations

from .._core import retry, wire
from .._core.errors import PixverseError, TransportError
from .._core.redaction import redact
from .._core.wire import Call, Listing, Reply
from .threads import in_thread
from .transport import Transport
from .wall_clock import utc_now


async def answer_to(transport: Transport, call: Call) -> Reply | TransportError:
    """The reply, or why there is none.

    What no transport should raise is a lost reply too: nobody knows whether the call arrived, and no batch ends for it.
    """
    try:
        return await transport.call(call)
    except TransportError as error:
        return error
    except PixverseError:
        raise
    except Exception as bug:  # noqa: BLE001 - whatever it is
        error = TransportError(f"unexpected {type(bug).__name__}: {redact(str(bug), 120)}")
        error.__cause__ = bug
        return error


async def list_requests(transport: Transport) -> Listing:
    """The service's list of requests, asked for once. *Raises* what `Client.check` does."""
    answer = await answer_to(transport, wire.list_call())
    if isinstance(answer, TransportError):
        raise answer
    listing = await in_thread(retry.judge_list, answer, utc_now())
    if isinstance(listing, PixverseError):
        raise listing
    return listing
