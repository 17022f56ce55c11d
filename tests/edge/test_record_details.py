"""What `resolve` and `repair_journal` say and write, to the letter: it is all that a tired person has to go by."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from pixverse_async import ConfigError, JournalError, State, jobs_on_record, repair_journal, resolve
from pixverse_async._core.events import (
    Event,
    GenerationFailed,
    GenerationSucceeded,
    RetryRequested,
    StatusSeen,
    SubmitAccepted,
    SubmitInterrupted,
)
from pixverse_async._core.journal_format import event_line, header_line
from pixverse_async._edge.journal_file import repair_file
from pixverse_async._edge.record import JOURNAL_NAME
from tests.submits import STARTED

pytestmark = pytest.mark.anyio

ACCEPTED = SubmitAccepted(request_id="r-1")
HELD = (STARTED, SubmitInterrupted(why="reset"))
ONCE_FAILED = (STARTED, ACCEPTED, GenerationFailed(reason="boom", kind="unknown"), RetryRequested(), *HELD)


def written(*events: tuple[str, Event]) -> list[bytes]:
    """The lines of a journal."""
    return [header_line(1e9), *(event_line(seq, 1e9, key, event) for seq, (key, event) in enumerate(events, 1))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The journal of a folder: `a` is held, `b` queued, `c` held after a request of its own failed, and `d` made."""
    queued, made = (
        (STARTED, SubmitAccepted(request_id="r-2")),
        (SubmitAccepted(request_id="r-3"), GenerationSucceeded()),
    )
    jobs = {"a": HELD, "b": queued, "c": ONCE_FAILED, "d": (STARTED, *made)}
    path = tmp_path / JOURNAL_NAME
    path.write_bytes(b"".join(written(*((key, event) for key, events in jobs.items() for event in events))))
    return path


def last_events(path: Path, count: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()[-count:]]


async def test_the_journal_tells_who_declared_a_submit_absent(tmp_path: Path) -> None:
    """A submit whose run died is told as interrupted first, and as absent after no listing: its user looked."""
    path = tmp_path / JOURNAL_NAME
    path.write_bytes(b"".join(written(("a", STARTED))))
    settled = await resolve(tmp_path, "a")
    assert ("a", State.NEW) == (settled.key, settled.state)
    interrupted, absent = last_events(path, 2)
    assert ("a", "SubmitInterrupted") == (interrupted["key"], interrupted["event"])
    assert "an earlier run ended before the answer came" == interrupted["why"]
    assert ("a", "ConfirmedAbsent", 0) == (absent["key"], absent["event"], absent["listings"])


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("x" * 99, f"'{'x' * 59}…' is not on record"),
        ("d", "'d' is ready, neither held nor queued"),
    ],
)
async def test_a_job_that_is_not_held_is_named(path: Path, key: str, problem: str) -> None:
    """The key, no more than 60 characters of it, how it stands, and what to give instead."""
    with pytest.raises(ConfigError) as caught:
        await resolve(path.parent, key)
    assert f"key: {problem}. Use the key of a job that `status` holds." == str(caught.value)


@pytest.mark.parametrize(
    ("request_id", "problem"),
    [
        ("x " * 49, f"'{('x ' * 30)[:59]}…' is no request id. Copy it from the console."),
        ("r-2", "'r-2' is the request of 'cat'. Each job has a request of its own."),
        ("r-1", "'r-1' is one that this job has or had. Each job has a request of its own."),
    ],
)
async def test_an_id_that_cannot_be_the_jobs_is_refused(path: Path, request_id: str, problem: str) -> None:
    """No id at all, another job's, or that of an earlier request of the same job: each is told as what it is."""
    with pytest.raises(ConfigError) as caught:
        await resolve(path.parent, "c", request_id=request_id)
    assert f"request_id: {problem}" == str(caught.value)


