"""One HTTP exchange whose failure is a value, for the rules of `_core.retry` to judge."""

from __future__ import annotations

from .._core.errors import PixverseError, TransportError
from .._core.redaction import redact
from .._core.wire import Call, Reply
from .transport import Transport


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
