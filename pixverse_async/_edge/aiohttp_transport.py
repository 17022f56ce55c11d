"""The transport over aiohttp, and the package's only client-side import of it.

It keeps two sessions apart.  The queue's session carries the key, talks to one origin and follows no redirect: aiohttp
would send a paid POST again to wherever a 307 points.  The storage session carries nothing of ours, and refuses
addresses that are not on the open internet at the socket itself, after DNS and after redirects, unless the queue is on
this machine. Where the environment names a proxy, that one connects and knows the addresses; names and literals of this
machine or a private network are refused here all the same.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import anyio
import attrs
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from .._core.config import Endpoint
from .._core.errors import ConfigError, DownloadError, TransportError
from .._core.hosts import may_be_public_host
from .._core.redaction import redact
from .._core.wire import Call, Reply
from .proxies import Proxies
from .sockets import any_socket, public_socket
from .transport import MediaReply

MAX_REPLY_BYTES = 64 * 2**20
"""A reply of the queue is a few kB, unless it echoes a data: URI (20 MB of image are 27 MB of base64)."""
CONNECT_TIMEOUT = 15.0
"""Seconds. From mainland China the storage host was seen to take 21 s to fail: better to fail sooner."""
STALL_TIMEOUT = 60.0
"""Seconds until storage answers, or takes the next piece of an upload, before the connection is given up."""
UPLOAD_PIECE_BYTES = 2**18
"""Handed to the socket at once. Given whole, an image of 20 MB is copied, twice, and nobody sees whether it leaves."""
MAX_REFUSAL_BYTES = 4096
"""Read of the answer to an upload that was refused: storage's XML errors are of a few hundred bytes."""
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
# The last for a host such as `a..b`, which Python cannot even ask a name server for.
CLOSE_TIMEOUT = 5.0
"""Seconds. Closing sends a goodbye at most; nothing of value waits for it."""
_STORAGE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
"""Without `sock_read`: that moves a timer at each of thousands of reads, and does not run while a body is sent."""
READ_BUFFER_BYTES = 2**19
"""aiohttp pauses the socket at twice this, four reads of asyncio's; with its default it would at each read."""
KEEPALIVE = 75.0
"""Seconds; must exceed the interval between polls, or each poll pays a new TLS handshake."""


