"""The journal under real faults: a second process, SIGKILL, a full disk, a disk that cannot sync.

The numbers are the rows of the fault matrix that the tests are for.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from pixverse_async._core.errors import JournalError
from pixverse_async._core.events import StatusSeen, SubmitAccepted
from pixverse_async._core.journal_format import event_line, header_line, read_journal
from pixverse_async._core.lifecycle import State
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.journal_file import COMPACT_ABOVE_BYTES, open_journal
from tests.crash.journal_child import STARTED

ROOT = Path(__file__).parents[2]
Child = subprocess.Popen[str]


@contextmanager
def child(path: Path, **environ: str) -> Generator[Child]:
    command = [sys.executable, "-m", "tests.crash.journal_child", str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environ}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: Child, command: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{command}\n")
    process.stdin.flush()


def answer(process: Child) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def on_disk(path: Path) -> set[str]:
    return set(read_journal(path.read_bytes(), str(path)).records)


async def _open_and_close(path: Path) -> None:
    await (await Journal.open(path)).aclose()


@pytest.mark.fault(33)
def test_33_the_second_process_is_refused_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    """The second process learns the pid and host of the first; once that is killed, the folder is free."""
    path = tmp_path / "journal.jsonl"
    with child(path) as first:
        assert answer(first) == "open"
        with child(path) as second:
            assert f"process {first.pid} on {socket.gethostname()} is working on this folder" in answer(second)
        with pytest.raises(JournalError, match=f"process {first.pid} "):
            anyio.run(_open_and_close, path)
    anyio.run(_open_and_close, path)


@pytest.mark.fault(1)
@pytest.mark.parametrize("after", [1, 64, 1000])
def test_01_what_was_acknowledged_before_a_kill_is_in_the_file(tmp_path: Path, after: int) -> None:
    """SIGKILL in the middle of a storm loses no append that had returned."""
    path = tmp_path / "journal.jsonl"
    with child(path) as process:
        assert answer(process) == "open"
        ask(process, "storm 100000")
        answers = [answer(process) for _ in range(after)]
        process.kill()
        assert process.stdout is not None
        answers += process.stdout.read().splitlines()
    acknowledged = {line.removeprefix("ok ") for line in answers if line.startswith("ok ")}
    assert len(acknowledged) >= after
    assert acknowledged <= on_disk(path)
    anyio.run(_open_and_close, path)


@pytest.fixture
def mounted(tmp_path: Path) -> Generator[Callable[[str], Path]]:
    """A folder with a file system of its own, mounted with the options given."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a tmpfs is not permitted here")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


async def _fill(path: Path) -> tuple[set[str], int]:
    """Append from 64 tasks until each has been refused; what was acknowledged, and how many were refused."""
    journal = await Journal.open(path)
    acknowledged, refusals = set[str](), list[JournalError]()
    keys = iter(f"{number:032x}" for number in range(10_000))

    async def append() -> None:
        for key in keys:
            try:
                await journal.append(key, STARTED)
            except JournalError as problem:
                refusals.append(problem)
                return
            acknowledged.add(key)

    async with anyio.create_task_group() as tasks:
        for _ in range(64):
            tasks.start_soon(append)
    (path.parent / "filler").unlink()
    with pytest.raises(JournalError, match=r"No space left on device.*Free some space.*nothing is paid twice"):
        await journal.append("after", STARTED)
    await journal.aclose()
    return acknowledged, len(refusals)


@pytest.mark.fault(29)
def test_29_a_full_disk_stops_the_journal_and_leaves_it_whole(mounted: Callable[[str], Path]) -> None:
    """On ENOSPC every waiting append and every later one is refused, no half line stays, and the log can go on."""
    path = mounted("size=256k") / "journal.jsonl"
    (path.parent / "filler").write_bytes(bytes(64 * 1024))
    acknowledged, refused = anyio.run(_fill, path)
    assert refused == 64
    assert acknowledged
    data = path.read_bytes()
    replay = read_journal(data, "j")
    assert acknowledged == set(replay.records)
    assert len(data) == replay.good_bytes
    anyio.run(_append_one, path)
    assert on_disk(path) == acknowledged | {"later"}


async def _append_one(path: Path) -> None:
    journal = await Journal.open(path)
    await journal.append("later", STARTED)
    await journal.aclose()


@pytest.mark.fault(29)
@pytest.mark.parametrize("room_bytes", [0, 16 * 1024])
def test_29_a_journal_that_finds_no_room_to_be_shortened_in_is_used_as_it_is(
    mounted: Callable[[str], Path], room_bytes: int
) -> None:
    """What is paid can be picked up on a disk that is almost full, and the attempt takes none of the room left."""
    path = mounted("size=4m") / "journal.jsonl"
    life = [STARTED, SubmitAccepted(request_id="r"), *(StatusSeen(status=f"word {n}") for n in range(200))]
    events = enumerate([(f"job {n}", event) for n in range(60) for event in life], start=1)
    path.write_bytes(header_line(0.0) + b"".join(event_line(seq, 0.0, key, event) for seq, (key, event) in events))
    before = path.read_bytes()
    assert COMPACT_ABOVE_BYTES < len(before)
    (path.parent / "journal.jsonl.lock").touch()
    room = os.statvfs(path.parent)
    (path.parent / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - room_bytes - 4096))
    file, replay = open_journal(path)
    file.close()
    assert [State.QUEUED] * 60 == [record.state for record in replay.records.values()]
    assert before == path.read_bytes()
    assert {"journal.jsonl", "journal.jsonl.lock", "filler"} == {one.name for one in path.parent.iterdir()}


@pytest.mark.fault(32)
def test_32_a_folder_that_cannot_be_written_is_refused_at_opening(mounted: Callable[[str], Path]) -> None:
    """On a read-only file system opening fails, saying so, before anything could be sent."""
    path = mounted("size=64k,ro") / "journal.jsonl"
    with pytest.raises(JournalError, match=r"Read-only file system.*Nothing was sent"):
        anyio.run(_open_and_close, path)


@pytest.fixture(scope="module")
def sync_fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled fault, to be preloaded."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("the fault is compiled with gcc and preloaded by Linux")
    library = tmp_path_factory.mktemp("fault") / "sync_fault.so"
    source = Path(__file__).with_name("sync_fault.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.mark.fault(31)
def test_31_a_sync_that_failed_is_never_forgiven(tmp_path: Path, sync_fault: Path) -> None:
    """Once a sync has failed, neither what waited behind it nor what comes later is written or acknowledged."""
    path, sign = tmp_path / "journal.jsonl", tmp_path / "fault"
    with child(path, LD_PRELOAD=str(sync_fault), SYNC_FAULT=str(sign)) as process:
        assert answer(process) == "open"
        ask(process, "append a")
        assert answer(process) == "ok a"
        sign.touch()
        ask(process, "append b")
        ask(process, "append c")
        assert "Input/output error" in answer(process)
        assert "Input/output error" in answer(process)
        assert not sign.exists()
        ask(process, "append d")
        assert "Input/output error" in answer(process)
    assert {"a"} <= on_disk(path) <= {"a", "b"}


@pytest.mark.fault(31)
def test_31_a_journal_that_cannot_be_synced_is_not_opened(tmp_path: Path, sync_fault: Path) -> None:
    """When the very first sync fails, opening fails."""
    sign = tmp_path / "fault"
    sign.touch()
    with child(tmp_path / "j", LD_PRELOAD=str(sync_fault), SYNC_FAULT=str(sign)) as process:
        assert "Input/output error" in answer(process)
