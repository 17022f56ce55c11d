"""`attach`: one request by its id, no matter which program sent it with this key."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

import anyio

from pixverse_async import ApiError, Client, ConfigError, Handle, PixverseError

from .arguments import program
from .codes import Exit
from .say import answer, answer_json, tell
from .signals import Interrupts

FIND_TIMEOUT: Final = 4.0
"""Seconds for which an id that is not found is asked for again, one second apart."""


def attach(options: Namespace) -> int:
    """Wait for the request and save its video, or only say how it stands."""
    return anyio.run(_attach, options)


async def _attach(options: Namespace) -> int:
    async with Client() as client:
        handle = client.attach(options.request_id)
        await find(handle)
        return await _look(handle, options) if options.no_wait else await _save(handle, options)


async def find(handle: Handle) -> None:
    """Say within seconds that an id is wrong: waiting for its video would ask for a minute first.

    A record is readable a moment after its submit, and nobody knows how long that can take; an id that a person
    copies is older. Any other trouble is left to the waiting, which bears with it. *Raises* `ConfigError`.
    """
    is_missing = False
    with anyio.move_on_after(FIND_TIMEOUT):
        while is_missing := await _is_missing(handle):  # noqa: ASYNC110  nobody tells when it is not
            await anyio.sleep(1)
    if is_missing:
        raise ConfigError(
            "ID",
            f"the service knows no request {handle.request_id}",
            "Copy it from the console, or from `status`; a request belongs to the key that sent it. One that was sent "
            "this minute may not be readable yet: then try again.",
        )


async def _is_missing(handle: Handle) -> bool:
    try:
        await handle.status()
    except ApiError as error:
        return error.status in (404, 410)
    except PixverseError:
        return False
    return False


async def _look(handle: Handle, options: Namespace) -> int:
    status = await handle.status()
    if options.json:
        answer_json(
            {"type": "status", "request_id": handle.request_id, "status": status.word, "reason": status.reason}
        )
    else:
        answer(f"{handle.request_id}: {status.word}{f' ({status.reason})' if status.reason else ''}")
    return Exit.OK


async def _save(handle: Handle, options: Namespace) -> int:
    target = Path(f"{handle.request_id.replace(':', '-')}.mp4" if options.out is None else options.out)
    if await anyio.Path(target).exists():
        raise ConfigError("--out", f"{str(target)!r} exists", "Remove it or choose another name.")
    again = f"{program()} attach {handle.request_id}"
    tell(f"Waiting for the video, for {options.timeout:g} s at most; Ctrl-C leaves the request running.")
    with anyio.CancelScope() as scope, Interrupts(scope, again) as interrupts:
        saved = await handle.save(target, options.timeout)
        fields = {"path": str(target), "size_bytes": saved.size_bytes, "sha256": saved.sha256}
        if options.json:
            answer_json({"type": "saved", "request_id": handle.request_id, **fields})
        else:
            answer(f"{target}: {saved.size_bytes} bytes")
    if interrupts.signum is None:
        return Exit.OK
    tell(f"Interrupted. The request goes on at the service; go on with\n  {again}")
    return 128 + interrupts.signum
