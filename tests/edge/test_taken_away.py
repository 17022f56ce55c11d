"""The journal is taken away while a batch writes it: a run that goes on would be forgotten, and paid for again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pixverse_async import JobEvent, JournalError
from pixverse_async._core.events import SubmitAccepted
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.record import JOURNAL_NAME
from tests.memory import Scene, kinds, some_jobs
from tests.submits import STARTED

pytestmark = pytest.mark.anyio


def _move_folder(folder: Path) -> Path:
    return folder.rename(folder.with_name("elsewhere")) / JOURNAL_NAME


def _move_journal(folder: Path) -> Path:
    return (folder / JOURNAL_NAME).rename(folder.parent / "journal.old")


def _replace_journal(folder: Path) -> Path:
    kept = _move_journal(folder)
    shutil.copy(kept, folder / JOURNAL_NAME)
    return kept


@pytest.mark.fault(32)
@pytest.mark.parametrize("take_away", [_move_folder, _move_journal, _replace_journal])
async def test_32_a_journal_that_is_moved_away_stops_the_sending(
    tmp_path: Path, take_away: Callable[[Path], Path]
) -> None:
    """Nothing is sent that the next run would not know of; with the journal put back, nothing is paid twice."""
    folder = tmp_path / "videos"
    scene = Scene.set(folder)
    moved: list[Path] = []

    def strike(event: JobEvent) -> None:
        if isinstance(event.event, SubmitAccepted) and not moved:
            moved.append(take_away(folder))

    with pytest.raises(JournalError, match="Put it back before you run again"):
        await scene.run(some_jobs(8), max_in_flight=2, on_event=strike)
    assert scene.charges < 3
    folder.mkdir(exist_ok=True)
    moved[0].replace(folder / JOURNAL_NAME)
    assert ["Succeeded"] * 8 == kinds(await scene.run(some_jobs(8)))
    assert [] == scene.paid_twice()


async def test_a_journal_that_was_removed_does_not_promise_that_nothing_is_paid_twice(tmp_path: Path) -> None:
    """Without it the next run would send everything again, and the error says so."""
    journal = await Journal.open(tmp_path / "j")
    (tmp_path / "j").unlink()
    with pytest.raises(JournalError) as caught:
        await journal.append("a", STARTED)
    await journal.aclose()
    assert caught.value.remedy.startswith("Put it back before you run again: only with it nothing is paid twice;")


async def test_a_program_that_changes_its_directory_keeps_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path means what it meant when the journal was opened."""
    monkeypatch.chdir(tmp_path)
    journal = await Journal.open(Path("j"))
    (tmp_path / "other").mkdir()
    os.chdir(tmp_path / "other")
    await journal.append("a", STARTED)
    await journal.aclose()
    assert b"SubmitStarted" in (tmp_path / "j").read_bytes()


async def test_a_program_that_changes_its_directory_keeps_its_videos_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are beside the journal, under the name that the folder was given, and the next run finds them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    scene = Scene.set(Path("videos"))

    def leave(_: JobEvent) -> None:
        os.chdir(tmp_path / "other")

    batch = await scene.run(some_jobs(2), on_event=leave)
    assert [Path("videos/job-0.mp4"), Path("videos/job-1.mp4")] == [one.path for one in batch.succeeded]
    assert 2 == len(list((tmp_path / "videos").glob("*.mp4")))
    monkeypatch.chdir(tmp_path)
    assert ["Succeeded"] * 2 == kinds(await scene.run(some_jobs(2)))
    assert (2, 2) == (scene.submits, scene.transport.calls["fetch"])
