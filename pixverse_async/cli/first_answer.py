"""Whether the service answers at all: asked once before a run, which could do without the answer."""

from __future__ import annotations

from typing import Final

import anyio

from pixverse_async import AuthError, Client, ConfigError, PixverseError, ProtocolError, TransportError

PATIENCE: Final = 15.0
"""Seconds that a run waits for its first answer."""


async def first_answer(client: Client, *, patience: float = PATIENCE) -> str | None:
    """What is to be said of a service that does not answer as it should; None when all is well.

    *Raises* a wrong key or address before anything is uploaded. An ailing service is the batch's to bear with.
    """
    with anyio.move_on_after(patience):
        try:
            await client.check()
        except (AuthError, ConfigError, ProtocolError):
            raise
        except TransportError as error:
            if error.sent is False:
                raise
            return f"warning: {error.what}. It is tried on; Ctrl-C ends it."
        except PixverseError:
            pass  # it is there, and ails
        return None
    return (
        f"warning: no answer within {patience:g} s from {address_of(client)}. It is tried on; Ctrl-C ends it, "
        "and nothing is paid for what was not sent. Check the network and GMI_BASE_URL."
    )


def address_of(client: Client) -> str:
    """As the client itself tells it, with the way through a proxy."""
    return repr(client).removeprefix("<Client of ").removesuffix(">")
