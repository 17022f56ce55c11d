"""A transport in memory: the emulated service without sockets, in the loop's own (virtual) time.

Latency, drops, hangs and cut bodies are those that the service's answers ask for, so that every fault of the emulator
is the pipeline's to survive.  It counts what the tests ask about: calls by kind, and calls under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import attrs

from pixverse_async._core.errors import TransportError
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.transport import STALL_TIMEOUT, MediaReply
from pixverse_async.emulator import EmulatedCloud, Response


@attrs.define(eq=False)
class _Media:
    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.header_map

    async def chunks(self) -> AsyncGenerator[bytes]:
        sent = 0
        for piece in self.response.pieces():
            if self.response.piece_delay_s:
                await anyio.sleep(self.response.piece_delay_s)
            sent += len(piece)
            yield piece
        is_short = self.response.framing == "length" and sent < len(self.response.body)
        if self.response.fate == "reset_mid_body" or is_short:
            raise TransportError("the connection broke off", sent=None)


@attrs.define(eq=False)
class MemoryTransport:
    """`pixverse_async._edge.transport.Transport` over an `EmulatedCloud`."""

    cloud: EmulatedCloud
    started_at: float = 0.0
    calls: Counter[str] = attrs.field(factory=Counter[str])
    is_down: bool = False
    """No connection can be made."""

    @property
    def now(self) -> float:
        """The service's clock."""
        return anyio.current_time() - self.started_at

    async def call(self, call: Call) -> Reply:
        headers = {"Authorization": f"Bearer {self.cloud.api_key}"}
        url = self.cloud.base_url + call.path
        self.calls[f"{call.method} {'/'.join(call.path.split('?')[0].split('/')[:2])}"] += 1
        response = await self._exchange(call.method, url, headers, call.body or b"", call.timeout)
        return Reply(status=response.status, headers=response.header_map, body=response.body)

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        self.calls["PUT"] += 1
        response = await self._exchange("PUT", url, {"Content-Type": content_type}, body, STALL_TIMEOUT)
        return Reply(status=response.status, headers=response.header_map, body=response.body)

    @asynccontextmanager
    async def fetch(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[MediaReply]:
        self.calls["fetch"] += 1
        yield _Media(await self._exchange("GET", url, headers, b"", STALL_TIMEOUT))

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        if self.is_down:
            raise TransportError("connection refused", sent=False)
        response = self.cloud.call(method, url, headers=headers, body=body, now=self.now)
        wait = timeout if response.fate == "hang" else response.delay_s
        await anyio.sleep(min(wait, timeout))
        if response.fate in ("hang", "drop") or wait > timeout:
            raise TransportError("no answer", sent=None)
        return response
