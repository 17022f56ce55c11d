"""Downloads from storage that misbehaves on a real socket. The numbers are the rows of the fault matrix."""

from __future__ import annotations

import gzip
import hashlib
import random
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import pytest
from anyio.abc import SocketStream

from pixverse_async import DirectorySink
from pixverse_async._core.config import Endpoint
from pixverse_async._core.events import LinkExpired, Saved
from pixverse_async._core.transfer import DownloadLimits
from pixverse_async._edge import aiohttp_transport as transport_edge
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async._edge.download import Abandoned, DownloadEnd, download
from tests.loopback.raw_server import (
    Answer,
    RawServer,
    facts,
    head,
    honest,
    raw_server,
    sends,
    then_resets,
    then_waits,
    whole,
)
from tests.mp4_files import video

pytestmark = pytest.mark.anyio

FILE = video(400 * 512)
"""In whole sectors, as its half, so that all of a part is taken up."""
HALF = len(FILE) // 2
TOLD = facts(FILE)
FULL = head("200 OK", Content_Length=len(FILE), **TOLD)
BARE = head("200 OK", **TOLD)
CHUNKED = head("200 OK", Transfer_Encoding="chunked", **TOLD)
QUICK = DownloadLimits(first_pause=0.01, max_pause=0.02, aggregate_bytes=30_000)
IMPATIENT = attrs.evolve(QUICK, speed_window=0.2)


@asynccontextmanager
async def transport(base_url: str = "http://127.0.0.1:9") -> AsyncGenerator[AiohttpTransport]:
    opened = AiohttpTransport.open(Endpoint(base_url=base_url, api_key="key", org_id=None))
    try:
        yield opened
    finally:
        await opened.aclose()


async def bring(folder: Path, *answers: Answer, limits: DownloadLimits = QUICK) -> tuple[DownloadEnd, RawServer]:
    """One download of `cat.mp4` over a real socket, from a server that gives these answers."""
    async with raw_server(*answers) as server, transport() as network:
        end = await download(
            network,
            DirectorySink(folder),
            "cat.mp4",
            server.origin + "/cat.mp4?X-Goog-Signature=c0ffee",
            duration=5,
            rng=random.Random(7),
            limits=limits,
        )
    return end, server


def assert_saved(end: DownloadEnd, folder: Path, data: bytes = FILE) -> None:
    assert end == Saved(
        path=str(folder / "cat.mp4"), size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )
    assert [path.name for path in folder.iterdir()] == ["cat.mp4"]
    assert (folder / "cat.mp4").read_bytes() == data


def assert_nothing_left(end: DownloadEnd, folder: Path, *words: str) -> None:
    assert isinstance(end, Abandoned)
    assert [word for word in words if word not in end.problem] == []
    assert "c0ffee" not in end.problem
    assert [] == list(folder.iterdir())


