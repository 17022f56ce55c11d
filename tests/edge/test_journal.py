"""The journal on real files, in virtual time."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from pixverse_async._core.journal_format import read_journal
from pixverse_async._core.lifecycle import (
    IllegalTransitionError,
    JobRecord,
    State,
    StatusSeen,
    SubmitAccepted,
    SubmitStarted,
)
from pixverse_async._edge.journal import FLUSH_AFTER, Journal

pytestmark = pytest.mark.anyio

STARTED = SubmitStarted(name="cat", seed=7, payload_sha256="ab", usd=Decimal("0.15"), at_utc=1.5)
ACCEPTED = SubmitAccepted(request_id="r-1")


def on_disk(path: Path) -> dict[str, JobRecord]:
    return read_journal(path.read_bytes(), str(path)).records


async def test_an_append_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    """What a durable append returned is what the file already says."""
    journal = await Journal.open(tmp_path / "journal.jsonl")
    record = await journal.append("a", STARTED)
    assert {"a": record} == on_disk(tmp_path / "journal.jsonl")
    await journal.aclose()


async def test_a_closed_journal_opens_with_its_records(tmp_path: Path) -> None:
    """Records survive closing and opening, and the log goes on where it was."""
    path = tmp_path / "out" / "journal.jsonl"
    journal = await Journal.open(path)
    await journal.append("a", STARTED)
    await journal.aclose()
    journal = await Journal.open(path)
    assert journal.records["a"].state is State.SUBMITTING
    await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert on_disk(path)["a"].request_id == "r-1"


async def test_a_status_waits_for_a_second_at_most(tmp_path: Path) -> None:
    """A status returns before it is written and is written a second later."""
    journal = await Journal.open(tmp_path / "j")
    await journal.append("a", STARTED)
    await journal.append("a", ACCEPTED)
    before = (tmp_path / "j").read_bytes()
    for word in ("queued", "queued", "processing", "queued"):
        await journal.append("a", StatusSeen(status=word))
    assert (tmp_path / "j").read_bytes() == before
    await anyio.sleep(FLUSH_AFTER + 0.1)
    assert (tmp_path / "j").read_bytes().count(b"StatusSeen") == 3
    await journal.aclose()


async def test_an_illegal_event_writes_nothing(tmp_path: Path) -> None:
    """An event that the table does not allow leaves file and records as they were."""
    journal = await Journal.open(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(IllegalTransitionError):
        await journal.append("a", ACCEPTED)
    await journal.aclose()
    assert before == (tmp_path / "j").read_bytes()
    assert not journal.records
