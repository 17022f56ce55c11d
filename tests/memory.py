"""A transport in memory: the emulated service without sockets, in the loop's own (virtual) time.

Latency, drops, hangs and cut bodies are those that the service's answers ask for, so that every fault of the emulator
is the pipeline's to survive.  It counts what the tests ask about: calls by kind, and calls under way.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import attrs

from pixverse_async import AdaptivePolling, BatchResult, Client, DirectorySink, Job, Outcome
from pixverse_async._core.errors import TransportError
from pixverse_async._core.mp4 import Bytes
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.aiohttp_transport import STALL_TIMEOUT
from pixverse_async._edge.batch import Batch
from pixverse_async._edge.images import ImageHost
from pixverse_async._edge.journal import EventLog
from pixverse_async._edge.limits import Limits
from pixverse_async._edge.plan import Jobs
from pixverse_async._edge.transport import MediaReply
from pixverse_async._edge.wall_clock import utc_now
from pixverse_async.emulator import EmulatedCloud, Response, Rule, Settings


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


def tiny_png(n: int) -> bytes:
    """A valid 2x2 PNG, another one for each `n`."""
    pixels = b"".join(b"\0" + n.to_bytes(3, "big") * 2 for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@attrs.define(eq=False)
class Scene:
    """An emulated service and an output folder, on which batches are run one after the other."""

    folder: Path
    cloud: EmulatedCloud
    transport: MemoryTransport

    @classmethod
    def set(cls, folder: Path, *rules: str, seed: int = 1, **settings: Any) -> Scene:
        """Rules in the emulator's own notation, such as `submit:drop_after_commit:nth=1`."""
        scripted = Settings(epoch_utc=utc_now(), rules=tuple(Rule.parse(rule) for rule in rules))
        chosen = attrs.evolve(scripted, **settings)
        cloud = EmulatedCloud(chosen, seed)
        return cls(folder, cloud, MemoryTransport(cloud))

    @property
    def submits(self) -> int:
        """POSTs to the queue, of whatever fate."""
        return self.transport.calls["POST /requests"]

    @property
    def charges(self) -> int:
        """Jobs that the service has charged for, or will when they are done."""
        return len(self.cloud.ledger.committed)

    def content_of(self, outcome: Outcome) -> bytes:
        """The bytes that the service holds for a job."""
        bucket = self.cloud.bucket
        stored = next(one for one in bucket.objects.values() if one.request_id == outcome.request_id)
        if stored.content is not None:
            return stored.content
        assert stored.order is not None
        return bucket.film(stored.order)

    def paid_twice(self) -> list[str]:
        """Prompts that were charged more than once; the tests give each job a prompt of its own."""
        counted = Counter(charge.prompt for charge in self.cloud.ledger.committed)
        return [prompt for prompt, times in counted.items() if times > 1]

    def client(self) -> Client:
        """A client whose chance is always the same."""
        return Client(
            self.cloud.api_key,
            base_url=self.cloud.base_url,
            transport=self.transport,
            rng=random.Random(7),
        )

    def batch(
        self,
        log: EventLog,
        deliver: Callable[[Outcome], Awaitable[None]],
        limits: Limits | None = None,
        budget_usd: Decimal | None = None,
    ) -> Batch:
        """A batch over a journal of the test's own."""
        return _batch_over(self, log, deliver, Limits() if limits is None else limits, budget_usd)

    async def run(self, jobs: Jobs, **options: Any) -> BatchResult:
        """`generate_many` over this service and folder."""
        found: list[Outcome] = []
        options.setdefault("output_dir", self.folder)
        async with self.client() as client, client.as_completed(jobs, **options) as outcomes:
            found.extend([outcome async for outcome in outcomes])
        return BatchResult(sorted(found, key=lambda outcome: outcome.index))


def _batch_over(
    scene: Scene,
    log: EventLog,
    deliver: Callable[[Outcome], Awaitable[None]],
    limits: Limits,
    budget_usd: Decimal | None,
) -> Batch:
    rng = random.Random(7)
    return Batch(
        transport=scene.transport,
        log=log,
        sink=DirectorySink(scene.folder),
        limits=limits,
        budget_usd=budget_usd,
        images=ImageHost(scene.transport, rng=rng),
        scheduler=AdaptivePolling().scheduler(polls_per_second=10.0, seed=7),
        rng=rng,
        deliver=deliver,
    )


def some_jobs(count: int, **parameters: Any) -> list[Job]:
    """Jobs that differ in image and prompt."""
    return [Job(tiny_png(n), f"scene {n}", name=f"job-{n}", **parameters) for n in range(count)]


def kinds(batch: BatchResult) -> list[str]:
    """What became of each job, in input order."""
    return [type(outcome).__name__ for outcome in batch]


@attrs.define(eq=False)
class MemorySink:
    """A sink that keeps its files in a dict, for tests of thousands of jobs."""

    files: dict[str, bytes] = attrs.field(factory=dict[str, bytes])

    async def prepare(self) -> None:
        """Nothing to do."""

    async def open(self, name: str) -> MemoryPart:
        return MemoryPart(self, name)

    async def exists(self, name: str) -> bool:
        return name in self.files

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        return place if len(self.files.get(place, b"")) == size_bytes else None


@attrs.define(eq=False)
class MemoryPart:
    """A file of a `MemorySink` while it is received."""

    sink: MemorySink
    name: str
    content: bytearray = attrs.field(factory=bytearray)
    validator: str | None = None

    @property
    def received_bytes(self) -> int:
        return len(self.content)

    async def restart(self, validator: str | None) -> None:
        self.content.clear()
        self.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self.content += piece

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        feed(self.content)

    async def commit(self, size_bytes: int, sha256: str) -> str:
        if self.name in self.sink.files:
            raise FileExistsError(self.name)
        self.sink.files[self.name] = bytes(self.content)
        return self.name

    async def discard(self) -> None:
        self.content.clear()

    async def aclose(self) -> None:
        """Nothing is open."""
