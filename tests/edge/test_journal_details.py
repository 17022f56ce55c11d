"""Which lines the journal writes late, and what it says when it cannot: what a mutation run found to be untested."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import anyio
import pytest

from pixverse_async._core.errors import JournalError
from pixverse_async._core.events import StatusSeen, SubmitAccepted
from pixverse_async._edge import journal_file, network
from pixverse_async._edge.journal import FLUSH_AFTER, Journal
from tests.crash.journal_child import STARTED
from tests.edge.test_journal import can_open

pytestmark = pytest.mark.anyio


async def test_the_same_word_of_two_jobs_is_news_of_both(tmp_path: Path) -> None:
    """Two jobs that are seen queued, again and again in turn, have a line each."""
    journal = await Journal.open(tmp_path / "j")
    for key in ("a", "b"):
        await journal.append(key, STARTED)
        await journal.append(key, SubmitAccepted(request_id=key))
    for key in ("a", "b", "a", "b"):
        await journal.append(key, StatusSeen(status="queued"))
    await journal.aclose()
    assert 2 == (tmp_path / "j").read_bytes().count(b"StatusSeen")


async def test_every_status_is_written_within_a_second(tmp_path: Path) -> None:
    """The tenth word alone in its second is written as the first one is."""
    journal = await Journal.open(tmp_path / "j")
    await journal.append("a", STARTED)
    await journal.append("a", SubmitAccepted(request_id="a"))
    for n in range(10):
        await journal.append("a", StatusSeen(status=f"word {n}"))
        await anyio.sleep(FLUSH_AFTER + 0.1)
        assert f'"word {n}"'.encode() in (tmp_path / "j").read_bytes()
    await journal.aclose()


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("problem", "words", "remedy"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device", "Free some space. "),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "Disk quota exceeded", "Free some space. "),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error", "See to the disk and the folder. "),
        (ValueError("odd"), "ValueError('odd')", "See to the disk and the folder. "),
    ],
)
async def test_an_unwritable_journal_says_why_to_all_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception, words: str, remedy: str
) -> None:
    """The append that failed, those that wait behind it and those that come later: path, cause and remedy."""
    journal = await Journal.open(tmp_path / "j")

    def refuse(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(journal_file.JournalFile, "write", refuse)
    refusals: list[JournalError] = []

    async def append(key: str) -> None:
        with pytest.raises(JournalError) as caught:
            await journal.append(key, STARTED)
        refusals.append(caught.value)

    with anyio.fail_after(5.0):
        async with anyio.create_task_group() as group:
            for steps in range(6):
                group.start_soon(append, f"k{steps}")
                await asyncio.to_thread(lambda: None)
    await append("late")
    assert 7 == len(refusals)
    for refusal in refusals:
        assert str(tmp_path / "j") == refusal.path
        assert f"it cannot be written ({words}), so nothing more is sent" == refusal.problem
        assert refusal.remedy.startswith(remedy)
    await journal.aclose()


async def test_a_closed_journal_says_that_it_is_closed(tmp_path: Path) -> None:
    """The error has the path and the cause, so that the mistake is found."""
    journal = await Journal.open(tmp_path / "j")
    await journal.aclose()
    with pytest.raises(JournalError) as caught:
        await journal.append("a", STARTED)
    assert f"{tmp_path / 'j'}: it is closed. Append before closing: this is a bug" == str(caught.value)


async def test_a_journal_makes_the_folders_above_it_and_names_itself_when_it_cannot(tmp_path: Path) -> None:
    """`out/day/videos` need not exist; where a file stands in the way, the error says which journal it was."""
    path = tmp_path / "day" / "videos" / "j"
    await (await Journal.open(path)).aclose()
    assert path.is_file()
    with pytest.raises(JournalError, match="See to the folder") as caught:
        await Journal.open(path / "j")
    assert str(path / "j") in str(caught.value)


async def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    """The error about a line says in which file."""
    (tmp_path / "j").write_text("one\ntwo\n")
    with pytest.raises(JournalError) as caught:
        await Journal.open(tmp_path / "j")
    assert str(tmp_path / "j") in str(caught.value)


@pytest.mark.fault(34)
async def test_34_a_folder_on_a_network_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal opened on a network file system, by a link too, says so; on the next folder nothing is said."""
    table = tmp_path / "mountinfo"
    table.write_text(f"27 1 0:1 / {tmp_path}/far rw - nfs4 nas:/ rw\n")
    monkeypatch.setattr(network, "MOUNTS", table)
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    for name, warnings in (("near", 0), ("link", 1)):
        journal = await Journal.open(tmp_path / name / "journal.jsonl")
        await journal.aclose()
        assert warnings == caplog.text.count("may not keep out another host")
    assert f"{tmp_path / 'link'} is on a network (nfs4), where" in caplog.text


