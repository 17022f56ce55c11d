"""Ten minutes in which a part of the service is away: few calls, and no job gives up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async._core.errors import TransportError
from pixverse_async._core.retry_budget import MOST_IN_A_ROW, PROBE_EVERY
from pixverse_async._core.wire import Reply
from pixverse_async._edge.images import MAX_AT_ONCE
from pixverse_async._edge.transport import MediaReply
from tests.memory import MemorySink, MemoryTransport, Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio

OUTAGE = 600.0
MOST_RETRIES = MOST_IN_A_ROW + OUTAGE / PROBE_EVERY


@attrs.define(eq=False)
class StorageAway(MemoryTransport):
    """Storage cannot be reached between two times of the service's clock."""

    kind: str = ""
    since: float = 0.0
    calls_while_away: int = 0

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        self._reach("put")
        return await MemoryTransport.put(self, url, body, content_type)

    @asynccontextmanager
    async def fetch(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[MediaReply]:
        self._reach("fetch")
        async with MemoryTransport.fetch(self, url, headers) as media:
            yield media

    def _reach(self, kind: str) -> None:
        if kind == self.kind and self.since <= self.now < self.since + OUTAGE:
            self.calls_while_away += 1
            raise TransportError("connection reset", sent=None)


@pytest.mark.parametrize(("kind", "workers"), [("put", MAX_AT_ONCE), ("fetch", 8)])
async def test_storage_away_for_ten_minutes_costs_a_few_calls(tmp_path: Path, kind: str, workers: int) -> None:
    """What was under way is retried at the shared pace, the rest waits, and all 200 jobs succeed."""
    scene = Scene.set(tmp_path)
    scene.transport = away = StorageAway(scene.cloud, kind=kind, since=20.0)
    with anyio.fail_after(3 * 3600):
        batch = await scene.run(some_jobs(200), sink=MemorySink(), journal=False, job_timeout=7200.0)
    assert ["Succeeded"] * 200 == kinds(batch)
    assert 0 < away.calls_while_away <= workers + MOST_RETRIES
    assert not scene.paid_twice()
