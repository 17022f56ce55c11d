"""Nothing of ours holds up the event loop of the application. Rows 9, 21 and 38 of the fault matrix."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web
from anyio.abc import SocketStream
from anyio.from_thread import start_blocking_portal
from blockbuster import blockbuster_ctx
from PIL import Image

from pixverse_async import BatchResult, FixedPolling, Job, TransportError, generate_many
from pixverse_async._core import reconcile, replies, wire
from pixverse_async._core.wire import Reply
from pixverse_async._edge import aiohttp_transport as network_edge
from pixverse_async.emulator import Emulator, FilmOrder, Rule, Settings, tiny_film
from tests.loopback.raw_server import head, raw_server, sends
from tests.loopback.test_storage_faults import transport
from tests.loopback.test_transport import serving
from tests.memory import kinds
from tests.mp4_files import box

pytestmark = pytest.mark.anyio

LIMIT = 2 * 2**20
LONGEST = 0.050
"""Seconds of the loop's thread that one callback may take."""


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Generator[list[tuple[float, str]]]:
    """The callbacks that take the loop's thread for too long: its own time, so that a busy machine is no finding.

    Nor is a pass of the collector over what a thousand tests before this one left (0.19 s): it is told to skip that.
    """
    slow: list[tuple[float, str]] = []
    here = threading.get_ident()
    run: Callable[[asyncio.Handle], None] = asyncio.Handle._run  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

    def timed(handle: asyncio.Handle) -> None:
        before = time.thread_time()
        run(handle)
        took = time.thread_time() - before
        if took > LONGEST and threading.get_ident() == here:
            slow.append((took, repr(handle)))

    gc.collect()
    gc.freeze()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(asyncio.Handle, "_run", timed)
            yield slow
    finally:
        gc.unfreeze()


def photograph(n: int) -> bytes:
    """A PNG of 6 megapixels, too large for the service: it is decoded, made smaller and encoded."""
    file = io.BytesIO()
    Image.effect_mandelbrot((4400, 1500), (-2, -1.2, 0.5 + n / 10, 1.2), 10).save(file, "PNG", compress_level=1)
    return file.getvalue()


def long_film(order: FilmOrder) -> bytes:
    """A whole video of 2 MB."""
    return tiny_film(order) + box(b"free", bytes(2_000_000))


async def _batch(emulator: Emulator, folder: Path, jobs: list[Job]) -> BatchResult:
    return await generate_many(
        jobs,
        output_dir=folder,
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        poll_policy=FixedPolling(0.05),
        polls_per_second=400.0,
    )


@pytest.mark.fault(38)
async def test_38_a_batch_never_blocks_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images converted, videos of MBs saved, a lost reply looked up, a folder resumed: no callback takes 50 ms."""
    images = [tmp_path / f"{n}.png" for n in range(2)]
    for n, image in enumerate(images):
        image.write_bytes(await asyncio.to_thread(photograph, n))
    jobs = [Job(image, f"scene {n}", duration=1) for n, image in enumerate(images)]
    rules = (Rule(on="submit", fault="drop_after_commit", nth=(2,)),)
    # The service lives in a thread of its own: what it does with its loop is not ours.
    monkeypatch.setattr(reconcile, "LOOK_AFTER", (0.2, 1.0))
    with start_blocking_portal() as portal:
        service = Emulator(Settings(rules=rules), speed=400.0, film=long_film)
        with portal.wrap_async_context_manager(service) as emulator:
            with watched(monkeypatch) as slow, blockbuster_ctx("pixverse_async._edge"):
                assert ["Succeeded"] * 2 == kinds(await _batch(emulator, tmp_path / "out", jobs))
                assert ["Succeeded"] * 2 == kinds(await _batch(emulator, tmp_path / "out", jobs))
            assert [] == slow
            assert 2 == emulator.ledger.submits


async def test_38_the_watch_sees_what_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that computes for longer than that is reported."""
    with watched(monkeypatch) as slow:
        await anyio.lowlevel.checkpoint()
        _ = sum(range(10**7))
        await anyio.lowlevel.checkpoint()
    assert 1 == len(slow)


def a_list_of(count: int) -> bytes:
    """A reply with so many records, as an organisation of many years may have."""
    record = {
        "status": "success",
        "created_at": 1_790_000_000,
        "payload": {
            "prompt": "a cat yawns " * 5,
            "duration": 5,
            "quality": "540p",
            "image": "https://x.example/a.png",
        },
        "outcome": {"media_urls": [{"id": "0", "url": "https://storage.googleapis.com/a/b.mp4"}]},
    }
    records = [{**record, "request_id": f"r-{n}", "seed": n} for n in range(count)]
    return json.dumps({"requests": records, "total": count}).encode()


@pytest.mark.fault(9)
def test_09_a_long_list_needs_no_more_memory_than_a_few_times_its_size() -> None:
    """It is read in no more than six times its size, and less than half of that is kept."""
    body = a_list_of(4_000)
    tracemalloc.start()
    try:
        listing = replies.read_listing(Reply(status=200, body=body))
        kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 4_000 == len(listing.records)
    assert peak_bytes < 6 * len(body)
    assert kept_bytes < 3 * len(body)


@pytest.mark.fault(9, 38)
async def test_09_a_long_list_is_read_away_from_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submit whose reply was lost, and a list of 20,000 other rows: held, and the loop is free meanwhile."""
    body = a_list_of(20_000)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        if request.method == "POST":
            return web.Response(status=502)
        return web.Response(body=body, content_type="application/json")

    monkeypatch.setattr(reconcile, "LOOK_AFTER", (0.05,))
    async with serving(answer) as server:
        with watched(monkeypatch) as slow:
            batch = await generate_many(
                [Job("https://pictures.example/cat.jpg", "yawns")],
                output_dir=tmp_path,
                api_key="key",
                base_url=server.origin,
            )
        assert ["POST", "GET"] == [method for method, _, _ in server.seen]
    assert ["Unknown"] == kinds(batch)
    assert [] == slow


@pytest.mark.fault(9, 21)
@pytest.mark.parametrize("is_packed", [False, True], ids=["endless", "gzip bomb"])
async def test_21_no_reply_of_the_queue_fills_the_memory(is_packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply without end, or one that unpacks to a hundred times the limit, is cut there and proves nothing."""
    monkeypatch.setattr(network_edge, "MAX_REPLY_BYTES", LIMIT)

    async def endless(_: str, stream: SocketStream) -> None:
        await stream.send(head("200 OK", Content_Type="application/json"))
        while True:
            await stream.send(bytes(2**18))

    bomb = gzip.compress(bytes(100 * LIMIT), mtime=0)
    packed = sends(head("200 OK", Content_Encoding="gzip", Content_Length=len(bomb)), bomb)
    async with raw_server(packed if is_packed else endless) as server, transport(server.origin) as network:
        tracemalloc.start()
        try:
            with pytest.raises(TransportError, match=str(LIMIT)) as caught:
                await network.call(wire.list_call())
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert caught.value.sent is None
    assert peak_bytes < 4 * LIMIT
