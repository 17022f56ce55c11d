"""Batches that are really killed, over real sockets and a real disk, and the runs that finish their work.

The kills are SIGKILLs: at every sync of the journal, and at random moments of a batch on a faulty network.  The
number of the latter is PIXVERSE_ASYNC_KILLS, 12 by default; with 100 of them the batch has 300 jobs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from pixverse_async import BatchResult, Succeeded
from pixverse_async._core.journal_format import read_journal
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async.emulator import Emulator, Rule, Settings, tiny_film
from tests.crash.batch_child import Life
from tests.memory import kinds

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the killed processes are forks, and the shim is Linux's"),
]

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
KILLS = int(os.environ.get("PIXVERSE_ASYNC_KILLS", "12"))
JOBS = min(5 * KILLS, 300)

QUICK = Settings(
    generation_median=0.25,
    queue_wait_median=0.01,
    submit_latency=0.01,
    poll_latency=0.002,
    storage_latency=0.001,
    list_lag=0.5,
)
"""A quick service at the speed of the wall clock: in compressed time its clock would run away from the journal's."""
RESUBMIT_AFTER = 1.9
"""Longer than the list lags, and over when the reconciler looks for the first time, after two seconds."""


@attrs.define(eq=False)
class Mother:
    """The process whose forks run the batches."""

    _process: Process
    _answers: BufferedByteReceiveStream

    @classmethod
    @asynccontextmanager
    async def born(cls, **environ: str) -> AsyncGenerator[Mother]:
        command = [sys.executable, "-m", "tests.crash.batch_child"]
        async with await anyio.open_process(
            command, cwd=ROOT, env={**os.environ, **environ}, stderr=None
        ) as process:
            assert process.stdout is not None
            try:
                yield cls(process, BufferedByteReceiveStream(process.stdout))
            finally:
                process.kill()

    async def see(self, life: Life) -> bool:
        """Run the batch; True when it came to its end, False when it was killed."""
        assert self._process.stdin is not None
        await self._process.stdin.send(json.dumps(attrs.asdict(life)).encode() + b"\n")
        code = int(await self._answers.receive_until(b"\n", 100))
        assert code in (0, KILLED)
        return code == 0


def a_life(emulator: Emulator, folder: Path, title: str, count: int, max_in_flight: int) -> Life:
    return Life(
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        folder=str(folder),
        title=title,
        count=count,
        max_in_flight=max_in_flight,
    )


def charged(emulator: Emulator, life: Life) -> set[str]:
    """The ids of the requests that the service charges for."""
    return {one.request_id for one in emulator.ledger.committed if one.prompt.startswith(f"{life.title} ")}


def known(life: Life) -> set[str]:
    """The ids that the journal knows."""
    path = Path(life.folder, JOURNAL_NAME)
    records = read_journal(path.read_bytes(), str(path)).records
    return {record.request_id for record in records.values() if record.request_id is not None}


def made(emulator: Emulator) -> dict[str, str]:
    """Request id to the hash of the video that the service holds."""
    return {
        stored.request_id: hashlib.sha256(
            tiny_film(stored.order) if stored.content is None else stored.content
        ).hexdigest()
        for stored in emulator.storage.objects.values()
        if stored.order is not None
    }


def assert_finished(emulator: Emulator, life: Life, batch: BatchResult) -> None:
    """All jobs succeeded, each is charged once, and the folder holds the service's own bytes and nothing else."""
    assert ["Succeeded"] * life.count == kinds(batch), [
        str(one.error) for one in batch if not isinstance(one, Succeeded)
    ]
    prompts = Counter(charge.prompt for charge in emulator.ledger.committed)
    assert {job.prompt: 1 for job in life.jobs()} == {
        prompt: times for prompt, times in prompts.items() if prompt.startswith(f"{life.title} ")
    }
    folder = Path(life.folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(JOURNAL_NAME)}
    held = made(emulator)
    assert {f"{job.name}.mp4" for job in life.jobs()} == set(files)
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == {
        f"{one.name}.mp4": held[one.request_id or ""] for one in batch
    }


async def finish(emulator: Emulator, life: Life) -> None:
    """Resume it to the end, and look at what it came to."""
    assert_finished(emulator, life, await life.run("resubmit", RESUBMIT_AFTER))


async def adopt(emulator: Emulator, life: Life) -> None:
    """Resume it as by default, until nothing is charged for that the journal does not know; then cancel it."""
    async with anyio.create_task_group() as group:
        group.start_soon(life.run)
        with anyio.fail_after(60.0):
            while not charged(emulator, life) <= known(life):  # noqa: ASYNC110  the journal has no event to wait for
                await anyio.sleep(0.1)
        group.cancel_scope.cancel()


