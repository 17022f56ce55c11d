"""The journal on real files, in virtual time."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async._core.errors import JournalError
from pixverse_async._core.events import (
    DownloadAbandoned,
    Event,
    GenerationSucceeded,
    LinkExpired,
    StatusSeen,
    SubmitAccepted,
    SubmitDeferred,
)
from pixverse_async._core.journal_format import compacted, event_line, header_line, read_journal
from pixverse_async._core.lifecycle import IllegalTransitionError, JobRecord, State
from pixverse_async._edge.journal import FLUSH_AFTER, EventLog, Journal, NoJournal
from pixverse_async._edge.journal_file import COMPACT_ABOVE_BYTES
from tests.submits import STARTED

pytestmark = pytest.mark.anyio

ACCEPTED = SubmitAccepted(request_id="r-1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def on_disk(path: Path) -> dict[str, JobRecord]:
    return read_journal(path.read_bytes(), str(path)).records


async def test_an_append_is_on_disk_when_it_returns(path: Path) -> None:
    """What a durable append returned is what the file already says."""
    journal = await Journal.open(path)
    record = await journal.append("a", STARTED)
    assert {"a": record} == on_disk(path) == journal.records
    await journal.aclose()


async def test_a_closed_journal_opens_with_its_records(tmp_path: Path) -> None:
    """Records survive closing and opening, in a folder that was not there, and the log goes on where it was."""
    path = tmp_path / "out" / "journal.jsonl"
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.aclose()
    journal = await Journal.open(path)
    assert journal.records["a"].state is State.SUBMITTING
    await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert on_disk(path)["a"].request_id == "r-1"


async def test_a_thousand_appenders_share_their_syncs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand appends at once cost no more than three syncs."""
    journal = await Journal.open(path)
    real_sync, syncs = os.fdatasync, list[int]()

    def counted(fd: int) -> None:
        syncs.append(fd)
        real_sync(fd)

    monkeypatch.setattr(os, "fdatasync", counted)
    async with anyio.create_task_group() as tasks:
        for number in range(1000):
            tasks.start_soon(journal.append, f"{number}", STARTED)
    assert len(on_disk(path)) == 1000
    assert 1 <= len(syncs) <= 3
    await journal.aclose()


async def test_appends_that_come_while_a_group_is_written_go_with_the_next(path: Path) -> None:
    """Appenders out of step with each other all return, and every event of theirs is in the file."""
    journal = await Journal.open(path)

    async def append(number: int) -> None:
        for step in range(20):
            for _ in range(number):
                await anyio.lowlevel.checkpoint()
            await journal.append(f"{number}-{step}", STARTED)

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(append, number)
    assert len(on_disk(path)) == 800
    await journal.aclose()


async def test_a_status_waits_for_a_second_at_most(path: Path) -> None:
    """A status returns before it is written, is written a second later, and only when the word is new."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    await anyio.sleep(60)
    before = path.read_bytes()
    for word in ("queued", "queued", "processing", "queued"):
        await journal.append("a", StatusSeen(status=word))
    await anyio.sleep(FLUSH_AFTER - 0.1)
    assert path.read_bytes() == before
    await anyio.sleep(0.2)
    assert path.read_bytes().count(b"StatusSeen") == 3
    await journal.append("a", GenerationSucceeded())
    await journal.append("a", LinkExpired())
    await journal.append("a", StatusSeen(status="queued"))
    await anyio.sleep(FLUSH_AFTER + 0.1)
    assert path.read_bytes().count(b"StatusSeen") == 4
    await journal.aclose()


async def test_a_status_goes_with_the_next_group(path: Path) -> None:
    """A status that waits is written no later than the next durable event, and before it."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    await journal.append("a", StatusSeen(status="queued"))
    await journal.append("b", STARTED)
    assert b'"StatusSeen"' in path.read_bytes().splitlines()[-2]
    await journal.aclose()


