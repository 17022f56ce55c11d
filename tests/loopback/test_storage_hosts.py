"""Which hosts a download reaches, and what they are told. The numbers are the rows of the fault matrix."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from pixverse_async import BatchResult, FixedPolling, Job, generate_many
from pixverse_async._edge import save as save_stage
from pixverse_async._edge.directory import DirectorySink
from pixverse_async._edge.download import download
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async.emulator import Emulator, Settings, tiny_film
from tests.loopback.raw_server import head, honest, raw_server, sends, whole
from tests.loopback.test_storage_faults import FILE, QUICK, assert_nothing_left, bring, transport
from tests.loopback.test_transport import Server, serving
from tests.memory import kinds, tiny_png

pytestmark = pytest.mark.anyio


@pytest.mark.fault(24)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_24_a_redirect_of_a_video_leads_nowhere(tmp_path: Path, status: str) -> None:
    """Even where this machine's addresses are allowed, the host that a redirect names is not connected to."""
    async with raw_server(whole(FILE), host="127.0.0.2") as private:
        end, server = await bring(tmp_path, sends(head(status, Location=private.origin + "/cat.mp4")))
        assert [] == private.heads
    assert_nothing_left(end, tmp_path, "redirects are not followed")
    assert 1 == len(server.heads)


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "host", ["localhost", "[::ffff:127.0.0.1]", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0"]
)
async def test_24_no_name_and_no_spelling_reaches_a_private_address(tmp_path: Path, host: str) -> None:
    """With the service on the open internet, each of them is refused at the socket: nobody is connected to."""
    async with raw_server(whole(FILE)) as server, transport("https://queue.example") as network:
        url = f"https://{host}:{server.origin.rpartition(':')[2]}/cat.mp4"
        with anyio.fail_after(5.0):
            end = await download(
                network, DirectorySink(tmp_path), "cat.mp4", url, duration=5, rng=random.Random(7), limits=QUICK
            )
        assert_nothing_left(end, tmp_path, "is not an address on the open internet")
        assert [] == server.heads


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "link", ["http://storage.googleapis.com/a.mp4", "file:///etc/passwd", "ftp://example.com/a"]
)
async def test_24_only_https_is_fetched(tmp_path: Path, link: str) -> None:
    """With the service on the open internet, a link of another scheme is refused unseen."""
    async with transport("https://queue.example") as network:
        end = await download(
            network, DirectorySink(tmp_path), "cat.mp4", link, duration=5, rng=random.Random(7), limits=QUICK
        )
    assert_nothing_left(end, tmp_path, "not https")


async def _batch(base_url: str, key: str, folder: Path, job: Job) -> BatchResult:
    return await generate_many(
        [job],
        output_dir=folder,
        api_key=key,
        base_url=base_url,
        poll_policy=FixedPolling(0.05),
        polls_per_second=100.0,
    )


@asynccontextmanager
async def queue(*links: str) -> AsyncGenerator[Server]:
    """A queue on a real socket whose one request is a success at once, and names another link at each look."""
    looks = itertools.chain(links, itertools.repeat(links[-1]))

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        record: dict[str, object] = {"request_id": "r-1", "status": "queued"}
        if request.method == "GET":
            record |= {"status": "success", "outcome": {"media_urls": [{"id": "0", "url": next(looks)}]}}
        return web.Response(body=json.dumps(record), content_type="application/json")

    async with serving(answer) as server:
        yield server


@pytest.mark.fault(16)
async def test_16_a_link_that_ran_out_is_replaced_by_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The half that the old link gave is continued from the new one, on another host, and nothing is paid again."""
    monkeypatch.setattr(save_stage, "FRESH_LINK_WAIT", 0.01)
    old = (sends(head("200 OK", Content_Length=len(FILE), ETag='"v1"'), FILE[:1024]), sends(head("403 Forbidden")))
    async with raw_server(*old) as first, raw_server(honest(FILE), host="127.0.0.2") as second:
        links = [f"{one.origin}/cat.mp4?X-Goog-Signature=c0ffee" for one in (first, second)]
        async with queue(*links) as server:
            batch = await _batch(server.origin, "key", tmp_path, Job("https://pictures.example/cat.jpg", "yawns"))
            assert ["POST"] == [method for method, _, _ in server.seen if method != "GET"]
    assert ["Succeeded"] == kinds(batch)
    assert FILE == Path(batch.succeeded[0].path).read_bytes()
    assert ["", "bytes=1024-"] == first.ranges
    assert ["bytes=1024-"] == second.ranges
    assert b"c0ffee" not in (tmp_path / JOURNAL_NAME).read_bytes()


@pytest.mark.fault(25)
async def test_25_a_whole_batch_tells_storage_on_another_host_nothing(tmp_path: Path) -> None:
    """Queue on 127.0.0.1, storage on 127.0.0.2: upload and download succeed, and no header of ours reached storage."""
    async with Emulator(Settings(), speed=400.0, film=tiny_film, storage_host="127.0.0.2") as emulator:
        batch = await _batch(emulator.base_url, emulator.api_key, tmp_path, Job(tiny_png(1), "yawns", duration=1))
        assert ["Succeeded"] == kinds(batch)
        assert [] == emulator.storage.leaks
        assert 1 == emulator.storage.uploads
        assert emulator.storage_url.startswith("http://127.0.0.2:")


@pytest.mark.fault(25)
@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
async def test_25_a_redirected_upload_leads_nowhere(status: str) -> None:
    """The user's picture is not handed to a host that storage points to."""
    async with raw_server(sends(head("200 OK", Content_Length=0)), host="127.0.0.2") as elsewhere:
        async with (
            raw_server(sends(head(status, Location=elsewhere.origin, Content_Length=0))) as storage,
            transport() as network,
        ):
            reply = await network.put(storage.origin + "/a.png", b"picture", "image/png")
        assert reply.status == int(status[:3])
        assert [] == elsewhere.heads
