"""What ten and fifty thousand waiting jobs cost: memory a job, CPU a job, and how long the event loop is held up.

    python -m benchmarks.scale [--jobs 100 1000 10000 50000] [--chart]

Each line is a process of its own, through the whole client: jobs, journal on disk, submits, scheduler, polls.  Submits
are answered in the process, at once; status calls go over real sockets to the server of `poll_cpu`, which never
finishes a job.  First, for each number of jobs, nobody is polled: memory is what the process has grown by since it was
empty, CPU what it took until all were accepted.  Then 10,000 jobs are polled 2,000 times a second while a task that
wakes every 5 ms notes how late it is; the same at 1,000 polls a second beside eight downloads, through the download
stage to the disk, of 29 MB/s each while it receives, which makes over 200 together; and at last 10,000 jobs fall due at
one instant, with no limit on the rate.
`--chart` writes scale.svg.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
import attrs

from benchmarks.bars import Bar, draw
from benchmarks.paced_server import NAME
from pixverse_async import Client, DirectorySink, FixedPolling, Job
from pixverse_async._core.config import read_endpoint
from pixverse_async._core.events import Saved
from pixverse_async._core.schedule import Scheduler
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async._edge.download import download
from pixverse_async._edge.transport import MediaReply

POLLS_PER_SECOND = 2000.0
DOWNLOADS, BYTES_PER_SECOND = 8, 29e6
WATCH_FOR = 10.0
WAKE_EVERY = 0.005
MANY = 10_000


@attrs.define(eq=False)
class Service:
    """A `Transport` that accepts every job itself and asks the server about them."""

    network: AiohttpTransport
    accepted: int = 0
    polled: int = 0
    seconds: list[float] = attrs.field(factory=list[float])
    ids: Iterator[int] = attrs.field(factory=itertools.count)

    async def call(self, call: Call) -> Reply:
        """See `Transport.call`."""
        if call.method == "GET":
            started = anyio.current_time()
            reply = await self.network.call(call)
            self.seconds.append(anyio.current_time() - started)
            self.polled += 1
            return reply
        await anyio.lowlevel.checkpoint()
        self.accepted += 1
        record = {"request_id": f"6f1c2b1e-0000-4000-8000-{next(self.ids):012d}", "status": "queued"}
        return Reply(status=200, body=json.dumps(record).encode())

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        """Never called: no job here has an image to upload."""
        raise AssertionError("a link is not uploaded")

    def fetch(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[MediaReply]:
        """Never called: no job here ends."""
        raise AssertionError("nothing was made")

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        await self.network.aclose()


@attrs.define(eq=False)
class Gate:
    """A `Scheduler` that lets nobody look before it is opened: then all are due at once."""

    inner: Scheduler
    is_open: bool = False
    now: float = 0.0

    def take(self, now: float) -> int | None:
        """See `Scheduler`."""
        self.now = now
        return self.inner.take(now) if self.is_open else None

    def next_wakeup(self) -> float | None:
        """See `Scheduler`."""
        return self.inner.next_wakeup() if self.is_open else self.now + 0.1

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@attrs.define(eq=False)
class Hasty:
    """Every job each `interval` seconds, at a rate above the one that the client lets users ask for."""

    interval: float
    rate: float
    gate: Gate | None = None

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """See `PollPolicy`."""
        self.gate = Gate(FixedPolling(self.interval).scheduler(polls_per_second=self.rate, seed=seed))
        return cast("Scheduler", self.gate)


MODES = {
    "wait": (1e6, 1.0),
    "poll": (MANY / POLLS_PER_SECOND, POLLS_PER_SECOND),
    "load": (MANY / POLLS_PER_SECOND, POLLS_PER_SECOND / 2),
    "burst": (0.001, 1e6),
}
"""Interval and rate."""


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _cpu_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


async def _lags(seconds: float) -> list[float]:
    """How much later than asked a sleeping task woke, each time."""
    found: list[float] = []
    end = anyio.current_time() + seconds
    while (due := anyio.current_time() + WAKE_EVERY) < end:
        await anyio.sleep(WAKE_EVERY)
        found.append(anyio.current_time() - due)
    return found


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def _fetch(network: AiohttpTransport, folder: str, url: str, received: list[int]) -> None:
    """Video after video, each thrown away when it is whole."""
    sink, rng = DirectorySink(folder), random.Random(7)
    while True:
        name = f"{len(received)}.mp4"
        received.append(0)
        end = await download(network, sink, name, url, duration=None, rng=rng)
        assert isinstance(end, Saved), end
        received.append(end.size_bytes)
        (Path(folder) / name).unlink()


async def measure(base: str, media: str, jobs: int, mode: str) -> dict[str, float]:
    """One run of so many jobs. Memory in bytes, CPU in microseconds, times in milliseconds."""
    service = Service(AiohttpTransport.open(read_endpoint({}, api_key="k", base_url=base, org_id=None)))
    named = (Job(f"https://p.example/{n}.jpg", f"scene {n}", name=f"job-{n}") for n in range(jobs))
    policy, found = Hasty(*MODES[mode]), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        async with Client("k", base_url=base, transport=service) as client, anyio.create_task_group() as group:
            gc.collect()
            empty, used = _resident_bytes(), _cpu_us()

            async def run() -> None:
                async with client.as_completed(
                    named, output_dir=folder, max_in_flight=jobs, poll_policy=policy
                ) as outcomes:
                    async for _ in outcomes:
                        pass

            group.start_soon(run)
            while service.accepted < jobs:  # noqa: ASYNC110  nothing tells of each submit
                await anyio.sleep(0.05)
            found = {"cpu_us_a_job": (_cpu_us() - used) / jobs}
            gc.collect()
            found["bytes_a_job"] = (_resident_bytes() - empty) / jobs
            assert policy.gate is not None
            policy.gate.is_open = mode != "wait"
            received = list[int]()
            if mode == "load":
                for _ in range(DOWNLOADS):
                    group.start_soon(_fetch, service.network, folder, f"{media}/{NAME}", received)
            if policy.gate.is_open:
                found = await _watch(service)
            if received:
                found["MB_per_s"] = sum(received) / 1e6 / WATCH_FOR
            group.cancel_scope.cancel()
    await service.aclose()
    return found


async def _watch(service: Service) -> dict[str, float]:
    lags = await _lags(WATCH_FOR)
    return {
        "polls": len(service.seconds),
        "lag_p99_ms": _percentile(lags, 0.99) * 1e3,
        "lag_max_ms": max(lags) * 1e3,
        "poll_p50_ms": _percentile(service.seconds, 0.5) * 1e3,
        "poll_p99_ms": _percentile(service.seconds, 0.99) * 1e3,
    }


def _in_own_process(ports: tuple[int, int], jobs: int, mode: str) -> dict[str, float]:
    places = [str(port) for port in ports]
    command = [sys.executable, "-m", "benchmarks.scale", "--ports", *places, "--mode", mode, "--jobs", str(jobs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    print(
        f"{mode:6} {jobs:6} jobs  ", "  ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True
    )
    return found


@contextmanager
def _serving(*command: str) -> Generator[None]:
    """A server in a process of its own, which says when it listens."""
    with subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            server.stdout.readline()
            yield
        finally:
            server.kill()


def _chart(costs: Mapping[int, Mapping[str, float]]) -> str:
    """What a job costs, over what it costs among a thousand."""
    base = costs[1000]

    def bars(name: str) -> list[Bar]:
        return [(f"{jobs:,} jobs", cost[name] / base[name], True) for jobs, cost in costs.items()]

    panels = {"CPU a job until accepted": bars("cpu_us_a_job"), "memory a waiting job": bars("bytes_a_job")}
    return draw(panels, "over that among 1,000 jobs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="*", default=[100, 1000, MANY, 50_000])
    parser.add_argument("--chart", action="store_true")
    parser.add_argument("--ports", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.mode:
        base, media = (f"http://127.0.0.1:{port}" for port in args.ports)
        print(json.dumps(anyio.run(measure, base, media, args.jobs[0], args.mode)))
        return
    ports = (20_000 + os.getpid() % 10_000, 30_000 + os.getpid() % 10_000)
    with (
        _serving("benchmarks.poll_cpu", "--serve", str(ports[0])),
        _serving("benchmarks.paced_server", str(ports[1]), str(BYTES_PER_SECOND)),
    ):
        costs = {jobs: _in_own_process(ports, jobs, "wait") for jobs in args.jobs}
        for mode in ("poll", "load", "burst"):
            _in_own_process(ports, MANY, mode)
    if args.chart:
        (Path(__file__).parent / "scale.svg").write_text(_chart(costs), encoding="utf-8")


if __name__ == "__main__":
    main()
