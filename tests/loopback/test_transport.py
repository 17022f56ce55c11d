"""The aiohttp transport against servers of the test's own: what leaves, what does not, what is said of a failure."""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest
from aiohttp import web

from pixverse_async import DownloadError, TransportError
from pixverse_async._core import replies, wire
from pixverse_async._core.config import Endpoint
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from tests.loopback.raw_server import raw_server, sends

pytestmark = pytest.mark.anyio

KEY = "key-that-must-not-leak"
SIGNATURE = "signature-that-must-not-leak"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@attrs.define(eq=False)
class Server:
    """A server that remembers what it was sent."""

    origin: str
    seen: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list[tuple[str, str, dict[str, str]]])


@asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1") -> AsyncGenerator[Server]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        server.seen.append((request.method, request.path_qs, dict(request.headers)))
        return await answer(request)

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    server = Server(f"http://{host}:{runner.addresses[0][1]}")
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def transport_to(origin: str) -> AsyncGenerator[AiohttpTransport]:
    transport = AiohttpTransport.open(Endpoint(base_url=origin, api_key=KEY, org_id="org-7"))
    try:
        yield transport
    finally:
        await transport.aclose()


async def _drop(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    await request.read()
    request.transport.abort()
    return web.Response()


async def _hello(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.json_response({"ok": True})


@pytest.mark.fault(3)
async def test_03_a_refused_connection_was_surely_not_sent() -> None:
    """Nobody listens on the port: the error says that nothing left."""
    async with serving(_hello) as server:
        closed = server.origin
    async with transport_to(closed) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.call(wire.submit_call({"prompt": "x"}))
    assert caught.value.sent is False


@pytest.mark.fault(3)
@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"], ids=["DNS", "TLS"])
async def test_03_without_a_name_or_a_handshake_nothing_was_sent(host: str) -> None:
    """A host that nobody knows, or one that cannot speak TLS: the error says that nothing left."""
    async with (
        serving(_hello) as server,
        transport_to(f"https://{host}:{server.origin.rpartition(':')[2]}") as transport,
    ):
        with pytest.raises(TransportError) as caught:
            await transport.call(wire.submit_call({"prompt": "x"}))
        assert caught.value.sent is False
        assert [] == server.seen


@pytest.mark.fault(4)
async def test_04_a_dropped_reply_may_have_been_received() -> None:
    """The server takes the POST and drops the connection: the fate is unknown, and it was received once."""
    async with serving(_drop) as server, transport_to(server.origin) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.call(wire.submit_call({"prompt": "x"}))
        assert caught.value.sent is None
        assert 1 == len(server.seen)


@pytest.mark.fault(4)
async def test_04_a_post_on_a_dead_connection_is_not_repeated() -> None:
    """A kept connection that dies under a POST: aiohttp repeats a GET there, and must never repeat a POST."""
    calls = 0

    async def once(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return await (_hello(request) if calls == 1 else _drop(request))

    async with serving(once) as server, transport_to(server.origin) as transport:
        await transport.call(wire.list_call())
        with pytest.raises(TransportError):
            await transport.call(wire.submit_call({"prompt": "x"}))
        assert ["GET", "POST"] == [method for method, _, _ in server.seen]


@pytest.mark.fault(5)
async def test_05_a_submit_without_answer_ends_with_its_timeout() -> None:
    """A server that never answers costs the call's own time, and the fate is unknown."""

    async def never(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        await anyio.sleep(30)
        return web.Response()

    async with serving(never) as server, transport_to(server.origin) as transport:
        call = attrs.evolve(wire.submit_call({"prompt": "x"}), timeout=0.2)
        with pytest.raises(TransportError) as caught:
            await transport.call(call)
        assert caught.value.sent is None


@pytest.mark.fault(7)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_07_a_redirected_submit_goes_nowhere(status: int) -> None:
    """Whatever redirect answers a POST, the host it points to receives nothing."""
    async with serving(_hello) as elsewhere:

        async def redirect(request: web.BaseRequest) -> web.StreamResponse:
            await request.read()
            return web.Response(status=status, headers={"Location": elsewhere.origin + "/requests"})

        async with serving(redirect) as server, transport_to(server.origin) as transport:
            assert status == (await transport.call(wire.submit_call({"prompt": "x"}))).status
        assert not elsewhere.seen


@pytest.mark.fault(24)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
async def test_24_a_private_address_is_refused_at_the_socket(host: str) -> None:
    """With the service on the open internet, a link to this machine is never connected to."""
    async with serving(_hello, host) as server:
        private = server.origin.replace("http://", "https://")
        async with transport_to("https://queue.example") as transport:
            with pytest.raises(TransportError):
                async with transport.fetch(private, {}):
                    pass
            with pytest.raises(DownloadError, match="https"):
                async with transport.fetch(server.origin, {}):
                    pass
        assert not server.seen


@pytest.mark.fault(25)
async def test_25_storage_is_told_nothing_of_ours() -> None:
    """Uploads and downloads carry no key, no organisation, no cookie and no name of a client."""

    async def cookie(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return web.Response(headers={"Set-Cookie": "tracked=1"})

    async with serving(cookie) as storage, serving(_hello) as queue, transport_to(queue.origin) as transport:
        await transport.put(storage.origin + "/a.png", b"x", "image/png")
        for _ in range(2):
            async with transport.fetch(storage.origin + "/a.mp4", {"Range": "bytes=1-"}):
                pass
        for _, _, headers in storage.seen:
            allowed = {
                "host",
                "accept",
                "accept-encoding",
                "content-type",
                "content-length",
                "range",
                "connection",
            }
            assert {name.lower() for name in headers} <= allowed
        await transport.call(wire.list_call())
        assert f"Bearer {KEY}" == queue.seen[0][2]["Authorization"]
        assert "org-7" == queue.seen[0][2]["X-Organization-ID"]


@pytest.mark.fault(26)
@pytest.mark.parametrize("status", [200, 302, 401])
async def test_26_an_answer_that_quotes_the_key_is_scrubbed(status: int) -> None:
    """What an answer of any status says of our key does not get further than the transport."""

    async def quote(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return web.json_response({"error": f"invalid key {KEY}"}, status=status)

    async with serving(quote) as server, transport_to(server.origin) as transport:
        reply = await transport.call(wire.list_call())
    assert KEY.encode() not in reply.body
    assert KEY not in repr(reply) + replies.read_error(reply)


@pytest.mark.fault(26)
@pytest.mark.parametrize("call", [wire.list_call(), wire.grant_call("png")])
async def test_26_a_lost_call_shows_no_key(call: wire.Call) -> None:
    """An answer that is no HTTP makes an error that, printed with its causes, holds nothing of our headers."""
    async with raw_server(sends(b"no HTTP at all\r\n\r\n")) as server, transport_to(server.origin) as transport:
        with pytest.raises(TransportError, match="ClientResponseError") as caught:
            await transport.call(call)
    assert KEY not in _printed(caught.value)


async def _fetch(transport: AiohttpTransport, link: str) -> None:
    async with transport.fetch(link, {}):
        pass


@pytest.mark.fault(26)
@pytest.mark.parametrize("verb", ["put", "fetch"])
@pytest.mark.parametrize("port", [None, 99_999])
async def test_26_a_lost_transfer_shows_no_signature(verb: str, port: int | None) -> None:
    """An answer that is no HTTP, or a link that is none, makes an error without the link, printed with its causes."""
    async with raw_server(sends(b"no HTTP at all\r\n\r\n")) as server, transport_to(server.origin) as transport:
        origin = server.origin if port is None else f"http://127.0.0.1:{port}"
        link = f"{origin}/cat?X-Goog-Signature={SIGNATURE}"
        transfer = transport.put(link, b"x", "image/png") if verb == "put" else _fetch(transport, link)
        with pytest.raises(TransportError) as caught:
            await transfer
    assert SIGNATURE not in _printed(caught.value)


def _printed(error: BaseException) -> str:
    """All that a log or a crash report would show of it."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


@pytest.mark.parametrize("base", ["", "/api/v1/queue", "/a%20b/c%2Fd", "/bücher"])
async def test_a_call_goes_to_the_base_and_its_path(base: str) -> None:
    """However the base is written and whatever an id is made of; nothing is escaped twice or not at all."""
    calls = [wire.status_call("a.b_c:-1"), wire.list_call(), wire.Call(method="GET", path="/x?a=%20%2B&b=%C3%A9")]
    async with serving(_hello) as server, transport_to(server.origin + base) as transport:
        for call in calls:
            await transport.call(call)
    root = "/b%C3%BCcher" if base == "/bücher" else base
    assert [path for _, path, _ in server.seen] == [
        f"{root}/requests/a.b_c:-1",
        f"{root}/requests?model_id=pixverse-v6-i2v",
        f"{root}/x?a=%20%2B&b=%C3%A9",
    ]