def chunk(data: bytes) -> bytes:
    """One piece in chunked coding."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@pytest.mark.fault(16)
@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "410 Gone"])
async def test_16_a_link_that_ran_out_is_not_tried_twice(tmp_path: Path, status: str) -> None:
    """Each answer of an expired link, after the half of a body, asks for a fresh link at once and keeps the half."""
    expired = sends(head(status), b"<Error><Code>ExpiredToken</Code></Error>")
    end, server = await bring(tmp_path, sends(FULL, FILE[:HALF]), expired)
    assert end == LinkExpired()
    assert [f"bytes={HALF}-"] == server.ranges[1:]
    assert HALF == (tmp_path / "cat.mp4.part").stat().st_size


CUT = {
    "length, close": sends(FULL, FILE[:HALF]),
    "length, reset": then_resets(FULL, FILE[:HALF]),
    "chunked, close": sends(CHUNKED, chunk(FILE[:HALF])),
    "chunked, reset": then_resets(CHUNKED, chunk(FILE[:HALF])),
}


@pytest.mark.fault(17)
@pytest.mark.parametrize("cut", CUT)
async def test_17_a_body_that_is_cut_is_continued_by_range(tmp_path: Path, cut: str) -> None:
    """Whether the connection ends or is reset, with a length or in chunks: only what is missing is asked for."""
    end, server = await bring(tmp_path, CUT[cut], honest(FILE))
    assert_saved(end, tmp_path)
    assert ["", f"bytes={HALF}-"] == server.ranges


@pytest.mark.fault(18)
@pytest.mark.parametrize("cut", [sends(BARE, FILE[:HALF]), sends(CHUNKED, chunk(FILE[:HALF]) + b"0\r\n\r\n")])
async def test_18_a_cut_that_nobody_tells_is_found_by_the_boxes(tmp_path: Path, cut: Answer) -> None:
    """Half a body without a length looks ended to the client library; the file is not saved before it is whole."""
    end, server = await bring(tmp_path, cut, honest(FILE))
    assert_saved(end, tmp_path)
    assert 2 == len(server.heads)


@pytest.mark.fault(18)
async def test_18_without_length_hash_and_etag_a_cut_is_still_found(tmp_path: Path) -> None:
    """The boxes alone keep half a video from being saved, and nothing of it is left."""
    end, _ = await bring(tmp_path, sends(head("200 OK", Content_Type="video/mp4"), FILE[:HALF]))
    assert_nothing_left(end, tmp_path, "not the whole video")


@pytest.mark.fault(19)
@pytest.mark.parametrize("data", [FILE[:-1], FILE[:-HALF] + bytes(HALF), FILE[:HALF] + b"?" + FILE[HALF + 1 :]])
async def test_19_bytes_that_agree_with_their_length_are_compared_with_the_hash(
    tmp_path: Path, data: bytes
) -> None:
    """One byte less, a tail of zeros, one wrong byte: fetched again from the start until it is right."""
    lie = sends(head("200 OK", Content_Length=len(data), **TOLD), data)
    end, server = await bring(tmp_path, lie, honest(FILE))
    assert_saved(end, tmp_path)
    assert ["", ""] == server.ranges


@pytest.mark.fault(19)
async def test_19_without_a_hash_one_missing_byte_is_found_by_the_boxes(tmp_path: Path) -> None:
    """A file that is one byte short, by its own length and with no hash, is not saved."""
    short = sends(head("200 OK", Content_Length=len(FILE) - 1), FILE[:-1])
    end, server = await bring(tmp_path, short)
    assert_nothing_left(end, tmp_path, "not the whole video")
    assert QUICK.tries + 1 == len(server.heads)


@pytest.mark.fault(20)
@pytest.mark.parametrize("page", [b"<!DOCTYPE html><h1>Blocked by", b"<?xml version='1.0'?><Error>Blocked by"])
async def test_20_a_page_that_calls_itself_a_video_is_quoted_and_dropped(tmp_path: Path, page: bytes) -> None:
    """A page with status 200 and video/mp4 never becomes a file, and the error shows its beginning."""
    lie = sends(head("200 OK", Content_Type="video/mp4", Content_Length=len(page)), page)
    end, _ = await bring(tmp_path, lie)
    assert_nothing_left(end, tmp_path, "Blocked by")


@pytest.mark.fault(21)
async def test_21_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A hundred MB packed in a hundred kB are refused at their header: memory stays flat."""
    bomb = gzip.compress(bytes(10**8), mtime=0)
    packed = head("200 OK", Content_Encoding="gzip", Content_Length=len(bomb), Content_Type="video/mp4")
    tracemalloc.start()
    try:
        end, server = await bring(tmp_path, sends(packed, bomb))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_nothing_left(end, tmp_path, "compressed")
    assert 1 == len(server.heads)
    assert peak_bytes < 8 * 2**20


