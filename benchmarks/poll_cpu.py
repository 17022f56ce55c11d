r"""CPU of one status poll, all of it, against the barest GET that aiohttp can make, in one run.

    python -m benchmarks.poll_cpu [--polls 4000] [--rounds 5]
    python3 -m uv run --with openai --with replicate --with fal-client --with genblaze-gmicloud \
        python -W ignore -m benchmarks.poll_cpu                                         # peers beside it

A server of a few lines, in a process of its own, answers each GET with the same record of 420 bytes: queued, payload
echoed.  `bare` reads the body and throws it away.  `ours` is the pipeline's own poller: scheduler, call, codec,
lifecycle, journal in memory.  `raw json` is `bare` and `json.loads`.  The peers are their clients' own status call in
a loop.  Every variant but the peers' asks for another id each time, as a poll does: aiohttp prepares each link anew.
Each has 32 calls under way (ours up to 64); the rounds interleave them; CPU is user + system of this process alone,
from the first poll on: what it takes to make a session or 4,000 jobs is not in it.

Two shared processors scatter such ratios by a fifth. Instructions do not scatter: `--only NAME --polls N --port P` runs
one variant against a server that `--serve P` has started, for `valgrind --tool=cachegrind --cache-sim=no python ...`;
what two numbers of polls take more or less, over their difference, is what a poll takes, the kernel's part left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import aiohttp
import anyio

from pixverse_async import AdaptivePolling, FixedPolling, Job, PollPolicy
from pixverse_async._core.config import read_endpoint
from pixverse_async._core.events import SubmitAccepted, SubmitStarted
from pixverse_async._core.outcome import Outcome
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async._edge.flight import Flight
from pixverse_async._edge.journal import NoJournal
from pixverse_async._edge.limits import Limits
from pixverse_async._edge.poll import Poller
from pixverse_async._edge.run import Run

AT_ONCE = 32
JOBS = 10 * AT_ONCE
RECORD = {
    "request_id": "6f1c2b1e-0000-4000-8000-000000000001",
    "model": "pixverse-v6-i2v",
    "status": "queued",
    "created_at": 1785800000,
    "updated_at": 1785800001,
    "payload": {
        "prompt": "a gentle breeze moves the leaves, the camera comes slowly closer",
        "image": "https://storage.example/gmi-uploads/7f3a/lighthouse.jpeg",
        "duration": 5,
        "quality": "540p",
        "generate_audio_switch": False,
        "seed": 1234567,
    },
    "outcome": {},
}
OPENAI = {"id": "v-1", "object": "video", "status": "queued", "progress": 0, "model": "sora-2", "created_at": 1}
FAL = {"status": "IN_QUEUE", "queue_position": 3}
REPLICATE = {
    "id": "v-1",
    "model": "a/b",
    "version": "1",
    "status": "starting",
    "input": RECORD["payload"],
    "urls": {},
    "logs": "",
}


class Cost(NamedTuple):
    polls: int
    cpu_us: float
    """Of all of them."""


Variant = Callable[[str, int], Awaitable[Cost]]
"""Given the base and how many polls, polls about so many times."""


async def serve(port: int) -> None:
    """Answer every GET on keep-alive connections, by the id in its path."""
    answers = {b"/videos/": OPENAI, b"/predictions/": REPLICATE, b"/status": FAL}

    class Server(asyncio.Protocol):
        transport: asyncio.Transport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            path = data.split(b" ", 2)[1]
            record = next((answer for part, answer in answers.items() if part in path), None)
            body = json.dumps(record or {**RECORD, "request_id": path.rpartition(b"/")[2].decode()}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


def _cpu_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


async def _in_parallel(one: Callable[[str], Awaitable[object]], polls: int) -> Cost:
    ids = itertools.cycle([f"6f1c2b1e-0000-4000-8000-{n:012d}" for n in range(JOBS)])

    async def several() -> None:
        for _ in range(polls // AT_ONCE):
            await one(next(ids))

    before = _cpu_us()
    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(several)
    return Cost(polls // AT_ONCE * AT_ONCE, _cpu_us() - before)


@asynccontextmanager
async def _session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def bare(base: str, polls: int) -> Cost:
    async with _session() as session:

        async def one(request_id: str) -> None:
            async with session.get(f"{base}/requests/{request_id}") as response:
                await response.read()

        return await _in_parallel(one, polls)


async def raw_json(base: str, polls: int) -> Cost:
    async with _session() as session:

        async def one(request_id: str) -> None:
            async with session.get(f"{base}/requests/{request_id}") as response:
                json.loads(await response.read())

        return await _in_parallel(one, polls)


def ours(policy: PollPolicy, jobs: int) -> Variant:
    """The pipeline's poller over so many jobs that never end, until it has polled so often."""

    async def poll(base: str, polls: int) -> Cost:
        async def ignore(_: Outcome) -> None: ...

        transport = AiohttpTransport.open(read_endpoint({}, api_key="k", base_url=base, org_id=None))
        rng = random.Random(7)
        log = NoJournal()
        run = Run(transport=transport, log=log, limits=Limits(), rng=rng, deliver=ignore)
        scheduler = policy.scheduler(polls_per_second=100_000.0, seed=7)
        poller = Poller(run, scheduler, on_ready=lambda _: None)
        flights = [await _accepted(log, n) for n in range(jobs)]
        for flight in flights:
            poller.add(flight, anyio.current_time())
        before = _cpu_us()
        async with anyio.create_task_group() as group:
            group.start_soon(poller.run)
            while run.polls < polls:  # noqa: ASYNC110  nothing tells of each poll
                await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        used = _cpu_us() - before
        await transport.aclose()
        return Cost(run.polls, used)

    return poll


