"""Ten minutes in which a part of the service is away: few calls, and no job gives up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import JobEvent
from pixverse_async._core.errors import TransportError
from pixverse_async._core.retry_budget import MOST_IN_A_ROW, PROBE_EVERY
from pixverse_async._core.wire import Reply
from pixverse_async._edge.images import MAX_AT_ONCE
from pixverse_async._edge.retries import PATIENCE, Retries, Tries
from pixverse_async._edge.transport import MediaReply
from pixverse_async.observe.tally import Phase, Tally
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


@pytest.mark.parametrize(("kind", "workers", "since"), [("put", MAX_AT_ONCE, 0.1), ("fetch", 8, 60.0)])
async def test_storage_away_for_ten_minutes_costs_a_few_calls(
    tmp_path: Path, kind: str, workers: int, since: float
) -> None:
    """What was under way is retried at the shared pace, the rest waits, and all 200 jobs succeed.

    Storage goes when there is most to upload, or to download: of two alone, one may have its five tries first.
    """
    scene = Scene.set(tmp_path)
    scene.transport = away = StorageAway(scene.cloud, kind=kind, since=since)
    with anyio.fail_after(3 * 3600):
        batch = await scene.run(some_jobs(200), sink=MemorySink(), journal=False, job_timeout=7200.0)
    assert ["Succeeded"] * 200 == kinds(batch)
    assert 0 < away.calls_while_away <= workers + MOST_RETRIES
    assert not scene.paid_twice()


async def test_waiting_out_an_outage_counts_as_a_try_after_fifteen_minutes() -> None:
    """However late it begins: until then, a try that had to wait for its turn is not counted against the call."""
    await anyio.sleep(1000.0)
    retries = Retries()
    for _ in range(MOST_IN_A_ROW):
        await retries.pause(0.0)
    tries, pauses = Tries(retries, most=1), 0
    while not tries.is_over:
        tries.add_failure()
        await tries.pause(0.0)
        pauses += 1
    assert PATIENCE / PROBE_EVERY == pauses


async def test_a_stall_is_told_once_and_never_sent_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One request of thirty never ends: observers hear of it long before its time is up, and it stays one submit."""
    scene = Scene.set(tmp_path, "submit:stuck_processing:nth=5")
    told: list[JobEvent] = []
    tally = Tally(total=30, started_at=0.0)
    counts: list[int] = []

    def watch(event: JobEvent) -> None:
        tally.take(event, anyio.current_time())
        if event.stalled_for is not None:
            told.append(event)
            counts.append(tally.count(Phase.STALLED))

    batch = await scene.run(some_jobs(30), sink=MemorySink(), journal=False, on_event=watch, job_timeout=7200.0)
    (stalled,) = told
    assert ["Pending"] == [type(batch[stalled.index]).__name__]
    assert stalled.stalled_for is not None
    assert 60.0 < stalled.stalled_for < 3600.0
    assert [1] == counts
    assert 0 == tally.count(Phase.STALLED)
    assert 30 == scene.submits
    assert f"{stalled.name!r}: no end after" in caplog.text


async def test_a_try_that_brought_something_forgets_the_failures_before_it() -> None:
    """After one that got on, a call has as many tries in a row as it had at first."""
    tries = Tries(Retries(), most=2)
    tries.add_failure()
    tries.begin_anew()
    tries.add_failure()
    assert not tries.is_over
    tries.add_failure()
    assert tries.is_over