async def test_a_job_that_waits_for_no_request_of_its_own_is_settled_anew(path: Path) -> None:
    """Its id was mistyped, or is gone from the service: another takes its place, or it is sent again."""
    settled = await resolve(path.parent, "b", request_id="r-4")
    assert (State.QUEUED, "r-4") == (settled.state, settled.request_id)
    lost, found = last_events(path, 2)
    assert ("RequestLost", "r-2 is not its request", "Reconciled") == (lost["event"], lost["why"], found["event"])
    assert State.QUEUED is (await resolve(path.parent, "a", request_id="r-2")).state, "it may be another job's"
    assert State.NEW is (await resolve(path.parent, "b")).state


async def test_a_repair_tells_which_states_it_chose(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In `videos`, unless told otherwise: the job whose acceptance is lost is named, and the copy is kept private."""
    folder = path.parent / "videos"
    folder.mkdir()
    lines = written(("a", STARTED), ("a", ACCEPTED), ("a", StatusSeen(status="queued")))
    (folder / JOURNAL_NAME).write_bytes(b"".join([*lines[:2], lines[3]]))
    monkeypatch.chdir(path.parent)
    repair = await repair_journal()
    assert (("a",), 1, [State.UNKNOWN]) == (repair.mended, repair.lost_lines, [job.state for job in repair.jobs])
    assert repair.damaged is not None
    assert repair.damaged.name.startswith(f"{JOURNAL_NAME}.damaged-")
    assert 0o600 == stat.S_IMODE(repair.damaged.stat().st_mode)


@pytest.mark.parametrize("fault", ["a line too many", "a line too few"])
async def test_one_sign_of_damage_is_enough(path: Path, fault: str) -> None:
    """A journal is repaired when a line cannot be read, or one is missing, even if no job's state is in doubt."""
    lines = written(("a", STARTED), ("a", ACCEPTED), ("a", StatusSeen(status="q")), ("a", StatusSeen(status="r")))
    damaged = [*lines[:3], b"###\n", *lines[3:]] if fault == "a line too many" else [*lines[:3], *lines[4:]]
    path.write_bytes(b"".join(damaged))
    repair = await repair_journal(path.parent)
    assert repair.damaged is not None
    assert [State.QUEUED] == [job.state for job in repair.jobs]
    assert () == repair.mended
    assert (await repair_journal(path.parent)).damaged is None


async def test_what_cannot_be_repaired_is_told(tmp_path: Path) -> None:
    """A file that is not ours, and one that the system refuses, are named with the reason and the remedy."""
    path = tmp_path / JOURNAL_NAME
    path.write_bytes(b"name,usd\n")
    with pytest.raises(JournalError) as caught:
        await repair_journal(tmp_path)
    assert str(caught.value) == (
        f"{path}: no line of it can be read as a journal of pixverse_async. Nothing was changed."
        " Give the folder that a batch of this version wrote its videos to."
    )
    with pytest.raises(JournalError) as caught:
        repair_file(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: it cannot be repaired (Is a directory). See to the folder; the file is as it was."
    )


async def test_a_journal_that_cannot_be_read_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None there, by default in `videos`; one that the system will not read; and one that is damaged."""
    monkeypatch.chdir(path.parent)
    which = "Give the folder that a batch wrote its videos to."
    assert f"videos: no journal of a batch is there. {which}" == _refusal("videos")
    with pytest.raises(JournalError, match=r"^videos: no journal of a batch is there"):
        jobs_on_record()
    path.write_bytes(b"name,usd\n")
    assert _refusal(path.parent).startswith(
        f"{path}, line 1: this is not a journal of pixverse_async. Nothing was"
    )
    if sys.platform == "linux":
        unread = "/proc/self/mem"  # a plain file, as far as one can see
        remedy = "See to its rights and to the disk."
        assert f"{unread}: it cannot be read (Input/output error). {remedy}" == _refusal(unread)


def _refusal(place: str | Path) -> str:
    with pytest.raises(JournalError) as caught:
        jobs_on_record(place)
    return str(caught.value)
