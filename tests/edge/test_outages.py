"""Ten minutes in which a part of the service is away: few calls, and no job gives up."""

from __future__ import annotations

import math
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
from pixverse_async._edge.retries import OUTAGE_PATIENCE, Retries, Tries
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


@pytest.mark.parametrize("since", [0.1, 20.0, 60.0])
@pytest.mark.parametrize(("kind", "workers"), [("put", MAX_AT_ONCE), ("fetch", 8)])
async def test_storage_away_for_ten_minutes_costs_a_few_calls(
    tmp_path: Path, kind: str, workers: int, since: float
) -> None:
    """What was under way is retried at the shared pace, the rest waits, and all 200 jobs succeed.

    Whether storage goes when there is most to upload, or to download, or when there is one call at a time.
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
        tries.add_failure(is_away=False)
        await tries.pause(0.0)
        pauses += 1
    assert OUTAGE_PATIENCE / PROBE_EVERY == pauses


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
    tries.add_failure(is_away=False)
    tries.begin_anew()
    tries.add_failure(is_away=False)
    assert not tries.is_over
    tries.add_failure(is_away=False)
    assert tries.is_over


async def tries_until_over(retries: Retries, *, is_away: bool, others_every: float = math.inf) -> int:
    """How often a call is tried that never comes back, while others come back every so often."""
    tries, count, next_at = Tries(retries, most=5), 0, anyio.current_time() + others_every
    while not tries.is_over:
        if anyio.current_time() >= next_at:
            retries.succeeded()
            next_at += others_every
        tries.add_failure(is_away=is_away)
        count += 1
        await tries.pause(2.0)
    return count


async def test_a_call_alone_in_an_outage_goes_on_for_fifteen_minutes() -> None:
    """Nobody else is there to show that storage is away: one call waits as long as many would, for few tries."""
    began = anyio.current_time()
    count = await tries_until_over(Retries(), is_away=True)
    assert OUTAGE_PATIENCE < anyio.current_time() - began < OUTAGE_PATIENCE + 200.0
    assert (
        MOST_IN_A_ROW + OUTAGE_PATIENCE / PROBE_EVERY < count < MOST_IN_A_ROW + OUTAGE_PATIENCE / PROBE_EVERY + 8
    )


async def test_a_call_that_fails_alone_has_five_tries() -> None:
    """While others come back, or when what came is wrong, or where somebody waits for this one call."""
    assert 8 > await tries_until_over(Retries(), is_away=True, others_every=3.0)
    assert 5 == await tries_until_over(Retries(), is_away=False)
    assert 5 == await tries_until_over(Retries(patience=0.0), is_away=True)
