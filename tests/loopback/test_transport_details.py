"""The aiohttp transport to the letter: what a call carries, what comes back, and in which words a loss is told."""

from __future__ import annotations

import tracemalloc

import anyio
import attrs
import pytest
from aiohttp import web
from anyio.abc import SocketStream

from pixverse_async import TransportError
from pixverse_async._core import wire
from pixverse_async._edge import aiohttp_transport as edge
from tests.loopback.raw_server import head, raw_server, sends, then_waits
from tests.loopback.test_transport import KEY, serving, transport_to

pytestmark = pytest.mark.anyio

SUBMIT = wire.submit_call({"prompt": "x"})


async def _loss(call: wire.Call, origin: str) -> TransportError:
    async with transport_to(origin) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.call(call)
    return caught.value


async def test_a_submit_arrives_to_the_byte_and_a_read_is_bare() -> None:
    """A POST brings its body, as JSON; a read has neither a body nor a type of one."""
    bodies: list[bytes] = []

    async def keep(request: web.BaseRequest) -> web.StreamResponse:
        bodies.append(await request.read())
        return web.json_response({})

    async with serving(keep) as server, transport_to(server.origin) as transport:
        await transport.call(SUBMIT)
        await transport.call(wire.list_call())
    assert [SUBMIT.body, b""] == bodies
    assert ["application/json", None] == [headers.get("Content-Type") for _, _, headers in server.seen]