async def test_closing_writes_what_waits(path: Path) -> None:
    """A status appended just before closing is in the file afterwards; closing again does nothing."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    await journal.append("a", StatusSeen(status="queued"))
    await journal.aclose()
    await journal.aclose()
    assert b'"StatusSeen"' in path.read_bytes()


async def test_an_illegal_event_writes_nothing(path: Path) -> None:
    """An event that the table does not allow leaves file and records as they were."""
    journal = await Journal.open(path)
    before = path.read_bytes()
    with pytest.raises(IllegalTransitionError):
        await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert before == path.read_bytes()
    assert not journal.records


async def test_a_cancelled_append_is_written_and_strands_nobody(path: Path) -> None:
    """Cancelling the first of two appenders loses neither event, and the second returns."""
    journal = await Journal.open(path)
    async with anyio.create_task_group() as tasks:
        first = anyio.CancelScope()

        async def cancelled() -> None:
            with first:
                await journal.append("first", STARTED)

        tasks.start_soon(cancelled)
        tasks.start_soon(journal.append, "second", STARTED)
        await anyio.lowlevel.checkpoint()
        first.cancel()
    assert {"first", "second"} == set(on_disk(path))
    await journal.aclose()


async def test_an_append_in_a_cancelled_scope_is_written(path: Path) -> None:
    """An event appended when everything is already cancelled is in the file after closing."""
    journal = await Journal.open(path)
    is_closed = False
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await journal.append("a", STARTED)
        finally:
            await journal.aclose()
            is_closed = True
    assert is_closed
    assert set(on_disk(path)) == {"a"}


@pytest.mark.parametrize("steps", range(6))
async def test_closing_survives_cancellation(path: Path, steps: int) -> None:
    """Whenever asyncio cancels the closing task, what waits is written and the folder is let go."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    await journal.append("a", StatusSeen(status="queued"))
    closing = asyncio.get_running_loop().create_task(journal.aclose())
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()
    closing.cancel()
    await asyncio.wait([closing])
    await journal.aclose()
    assert b'"StatusSeen"' in path.read_bytes()
    await (await Journal.open(path)).aclose()


@pytest.mark.parametrize("steps", range(4))
async def test_cancelled_opening_lets_go_of_the_folder(path: Path, steps: int) -> None:
    """Whenever asyncio cancels the opening task, the folder can be opened again."""
    opening = asyncio.get_running_loop().create_task(Journal.open(path))
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()
    opening.cancel()
    await asyncio.wait([opening])
    if not opening.cancelled():
        await opening.result().aclose()
    while not await can_open(path):  # the thread that opens cannot be interrupted
        await asyncio.to_thread(os.sched_yield)


async def can_open(path: Path) -> bool:
    try:
        journal = await Journal.open(path)
    except JournalError:
        return False
    await journal.aclose()
    return True


async def test_a_second_opener_learns_who_holds_the_folder(path: Path) -> None:
    """While one journal is open, opening another fails and names process and host."""
    journal = await Journal.open(path)
    with pytest.raises(JournalError, match=f"process {os.getpid()} on {socket.gethostname()}"):
        await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.aclose()
    await (await Journal.open(path)).aclose()


async def test_a_torn_tail_is_cut_and_kept_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half a line at the end is moved to a file of its own and warned about; the log goes on after the whole ones."""
    lines = [header_line(1.0), event_line(1, 2.0, "a", STARTED), event_line(2, 2.0, "a", ACCEPTED)]
    path.write_bytes(b"".join(lines)[:-30])
    journal = await Journal.open(path)
    assert journal.records["a"].state is State.SUBMITTING
    await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert on_disk(path)["a"].state is State.QUEUED
    (aside,) = path.parent.glob("journal.jsonl.torn-*")
    assert lines[2][:-30] == aside.read_bytes()
    assert str(aside) in caplog.text


async def test_a_missing_last_newline_is_mended(path: Path) -> None:
    """A whole last line without its newline is kept, and the next line does not run into it."""
    path.write_bytes((header_line(1.0) + event_line(1, 2.0, "a", STARTED))[:-1])
    journal = await Journal.open(path)
    await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert on_disk(path)["a"].state is State.QUEUED


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "content", [b"name,usd\ncat,1\n", header_line(1.0) + b"damaged\n" + event_line(1, 2.0, "a", STARTED)]
)
async def test_a_refused_file_is_left_alone(path: Path, content: bytes) -> None:
    """A foreign or damaged file is refused twice with the same message, and not a byte of it changes."""
    path.write_bytes(content)
    messages = set[str]()
    for _ in range(2):
        with pytest.raises(JournalError) as caught:
            await Journal.open(path)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert content == path.read_bytes()


def written(history: Iterable[tuple[str, Event]]) -> bytes:
    lines = (event_line(seq, 1e9, key, event) for seq, (key, event) in enumerate(history, start=1))
    return header_line(1e9) + b"".join(lines)


async def test_a_long_history_is_compacted_at_opening(path: Path) -> None:
    """A file over four times the size of what it says is written anew, once, and reads the same; of a try that was
    killed nothing is left.
    """
    path.with_name("journal.jsonl.tmp").write_bytes(b"half a jour")
    deferred = SubmitDeferred(why="429")
    path.write_bytes(written((key, event) for key in "abcd" for _ in range(1100) for event in (STARTED, deferred)))
    before = on_disk(path)
    assert path.stat().st_size > COMPACT_ABOVE_BYTES
    journal = await Journal.open(path)
    assert before == journal.records
    assert len(compacted(before, 1e9)) == path.stat().st_size
    await journal.append("a", STARTED)
    await journal.aclose()
    assert journal.records == on_disk(path)
    assert {"journal.jsonl", "journal.jsonl.lock"} == {each.name for each in path.parent.iterdir()}


async def test_a_history_that_says_enough_is_not_compacted(path: Path) -> None:
    """A large file whose lines each count is opened as it is."""
    path.write_bytes(written((f"{n:032x}", event) for n in range(5000) for event in (STARTED, ACCEPTED)))
    assert path.stat().st_size > COMPACT_ABOVE_BYTES
    before = path.stat()
    await (await Journal.open(path)).aclose()
    after = path.stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


@pytest.mark.parametrize("fault", ["removed", "replaced", "written to"])
async def test_a_journal_that_was_tampered_with_stops_the_run(path: Path, fault: str) -> None:
    """When the file is removed, replaced or written to by others, this and each later durable append raises."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    if fault == "removed":
        path.unlink()
    elif fault == "replaced":
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
    else:
        with path.open("ab") as other:
            other.write(b"x")
    async with anyio.create_task_group() as tasks:
        for key in "bcd":
            tasks.start_soon(_expect_failure, journal, key)
    await _expect_failure(journal, "e")
    await journal.aclose()