@pytest.fixture(scope="module")
def kill_at_sync(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The compiled killer, to be preloaded."""
    if shutil.which("gcc") is None:
        pytest.skip("the killer is compiled with gcc")
    library = tmp_path_factory.mktemp("killer") / "kill_at_sync.so"
    source = Path(__file__).with_name("kill_at_sync.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return str(library)


async def kill_at_every_sync(emulator: Emulator, folder: Path, library: str, moment: str) -> list[Life]:
    """The killed batches; the one after them survived, and came to its end."""
    killed: list[Life] = []
    async with Mother.born(LD_PRELOAD=library, SYNC_KILL_FILE=JOURNAL_NAME, SYNC_KILL=moment) as mother:
        for k in itertools.count(1):
            life = a_life(emulator, folder / f"{moment} {k}", f"{moment} sync {k}:", 4, 2)
            if await mother.see(attrs.evolve(life, environ={"SYNC_KILL_AT": str(k)})):
                assert_finished(emulator, life, await life.run())
                return killed
            killed.append(life)
    raise AssertionError("a batch has an end")


@pytest.mark.fault(1, 2)
@pytest.mark.timeout(300)
async def test_a_kill_at_every_sync_costs_nothing(tmp_path: Path, kill_at_sync: str) -> None:
    """Killed at the k-th sync, for every k: the next run adopts all that is charged, the last pays each job once."""
    killed: list[Life] = []

    async def kill(moment: str) -> None:
        lives = await kill_at_every_sync(emulator, tmp_path, kill_at_sync, moment)
        # Four jobs, two at a time, and each is synced four times: when it is sent, accepted, made and saved.
        assert 8 < len(lives)
        killed.extend(lives)

    async with Emulator(QUICK, speed=1.0, film=tiny_film) as emulator:
        async with anyio.create_task_group() as group:
            for moment in ("before", "after"):
                group.start_soon(kill, moment)
        for resume in (adopt, finish):
            async with anyio.create_task_group() as group:
                for life in killed:
                    group.start_soon(resume, emulator, life)


@pytest.mark.fault(1)
@pytest.mark.timeout(300 + 6 * KILLS)
async def test_kills_at_random_moments_of_a_faulty_batch_cost_nothing(tmp_path: Path) -> None:
    """Killed again and again on a faulty network: the next run adopts all that is charged, the last finishes all."""
    rules = (
        Rule(on="submit", fault="drop_before_commit", probability=0.03),
        Rule(on="submit", fault="drop_after_commit", probability=0.03),
        Rule(on="submit", fault="502_html_after_commit", probability=0.02),
        Rule(on="submit", fault="429_retry_after", probability=0.04, value=1.0),
        Rule(on="poll", fault="500", probability=0.03),
        Rule(on="media", fault="truncate", probability=0.05),
    )
    settings = attrs.evolve(QUICK, rules=rules)
    rng = random.Random("moments")
    kills = 0
    async with Emulator(settings, speed=1.0, film=tiny_film) as emulator:
        lives = [a_life(emulator, tmp_path / "0", "batch 0:", JOBS, 4)]
        async with Mother.born() as mother:
            while kills < KILLS:
                # Every sixth life is long enough for the reconciler, which first looks after two seconds.
                seconds = rng.uniform(1.5, 3.0) if kills % 6 == 5 else rng.uniform(0.0, 0.8)
                if await mother.see(attrs.evolve(lives[-1], seconds=seconds)):
                    # It came to its end before all kills were used: the next batch.
                    n = len(lives)
                    lives.append(a_life(emulator, tmp_path / str(n), f"batch {n}:", JOBS, 4))
                else:
                    kills += 1
        for resume in (adopt, finish):
            async with anyio.create_task_group() as group:
                for life in lives:
                    group.start_soon(resume, emulator, attrs.evolve(life, max_in_flight=100))
        # The faults did strike.
        assert set(emulator.service.faults.fired.values()) - {0}


@pytest.mark.fault(44)
async def test_44_a_finished_shard_run_again_by_an_engine_sends_nothing(tmp_path: Path) -> None:
    """The same folder in a process of its own, again and again, as an engine repeats a task: no submit, no upload."""
    async with Emulator(QUICK, speed=1.0, film=tiny_film) as emulator, Mother.born() as mother:
        life = a_life(emulator, tmp_path, "shard:", 3, 3)
        assert await mother.see(life)
        before = (emulator.ledger.submits, emulator.storage.uploads)
        for _ in range(2):
            assert await mother.see(life)
        assert (3, 3) == before == (emulator.ledger.submits, emulator.storage.uploads)
