"""Small jobs end to end, from the first submit to the last file: this client against the script everybody writes.

    python -m benchmarks.end_to_end [--jobs 500] [--rounds 5]

The emulator runs in a process of its own, at full speed: generations of a tenth of a second, tiny films, nothing
refused.  Each variant is a process of its own too; the rounds interleave them.

`script` is a task for each job, `gather`, one aiohttp session: it submits, asks every second until the video is
there, and writes it to its file.  No journal, no limit, no checks, nothing synced.  `script, 0.1 s` asks ten times
as often; `script, 0.1 s, durable` writes and syncs a line before and after each submit, and syncs each file and its
name, in the plainest way: without that, a crash loses or buys again what it had.  `ours`
is `generate_many` as it comes, but for the schedule of polls (the same fixed second, or the adaptive
default) and `max_in_flight`, which is raised to the number of jobs: journal, verification and sync are on.
Raised to 1,000 too: polls a second.  `no journal` shows what
the journal costs.

CPU is the client's own and the emulator's, each in ms a job, and *busy* for how much of the time: who is near 1 is the
limit. *at most* is what the emulator's CPU alone allows, on a processor of its own with nothing else to wait for.
A round before the first is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import anyio
import attrs

from pixverse_async import AdaptivePolling, FixedPolling, Job, PollPolicy, generate_many
from pixverse_async._edge.folder import sync_folder
from pixverse_async.emulator import Emulator, Settings, tiny_film

SPEED = 800.0
"""Service seconds a real second: a generation of 80 s takes a tenth."""
IMAGE = "https://pictures.example/cat.jpg"
MODEL = "pixverse-v6-i2v"


@attrs.frozen
class Result:
    """One run of one variant: wall seconds, CPU seconds of the client and of the emulator."""

    wall: float
    client: float
    emulator: float


# -- the variants: each gets the jobs, the address, the key and a folder -------------------------------


async def script(
    jobs: int, url: str, key: str, folder: Path, *, interval: float, keep: Callable[[str, Path, bytes], None]
) -> None:
    """A task for each job. `keep(name, folder, data)` brings bytes to the disk."""
    async with (
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"}, connector=aiohttp.TCPConnector(limit=0)
        ) as session,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as storage,
    ):

        async def one(n: int) -> None:
            payload = {"image": IMAGE, "prompt": f"scene {n}", "duration": 1, "quality": "360p"}
            keep("log", folder, json.dumps(payload).encode())
            async with session.post(f"{url}/requests", json={"model": MODEL, "payload": payload}) as reply:
                request_id = (await reply.json())["request_id"]
            keep("log", folder, request_id.encode())
            while True:
                async with session.get(f"{url}/requests/{request_id}") as reply:
                    record: Any = await reply.json()
                if record["status"] == "success":
                    break
                await asyncio.sleep(interval)  # noqa: TID251 - what everybody writes
            async with storage.get(record["outcome"]["media_urls"][0]["url"]) as reply:
                keep(f"{n}.mp4", folder, await reply.read())

        await asyncio.gather(*(one(n) for n in range(jobs)))  # noqa: TID251 - what everybody writes


def write(name: str, folder: Path, data: bytes) -> None:
    """Only the video, and no sync."""
    if name != "log":
        (folder / name).write_bytes(data)


def write_durably(name: str, folder: Path, data: bytes) -> None:
    """On the disk when it returns; a video appears whole or not at all."""
    is_log = name == "log"
    path = folder / (name if is_log else name + ".part")
    with path.open("ab" if is_log else "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if not is_log:
        path.rename(folder / name)
        sync_folder(folder)


async def ours(jobs: int, url: str, key: str, folder: Path, *, policy: PollPolicy, journal: bool = True) -> None:
    """The client as it comes."""
    asked = [Job(IMAGE, f"scene {n}", duration=1, quality="360p") for n in range(jobs)]
    batch = await generate_many(
        asked,
        output_dir=folder,
        api_key=key,
        base_url=url,
        max_in_flight=jobs,
        polls_per_second=1000.0,
        poll_policy=policy,
        journal=journal,
    )
    assert len(batch.succeeded) == jobs, batch.summary()


Variant = Callable[[int, str, str, Path], Awaitable[None]]
VARIANTS: dict[str, Variant] = {
    "script": partial(script, interval=1.0, keep=write),
    "script, 0.1 s": partial(script, interval=0.1, keep=write),
    "script, 0.1 s, durable": partial(script, interval=0.1, keep=write_durably),
    "ours": partial(ours, policy=FixedPolling(1.0)),
    "ours, 0.1 s": partial(ours, policy=FixedPolling(0.1)),
    "ours, no journal": partial(ours, policy=FixedPolling(0.1), journal=False),
    "ours, adaptive": partial(ours, policy=AdaptivePolling()),
}
WITH_UVLOOP = {"ours, 0.1 s, uvloop": "ours, 0.1 s", "script, 0.1 s, uvloop": "script, 0.1 s"}


# -- processes ---------------------------------------------------------------------------------------


async def serve() -> None:
    """The emulator's process: prints its address, then its CPU seconds whenever a line comes in."""
    async with Emulator(Settings(), speed=SPEED, film=tiny_film) as emulator:
        print(json.dumps([emulator.base_url, emulator.api_key]), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(cpu()), flush=True)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_inside(name: str, jobs: int, url: str, key: str) -> None:
    """The child process: prints its wall and CPU seconds, imports left out."""
    variant = VARIANTS[WITH_UVLOOP.get(name, name)]
    with tempfile.TemporaryDirectory() as folder:
        began, before = perf_counter(), cpu()
        anyio.run(variant, jobs, url, key, Path(folder), backend_options={"use_uvloop": name in WITH_UVLOOP})
        print(json.dumps([perf_counter() - began, cpu() - before]))
        assert len(list(Path(folder).glob("*.mp4"))) == jobs


