"""The folder sink shows whole files only, follows nothing that was planted, and replaces nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from pixverse_async._core.errors import ConfigError
from pixverse_async._core.integrity import Check
from pixverse_async._core.mp4 import Bytes
from pixverse_async._core.transfer import TryAgain
from pixverse_async._edge import part_file
from pixverse_async._edge.directory import DirectoryPart, DirectorySink, FolderSync
from pixverse_async._edge.part_file import WRITE_BYTES, PartFile

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()


def names(folder: Path) -> list[str]:
    """What is in the folder."""
    return sorted(path.name for path in folder.iterdir())


class CountingPool(ThreadPoolExecutor):
    """Counts what it is given."""

    count = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.count += 1
        return super().submit(fn, *args, **kwargs)


class TellingPool(ThreadPoolExecutor):
    """Tells of the end of each work."""

    def __init__(self, threads: int, on_end: Callable[[], None]) -> None:
        super().__init__(threads)
        self._on_end = on_end

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        work = super().submit(fn, *args, **kwargs)
        work.add_done_callback(lambda _: self._on_end())
        return work


def content(place: str) -> bytes:
    """What is at a place."""
    return Path(place).read_bytes()


async def test_the_name_appears_with_the_last_byte_only(tmp_path: Path) -> None:
    """Until commit the final name does not exist; after it, it holds all and is alone."""
    sink = DirectorySink(tmp_path / "new" / "folder")
    part = await sink.open("cat.mp4")
    for start in range(0, len(DATA), 3000):
        await part.write([DATA[start : start + 3000]])
        assert not await sink.exists("cat.mp4")
    place = await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert Path(place) == tmp_path / "new" / "folder" / "cat.mp4"
    assert content(place) == DATA
    assert names(sink.folder) == ["cat.mp4"]
    assert await sink.exists("cat.mp4")


async def test_pieces_are_hashed_and_written_in_one_hop(tmp_path: Path) -> None:
    """All of them are fed in order, by one thread, which is not the loop's."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    seen, threads = bytearray(), list[int]()

    def feed(piece: Bytes) -> None:
        seen.extend(piece)
        threads.append(threading.get_ident())

    await part.hash_and_write([DATA[:1], DATA[1:5000], DATA[5000:]], feed)
    assert content(await part.commit(len(DATA), SHA256)) == DATA
    assert bytes(seen) == DATA
    assert [threads[0]] * 3 == threads
    assert threading.get_ident() not in threads


async def test_a_saved_file_is_nobody_elses_to_write(tmp_path: Path) -> None:
    """Its mode is at most 0644, and never that of a temporary file."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.write([DATA])
    await part.commit(len(DATA), SHA256)
    mode = stat.S_IMODE((tmp_path / "cat.mp4").stat().st_mode)
    assert mode | 0o644 == 0o644
    assert mode & 0o600 == 0o600


async def test_a_closed_part_is_taken_up_again(tmp_path: Path) -> None:
    """Another process finds the bytes, their version, and reads them in order."""
    first = await DirectorySink(tmp_path).open("cat.mp4")
    await first.restart('"v1"')
    await first.write([DATA[:7168]])
    await first.aclose()
    second = await DirectorySink(tmp_path).open("cat.mp4")
    assert (second.received_bytes, second.validator) == (7168, '"v1"')
    seen = bytearray()
    await second.replay(seen.extend)
    await second.write([DATA[7168:]])
    assert bytes(seen) == DATA[:7168]
    assert content(await second.commit(len(DATA), SHA256)) == DATA
    await second.aclose()
    assert names(tmp_path) == ["cat.mp4"]


async def test_bytes_that_fill_no_sector_are_not_taken_up(tmp_path: Path) -> None:
    """Zeros in the last page of a file are no sign of a power cut while they are few; the rest follows in its order."""
    first = await DirectorySink(tmp_path).open("cat.mp4")
    await first.restart('"v1"')
    await first.write([DATA[:7168], bytes(511)])
    await first.aclose()
    second = await DirectorySink(tmp_path).open("cat.mp4")
    assert (second.received_bytes, second.validator) == (7168, '"v1"')
    await second.write([DATA[7168:]])
    assert content(await second.commit(len(DATA), SHA256)) == DATA


async def test_restart_forgets_bytes_and_version(tmp_path: Path) -> None:
    """What was held of another version is in no file afterwards."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([b"old" * 3_000_000])
    assert names(tmp_path) == ["cat.mp4.part", "cat.mp4.part.version"]
    await part.restart('"v2"')
    assert (part.received_bytes, part.validator) == (0, '"v2"')
    assert names(tmp_path) == ["cat.mp4.part"]
    await part.write([DATA])
    assert content(await part.commit(len(DATA), SHA256)) == DATA


