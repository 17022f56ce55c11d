"""A download brings the whole video or says why not, whatever storage does."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixverse_async._core.errors import DownloadError, TransportError
from pixverse_async._core.events import LinkExpired, Saved
from pixverse_async._core.obstacles import Obstacle
from pixverse_async._core.transfer import DownloadLimits
from pixverse_async._edge.directory import DirectorySink
from pixverse_async._edge.download import MIN_PROGRESS_BYTES, Abandoned, DownloadEnd, download
from tests.edge.small_sink import SmallSink
from tests.edge.storage import URL, Answer, Script, Storage, honest, rest, whole
from tests.mp4_files import box, video
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.anyio
FILE = video()
SHORT = DownloadLimits(aggregate_bytes=1500)
"""Aggregates that do not divide the pieces, so that every body crosses several."""


@attrs.frozen
class Way:
    """How far a body comes in one aggregate, and whether the sink has looked at what is in the folder."""

    limits: DownloadLimits
    is_prepared: bool


way = ContextVar[Way]("way")


@pytest.fixture(autouse=True, params=[Way(SHORT, False), Way(DownloadLimits(), True)], ids=["pieces", "at once"])
def _each_way(request: pytest.FixtureRequest) -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    """Every test here runs with bodies of several aggregates, and with bodies of one."""
    token = way.set(request.param)
    yield
    way.reset(token)


async def bring(
    folder: Path, *script: Script, limits: DownloadLimits | None = None, duration: int | None = 5
) -> tuple[DownloadEnd, Storage]:
    """One download of `cat.mp4` from a storage that answers by the script."""
    storage = Storage(list(script))
    sink = DirectorySink(folder)
    if way.get().is_prepared:
        await sink.prepare()
    limits = limits or way.get().limits
    end = await download(storage, sink, "cat.mp4", URL, duration=duration, rng=random.Random(7), limits=limits)
    assert not storage.is_open
    return end, storage


def names(folder: Path) -> list[str]:
    """What is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def assert_saved(end: DownloadEnd, folder: Path, data: bytes = FILE) -> None:
    """The event tells the truth, and nothing else lies in the folder."""
    place = folder / "cat.mp4"
    assert end == Saved(path=str(place), size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert place.read_bytes() == data
    assert names(folder) == ["cat.mp4"]


def assert_abandoned(end: DownloadEnd, folder: Path, *words: str) -> None:
    """The event says why, the link's signature is not in it, and no file has the final name."""
    assert isinstance(end, Abandoned)
    assert [word for word in words if word not in end.problem] == []
    assert "c0ffee" not in end.problem
    assert "cat.mp4" not in names(folder)


def flaky(data: bytes, cut: int, piece_bytes: int, *, hangs: bool) -> Callable[[Mapping[str, str]], Answer]:
    """An honest storage whose bodies stop after `cut` bytes, with an error or without a word."""
    serve = honest(data, piece_bytes=piece_bytes)

    def answer(headers: Mapping[str, str]) -> Answer:
        full = serve(headers)
        return attrs.evolve(full, body=full.body[:cut], hangs=hangs, breaks=cut < len(full.body))

    return answer


@attrs.define
class CancelAt:
    """Runs a coroutine, and calls `cancel` when it waits for the n-th time."""

    left: int
    inner: Coroutine[Any, Any, tuple[DownloadEnd, Storage]]
    cancel: Callable[[], object]

    def __await__(self) -> Generator[Any, Any, tuple[DownloadEnd, Storage]]:
        waiting = self.inner.__await__()
        advance: Callable[[], Any] = partial(next, waiting)
        while True:
            try:
                step = advance()
            except StopIteration as done:
                return done.value
            self.left -= 1
            if self.left == 0:
                self.cancel()
            try:
                advance = partial(waiting.send, (yield step))
            except BaseException as thrown:  # noqa: BLE001 - it is handed on, whatever it is
                advance = partial(waiting.throw, thrown)


async def test_breaks_that_bring_something_are_never_too_many(tmp_path: Path) -> None:
    """Only fruitless tries count, and one that brought bytes forgives those before it."""
    data = video(6 * MIN_PROGRESS_BYTES)
    serve = honest(data, piece_bytes=MIN_PROGRESS_BYTES)

    def one_piece(headers: Mapping[str, str]) -> Answer:
        full = serve(headers)
        return attrs.evolve(full, body=full.body[:MIN_PROGRESS_BYTES], breaks=len(full.body) > MIN_PROGRESS_BYTES)

    lost = TransportError("ClientPayloadError: the body is not whole")
    script: list[Script] = [step for _ in range(6) for step in (lost, one_piece)]
    end, storage = await bring(tmp_path, *script, limits=attrs.evolve(SHORT, tries=2))
    assert_saved(end, tmp_path, data)
    assert len(storage.requests) == len(script)


async def test_a_whole_video_is_saved(tmp_path: Path) -> None:
    """The bytes of storage are the bytes of the file, and storage is sent no header at all."""
    end, storage = await bring(tmp_path, whole(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests == [{}]


async def test_a_video_without_named_hash_or_length_is_saved(tmp_path: Path) -> None:
    """Without content-length, ETag and hash the boxes alone vouch for the file."""
    end, _ = await bring(tmp_path, Answer(200, {}, FILE))
    assert_saved(end, tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 999, 1500, 2000, len(FILE) - 1])
async def test_a_body_that_breaks_off_is_continued(tmp_path: Path, cut: int) -> None:
    """The second request asks for exactly the bytes that are missing, of the same version."""
    end, storage = await bring(tmp_path, whole(FILE, upto=cut), honest(FILE))
    assert_saved(end, tmp_path)
    expected = {"Range": f"bytes={cut}-", "If-Range": '"v1"'} if cut else {}
    assert storage.requests == [{}, expected]


async def test_a_range_that_is_ignored_starts_over(tmp_path: Path) -> None:
    """A 200 to a range request is the file from byte 0, and not added to what is held."""
    end, storage = await bring(tmp_path, whole(FILE, upto=3000), whole(FILE))
    assert_saved(end, tmp_path)
    assert len(storage.requests) == 2


async def test_a_wrong_range_starts_over(tmp_path: Path) -> None:
    """A 206 from another byte than the one asked for is not added to what is held."""
    end, storage = await bring(tmp_path, whole(FILE, upto=3000), rest(FILE, 2999), whole(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[2] == {}


async def test_a_range_without_the_whole_length_does_not_make_it_forgotten(tmp_path: Path) -> None:
    """A rest that ends between two boxes, and says neither its length nor the file's, is not the rest."""
    data = FILE + box(b"mdat", bytes(2000))
    told = {"etag": '"v1"', "content-length": str(len(data))}
    span = {"etag": '"v1"', "content-range": f"bytes 3000-{len(data) - 1}/*"}
    begun = Answer(200, told, data[:3000], breaks=True)
    end, storage = await bring(tmp_path, begun, Answer(206, span, FILE[3000:]), honest(data))
    assert_saved(end, tmp_path, data)
    assert len(storage.requests) == 3


@pytest.mark.parametrize("answer", [rest(FILE, 3000, etag='"v2"'), Answer(412), Answer(416)])
async def test_a_file_that_changed_starts_over(tmp_path: Path, answer: Answer) -> None:
    """Bytes of two versions never meet in one file."""
    end, storage = await bring(tmp_path, whole(video(salt=1), upto=3000), answer, whole(FILE, etag='"v2"'))
    assert_saved(end, tmp_path)
    assert storage.requests[2] == {}


async def test_wrong_bytes_after_a_resume_start_over(tmp_path: Path) -> None:
    """A file that has not the md5 that storage names is fetched again from byte 0, and only the right one saved."""
    mixed = video(salt=1)
    end, storage = await bring(tmp_path, whole(FILE, upto=3000), rest(FILE, 3000, body=mixed[3000:]), whole(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[2] == {}


async def test_bytes_that_stay_wrong_are_given_up(tmp_path: Path) -> None:
    """A body that never has the named hash is asked for again a few times, then nothing of it is left."""
    wrong = whole(FILE, body=FILE[:1000] + b"?" + FILE[1001:])
    end, storage = await bring(tmp_path, wrong)
    assert_abandoned(end, tmp_path, "md5")
    assert len(storage.requests) == 5
    assert names(tmp_path) == []


async def test_a_close_without_length_is_seen(tmp_path: Path) -> None:
    """A body that ends early without saying so is continued: the boxes tell that it is not whole."""
    headers = {"etag": '"v1"'}
    end, storage = await bring(tmp_path, Answer(200, headers, FILE[:-1]), honest(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[1]["Range"] == f"bytes={len(FILE) - 1}-"


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_dead_link_asks_for_a_fresh_one(tmp_path: Path, status: int) -> None:
    """It is not tried twice."""
    end, storage = await bring(tmp_path, Answer(status, {}, b"<Error><Code>NoSuchKey</Code></Error>"))
    assert end == LinkExpired()
    assert len(storage.requests) == 1


async def test_an_expired_token_asks_for_a_fresh_link(tmp_path: Path) -> None:
    """Storage says 400 for a signed link that ran out; any other 400 is given up."""
    expired, _ = await bring(tmp_path, Answer(400, {}, b"<Error><Code>ExpiredToken</Code></Error>"))
    assert expired == LinkExpired()
    other, _ = await bring(tmp_path, Answer(400, {}, b"<Error><Code>InvalidArgument</Code></Error>"))
    assert_abandoned(other, tmp_path, "400", "InvalidArgument")


@pytest.mark.parametrize("trouble", [Answer(503), Answer(429), Answer(500), TransportError("reset", None)])
async def test_trouble_passes(tmp_path: Path, trouble: Answer | TransportError) -> None:
    """Storage is asked again after a pause, and what comes then is saved."""
    end, storage = await bring(tmp_path, trouble, trouble, whole(FILE))
    assert_saved(end, tmp_path)
    assert storage.asked[0][0] < storage.asked[1][0] < storage.asked[2][0]


async def test_trouble_that_stays_is_given_up(tmp_path: Path) -> None:
    """Five answers without a byte end it within two minutes, and nothing is left in the folder."""
    end, storage = await bring(tmp_path, Answer(503, {}, b"<Error>SlowDown</Error>"))
    assert_abandoned(end, tmp_path, "503", "SlowDown")
    assert len(storage.asked) == 5
    assert storage.asked[-1][0] < 120
    assert names(tmp_path) == []


async def test_retry_after_is_obeyed(tmp_path: Path) -> None:
    """The second request comes no earlier than storage asked."""
    _, storage = await bring(tmp_path, Answer(503, {"retry-after": "40"}), whole(FILE))
    assert 40 <= storage.asked[1][0] <= 44


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/xml", "video/mp4"])
async def test_a_page_is_no_video(tmp_path: Path, kind: str) -> None:
    """An error page that comes with 200 is quoted, without links' secrets, and never saved."""
    page = b"<html><body>Blocked: https://storage.example/x?X-Goog-Signature=c0ffee</body></html>"
    end, _ = await bring(tmp_path, Answer(200, {"content-type": kind}, page))
    assert_abandoned(end, tmp_path, "Blocked", "[redacted]")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html"])
async def test_a_video_that_is_called_a_page_is_saved(tmp_path: Path, kind: str) -> None:
    """Whatever type its object was given, from its beginning and from where it broke off: the bytes tell."""
    first, second = whole(FILE, upto=3000), rest(FILE, 3000)
    end, storage = await bring(
        tmp_path,
        *(attrs.evolve(answer, headers={**answer.headers, "content-type": kind}) for answer in (first, second)),
    )
    assert_saved(end, tmp_path)
    assert len(storage.requests) == 2


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(302, {"location": "http://169.254.169.254/"}), "redirects"),
        (Answer(200, {"content-encoding": "gzip"}, b"\x1f\x8b"), "compressed"),
        (Answer(200, {"content-length": "3000000000"}, FILE), "limit"),
        (DownloadError("the service gave a link that is not https"), "https"),
    ],
)
async def test_what_cannot_become_right_is_not_tried_twice(
    tmp_path: Path, answer: Answer | Exception, word: str
) -> None:
    """One request, and the event says why."""
    end, storage = await bring(tmp_path, answer)
    assert_abandoned(end, tmp_path, word)
    assert len(storage.requests) == 1


async def test_an_endless_body_is_cut(tmp_path: Path) -> None:
    """Without a length, the limit counts what comes, and nothing is left of it."""
    limits = DownloadLimits(max_bytes=4000, aggregate_bytes=1500)
    end, _ = await bring(tmp_path, Answer(200, {}, video(100_000)), limits=limits)
    assert_abandoned(end, tmp_path, "limit")
    assert names(tmp_path) == []


async def test_a_video_of_another_length_is_refused(tmp_path: Path) -> None:
    """Two seconds more than asked are not the video; the file has its hash, so it is not fetched twice."""
    end, storage = await bring(tmp_path, whole(FILE), duration=3)
    assert_abandoned(end, tmp_path, "5.042")
    assert len(storage.requests) == 1


async def test_a_stall_is_noticed_and_continued(tmp_path: Path) -> None:
    """A body that hangs is left after the window, and its bytes are kept."""
    end, storage = await bring(tmp_path, whole(FILE, upto=2500, hangs=True), honest(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[1]["Range"] == "bytes=2500-"
    assert 60 <= storage.asked[1][0] < 62


async def test_a_trickle_is_given_up(tmp_path: Path) -> None:
    """A byte a second is no transfer, however long it lasts."""
    slow = Answer(200, {"etag": '"v1"'}, video(10**6), piece_bytes=1, delay=1.0)
    end, storage = await bring(tmp_path, slow)
    assert_abandoned(end, tmp_path, "1024 bytes a second")
    assert 300 <= storage.asked[-1][0] + 60 < 400


async def test_a_slow_line_is_not_a_trickle(tmp_path: Path) -> None:
    """Two KiB a second for ten minutes is a download."""
    data = video(1200 * 1024)
    end, storage = await bring(tmp_path, whole(data, piece_bytes=1024, delay=0.5), limits=DownloadLimits())
    assert_saved(end, tmp_path, data)
    assert len(storage.requests) == 1


async def test_pieces_of_two_bytes_take_no_more_memory_than_large_ones(tmp_path: Path) -> None:
    """A server that sends in the smallest of chunks is collected like any other, to the byte."""
    data = video(2**17)
    tracemalloc.start()
    try:
        end, _ = await bring(tmp_path, whole(data, piece_bytes=2), limits=DownloadLimits())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_saved(end, tmp_path, data)
    assert peak_bytes < 2**20


async def test_cancellation_leaves_the_part_for_the_next_run(tmp_path: Path) -> None:
    """The bytes that came are continued by another process, which reads them for the hash."""
    with anyio.move_on_after(5.0) as scope:
        await bring(tmp_path, whole(FILE, upto=3000, hangs=True), limits=DownloadLimits(aggregate_bytes=1000))
    assert scope.cancelled_caught
    assert names(tmp_path) == ["cat.mp4.part", "cat.mp4.part.version"]
    end, storage = await bring(tmp_path, honest(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests == [{"Range": "bytes=2560-", "If-Range": '"v1"'}]


@pytest.mark.parametrize(("size_bytes", "asked"), [(5120, "bytes=5120-"), (5119, "bytes=4608-")])
async def test_a_part_that_was_whole_is_published(tmp_path: Path, size_bytes: int, asked: str) -> None:
    """A run that was killed before it published needs no byte more than its last sector, and none if that was whole."""
    data = video(size_bytes)
    (tmp_path / "cat.mp4.part").write_bytes(data)
    (tmp_path / "cat.mp4.part.version").write_text('"v1"')
    end, storage = await bring(tmp_path, honest(data))
    assert_saved(end, tmp_path, data)
    assert [asked] == [request["Range"] for request in storage.requests]


async def test_a_spoiled_part_is_not_published(tmp_path: Path) -> None:
    """Bytes that changed on the disk between two runs are noticed by the hash, and fetched again."""
    (tmp_path / "cat.mp4.part").write_bytes(bytes(3000))
    (tmp_path / "cat.mp4.part.version").write_text('"v1"')
    end, storage = await bring(tmp_path, honest(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[-1] == {}


@pytest.mark.fault(19)
@pytest.mark.parametrize("held_bytes", [30_208, 20_480], ids=["whole", "the first bytes"])
async def test_a_part_with_a_page_of_zeros_is_not_published(tmp_path: Path, held_bytes: int) -> None:
    """As a power cut leaves it: the length is right, the boxes are whole, and storage names no hash to tell by."""
    data = video(30_208)
    (tmp_path / "cat.mp4.part").write_bytes(data[:16_384] + bytes(4096) + data[20_480:held_bytes])
    (tmp_path / "cat.mp4.part.version").write_text('"v1"')
    end, storage = await bring(tmp_path, _unnamed(honest(data)))
    assert_saved(end, tmp_path, data)
    assert [f"bytes={held_bytes}-", None] == [asked.get("Range") for asked in storage.requests]


@pytest.mark.fault(19)
@pytest.mark.parametrize("lost_bytes", [1, 300, 511])
async def test_a_part_with_zeros_at_its_end_is_not_published(tmp_path: Path, lost_bytes: int) -> None:
    """Too few to be told from a video's own: the last page of a part is fetched anew."""
    data = video(30_000)
    (tmp_path / "cat.mp4.part").write_bytes(data[:20_480] + bytes(lost_bytes))
    (tmp_path / "cat.mp4.part.version").write_text('"v1"')
    end, storage = await bring(tmp_path, _unnamed(honest(data)))
    assert_saved(end, tmp_path, data)
    assert ["bytes=20480-"] == [asked.get("Range") for asked in storage.requests]


def _unnamed(serve: Callable[[Mapping[str, str]], Answer]) -> Callable[[Mapping[str, str]], Answer]:
    """A storage that names no hash."""

    def answer(headers: Mapping[str, str]) -> Answer:
        named = serve(headers)
        return attrs.evolve(named, headers={**named.headers, "x-goog-hash": ""})

    return answer


async def test_a_file_of_another_content_is_never_replaced(tmp_path: Path) -> None:
    """The user's file under the final name is left as it was, and the event names it."""
    (tmp_path / "cat.mp4").write_text("mine")
    end, _ = await bring(tmp_path, whole(FILE))
    assert isinstance(end, Abandoned)
    assert "cat.mp4" in end.problem
    assert (tmp_path / "cat.mp4").read_text() == "mine"


async def test_a_file_that_was_saved_already_is_taken(tmp_path: Path) -> None:
    """A run that was killed after it published finds its own file there, and calls it saved."""
    (tmp_path / "cat.mp4").write_bytes(FILE)
    end, _ = await bring(tmp_path, whole(FILE))
    assert_saved(end, tmp_path)


async def test_events_do_not_name_what_storage_is_not_to_know(tmp_path: Path) -> None:
    """Only `Range` and `If-Range` are ever sent."""
    answers = [whole(FILE, upto=2000), Answer(503), whole(FILE, upto=1000), honest(FILE)]
    _, storage = await bring(tmp_path, *answers)
    assert {name for headers in storage.requests for name in headers} == {"Range", "If-Range"}


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(1, 4000), st.integers(300, 4000), st.lists(st.integers(0, 5000), max_size=4)
)
def test_any_chunking_and_any_resume_point_give_the_same_file(
    seed: int, piece_bytes: int, aggregate_bytes: int, cuts: list[int]
) -> None:
    """However the body is cut, aggregated and broken off, in however many runs, the saved file is storage's."""

    async def scenario(folder: Path) -> None:
        rng = random.Random(seed)
        limits = DownloadLimits(aggregate_bytes=aggregate_bytes)
        for cut in cuts:
            hangs = rng.random() < 0.5
            serve = flaky(FILE, cut, piece_bytes, hangs=hangs)
            with anyio.move_on_after(rng.choice([0.0, 30.0, 90.0])):
                await bring(folder, serve, serve, honest(FILE) if rng.random() < 0.2 else serve, limits=limits)
            assert not (folder / "cat.mp4").exists() or (folder / "cat.mp4").read_bytes() == FILE
        end, _ = await bring(folder, honest(FILE, piece_bytes=piece_bytes), limits=limits)
        assert_saved(end, folder)

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(scenario, Path(folder), backend_options={"loop_factory": VirtualTimeLoop})


@pytest.mark.parametrize("is_native", [False, True], ids=["by a scope", "by the task"])
async def test_a_cancellation_anywhere_leaves_the_next_run_whole(tmp_path: Path, is_native: bool) -> None:
    """Cancelled at its n-th wait, for every n, a download leaves no half file, and the next run saves the video.

    A scope does not cut between the file's appearance and the event that tells of it; a task's cancellation may.
    """
    cancelled = 0
    for step in range(1, 1000):
        folder = tmp_path / str(step)
        is_cancelled, end = await _cancelled(folder, step, is_native=is_native)
        if not is_cancelled:
            break
        cancelled += 1
        final = folder / "cat.mp4"
        assert not final.exists() or final.read_bytes() == FILE
        assert is_native or final.exists() == isinstance(end, Saved)
        assert_saved((await bring(folder, honest(FILE)))[0], folder)
    assert cancelled >= 12


async def _cancelled(folder: Path, step: int, *, is_native: bool) -> tuple[bool, DownloadEnd | None]:
    """One download, cancelled at its `step`-th wait, if it has so many; and what it came to."""
    end: DownloadEnd | None = None
    task = asyncio.current_task()
    assert task is not None
    scope, coroutine = anyio.CancelScope(), bring(folder, whole(FILE, upto=3100), honest(FILE))
    run = CancelAt(step, coroutine, task.cancel if is_native else scope.cancel)
    with scope:
        try:
            end, _ = await run
        except asyncio.CancelledError:
            if not is_native:
                raise
            task.uncancel()
    return run.left <= 0, end


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN]
)
@pytest.mark.parametrize("room", [0, 2000])
async def test_a_full_disk_is_named(number: int, room: int) -> None:
    """The place's refusal ends the download at once, says which it was, and closes the part."""
    sink = SmallSink(room, OSError(number, os.strerror(number)))
    storage = Storage([whole(FILE)])
    end = await download(storage, sink, "cat.mp4", URL, duration=5, rng=random.Random(7), limits=SHORT)
    assert isinstance(end, Abandoned)
    assert end.obstacle is Obstacle.NO_ROOM
    assert errno.errorcode[number] in end.problem
    assert len(storage.requests) == 1
    assert sink.open_parts == 0


async def test_a_folder_that_leads_nowhere_is_not_a_name_that_is_taken(tmp_path: Path) -> None:
    """A link to a disk that was taken out: no other name would help, and the missing one is told."""
    folder = tmp_path / "out"
    folder.symlink_to(tmp_path / "taken out")
    end = await download(
        Storage([whole(FILE)]), DirectorySink(folder), "cat.mp4", URL, duration=5, rng=random.Random(7)
    )
    assert isinstance(end, Abandoned)
    assert end.obstacle is Obstacle.NO_ROOM
    assert "No such file or directory" in end.problem


async def _save_in(folder: Path, name: str = "cat.mp4") -> DownloadEnd:
    return await download(
        Storage([whole(FILE)]), DirectorySink(folder), name, URL, duration=5, rng=random.Random(7), limits=SHORT
    )


def _read_only(folder: Path) -> None:
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("root may write anywhere")


@pytest.mark.fault(32)
@pytest.mark.parametrize("close", [Path.touch, _read_only])
async def test_a_folder_that_takes_no_file_is_told(tmp_path: Path, close: Callable[[Path], None]) -> None:
    """It would take no other video either: what is not paid for yet need not be."""
    close(tmp_path / "out")
    end = await _save_in(tmp_path / "out")
    assert isinstance(end, Abandoned)
    assert end.obstacle is Obstacle.NO_ROOM


@pytest.mark.fault(32)
@pytest.mark.parametrize("name", ["cat.mp4", "x" * 300 + ".mp4"], ids=["its part is a folder", "too long"])
async def test_a_name_that_is_refused_says_nothing_of_the_folder(tmp_path: Path, name: str) -> None:
    """The next video can be saved under its own, and nothing is left of the look."""
    (tmp_path / "cat.mp4.part").mkdir()
    end = await _save_in(tmp_path, name)
    assert isinstance(end, Abandoned)
    assert end.obstacle is None
    assert names(tmp_path) == ["cat.mp4.part"]
    assert isinstance(await _save_in(tmp_path, "dog.mp4"), Saved)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_a_want_of_file_descriptors_says_nothing_of_the_folder(tmp_path: Path) -> None:
    """It passes when other downloads end: the sending of a whole batch is not stopped for it."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        end = await _save_in(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert isinstance(end, Abandoned)
    assert ("Too many open files" in end.problem, end.obstacle) == (True, None)


async def test_a_name_that_is_taken_is_told_without_secrets() -> None:
    """Whatever a sink of somebody's own says: the link that it stores at is nobody's to read."""
    sink = SmallSink(0, FileExistsError(f"PUT {URL} answered 412"))
    end = await download(
        Storage([whole(FILE)]), sink, "cat.mp4", URL, duration=5, rng=random.Random(7), limits=SHORT
    )
    assert isinstance(end, Abandoned)
    assert end.obstacle is Obstacle.NAME_TAKEN
    assert "https://storage.example/video.mp4?[redacted] answered 412; it was not replaced" in end.problem


async def test_a_sink_need_not_be_a_folder() -> None:
    """A place that can append and cannot resume, such as an object store, takes a video that broke off."""
    sink = SmallSink(10**6, OSError())
    end = await download(
        Storage([whole(FILE, upto=3000), honest(FILE)]), sink, "cat.mp4", URL, duration=5, rng=random.Random(7)
    )
    assert end == Saved(path="small:cat.mp4", size_bytes=len(FILE), sha256=hashlib.sha256(FILE).hexdigest())
    assert (sink.files, sink.open_parts) == ({"cat.mp4": FILE}, 0)


async def test_a_write_is_not_cut_by_cancellation() -> None:
    """A sink is never left in the middle of a write: the cancellation waits for it, and for no other."""
    sink = SmallSink(10**6, OSError(), delay=5.0)
    with anyio.move_on_after(7.0) as scope:
        await download(
            Storage([whole(FILE)]), sink, "cat.mp4", URL, duration=5, rng=random.Random(7), limits=SHORT
        )
    assert scope.cancelled_caught
    assert anyio.current_time() == 10.0
    assert (sink.open_parts, sink.sizes_at_close) == (0, [4000])


async def test_an_end_before_the_length_is_continued(tmp_path: Path) -> None:
    """A body that stops short of its content-length without an error is not judged as if it were whole."""
    end, storage = await bring(tmp_path, whole(FILE, body=FILE[:3000]), honest(FILE))
    assert_saved(end, tmp_path)
    assert storage.requests[1]["Range"] == "bytes=3000-"
