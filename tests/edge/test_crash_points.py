"""A run that dies between any two events, and the next one that finishes its work: in virtual time, at every point."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from pixverse_async import BatchResult, Outcome
from pixverse_async._core.events import Event
from pixverse_async._core.lifecycle import JobRecord
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.limits import Limits, OnUnknown
from pixverse_async._edge.record import JOURNAL_NAME
from tests.memory import Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio

JOBS = 3
FAULTS = ("submit:drop_after_commit:nth=2", "submit:429:nth=1")


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@attrs.define(eq=False)
class MortalLog:
    """A journal whose process dies with the append number `last`: before the write, or just after it."""

    log: Journal
    last: int
    dies_before: bool
    appends: int = 0

    @property
    def records(self) -> Mapping[str, JobRecord]:
        return self.log.records

    async def append(self, key: str, event: Event) -> JobRecord:
        self.appends += 1
        if self.appends > self.last or (self.appends == self.last and self.dies_before):
            raise Killed
        record = await self.log.append(key, event)
        if self.appends == self.last:
            raise Killed
        return record

    async def aclose(self) -> None:
        await self.log.aclose()


async def _run(
    scene: Scene,
    last: int,
    *,
    dies_before: bool = False,
    on_unknown: OnUnknown = "reconcile",
    max_in_flight: int = JOBS,
) -> BatchResult:
    found: list[Outcome] = []

    async def deliver(outcome: Outcome) -> None:
        found.append(outcome)

    log = MortalLog(await Journal.open(scene.folder / JOURNAL_NAME), last, dies_before)
    limits = Limits(on_unknown=on_unknown, resubmit_after=30.0, max_in_flight=max_in_flight)
    batch = scene.batch(log, deliver, limits)
    try:
        await batch.run(some_jobs(JOBS))
    finally:
        await log.aclose()
    return BatchResult(sorted(found, key=lambda outcome: outcome.index))


async def _appends_of_an_undisturbed_run(folder: Path) -> int:
    scene = Scene.set(folder, *FAULTS)
    folder.mkdir()
    await _run(scene, 10_000)
    return sum(1 for _ in (folder / JOURNAL_NAME).read_bytes().splitlines()) - 1


@pytest.mark.fault(1, 2)
@pytest.mark.parametrize("dies_before", [True, False], ids=["before the write", "after the write"])
async def test_death_at_every_event_costs_nothing_twice(tmp_path: Path, dies_before: bool) -> None:
    """Killed at the k-th event, for every k: the next run pays nothing twice, and holds nothing that was accepted."""
    appends = await _appends_of_an_undisturbed_run(tmp_path / "calm")
    assert appends > JOBS * 4
    for last in range(1, appends + 1):
        scene = Scene.set(tmp_path / str(last), *FAULTS)
        scene.folder.mkdir()
        with pytest.raises(Killed):
            await _run(scene, last, dies_before=dies_before)
        batch = await _run(scene, 10_000)
        assert not scene.paid_twice()
        assert set(kinds(batch)) <= {"Succeeded", "Unknown"}
        known = {outcome.request_id for outcome in batch}
        assert {charge.request_id for charge in scene.cloud.ledger.committed} <= known
        assert len(batch.succeeded) == scene.charges
        for outcome in batch.succeeded:
            assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
        assert [] == list(scene.folder.glob("*.part"))


async def test_death_at_every_event_and_resubmit_finishes_all(tmp_path: Path) -> None:
    """With on_unknown="resubmit" and a list that does not lag, every job is made and none is paid twice."""
    appends = await _appends_of_an_undisturbed_run(tmp_path / "calm")
    for last in range(1, appends + 1, 2):
        scene = Scene.set(tmp_path / str(last), *FAULTS)
        scene.folder.mkdir()
        with pytest.raises(Killed):
            await _run(scene, last)
        batch = await _run(scene, 10_000, on_unknown="resubmit")
        assert ["Succeeded"] * JOBS == kinds(batch)
        assert not scene.paid_twice()


async def test_death_again_and_again_still_ends(tmp_path: Path) -> None:
    """A run that dies after every fourth event needs many runs, and pays each job once."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=2")
    for _ in range(60):
        try:
            batch = await _run(scene, 4, on_unknown="resubmit", max_in_flight=1)
        except Killed:
            continue
        assert ["Succeeded"] * JOBS == kinds(batch)
        assert not scene.paid_twice()
        return
    pytest.fail("never finished")