async def _expect_failure(journal: Journal, key: str) -> None:
    with pytest.raises(JournalError, match=r"cannot be written .*nothing more is sent.*nothing is paid twice"):
        await journal.append(key, STARTED)


async def test_a_failed_journal_still_follows_what_costs_nothing(path: Path) -> None:
    """After a failure, events without promise of durability are folded, do not raise, and are never written."""
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    await journal.append("a", GenerationSucceeded())
    before = path.read_bytes()
    with path.open("ab") as other:
        other.write(b"x")
    await _expect_failure(journal, "b")
    os.truncate(path, len(before))
    record = await journal.append("a", DownloadAbandoned(problem="slow"))
    assert record.state is State.READY
    await anyio.sleep(2 * FLUSH_AFTER)
    await journal.aclose()
    assert before == path.read_bytes()


async def test_a_closed_journal_takes_nothing(path: Path) -> None:
    """Appending after closing raises and writes nothing."""
    journal = await Journal.open(path)
    await journal.aclose()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="closed"):
        await journal.append("a", STARTED)
    assert before == path.read_bytes()


@pytest.mark.parametrize("kind", ["symlink", "folder", "pipe"])
async def test_only_a_plain_file_is_opened(path: Path, kind: str) -> None:
    """A symbolic link, a folder or a pipe in the journal's place is refused, and the link's target untouched."""
    target = path.with_name("precious")
    target.write_bytes(b"")
    if kind == "symlink":
        path.symlink_to(target)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(JournalError, match=r"cannot be used .*Nothing was sent"):
        await Journal.open(path)
    assert target.read_bytes() == b""


async def test_only_the_owner_may_read_it(path: Path) -> None:
    """Journal and lock are for the owner alone, whatever the umask."""
    umask = os.umask(0)
    try:
        await (await Journal.open(path)).aclose()
    finally:
        os.umask(umask)
    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


async def test_no_secret_reaches_the_file_or_the_records(path: Path) -> None:
    """A link's signature in text from outside is in neither, so that memory and replay agree."""
    for log in (await Journal.open(path), NoJournal()):
        await log.append("a", STARTED)
        record = await log.append("a", SubmitDeferred(why="https://s.example/x?sig=5ec2e7 refused"))
        assert "5ec2e7" not in repr(attrs.asdict(record))
        await log.aclose()
    assert b"5ec2e7" not in path.read_bytes()


async def test_the_log_in_memory_answers_as_the_one_on_disk(path: Path) -> None:
    """The same events make the same records in both, and both refuse what the table does not allow."""
    logs: list[EventLog] = [await Journal.open(path), NoJournal()]
    for log in logs:
        await log.append("a", STARTED)
        record = await log.append("a", ACCEPTED)
        assert record == log.records["a"]
        with pytest.raises(IllegalTransitionError):
            await log.append("a", ACCEPTED)
        await log.aclose()
    assert logs[0].records == logs[1].records