async def test_a_system_without_a_table_of_mounts_opens_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no such table can be read, nothing is warned about and nothing fails."""
    monkeypatch.setattr(network, "MOUNTS", tmp_path / "none")
    await (await Journal.open(tmp_path / "journal.jsonl")).aclose()
    assert "" == caplog.text


@pytest.mark.parametrize(
    ("note", "who"), [(b"", "another run"), (b'{"pid": 7, "host": "far"}\n', "process 7 on far")]
)
async def test_the_holder_of_a_folder_is_named(tmp_path: Path, note: bytes, who: str) -> None:
    """Who holds the lock is told as far as it said so, with what to do."""
    path = tmp_path / "journal.jsonl"
    lock = tmp_path / "journal.jsonl.lock"
    with lock.open("wb") as held:
        held.write(note)
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JournalError) as caught:
            await Journal.open(path)
    assert str(caught.value) == (
        f"{lock}: {who} is working on this folder. Wait for it to end or end it, or use another output folder."
        " Nothing was sent."
    )


async def test_a_torn_tail_is_told_of_and_is_its_owners_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """How much of a line was cut off which file, and where it is kept, unreadable for others."""
    path = tmp_path / "journal.jsonl"
    await (await Journal.open(path)).aclose()
    with path.open("ab") as file:
        file.write(b"half a line")
    await (await Journal.open(path)).aclose()
    (aside,) = tmp_path.glob("journal.jsonl.torn-*")
    told = f"{path} ended in 11 bytes of a line that was never finished; kept in {aside}"
    assert [told] == [record.getMessage() for record in caplog.records]
    assert 0o600 == stat.S_IMODE(aside.stat().st_mode)


async def test_all_that_blocks_is_done_in_the_journals_own_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening, writing and closing sync in one thread, whose name tells a debugger what it is for."""
    real_sync, threads = os.fdatasync, set[str]()

    def watched(fd: int) -> None:
        threads.add(threading.current_thread().name)
        real_sync(fd)

    monkeypatch.setattr(os, "fdatasync", watched)
    journal = await Journal.open(tmp_path / "j")
    assert {"pixverse-journal_0"} == threads
    await journal.append("a", STARTED)
    await journal.aclose()
    assert {"pixverse-journal_0"} == threads


async def test_cancelling_the_opening_does_not_hold_up_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk does not answer, a cancelled opening ends at once; the folder is let go when it does."""
    real_sync, disk, held_up = os.fdatasync, threading.Event(), list[bool]()

    def stuck(fd: int) -> None:
        held_up.append(not disk.wait(5.0))
        real_sync(fd)

    monkeypatch.setattr(os, "fdatasync", stuck)
    opening = asyncio.get_running_loop().create_task(Journal.open(tmp_path / "j"))
    await anyio.lowlevel.checkpoint()
    opening.cancel()
    await asyncio.wait([opening])
    disk.set()
    while not await can_open(tmp_path / "j"):
        await asyncio.to_thread(os.sched_yield)
    assert True not in held_up


def test_closing_gives_up_on_a_disk_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing ends after its time even if the disk has not taken what waits; closing again waits for it."""
    real_sync, disk, answers = os.fdatasync, threading.Event(), list[bool]()

    def stuck(fd: int) -> None:
        answers.append(disk.wait(5.0))
        real_sync(fd)

    async def close() -> None:
        journal = await Journal.open(tmp_path / "j")
        monkeypatch.setattr(os, "fdatasync", stuck)
        monkeypatch.setattr("pixverse_async._edge.journal.CLOSE_TIMEOUT", 0.05)
        await journal.aclose()
        assert [] == answers
        disk.set()
        monkeypatch.undo()
        await journal.aclose()
        assert [True] == answers

    asyncio.run(close())  # on the real clock: the virtual one waits for threads


async def test_many_statuses_are_written_twice_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty words in five seconds share a write a second, one each of what came meanwhile, and that at closing."""
    journal = await Journal.open(tmp_path / "j")
    await journal.append("a", STARTED)
    await journal.append("a", SubmitAccepted(request_id="a"))
    real_write, writes = journal_file.JournalFile.write, list[bytes]()

    def counted(file: journal_file.JournalFile, lines: bytes, *, is_durable: bool) -> None:
        writes.append(lines)
        real_write(file, lines, is_durable=is_durable)

    monkeypatch.setattr(journal_file.JournalFile, "write", counted)
    for n in range(50):
        await journal.append("a", StatusSeen(status=f"word {n}"))
        await anyio.sleep(FLUSH_AFTER / 10)
    await journal.aclose()
    assert len(writes) <= 2 * 5 + 1


async def test_who_closes_together_closes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two closers at the same time sync the file once: by then its number may be another file's."""
    journal = await Journal.open(tmp_path / "j")
    real_sync, syncs = os.fdatasync, list[int]()

    def counted(fd: int) -> None:
        syncs.append(fd)
        real_sync(fd)

    monkeypatch.setattr(os, "fdatasync", counted)
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(journal.aclose)
    await anyio.sleep(1.0)  # this clock waits for what threads still do
    assert 1 == len(syncs)