async def _accepted(log: NoJournal, n: int) -> Flight:
    job = Job("https://p.example/cat.jpg", "yawns")
    started = SubmitStarted(
        name=f"job-{n}", seed=n, is_own_seed=True, payload_sha256="", usd=Decimal(1), at_utc=0.0, image="", prompt="",
        duration=5, quality="540p", audio=False, multi_clip=False,
    )  # fmt: skip
    await log.append(str(n), started)
    record = await log.append(str(n), SubmitAccepted(request_id=f"6f1c2b1e-0000-4000-8000-{n:012d}"))
    return Flight(job=job, index=n, name=f"job-{n}", key=str(n), record=record)


# The peers are in no environment of ours: what they give is of any type.
async def openai_client(base: str, polls: int) -> Cost:
    openai: Any = import_module("openai")
    async with openai.AsyncOpenAI(api_key="k", base_url=base) as client:
        return await _in_parallel(lambda _: client.videos.retrieve("v-1"), polls)


async def replicate_client(base: str, polls: int) -> Cost:
    replicate: Any = import_module("replicate.client")
    client = replicate.Client(api_token="k", base_url=base)
    return await _in_parallel(lambda _: client.predictions.async_get("v-1"), polls)


async def fal_client(base: str, polls: int) -> Cost:
    fal: Any = import_module("fal_client.client")
    httpx: Any = import_module("httpx")
    async with httpx.AsyncClient() as client:
        # By hand, since its own constructors know only https hosts.
        job = f"{base}/fal/requests/6f1c2b1e"
        handle = fal.AsyncRequestHandle("6f1c2b1e", job, f"{job}/status", f"{job}/cancel", client)
        return await _in_parallel(lambda _: handle.status(), polls)


async def genblaze_client(base: str, polls: int) -> Cost:
    genblaze: Any = import_module("genblaze_gmicloud")
    provider = genblaze.GMICloudVideoProvider("k", base_url=base)
    # As its `aresume` does it: the blocking call on a thread.
    return await _in_parallel(lambda request_id: asyncio.to_thread(provider.poll, request_id), polls)


def variants() -> dict[str, Variant]:
    found: dict[str, Variant] = {
        "bare": bare,
        "raw json": raw_json,
        "ours, adaptive": ours(AdaptivePolling(kappa=1e-9), 4000),
        "ours, fixed": ours(FixedPolling(0.001), JOBS),
    }
    peers: dict[str, Variant] = {
        "openai": openai_client,
        "replicate": replicate_client,
        "fal_client": fal_client,
        "genblaze_gmicloud": genblaze_client,
    }
    return found | {name: variant for name, variant in peers.items() if find_spec(name) is not None}


def measure(base: str, polls: int, rounds: int) -> dict[str, list[float]]:
    """CPU a poll of each variant, a figure for each round."""
    found = variants()
    figures: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, variant in found.items():
            cost = anyio.run(variant, base, polls)
            figures[name].append(cost.cpu_us / cost.polls)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=int, metavar="PORT")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--port", type=int)
    args = parser.parse_args()
    if args.only:
        cost = anyio.run(variants()[args.only], f"http://127.0.0.1:{args.port}", args.polls)
        print(cost.polls, "polls made")
        return
    if args.serve:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(args.serve))
        return
    port = 20_000 + os.getpid() % 10_000
    command = [sys.executable, "-m", "benchmarks.poll_cpu", "--serve", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            server.stdout.readline()
            figures = measure(f"http://127.0.0.1:{port}", args.polls, args.rounds)
        finally:
            server.kill()
    base = statistics.median(figures["bare"])
    for name, values in figures.items():
        ratios = sorted(value / other for value, other in zip(values, figures["bare"], strict=True))
        print(f"{name:16} {statistics.median(values):7.0f} us a poll   {statistics.median(ratios):5.2f} x bare")
    print(f"median of {args.rounds} rounds of {args.polls} polls; bare {base:.0f} us")


if __name__ == "__main__":
    main()
