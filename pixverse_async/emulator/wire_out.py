"""Carrying out a `Response` on a real connection, misdeeds included.

An honest answer goes through aiohttp.  A broken one is written to the transport by hand, because a server library
rightly refuses to lie about lengths: an abort closes at once, a reset is a TCP RST, a truncated body ends with an
orderly close.  Knows neither queue nor storage, and waits only through the `pause` that it is given, so that a
shutdown ends every wait.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web

from .messages import Response

Pause: TypeAlias = Callable[[float | None], Awaitable[None]]
"""Waits service seconds, or for ever with None; ends early when the emulator stops."""
_ARRIVAL = 0.05
"""Real seconds between the last byte and a reset: a reset overtakes what has not arrived."""


async def carry_out(
    request: web.BaseRequest, response: Response, pause: Pause, real_pause: Pause
) -> web.StreamResponse:
    """Answer, or fail, as the response says."""
    await pause(response.delay_s)
    match response.fate:
        case "hang":
            await pause(None)
            _abort(request)
        case "drop":
            _abort(request)
        case "truncate" | "reset_mid_body":
            await _broken(request, response, real_pause)
        case "answer" if response.framing == "close":
            await _broken(request, response, real_pause)
        case "answer" if response.framing == "length" and response.piece_bytes is None:
            return _whole(request, response)
        case "answer" | "endless":
            return await _streamed(request, response, pause)
    # The connection is gone: aiohttp drops what it is given here.
    return web.Response()


def _whole(request: web.BaseRequest, response: Response) -> web.Response:
    answer = web.Response(status=response.status, body=response.body)
    for name, value in response.headers:
        # aiohttp counts the body itself; only HEAD needs the number that belongs to the body left out.
        if name != "Content-Length" or request.method == "HEAD":
            answer.headers.add(name, value)
    return answer


async def _streamed(request: web.BaseRequest, response: Response, pause: Pause) -> web.StreamResponse:
    """Chunks, or a slow drip of a body whose length is told."""
    answer = web.StreamResponse(status=response.status)
    for name, value in response.headers:
        answer.headers.add(name, value)
    if response.framing == "chunked":
        answer.enable_chunked_encoding()
    await answer.prepare(request)
    try:
        for piece in response.pieces():
            await answer.write(piece)
            if response.piece_bytes is not None:
                await pause(response.piece_delay_s)
        await answer.write_eof()
    except ConnectionError:
        # A client may leave an endless answer, and should.
        pass
    return answer


async def _broken(request: web.BaseRequest, response: Response, real_pause: Pause) -> None:
    """The head as it is, the share of the body, and the end of the connection."""
    transport = request.transport
    if transport is None:
        return
    transport.write(_head(response))
    for piece in response.pieces():
        transport.write(piece)
    if response.fate == "reset_mid_body":
        await real_pause(_ARRIVAL)
        _reset(transport)
    else:
        transport.close()


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _reset(transport: asyncio.Transport) -> None:
    """Close with an RST: lingering for zero seconds says so to the kernel."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
