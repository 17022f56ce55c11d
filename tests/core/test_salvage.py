"""What is left of a damaged journal: everything whole, and nothing that could be paid a second time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.events import (
    Event,
    GenerationFailed,
    GenerationSucceeded,
    StatusSeen,
    SubmitAccepted,
    SubmitDeferred,
)
from pixverse_async._core.journal_format import compacted, event_line, header_line, read_journal
from pixverse_async._core.lifecycle import State
from pixverse_async._core.salvage import Salvage, salvage
from tests.core.test_journal_format import folded, histories, resealed, written
from tests.submits import STARTED

ACCEPTED = SubmitAccepted(request_id="r-1")
DEFERRED = SubmitDeferred(why="429")


def lines_of(*events: Event) -> list[bytes]:
    return written([("a", event) for event in events])


def salvaged(lines: list[bytes]) -> Salvage:
    found = salvage(b"".join(lines))
    assert found is not None
    return found


@given(histories(), st.data())
def test_a_job_that_was_sent_is_never_free_to_be_sent_again(
    history: list[tuple[str, Event]], data: st.DataObject
) -> None:
    """Whatever lines are destroyed: a job still on record is not taken for unsent, unless it truly was.

    Lines cut off cleanly at the end are none of them: what is left is a whole journal of an earlier time.
    """
    lines = written(history)
    destroyed = data.draw(st.sets(st.integers(1, max(1, len(lines) - 1))))
    removed = data.draw(st.sets(st.sampled_from(sorted(destroyed)))) if destroyed else set[int]()
    damaged = [(b"#" * 9 + b"\n" if n in destroyed else line) for n, line in enumerate(lines) if n not in removed]
    found = salvaged(damaged)
    last = max(n for n in range(len(lines)) if n not in removed)
    for key, record in found.records.items():
        truth = folded(history[:last])[key]
        assert record.state is not State.NEW or truth.state is State.NEW
        assert record.state not in (State.QUEUED, State.READY) or record.request_id is not None


@given(histories())
def test_a_whole_journal_is_salvaged_as_it_is_read(history: list[tuple[str, Event]]) -> None:
    """Nothing lost, nothing mended, and the file written from it reads back as the same."""
    lines = written(history)
    found = salvaged(lines)
    assert read_journal(b"".join(lines), "j").records == found.records
    assert ((), 0, ()) == (found.bad_lines, found.lost_lines, found.mended)
    assert read_journal(compacted(found.records, 3.0), "j").records == found.records


def test_a_lost_acceptance_is_looked_for() -> None:
    """The id is gone with its line: the submit is of unknown fate, and its seed is still known."""
    lines = lines_of(STARTED, ACCEPTED, GenerationSucceeded())
    lines[2] = b"####\n"
    found = salvaged(lines)
    assert (State.UNKNOWN, STARTED) == (found.records["a"].state, found.records["a"].started)
    assert ((3,), 1, ("a",)) == (found.bad_lines, found.lost_lines, found.mended)


def test_a_lost_submit_after_a_refusal_is_held() -> None:
    """What was refused for sure may have been sent since, in a line that is lost."""
    lines = [*lines_of(STARTED, DEFERRED, STARTED), event_line(4, 2.0, "b", STARTED)]
    found = salvaged([lines[0], lines[1], lines[2], lines[4]])
    assert State.UNKNOWN is found.records["a"].state
    assert 1 == found.lost_lines


@pytest.mark.parametrize("lost", [2, 3])
def test_a_refusal_after_the_damage_is_believed(lost: int) -> None:
    """The loss was before it, be it the line just before: nothing has been sent since."""
    lines = lines_of(STARTED, DEFERRED, STARTED, DEFERRED)
    del lines[lost]
    assert State.NEW is salvaged(lines).records["a"].state


def test_a_whole_line_without_sense_is_a_lost_one() -> None:
    """It may have told of a submit: what was refused before it is not taken for unsent."""
    lines = lines_of(STARTED, DEFERRED, STARTED)
    found = salvaged([*lines[:3], resealed(lines[3], event="Teleported")])
    assert State.UNKNOWN is found.records["a"].state
    assert ((4,), 1, ("a",)) == (found.bad_lines, found.lost_lines, found.mended)


def test_a_compacted_journal_keeps_its_records() -> None:
    """What a whole line says of a job is kept, though the lines before and after it are destroyed."""
    records = folded([("a", STARTED), ("b", STARTED), ("b", ACCEPTED)])
    lines = compacted(records, 3.0).splitlines(keepends=True)
    found = salvaged([lines[0], b"##\n", lines[2], b"##\n"])
    assert {"b": records["b"]} == found.records
    assert ((2, 4), ()) == (found.bad_lines, found.mended)


def test_a_destroyed_end_is_a_gap_too() -> None:
    """The lines that are lost may be the last ones."""
    lines = lines_of(STARTED, DEFERRED)
    found = salvaged([*lines, b"##\n", b"##\n"])
    assert (State.UNKNOWN, 2) == (found.records["a"].state, found.lost_lines)


@pytest.mark.parametrize("copied", [2, 3, 5])
def test_a_line_that_is_there_twice_counts_once(copied: int) -> None:
    """A refusal that was copied behind the acceptance does not make the job free to be sent again."""
    lines = lines_of(STARTED, DEFERRED, STARTED, ACCEPTED, GenerationSucceeded())
    found = salvaged([*lines, lines[copied]])
    assert read_journal(b"".join(lines), "j").records == found.records
    assert ((len(lines) + 1,), 0, ()) == (found.bad_lines, found.lost_lines, found.mended)


def test_two_journals_in_one_file_leave_no_job_free_to_be_sent() -> None:
    """Which of them is the later one nobody can tell: what either may hide was sent, perhaps."""
    first, second = lines_of(STARTED, DEFERRED), lines_of(STARTED, GenerationSucceeded())
    for lines in ([*first, *second[1:]], [*second, *first[1:]]):
        found = salvaged(lines)
        assert (State.UNKNOWN, 0) == (found.records["a"].state, found.lost_lines)
        assert found.records["a"].has_gaps


@pytest.mark.parametrize(("lost", "state"), [(1, State.FAILED), (2, State.UNKNOWN)])
def test_a_failed_job_may_have_been_retried_in_lines_that_are_lost(lost: int, state: State) -> None:
    """Two are needed for it, the wish and the submit. Its failed request is no lost submit's record then."""
    failed = GenerationFailed(reason="busy", kind="capacity")
    record = salvaged([*lines_of(STARTED, ACCEPTED, failed), *[b"##\n"] * lost]).records["a"]
    assert state is record.state
    if state is State.UNKNOWN:
        assert (None, ("r-1",), None, True) == (
            record.request_id, record.past_ids, record.ending, record.has_gaps
        )  # fmt: skip


@pytest.mark.parametrize(("lost", "state"), [(2, State.QUEUED), (3, State.UNKNOWN)])
@pytest.mark.parametrize("then", [StatusSeen(status="queued"), None])
def test_a_request_may_have_failed_and_been_followed_by_another(
    lost: int, state: State, then: Event | None
) -> None:
    """Three lines are needed for it; the request is then read before it is believed, whatever follows the damage."""
    after = [] if then is None else [event_line(3 + lost, 2.0, "a", then)]
    record = salvaged([*lines_of(STARTED, ACCEPTED), *[b"##\n"] * lost, *after]).records["a"]
    assert state is record.state
    if state is State.UNKNOWN:
        assert (None, "r-1", True) == (record.request_id, record.named_id, record.has_gaps)


def test_what_is_not_ours_is_not_touched() -> None:
    """Another program's file, another model's journal, a later version."""
    assert salvage(b"name,usd\ncat,0.15\n") is None
    assert salvage(b"") is None
    assert salvage(resealed(header_line(1.0), model="another")) is None
    assert salvage(resealed(header_line(1.0), journal="another")) is None
    assert salvage(resealed(header_line(1.0), v=2)) is None