async def test_a_long_part_survives_a_kill(tmp_path: Path) -> None:
    """From 4 MiB on the version is noted while the part is open: no orderly end is needed."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([bytes(4 * 2**20)])
    left = shutil.copytree(tmp_path, tmp_path / "as a kill would leave it")
    after_kill = await DirectorySink(left).open("cat.mp4")
    assert (after_kill.received_bytes, after_kill.validator) == (4 * 2**20, '"v1"')
    await after_kill.aclose()
    await part.aclose()


async def save(place: Path, data: bytes) -> str:
    """A download of its own, in pieces; the others get their turns in between."""
    part = await DirectorySink(place).open("cat.mp4")
    try:
        await part.restart('"v1"')
        for start in range(0, len(data), 1000):
            await part.write([data[start : start + 1000]])
        return await part.commit(len(data), hashlib.sha256(data).hexdigest())
    finally:
        await part.aclose()


async def test_of_downloads_to_one_name_one_saves_it(tmp_path: Path) -> None:
    """Two that append to one part would make a video of neither; who comes second is refused, or finds it there."""
    saved: list[bytes] = []
    problems: list[str] = []

    async def one(data: bytes) -> None:
        try:
            await save(tmp_path, data)
            saved.append(data)
        except OSError as problem:
            problems.append(str(problem.strerror))

    async with anyio.create_task_group() as group:
        for n in range(8):
            group.start_soon(one, bytes([n]) * 20_000)
    assert 1 == len(saved)
    assert saved[0] == (tmp_path / "cat.mp4").read_bytes()
    assert {"another download is saving to the same name", "File exists"} >= set(problems)
    assert names(tmp_path) == ["cat.mp4"]


def append(part: Path) -> None:
    """What another download does to a part that it shares."""
    with part.open("ab") as file:
        file.write(b"of another")


def supplant(part: Path) -> None:
    """What it does when it has removed that part, and made its own."""
    part.unlink()
    part.write_bytes(bytes(len(DATA)))


@pytest.mark.parametrize("meddle", [append, supplant])
async def test_where_there_are_no_locks_a_part_that_another_wrote_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Path], None]
) -> None:
    """As on some network file systems, which cannot be mounted here: it is not what was received, and is left."""

    def no_locks(_: int) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(part_file, "try_lock", no_locks)
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.write([DATA])
    meddle(tmp_path / "cat.mp4.part")
    with pytest.raises(OSError, match="another download"):
        await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert "cat.mp4" not in names(tmp_path)


async def test_a_part_that_was_taken_away_is_not_said_to_be_anothers(tmp_path: Path) -> None:
    """With its folder, by somebody who cleans up: the error names what is missing."""
    part = await DirectorySink(tmp_path / "out").open("cat.mp4")
    await part.write([DATA])
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"out/cat\.mp4\.part"):
        await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
async def test_a_refused_opening_leaves_no_file_open(tmp_path: Path) -> None:
    """A batch of thousands would run out of them."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.write([DATA])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(OSError, match="another download"):
            await DirectorySink(tmp_path).open("cat.mp4")
    assert before == len(list(Path("/proc/self/fd").iterdir()))
    await part.aclose()


