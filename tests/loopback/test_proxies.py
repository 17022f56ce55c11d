"""A proxy that the environment names: what is sent through it, what it is told, and what it may not be used for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.abc import SocketStream

from pixverse_async import Client, ConfigError, TransportError
from pixverse_async._core.errors import DownloadError
from pixverse_async._core.wire import Call, list_call
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async.emulator import Emulator, tiny_film
from tests.loopback.raw_server import Answer, head, raw_server, sends
from tests.loopback.test_storage_faults import transport

pytestmark = pytest.mark.anyio
LINK = "https://storage.example/cat.mp4?X-Goog-Signature=5ec2e7"
FORBIDDEN = sends(head("403 Forbidden"))


async def ask(network: AiohttpTransport) -> None:
    """A call of the queue."""
    await network.call(list_call())


async def send(network: AiohttpTransport) -> None:
    """An upload."""
    await network.put(LINK, b"image", "image/png")


async def receive(network: AiohttpTransport, link: str = LINK) -> None:
    """A download."""
    async with network.fetch(link, {}):
        pass


async def submit(network: AiohttpTransport) -> None:
    """A paid call."""
    await network.call(Call(method="POST", path="/requests", timeout=5.0, body=b"{}"))


STEPS = [(ask, "queue"), (submit, "queue"), (send, "storage"), (receive, "storage")]


@pytest.mark.parametrize(("step", "host"), STEPS)
async def test_what_is_asked_goes_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, step: Callable[[AiohttpTransport], Awaitable[None]], host: str
) -> None:
    """It is asked for a tunnel and told the host, nothing else; its refusal is no answer, and shows no signature."""
    async with raw_server(FORBIDDEN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin.replace("http://", "http://me:secret@"))
        async with transport("https://queue.example/apikey") as network:
            with anyio.fail_after(5.0), pytest.raises(TransportError) as caught:
                await step(network)
        (told,) = proxy.heads
    assert told.startswith(f"CONNECT {host}.example:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6c2VjcmV0" in told
    assert "Authorization: Bearer" not in told
    assert not any(secret in f"{told}{caught.value!r}" for secret in ("5ec2e7", "cat.mp4", "key\r\n"))
    assert "secret" not in repr(caught.value)
    if host == "queue":
        assert caught.value.sent is False


async def test_a_tunnel_is_used_for_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it stands, what goes through it is a TLS greeting for the queue's host: the proxy reads nothing."""
    greetings: list[bytes] = []

    async def connect(_: str, stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        greetings.append(await stream.receive())

    answer: Answer = connect
    async with raw_server(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin.removeprefix("http://"))
        async with transport("https://queue.example/apikey") as network:
            with anyio.fail_after(5.0), pytest.raises(TransportError):
                await ask(network)
    assert b"\x16\x03" == greetings[0][:2]
    assert b"queue.example" in greetings[0]


async def test_a_client_says_that_it_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """So `doctor` does, which shows it; without the proxy's address, which may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    async with Client("key", base_url="https://queue.example/apikey") as client:
        assert "<Client of https://queue.example/apikey through a proxy>" == repr(client)
    monkeypatch.setenv("NO_PROXY", "queue.example")
    async with Client("key", base_url="https://queue.example/apikey") as client:
        assert "<Client of https://queue.example/apikey>" == repr(client)


async def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that NO_PROXY names is reached without, by name; and this machine is in any case."""
    async with raw_server(FORBIDDEN) as proxy, Emulator(film=tiny_film) as emulator:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        async with Client(emulator.api_key, base_url=emulator.base_url) as client:
            await client.check()
        monkeypatch.setenv("NO_PROXY", "queue.invalid")
        async with transport("https://queue.invalid/apikey") as network:
            with anyio.fail_after(5.0), pytest.raises(TransportError):
                await ask(network)
        assert [] == proxy.heads


@pytest.mark.parametrize("host", ["localhost", "127.1", "10.0.0.1", "[::1]", "169.254.169.254", "0x7f000001"])
async def test_a_proxy_is_not_asked_for_a_private_host(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """It might be in the very network that a link must not lead to."""
    async with raw_server(FORBIDDEN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        async with transport("https://queue.example/apikey") as network:
            with anyio.fail_after(5.0), pytest.raises(DownloadError, match="not on the open internet"):
                await receive(network, f"https://{host}/cat.mp4")
        assert [] == proxy.heads


async def test_a_proxy_of_another_kind_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and shows no password."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@proxy.example:1080")
    with pytest.raises(ConfigError, match="HTTPS_PROXY: a proxy of the kind 'socks5'") as caught:
        async with Client("key", base_url="https://queue.example/apikey"):
            pass
    assert "secret" not in str(caught.value)