def measure(name: str, jobs: int) -> Result:
    """A fresh emulator and a fresh client."""
    me = [sys.executable, "-m", "benchmarks.end_to_end", "--jobs", str(jobs)]
    with subprocess.Popen([*me, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url, key = json.loads(server.stdout.readline())
        before = ask(server)
        child = subprocess.run([*me, "--inside", name, url, key], stdout=subprocess.PIPE, check=True)
        after = ask(server)
        server.stdin.close()
    wall, client = json.loads(child.stdout)
    return Result(wall, client, after - before)


def ask(server: subprocess.Popen[str]) -> float:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("\n")
    server.stdin.flush()
    return float(server.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        anyio.run(serve)
        return
    if given.inside:
        run_inside(given.inside[0], given.jobs, *given.inside[1:])
        return
    names = [*VARIANTS, *(WITH_UVLOOP if find_spec("uvloop") else ())]
    results: dict[str, list[Result]] = {name: [] for name in names}
    for number in range(given.rounds + 1):
        for name in names:
            result = measure(name, given.jobs)
            if number:
                results[name].append(result)
    print(f"{given.jobs} jobs, {os.cpu_count()} cores; medians of {given.rounds}")
    print(
        f"{'':24}{'jobs/s':>8}{'x script':>10}{'client ms':>11}{'busy':>6}{'emulator ms':>13}{'busy':>6}{'at most':>9}"
    )
    for name, runs in results.items():
        rate = statistics.median(given.jobs / run.wall for run in runs)
        ratio = statistics.median(base.wall / run.wall for run, base in zip(runs, results["script"], strict=True))
        client, emulator = (
            statistics.median(cpu) / given.jobs * 1e3
            for cpu in zip(*((run.client, run.emulator) for run in runs), strict=True)
        )
        busy = [f"{ms * rate / 1e3:6.2f}" for ms in (client, emulator)]
        print(
            f"{name:24}{rate:8.0f}{ratio:10.2f}{client:11.2f}{busy[0]}{emulator:13.2f}{busy[1]}{1e3 / emulator:9.0f}"
        )


if __name__ == "__main__":
    main()