async def test_a_reply_comes_back_whole() -> None:
    """Status, headers under any case of their names, and a body that came in pieces are the server's own."""

    async def limit(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        reply = web.StreamResponse(status=429, headers={"Retry-After": "7"})
        await reply.prepare(request)
        for piece in (b"a", KEY.encode(), b"z"):
            await reply.write(piece)
            await anyio.sleep(0.01)
        return reply

    async with serving(limit) as server, transport_to(server.origin) as transport:
        reply = await transport.call(SUBMIT)
    assert (429, "7", b"a[redacted]z") == (reply.status, reply.headers["retry-after"], reply.body)


async def test_a_submit_that_ran_out_of_time_in_the_handshake_was_not_sent() -> None:
    """A server that is silent when TLS begins has not received the submit, whatever the error is called."""
    async with raw_server(then_waits()) as server:
        call = attrs.evolve(SUBMIT, timeout=0.2)
        assert (await _loss(call, server.origin.replace("http:", "https:"))).sent is False


async def test_a_read_that_was_dropped_may_have_been_received() -> None:
    """A read says that it never left when no connection was made, and not when an answer failed to come."""
    async with raw_server(sends()) as server:
        assert (await _loss(wire.list_call(), server.origin)).sent is None
    assert (await _loss(wire.list_call(), server.origin)).sent is False


async def test_a_loss_is_told_in_aiohttps_words() -> None:
    """The error's name and its words are told; the name alone, twice, when there are none."""
    async with raw_server(sends()) as server:
        lost = await _loss(SUBMIT, server.origin)
        assert "ServerDisconnectedError: Server disconnected" == lost.what
    async with raw_server(then_waits()) as server:
        lost = await _loss(attrs.evolve(SUBMIT, timeout=0.2), server.origin)
        assert "TimeoutError: TimeoutError" == lost.what
    async with raw_server(sends(b"x" * 500 + b"\r\n\r\n")) as server:
        name, _, words = (await _loss(SUBMIT, server.origin)).what.partition(": ")
        assert ("ClientResponseError", 120) == (name, len(words))


async def test_a_reply_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the limit is no reply, and says so; the submit may have been taken."""
    monkeypatch.setattr(edge, "MAX_REPLY_BYTES", 1000)
    fitting = sends(head("200 OK", Content_Length=1000), b" " * 1000)
    async with raw_server(fitting) as server, transport_to(server.origin) as transport:
        assert 1000 == len((await transport.call(SUBMIT)).body)
    async with raw_server(sends(head("200 OK", Content_Length=1001), b" " * 1001)) as server:
        lost = await _loss(SUBMIT, server.origin)
    assert ("ClientPayloadError: a reply of more than 1000 bytes", None) == (lost.what, lost.sent)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
async def test_a_host_that_no_name_can_be_is_a_loss_like_any_other(host: str) -> None:
    """The error is of the kind that the callers know, and holds nothing of the link's signature."""
    link = f"https://{host}/cat.png?signature=c0ffee"
    async with transport_to("http://127.0.0.1:9") as transport:
        with pytest.raises(TransportError) as caught:
            await transport.put(link, b"x", "image/png")
        with pytest.raises(TransportError):
            async with transport.fetch(link, {}):
                pass
    assert "c0ffee" not in str(caught.value)


LARGE = bytes(range(256)) * 2**15
"""8 MiB: more than the kernel takes for a server that does not read."""


async def test_a_large_upload_arrives_to_the_byte_with_its_length() -> None:
    """It leaves in pieces: with its length told, and without aiohttp's warning of large bodies."""
    bodies: list[bytes] = []

    async def keep(request: web.BaseRequest) -> web.StreamResponse:
        bodies.append(await request.content.read())
        return web.Response()

    async with serving(keep) as server, transport_to(server.origin) as transport:
        assert 200 == (await transport.put(server.origin + "/a.png", LARGE, "image/png")).status
    assert [LARGE] == bodies
    assert (str(len(LARGE)), "image/png") == tuple(
        server.seen[0][2][name] for name in ("Content-Length", "Content-Type")
    )


async def test_an_upload_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the head and then reads nothing costs the time for one piece, and no copy of the body."""
    monkeypatch.setattr(edge, "STALL_TIMEOUT", 0.2)
    tracemalloc.start()
    try:
        async with raw_server(_reads_nothing) as server, transport_to(server.origin) as transport:
            with anyio.fail_after(5.0), pytest.raises(TransportError, match="TimeoutError"):
                await transport.put(server.origin + "/a.png", LARGE, "image/png")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < len(LARGE) // 2


async def _reads_nothing(_: str, stream: SocketStream) -> None:
    del stream
    await anyio.sleep_forever()


async def test_a_slow_upload_is_not_a_stalled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take as long as it likes, if only the next piece is taken in time.

    Where the machine itself was slow, so that pieces were taken late, it is tried again with twice the time.
    """
    for timeout in (0.5, 1.0, 2.0, 4.0):
        monkeypatch.setattr(edge, "STALL_TIMEOUT", timeout)
        taken_at = [anyio.current_time()]
        try:
            status = await _status_of_a_slow_upload(taken_at, pause=timeout / 25)
        except TransportError:
            if taken_at[-1] - taken_at[0] < 1.5 * timeout / 25 * len(taken_at):
                raise
        else:
            assert 200 == status
            assert taken_at[-1] - taken_at[0] > timeout
            return
    pytest.fail("no piece was ever taken in time")


async def _status_of_a_slow_upload(taken_at: list[float], pause: float) -> int:
    """`taken_at`: where the server says when it took each piece, and when it ended."""

    async def slowly(_: str, stream: SocketStream) -> None:
        left_bytes = len(LARGE) - 65536
        try:
            while left_bytes > 0:
                left_bytes -= len(await stream.receive(2**18))
                taken_at.append(anyio.current_time())
                await anyio.sleep(pause)
            await stream.send(head("200 OK", Content_Length=0))
        finally:
            taken_at.append(anyio.current_time())

    async with raw_server(slowly) as server, transport_to(server.origin) as transport:
        return (await transport.put(server.origin + "/a.png", LARGE, "image/png")).status


async def test_nothing_waits_for_the_end_of_an_answer_to_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status says that the bytes are there; a trickle behind it holds nobody up."""
    monkeypatch.setattr(edge, "STALL_TIMEOUT", 0.5)
    taken, refused = (then_waits(head(status), *[b"x"] * 90, every=0.1) for status in ("200 OK", "500 Oh"))
    async with raw_server(taken, refused) as server, transport_to(server.origin) as transport:
        with anyio.fail_after(0.4):
            assert 200 == (await transport.put(server.origin + "/a.png", b"x", "image/png")).status
        with anyio.fail_after(5.0), pytest.raises(TransportError):
            await transport.put(server.origin + "/a.png", b"x", "image/png")


async def test_of_a_refused_upload_the_beginning_is_read_and_the_wait_that_it_asks_for() -> None:
    """An error without end is cut, and `Retry-After` comes through as it does from the queue."""
    busy = sends(head("503 Busy", Retry_After=7), b"<Error>", b"x" * 2**20)
    async with raw_server(busy) as server, transport_to(server.origin) as transport:
        reply = await transport.put(server.origin + "/a.png", b"x", "image/png")
    assert (503, "7", b"<Error>") == (reply.status, reply.headers["retry-after"], reply.body[:7])
    assert edge.MAX_REFUSAL_BYTES == len(reply.body)
