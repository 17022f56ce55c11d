"""A storage host on a real socket whose every byte is the test's: what no server library would agree to send."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from pixverse_async._edge.tasks import flat_task_group
from tests.edge.storage import google_hash

Answer: TypeAlias = Callable[[str, SocketStream], Awaitable[None]]
"""Given the head of a request, sends what it likes; the connection is closed after it."""


@attrs.define(eq=False)
class RawServer:
    """Its origin, and the heads of the requests that reached it."""

    origin: str
    heads: list[str] = attrs.field(factory=list[str])

    @property
    def ranges(self) -> list[str]:
        """The Range of each request; empty for none."""
        return [head.partition("\r\nRange: ")[2].partition("\r\n")[0] for head in self.heads]


@asynccontextmanager
async def raw_server(*answers: Answer, host: str = "127.0.0.1") -> AsyncGenerator[RawServer]:
    """Gives its answers one after the other, the last one for ever."""

    async def serve(stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
            async with stream:
                asked = await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 65536)
                server.heads.append(asked.decode("latin-1"))
                await answers[min(len(server.heads), len(answers)) - 1](server.heads[-1], stream)

    async with await anyio.create_tcp_listener(local_host=host) as listener, flat_task_group() as group:
        server = RawServer(f"http://{host}:{listener.extra(SocketAttribute.local_port)}")
        group.start_soon(listener.serve, serve)
        yield server
        group.cancel_scope.cancel()


def head(status: str, **headers: object) -> bytes:
    """The first lines of an answer; an underscore in a name is a hyphen."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def facts(data: bytes, etag: str = '"v1"') -> Mapping[str, object]:
    """What Google's storage says of an object."""
    return {"Content_Type": "video/mp4", "ETag": etag, "x_goog_hash": google_hash(data)}


def sends(*pieces: bytes) -> Answer:
    """Just these bytes, and an orderly end of the connection."""

    async def answer(_: str, stream: SocketStream) -> None:
        for piece in pieces:
            await stream.send(piece)

    return answer


def then_waits(*pieces: bytes, every: float = 0.0) -> Answer:
    """These bytes, one piece in `every` so many seconds, and then nothing for as long as the client stays."""

    async def answer(_: str, stream: SocketStream) -> None:
        for piece in pieces:
            await stream.send(piece)
            await anyio.sleep(every)
        await stream.receive()

    return answer


def then_resets(*pieces: bytes) -> Answer:
    """These bytes, and a TCP reset once they have arrived."""

    async def answer(asked: str, stream: SocketStream) -> None:
        await sends(*pieces)(asked, stream)
        # A reset overtakes what has not arrived.
        await anyio.sleep(0.05)
        connection = stream.extra(SocketAttribute.raw_socket)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def whole(data: bytes, *, claimed: bytes | None = None, etag: str = '"v1"') -> Answer:
    """A 200 with the object; `claimed`: what length and hash are those of instead."""
    told = data if claimed is None else claimed
    return sends(head("200 OK", Content_Length=len(told), **facts(told, etag)), data)


def honest(data: bytes, etag: str = '"v1"') -> Answer:
    """The object, or the rest of it when a range of this version is asked for."""

    async def answer(asked: str, stream: SocketStream) -> None:
        if f"If-Range: {etag}" not in asked:
            await whole(data, etag=etag)(asked, stream)
            return
        start = int(asked.partition("Range: bytes=")[2].partition("-")[0])
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        fields = {"Content_Length": len(data) - start, "Content_Range": span, **facts(data, etag)}
        await sends(head("206 Partial Content", **fields), data[start:])(asked, stream)

    return answer