@attrs.define(eq=False, repr=False)
class _AiohttpMedia:
    _response: aiohttp.ClientResponse
    headers: Mapping[str, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        raw = self._response.headers
        self.headers = {name.lower(): ",".join(raw.getall(name)) for name in raw}

    @property
    def status(self) -> int:
        return self._response.status

    async def chunks(self) -> AsyncGenerator[bytes]:
        try:
            # Not iter_any: it joins what has come, a copy of every byte.
            while (read := await self._response.content.readchunk()) != (b"", False):
                if read[0]:
                    yield read[0]
        except _TROUBLE as problem:
            raise _lost(problem, sent=None) from None


@attrs.define(eq=False, repr=False)
class AiohttpTransport:
    """The real network: see `Transport`. Make it with `open`, inside the running loop; close it with `aclose`."""

    _endpoint: Endpoint
    _api: aiohttp.ClientSession
    _reads: aiohttp.ClientSession
    """The queue's session without the trace, which a read has no use for: a fifth of what a poll costs."""
    _storage: aiohttp.ClientSession
    _proxied: aiohttp.ClientSession
    """Storage's, for links that a proxy fetches: its own address may be a private one."""
    _proxies: Proxies
    _base: URL = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._base = URL(self._endpoint.base_url)

    @classmethod
    def open(cls, endpoint: Endpoint) -> AiohttpTransport:
        """The sessions, on the running loop. *Raises* `ConfigError` for a proxy that cannot be used."""
        # What is on this machine is not reached through another one.
        proxies = Proxies() if endpoint.is_loopback else Proxies.read()
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_mark_sent)
        queue = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE)
        api, reads = (
            aiohttp.ClientSession(
                headers=endpoint.headers,
                connector=queue,
                connector_owner=bool(traces),
                trace_configs=traces,
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=proxies.of(endpoint.base_url),
            )
            for traces in ([trace], [])
        )
        storage, proxied = (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=factory),
                auto_decompress=False,
                read_bufsize=READ_BUFFER_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Content-Type", "User-Agent"),
            )
            for factory in (any_socket if endpoint.is_loopback else public_socket, any_socket)
        )
        return cls(endpoint, api, reads, storage, proxied, proxies)

    @property
    def is_proxied(self) -> bool:
        """The queue is reached through a proxy."""
        return self._proxies.of(self._endpoint.base_url) is not None

    async def aclose(self) -> None:
        """Close every connection, also when cancelled: an open one would outlive its loop."""
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            for session in (self._reads, self._api, self._storage, self._proxied):
                await session.close()

    async def call(self, call: Call) -> Reply:
        """See `Transport.call`."""
        self._check_open()
        # No trace watches a read, and nothing but words depends on what became of it.
        fate = None if call.method == "GET" else SimpleNamespace(sent=False)
        try:
            async with (self._reads if fate is None else self._api).request(
                call.method,
                self._link(call.path),
                data=call.body,
                headers={"Content-Type": "application/json"} if call.body is not None else None,
                allow_redirects=False,
                timeout=_timeout(call.timeout),
                trace_request_ctx=fate,
            ) as response:
                body = await _read(response)
                return Reply(status=response.status, headers=response.headers, body=self._scrub(body))
        except _TROUBLE as problem:
            never_left = isinstance(problem, _NOT_CONNECTED) if fate is None else not fate.sent
            raise _lost(problem, sent=False if never_left else None) from None

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        """See `Transport.put`."""
        session, proxy = self._way_to(url)
        try:
            with anyio.fail_after(STALL_TIMEOUT) as scope:
                async with session.put(
                    url,
                    proxy=proxy,
                    data=_Upload(body, lambda: _put_off(scope)),
                    headers={"Content-Type": content_type},
                    allow_redirects=False,
                    timeout=_STORAGE_TIMEOUT,
                ) as response:
                    # Of an upload that was taken the status says it all.
                    refusal = b"" if response.ok else await _beginning(response)
                    return Reply(status=response.status, headers=response.headers, body=refusal)
        except _TROUBLE as problem:
            raise _lost(problem, sent=None) from None

    @asynccontextmanager
    async def fetch(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[MediaReply]:
        """See `Transport.fetch`."""
        session, proxy = self._way_to(url)
        try:
            with anyio.fail_after(STALL_TIMEOUT):
                # A public object answers by itself; a redirect could only lead to another scheme or a private host.
                response = await session.get(
                    url,
                    proxy=proxy,
                    headers={"Accept-Encoding": "identity", **headers},
                    allow_redirects=False,
                    timeout=_STORAGE_TIMEOUT,
                )
        except _TROUBLE as problem:
            raise _lost(problem, sent=None) from None
        # Outside the try: an OSError of the caller's own, such as a full disk, is not the network's.
        async with response:
            yield _AiohttpMedia(response)

    def _check_open(self) -> None:
        if self._reads.closed:
            raise ConfigError("Client", "closed", "Use its handles inside `async with Client(...) as client:`.")

    def _way_to(self, url: str) -> tuple[aiohttp.ClientSession, str | None]:
        """The session for a link, and the proxy. *Raises* `DownloadError` for a link that is refused."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not self._endpoint.is_loopback:
            raise DownloadError("the service gave a link that is not https")
        proxy = self._proxies.of(url)
        if proxy is None:
            return self._storage, None
        if not may_be_public_host(parts.hostname or ""):
            raise DownloadError("the service gave a link to a host that is not on the open internet")
        return self._proxied, proxy

    def _link(self, path: str) -> URL:
        """The address of a call, put together from parts: to parse each anew is a twentieth of the barest poll."""
        if "?" in path:
            return URL(self._endpoint.base_url + path)
        return self._base.with_path(self._base.raw_path.rstrip("/") + path, encoded=True)

    def _scrub(self, body: bytes) -> bytes:
        """A refusal may quote the key, and so may the page of whatever answers in the service's place."""
        return body.replace(self._endpoint.api_key.encode(), b"[redacted]")


class _Upload(aiohttp.Payload):
    """A body that is sent in pieces. `on_piece` is called before each, and after the last."""

    _autoclose = True

    def __init__(self, body: bytes, on_piece: Callable[[], None]) -> None:
        super().__init__(body)
        self._size = len(body)
        self._pieces = memoryview(body)
        self._on_piece = on_piece

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """What aiohttp would show of it; nobody asks for that."""
        return str(self._pieces, encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it from its beginning, also when aiohttp tries again."""
        for start in range(0, len(self._pieces), UPLOAD_PIECE_BYTES):
            self._on_piece()
            await writer.write(self._pieces[start : start + UPLOAD_PIECE_BYTES])
        self._on_piece()


def _put_off(scope: anyio.CancelScope) -> None:
    scope.deadline = anyio.current_time() + STALL_TIMEOUT


@lru_cache
def _timeout(total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_TIMEOUT)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    body = bytearray()
    while not content.at_eof():
        body += await content.readany()
        if len(body) > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError(f"a reply of more than {MAX_REPLY_BYTES} bytes")
    return bytes(body)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    body = bytearray()
    while len(body) < MAX_REFUSAL_BYTES and not content.at_eof():
        body += await content.readany()
    return bytes(body[:MAX_REFUSAL_BYTES])


async def _mark_sent(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    del session, params
    context.trace_request_ctx.sent = True


def _lost(problem: BaseException, *, sent: bool | None) -> TransportError:
    """To be raised from None: aiohttp's own error may hold the link with its signature, and our headers."""
    if isinstance(problem, aiohttp.ClientConnectorError) and not isinstance(problem, aiohttp.ClientSSLError):
        why = redact(_why(problem.os_error), 120)
        return TransportError(f"no connection to {problem.host}:{problem.port}: {why}", sent)
    what = redact(str(problem), 120) or type(problem).__name__
    return TransportError(f"{type(problem).__name__}: {what}", sent)


def _why(problem: OSError) -> str:
    """Why no connection was made: asyncio says of a call that failed only to whom it was, which is said already."""
    words = problem.strerror or str(problem) or "no address"
    if problem.errno is not None and words.startswith("Connect call failed"):
        return os.strerror(problem.errno)
    return words