async def test_a_part_that_was_published_while_it_was_opened_is_left_alone(tmp_path: Path) -> None:
    """A thousand openings beside another download's ends: no saved video is cut, and each opening has a part."""
    for n in range(100):
        name = f"{n}.mp4"
        part = await DirectorySink(tmp_path).open(name)
        await part.write([DATA])

        async def open_again(name: str = name) -> None:
            for _ in range(10):
                with contextlib.suppress(OSError):
                    await (await DirectorySink(tmp_path).open(name)).aclose()

        async with anyio.create_task_group() as group:
            group.start_soon(open_again)
            await part.commit(len(DATA), SHA256)
        await part.aclose()
        assert DATA == (tmp_path / name).read_bytes()


async def test_the_note_of_a_long_part_goes_with_it(tmp_path: Path) -> None:
    """The video is left alone under its name."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([bytes(4 * 2**20)])
    assert names(tmp_path) == ["cat.mp4.part", "cat.mp4.part.version"]
    await part.commit(4 * 2**20, "")
    assert names(tmp_path) == ["cat.mp4"]


async def test_bytes_without_a_version_are_not_taken_up(tmp_path: Path) -> None:
    """Nobody knows of what file they are."""
    (tmp_path / "cat.mp4.part").write_bytes(b"stale")
    part = await DirectorySink(tmp_path).open("cat.mp4")
    assert (part.received_bytes, part.validator) == (0, None)
    await part.write([DATA])
    assert content(await part.commit(len(DATA), SHA256)) == DATA


@pytest.mark.parametrize("has_looked", [True, False])
async def test_a_note_without_its_part_is_of_no_bytes(tmp_path: Path, has_looked: bool) -> None:
    """Somebody removed the part alone: what is written anew is noted as what it is."""
    sink = DirectorySink(tmp_path)
    if has_looked:
        await sink.prepare()
    (tmp_path / "cat.mp4.part.version").write_text('"v0"')
    part = await sink.open("cat.mp4")
    assert (part.received_bytes, part.validator) == (0, None)
    await part.restart('"v1"')
    await part.write([DATA])
    await part.aclose()
    assert content(str(tmp_path / "cat.mp4.part.version")) == b'"v1"'


async def test_a_note_that_a_full_disk_left_empty_goes_too(tmp_path: Path) -> None:
    """It names no version, so the bytes are of no use; and nothing of either is left beside the video."""
    (tmp_path / "cat.mp4.part").write_bytes(b"stale")
    (tmp_path / "cat.mp4.part.version").touch()
    sink = DirectorySink(tmp_path)
    await sink.prepare()
    part = await sink.open("cat.mp4")
    await part.write([DATA])
    assert content(await part.commit(len(DATA), SHA256)) == DATA
    assert names(tmp_path) == ["cat.mp4"]


def _symlink(victim: Path, part: Path) -> None:
    part.symlink_to(victim)


def _hard_link(victim: Path, part: Path) -> None:
    part.hardlink_to(victim)


@pytest.mark.fault(28)
@pytest.mark.parametrize("plant", [_symlink, _hard_link])
@pytest.mark.parametrize("suffix", [".part", ".part.version"])
async def test_a_planted_link_is_not_written_through(
    tmp_path: Path, plant: Callable[[Path, Path], None], suffix: str
) -> None:
    """The file that it leads to keeps its bytes, and the video still arrives."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "out"
    folder.mkdir()
    plant(victim, folder / f"cat.mp4{suffix}")
    part = await DirectorySink(folder).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([DATA])
    await part.aclose()
    part = await DirectorySink(folder).open("cat.mp4")
    assert part.received_bytes == len(DATA)
    assert content(await part.commit(len(DATA), SHA256)) == DATA
    assert victim.read_bytes() == b"precious"
    assert names(folder) == ["cat.mp4"]


