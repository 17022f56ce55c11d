"""The wall clock is set while batches run: nothing is decided by it. Row 39 of the fault matrix."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from pixverse_async import Job, Timings
from tests.clock import stepping
from tests.memory import Scene, kinds
from tests.virtual_time import VirtualTimeLoop

DAY = timedelta(days=1)


class Trace(NamedTuple):
    """All of a batch that a clock could change."""

    kinds: list[str]
    timings: list[Timings]
    calls: dict[str, int]
    seconds: float
    charges: int


async def _batch(folder: Path, *, list_lag: float = 0.0) -> Trace:
    rules = (
        "submit:drop_after_commit:nth=2",
        "submit:429_retry_after:nth=3:value=7",
        "poll:429:nth=4",
        "media:503:nth=1",
        "media:403:nth=3",
    )
    scene = Scene.set(folder, *rules, list_lag=list_lag, epoch_utc=datetime.now(UTC).timestamp())
    # Links as images: nothing is read on threads, whose order would be another each time.
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}") for n in range(6)]
    batch = await scene.run(jobs, max_in_flight=3, on_unknown="resubmit", resubmit_after=300.0)
    timings = [outcome.timings for outcome in batch]
    return Trace(kinds(batch), timings, dict(scene.transport.calls), anyio.current_time(), scene.charges)


def _run(folder: Path, list_lag: float) -> Trace:
    return anyio.run(lambda: _batch(folder, list_lag=list_lag), backend_options={"loop_factory": VirtualTimeLoop})


@pytest.mark.fault(39)
@pytest.mark.parametrize("list_lag", [0.0, 100.0])
def test_39_a_clock_that_jumps_by_a_day_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, list_lag: float
) -> None:
    """Told another day at every look, a batch with lost replies, refusals and dead links makes the same calls."""
    calm = _run(tmp_path / "calm", list_lag)
    assert ["Succeeded"] * 6 == calm.kinds
    assert 6 == calm.charges
    for name, days in {"there and back": (0, 1, -1), "forward": (0, 0, 1, 1, 1), "back": (0, -1, -1, -1)}.items():
        with monkeypatch.context() as patched:
            stepping(patched, itertools.cycle(day * DAY for day in days))
            assert calm == _run(tmp_path / name, list_lag)


@pytest.mark.fault(39)
@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("at", [1, 5, 9])
def test_39_one_step_at_any_time_pays_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, at: int
) -> None:
    """Set once, by a day, before, between or after a lost reply and the listing that lags: each job is paid once."""
    before = datetime.now(UTC)
    stepping(monkeypatch, itertools.chain([timedelta(0)] * at, itertools.repeat(days * DAY)))
    trace = _run(tmp_path, 100.0)
    assert ["Succeeded"] * 6 == trace.kinds
    assert 6 == trace.charges
    assert datetime.now(UTC) - before < DAY


async def _paid_after_a_fast_clock(folder: Path, ahead: list[timedelta], seed: int | None, **settings: Any) -> int:
    """Lose a reply while the clock is fast, put the clock right, and run again; what is charged then."""
    epoch_utc = datetime.now(UTC).timestamp()  # the service's clock is right
    scene = Scene.set(folder, "submit:drop_after_commit:nth=1", epoch_utc=epoch_utc, **settings)
    jobs = [Job(f"https://pictures.example/{n}.jpg", f"scene {n}", seed=seed) for n in range(4)]
    await scene.run(jobs, max_in_flight=1, on_unknown="hold")
    await anyio.sleep(1000.0)
    ahead[:] = [timedelta(seconds=anyio.current_time())]  # the service's clock is the loop's
    await scene.run(jobs, on_unknown="resubmit", resubmit_after=300.0)
    return scene.charges


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("seed", "settings"),
    [(None, {"echo": "empty"}), (None, {"list_page_size": 2}), (7, {})],
    ids=["no echo", "a page", "a seed of the user's"],
)
def test_39_a_fast_clock_put_right_between_two_runs_pays_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int | None, settings: dict[str, Any]
) -> None:
    """A submit that seems younger than it is, since it was dated by a fast clock, is not called absent for its age."""
    ahead = [timedelta(hours=2)]
    stepping(monkeypatch, (ahead[0] for _ in itertools.count()))
    charges = anyio.run(
        lambda: _paid_after_a_fast_clock(tmp_path, ahead, seed, **settings),
        backend_options={"loop_factory": VirtualTimeLoop},
    )
    assert 4 == charges