@pytest.mark.fault(22)
async def test_22_an_endless_body_ends_at_the_limit(tmp_path: Path) -> None:
    """A body without length and end is cut at the byte cap, with memory flat and nothing left on the disk."""

    async def endless(_: str, stream: SocketStream) -> None:
        await stream.send(BARE + FILE[:32] + b"\0\0\0\1mdat" + (2**50).to_bytes(8))
        while True:
            await stream.send(bytes(2**18))

    tracemalloc.start()
    try:
        end, _ = await bring(tmp_path, endless, limits=attrs.evolve(QUICK, max_bytes=50 * 2**20))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_nothing_left(end, tmp_path, "limit of 52428800 bytes")
    assert peak_bytes < 16 * 2**20


@pytest.mark.fault(22)
@pytest.mark.parametrize("slow", [then_waits(FULL, FILE[:HALF]), then_waits(FULL, *[b"\0"] * 90, every=0.1)])
async def test_22_a_server_that_stalls_or_trickles_is_left_for_a_new_connection(
    tmp_path: Path, slow: Answer
) -> None:
    """Half a body and then silence, or ten bytes a second: below the minimum speed the rest comes over a new one."""
    with anyio.fail_after(5.0):
        end, server = await bring(tmp_path, slow, honest(FILE), limits=IMPATIENT)
    assert_saved(end, tmp_path)
    assert 2 == len(server.heads)


@pytest.mark.fault(22)
async def test_22_a_server_that_takes_the_request_and_is_silent_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not begin costs one try and the time for it, and no longer."""
    monkeypatch.setattr(transport_edge, "STALL_TIMEOUT", 0.2)
    with anyio.fail_after(5.0):
        end, server = await bring(tmp_path, then_waits(), honest(FILE))
    assert_saved(end, tmp_path)
    assert 2 == len(server.heads)


@pytest.mark.fault(22)
async def test_22_a_trickle_that_stays_is_given_up(tmp_path: Path) -> None:
    """A server that never does better costs its tries, and the event says what was wrong."""
    with anyio.fail_after(5.0):
        end, server = await bring(tmp_path, then_waits(FULL, FILE[:1], every=0.1), limits=IMPATIENT)
    assert isinstance(end, Abandoned)
    assert "less than 1024 bytes a second" in end.problem
    assert IMPATIENT.tries == len(server.heads)


OTHER = video(len(FILE), salt=1)
WRONG_SPAN = head(
    "206 Partial Content",
    Content_Length=HALF,
    Content_Range=f"bytes {HALF - 1}-{len(FILE) - 2}/{len(FILE)}",
    **TOLD,
)
ODD = {
    "range ignored": (whole(FILE),),
    "wrong range": (sends(WRONG_SPAN, FILE[HALF - 1 : -1]), whole(FILE)),
    "no range told": (sends(head("206 Partial Content", Content_Length=HALF), FILE[HALF:]), whole(FILE)),
    "other version ignoring If-Range": (
        sends(
            head(
                "206 Partial Content",
                Content_Length=HALF,
                Content_Range=f"bytes {HALF}-{len(FILE) - 1}/{len(FILE)}",
                **facts(FILE, '"v2"'),
            ),
            FILE[HALF:],
        ),
        whole(FILE, etag='"v2"'),
    ),
    "other version": (honest(FILE, '"v2"'),),
}


@pytest.mark.fault(23)
@pytest.mark.parametrize("odd", ODD)
async def test_23_no_byte_is_added_to_those_of_another_answer(tmp_path: Path, odd: str) -> None:
    """Range ignored or mistaken, or the object overwritten meanwhile: the download starts over from byte 0."""
    held = OTHER if "version" in odd else FILE
    end, server = await bring(
        tmp_path, sends(head("200 OK", Content_Length=len(held), **facts(held)), held[:HALF]), *ODD[odd]
    )
    assert_saved(end, tmp_path)
    assert f"bytes={HALF}-" == server.ranges[1]
    assert ["", ""] == [server.ranges[0], server.ranges[2] if len(server.ranges) > 2 else ""]