@pytest.mark.fault(28)
@pytest.mark.parametrize("suffix", [".part", ".part.version"])
@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir])
def test_what_is_planted_is_not_waited_for(tmp_path: Path, plant: Callable[[Path], None], suffix: str) -> None:
    """A pipe that nobody writes to, or a folder: the part is opened without its note, or it is refused, at once."""
    planted = tmp_path / f"cat.mp4{suffix}"
    plant(planted)
    held: list[int] = []

    def take_up() -> None:
        with contextlib.suppress(IsADirectoryError), contextlib.closing(PartFile(tmp_path / "cat.mp4")) as part:
            held.append(part.received_bytes)

    thread = threading.Thread(target=take_up)
    thread.start()
    thread.join(5.0)
    is_stuck = thread.is_alive()
    if is_stuck:
        os.close(os.open(planted, os.O_RDWR | os.O_NONBLOCK))
    assert not is_stuck
    assert ([0] if plant is os.mkfifo or suffix == ".part.version" else []) == held


def _other_file(final: Path) -> None:
    final.write_bytes(b"mine")


def _dangling(final: Path) -> None:
    final.symlink_to("nowhere")


@pytest.mark.parametrize("occupy", [_other_file, _dangling, Path.mkdir])
async def test_nothing_is_replaced(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    """Whatever has the final name stays what it was; nothing is left of the part, which has no name to get."""
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([DATA])
    occupy(tmp_path / "cat.mp4")
    before = (tmp_path / "cat.mp4").lstat()
    with pytest.raises(FileExistsError):
        await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert (tmp_path / "cat.mp4").lstat().st_ino == before.st_ino
    assert not (tmp_path / "cat.mp4.part").exists()


async def test_the_same_file_is_taken_for_this_one(tmp_path: Path) -> None:
    """A run that was killed between commit and record commits again without an error."""
    (tmp_path / "cat.mp4").write_bytes(DATA)
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.write([DATA])
    assert await part.commit(len(DATA), SHA256) == str(tmp_path / "cat.mp4")
    await part.aclose()
    assert names(tmp_path) == ["cat.mp4"]


async def test_a_kill_between_the_two_names_harms_nothing(tmp_path: Path) -> None:
    """A part that has the final name as well is a finished video: it is left, not written into."""
    (tmp_path / "cat.mp4").write_bytes(DATA)
    (tmp_path / "cat.mp4.part").hardlink_to(tmp_path / "cat.mp4")
    (tmp_path / "cat.mp4.part.version").write_text('"v1"')
    part = await DirectorySink(tmp_path).open("cat.mp4")
    assert part.received_bytes == 0
    await part.write([b"other"])
    await part.discard()
    await part.aclose()
    assert (tmp_path / "cat.mp4").read_bytes() == DATA


@pytest.mark.fault(27)
@pytest.mark.parametrize("name", ["", ".", "..", "../cat.mp4", "/etc/cat.mp4", "a/cat.mp4", "a\\cat.mp4", "a\0"])
async def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is opened for it."""
    with pytest.raises(ConfigError):
        await DirectorySink(tmp_path / "out").open(name)
    assert names(tmp_path) == []


@pytest.mark.parametrize("answer", [errno.EPERM, errno.EINVAL, errno.EACCES])
def test_a_file_system_without_links_still_replaces_nothing(tmp_path: Path, answer: int) -> None:
    """What FAT answers to link(), on Linux and on Windows, and Android: the part is moved, to a free name only."""

    def refuse_links(_from: Path, _to: Path) -> None:
        raise OSError(answer, os.strerror(answer))

    first = PartFile(tmp_path / "cat.mp4", refuse_links)
    first.write(DATA)
    first.publish(len(DATA), SHA256)
    assert names(tmp_path) == ["cat.mp4"]
    second = PartFile(tmp_path / "cat.mp4", refuse_links)
    second.write(b"other")
    with pytest.raises(FileExistsError):
        second.publish(5, hashlib.sha256(b"other").hexdigest())
    second.close()
    assert (tmp_path / "cat.mp4").read_bytes() == DATA


@pytest.mark.parametrize("failure", [None, OSError(errno.EIO, os.strerror(errno.EIO)), MemoryError()])
def test_one_sync_of_the_folder_serves_all_who_wait(tmp_path: Path, failure: Exception | None) -> None:
    """Fifty commits on three threads, all but the first asked while that one's sync ran: they share one of their own.

    One thread syncs and one is the next to; the third is free for all the others. When the first sync fails, all are
    told of it: the kernel says it once, and their names were there by then. Whatever the failure is, nobody waits on.
    """
    began = list[Path]()
    returned = threading.Semaphore(0)

    def sync(folder: Path) -> None:
        began.append(folder)
        if len(began) == 1:
            assert all(returned.acquire(timeout=5.0) for _ in range(48))
            if failure is not None:
                raise failure

    folder_sync = FolderSync(tmp_path, sync)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(folder_sync.publish, lambda: None) for _ in range(50)]
        for one in asked:
            one.add_done_callback(lambda _: returned.release())
    assert [tmp_path] * 2 == began
    ends = [one.result().exception(timeout=0.0) for one in asked]
    assert [(type(failure), *(failure.args if failure else ()))] * 50 == [
        (type(end), *(end.args if end else ())) for end in ends
    ]
    assert folder_sync.publish(lambda: None).exception(timeout=0.0) is None


def test_a_name_that_was_made_before_a_sync_failed_is_not_called_durable(tmp_path: Path) -> None:
    """Also when it did not wait yet: the next sync succeeds, for the kernel has told the failure and forgotten it."""
    failures = [OSError(errno.EIO, os.strerror(errno.EIO))]

    def sync(_: Path) -> None:
        if failures:
            raise failures.pop()

    folder_sync = FolderSync(tmp_path, sync)
    others = list[Future[None]]()
    named = folder_sync.publish(lambda: others.append(folder_sync.publish(lambda: None)))
    for one in (named, *others):
        with pytest.raises(OSError, match="Input/output error"):
            one.result(timeout=0.0)


@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_commit_that_another_ones_sync_serves_holds_no_thread(tmp_path: Path, is_broken: bool) -> None:
    """Of three on three threads one comes back while the first sync runs; none is told its end before it came."""
    returned, ended = threading.Semaphore(0), list[str]()

    def sync(_: Path) -> None:
        if not ended:
            while len(list(tmp_path.glob("*.mp4"))) < 3:
                threading.Event().wait(0.001)
            assert returned.acquire(timeout=5.0)
            ended.append("the first sync")
            if is_broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def commit(part: DirectoryPart) -> None:
        with pytest.raises(OSError, match="Input/output") if is_broken else contextlib.nullcontext():
            await part.commit(len(DATA), SHA256)
        ended.append(part.place)

    folder_sync = FolderSync(tmp_path, sync)
    parts = [
        DirectoryPart(tmp_path / name, folder_sync, name, lambda: None) for name in ("a.mp4", "b.mp4", "c.mp4")
    ]
    for part in parts:
        await part.write([DATA])
    asyncio.get_running_loop().set_default_executor(TellingPool(3, on_end=returned.release))
    async with anyio.create_task_group() as group:
        for part in parts:
            group.start_soon(commit, part)
    assert "the first sync" == ended[0]
    assert names(tmp_path) == ["a.mp4", "b.mp4", "c.mp4"] == sorted(ended[1:])
    for part in parts:
        await part.aclose()


@pytest.mark.parametrize("answer", [errno.EINVAL, errno.EACCES, errno.EIO])
async def test_a_folder_that_knows_no_sync_still_takes_videos(
    tmp_path: Path, answer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced, and where its name cannot be, it is saved all the same; a sync that fails is told."""
    sync_file = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(answer, os.strerror(answer))
        sync_file(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.restart('"v1"')
    await part.write([DATA])
    with pytest.raises(OSError, match="Input/output") if answer == errno.EIO else contextlib.nullcontext():
        assert content(await part.commit(len(DATA), SHA256)) == DATA
    await part.aclose()
    assert names(tmp_path) == ["cat.mp4"]


async def test_an_equal_file_of_somebodys_is_on_the_disk_before_it_is_called_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been copied there a moment ago; only our own bytes are known to be synced."""
    sync_file, synced = os.fsync, list[os.stat_result]()

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor))
        sync_file(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    part = await DirectorySink(tmp_path).open("cat.mp4")
    await part.write([DATA])
    copy = tmp_path / "cat.mp4"
    copy.write_bytes(DATA)
    await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert any(os.path.samestat(facts, copy.stat()) for facts in synced)


async def test_find_tells_whole_from_changed(tmp_path: Path) -> None:
    """Size alone catches a cut file, the hash a changed one; a link or nothing is not the file."""
    sink, place = DirectorySink(tmp_path), tmp_path / "cat.mp4"
    place.write_bytes(DATA)
    (tmp_path / "link").symlink_to(place)
    assert str(place) == await sink.find(str(place), len(DATA), None)
    assert str(place) == await sink.find(str(place), len(DATA), SHA256)
    assert await sink.find(str(place), len(DATA) - 1, None) is None
    assert await sink.find(str(tmp_path / "link"), len(DATA), None) is None
    assert await sink.find(str(tmp_path / "nothing"), 0, None) is None
    place.write_bytes(b"?" + DATA[1:])
    assert await sink.find(str(place), len(DATA), None) is not None
    assert await sink.find(str(place), len(DATA), SHA256) is None


async def test_find_follows_a_folder_that_was_moved(tmp_path: Path) -> None:
    """What was saved under the folder's old path, absolute or relative, is found under its new one."""
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "cat.mp4").write_bytes(DATA)
    for place in (str(tmp_path / "before" / "cat.mp4"), "videos/cat.mp4", "cat.mp4"):
        assert str(moved / "cat.mp4") == await DirectorySink(moved).find(place, len(DATA), SHA256)


async def test_prepare_refuses_a_place_that_takes_nothing(tmp_path: Path) -> None:
    """A folder is made; a file in its place is an error that names it, before anything is paid."""
    await DirectorySink(tmp_path / "a" / "b").prepare()
    assert names(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^output_dir: .*file: it exists and is not a folder\. Give a folder"):
        await DirectorySink(tmp_path / "file").prepare()
    with pytest.raises(ConfigError, match=r"within: a part of the path is not a folder\."):
        await DirectorySink(tmp_path / "file" / "within").prepare()


async def test_a_video_of_one_aggregate_takes_one_hop_and_a_sync(tmp_path: Path) -> None:
    """Its file is made, hashed, judged and published by one thread; a new name in a known folder costs no look."""
    sink, check, hops = DirectorySink(tmp_path), Check({}), CountingPool()
    await sink.prepare()
    asyncio.get_running_loop().set_default_executor(hops)
    part = await sink.open("cat.mp4")
    await part.restart('"v1"')
    assert await part.finish([DATA[:5], DATA[5:]], check, lambda: None) is None
    await part.aclose()
    assert (content(part.place), check.sha256) == (DATA, SHA256)
    assert hops.count == 1


@pytest.mark.parametrize("name", ["Cat.mp4", "cat.mp4", "cat.mp4.part"])
async def test_a_name_that_was_free_at_the_look_takes_no_thread(tmp_path: Path, name: str) -> None:
    """What lay there, a part too and in any case, is looked for each time; what did not is free until it is opened."""
    (tmp_path / name).touch()
    hops = CountingPool()
    asyncio.get_running_loop().set_default_executor(hops)
    sink = DirectorySink(tmp_path)
    await sink.prepare()
    looked = hops.count
    assert not await sink.exists("dog.mp4")
    await (await sink.open("dog.mp4")).aclose()
    assert hops.count == looked
    assert await sink.exists(name)
    (tmp_path / "dog.mp4").touch()
    assert await sink.exists("dog.mp4")
    (tmp_path / name).unlink()
    assert not await sink.exists(name)


async def test_a_sink_that_met_anothers_file_looks_for_every_name(tmp_path: Path) -> None:
    """A file that came since the look is not replaced; after the first of them, none is overlooked."""
    sink = DirectorySink(tmp_path)
    await sink.prepare()
    for name in ("cat.mp4", "dog.mp4"):
        (tmp_path / name).write_bytes(b"mine")
    part = await sink.open("cat.mp4")
    await part.write([DATA])
    assert not await sink.exists("dog.mp4")
    with pytest.raises(FileExistsError):
        await part.commit(len(DATA), SHA256)
    await part.aclose()
    assert content(str(tmp_path / "cat.mp4")) == b"mine"
    assert await sink.exists("dog.mp4")


async def test_a_file_with_a_flaw_is_not_published(tmp_path: Path) -> None:
    """What is judged is the whole file; its bytes are left to whoever decides what to do about it."""
    sink, check = DirectorySink(tmp_path), Check({})
    part = await sink.open("cat.mp4")
    await part.write([DATA[:5]])
    check.feed(DATA[:5])
    flaw = TryAgain(why="no")
    assert await part.finish([DATA[5:]], check, lambda: flaw if part.received_bytes == len(DATA) else None) is flaw
    assert (names(tmp_path), part.received_bytes) == (["cat.mp4.part"], len(DATA))
    await part.aclose()


async def test_bytes_that_came_since_the_look_are_not_taken_for_ours(tmp_path: Path) -> None:
    """Another process's part, made after the sink looked, is overwritten from its beginning."""
    sink = DirectorySink(tmp_path)
    await sink.prepare()
    other = await DirectorySink(tmp_path).open("cat.mp4")
    await other.restart('"v0"')
    await other.write([b"other"])
    await other.aclose()
    part = await sink.open("cat.mp4")
    assert (part.received_bytes, part.validator) == (0, None)
    await part.restart('"v1"')
    await part.write([DATA])
    assert (part.received_bytes, part.validator) == (len(DATA), '"v1"')
    assert content(await part.commit(len(DATA), SHA256)) == DATA
    assert names(tmp_path) == ["cat.mp4"]


@pytest.mark.parametrize("is_before", [True, False])
async def test_a_part_is_taken_up_by_a_sink_that_looked(tmp_path: Path, is_before: bool) -> None:
    """What an earlier run left is seen by the look, and what this one left is remembered."""
    sink = DirectorySink(tmp_path)
    if not is_before:
        await sink.prepare()
    first = await (DirectorySink(tmp_path) if is_before else sink).open("cat.mp4")
    await first.restart('"v1"')
    await first.write([DATA[:7168]])
    await first.aclose()
    if is_before:
        await sink.prepare()
    second = await sink.open("cat.mp4")
    assert (second.received_bytes, second.validator) == (7168, '"v1"')
    await second.discard()
    await second.aclose()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "sizes", [[1], [WRITE_BYTES], [WRITE_BYTES + 1], [3 * WRITE_BYTES, 7], [5] * 2000, [0, 3, 0, 9]]
)
def test_pieces_of_any_size_are_appended_in_order(tmp_path: Path, sizes: list[int]) -> None:
    """A long piece takes several writes, short ones share one."""
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes, 1)]
    part = PartFile(tmp_path / "cat.mp4")
    part.writelines(iter(pieces))
    part.write(b"end")
    part.close()
    assert part.part_path.read_bytes() == b"".join(pieces) + b"end"
    assert part.received_bytes == sum(sizes) + 3


@pytest.mark.fault(30)
def test_what_a_full_disk_took_is_counted(tmp_path: Path) -> None:
    """A limit on the file's size cuts a write of several pieces in the middle; the next one refuses."""
    script = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from pixverse_async._edge.part_file import WRITE_BYTES, PartFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
part = PartFile(Path({str(tmp_path / "cat.mp4")!r}))
try:
    part.writelines([b"a" * 1000] * 4)
except OSError as problem:
    print(problem.errno, part.received_bytes)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(errno.EFBIG), "2500"]
    assert (tmp_path / "cat.mp4.part").read_bytes() == b"a" * 2500
