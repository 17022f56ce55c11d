"""What a journal's bytes mean, and which bytes are refused."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, get_args
from zlib import crc32

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.account import Account
from pixverse_async._core.errors import JournalError
from pixverse_async._core.events import (
    Event,
    GenerationFailed,
    Reconciled,
    Saved,
    SubmitAccepted,
    SubmitInterrupted,
)
from pixverse_async._core.journal_format import (
    compacted,
    event_line,
    header_line,
    read_journal,
    scrub,
)
from pixverse_async._core.lifecycle import NEW_JOB, TABLE, JobRecord, State, advance
from tests.submits import STARTED

TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too: a file name may hold them
SALT = st.text(st.characters(codec="ascii"), max_size=64)
USD = st.decimals(0, 10**6, places=3, allow_nan=False)
FIELD_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int": st.integers(0, 2**63),
    "float": st.floats(0, 4e9),
    "float | None": st.none() | st.floats(0, 4e9),
    "bool": st.booleans(),
    "Decimal": USD,
    "Account | None": st.none()
    | st.builds(Account, base_url=TEXT, org_id=st.none() | TEXT, key_salt=SALT, key_print=TEXT),
}


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of the type, drawn from its fields: a type added to the table is tested unasked."""
    return st.builds(kind, **{field.name: FIELD_VALUES[str(field.type)] for field in attrs.fields(kind)})


EVENTS = st.one_of([events_of(kind) for kind in get_args(Event)]).map(scrub)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Event]]:
    """A few jobs, each moving where the table lets it."""
    states: dict[str, JobRecord] = {}
    history: list[tuple[str, Event]] = []
    for _ in range(draw(st.integers(0, 12))):
        key = draw(st.sampled_from(["a", "b", "c"]))
        record = states.get(key, NEW_JOB)
        kind = draw(st.sampled_from(list(TABLE[record.state])))
        event = scrub(draw(events_of(kind)))
        states[key] = advance(record, event)
        history.append((key, event))
    return history


def written(history: list[tuple[str, Event]]) -> list[bytes]:
    """The lines of a journal in which this happened."""
    return [header_line(1.0), *(event_line(n, 2.0, key, event) for n, (key, event) in enumerate(history, 1))]


def folded(history: list[tuple[str, Event]]) -> dict[str, JobRecord]:
    records: dict[str, JobRecord] = {}
    for key, event in history:
        records[key] = advance(records.get(key, NEW_JOB), event)
    return records


def resealed(line: bytes, **changes: object) -> bytes:
    """The line as a hand that knows the checksum would change it."""
    content = {**json.loads(line), **changes}
    del content["crc"]
    body = json.dumps(content).encode()[:-1]
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


LINES = written([("a", STARTED), ("a", SubmitAccepted(request_id="r-1")), ("b", STARTED)])
WHOLE = b"".join(LINES)


@given(EVENTS)
def test_an_event_of_any_type_survives_its_line(event: Event) -> None:
    """An event that is written and read is the same event."""
    path = {state: events for state, events in TABLE.items() if type(event) in events}
    record = JobRecord(state=next(iter(path)))
    data = compacted({"k": record}, 1.0) + event_line(2, 2.0, "k", event)
    assert advance(record, event) == read_journal(data, "j").records["k"]


@given(histories())
def test_a_journal_reads_back_as_what_was_folded(history: list[tuple[str, Event]]) -> None:
    """Replaying the file gives the records that the process had."""
    replay = read_journal(b"".join(written(history)), "j")
    assert folded(history) == replay.records
    assert len(history) + 1 == replay.next_seq


@given(histories(), st.data())
def test_a_crash_anywhere_changes_nothing_but_what_was_lost(
    history: list[tuple[str, Event]], data: st.DataObject
) -> None:
    """Folding what a cut file holds, and then the events that it lost, equals never having crashed."""
    lines = written(history)
    whole = b"".join(lines)
    replay = read_journal(whole[: data.draw(st.integers(0, len(whole)))], "j")
    records = dict(replay.records)
    for key, event in history[max(0, replay.next_seq - 1) :]:
        records[key] = advance(records.get(key, NEW_JOB), event)
    assert folded(history) == records


def test_any_cut_of_a_file_reads_as_its_whole_lines() -> None:
    """A file cut at any byte is read as the lines before the cut, and the rest of it is torn."""
    ends = [sum(map(len, LINES[:n])) for n in range(len(LINES) + 1)]
    for cut in range(len(WHOLE) + 1):
        replay = read_journal(WHOLE[:cut], "j")
        whole_lines = sum(cut >= end - 1 for end in ends[1:])
        assert whole_lines == replay.next_seq
        assert min(cut, ends[whole_lines]) == replay.good_bytes
        assert (cut + 1 in ends[1:]) == replay.ends_open


def test_any_flipped_bit_is_seen() -> None:
    """A file with any one bit flipped is refused, or loses its last line and no more."""
    last = len(WHOLE) - len(LINES[-1])
    for position in range(len(WHOLE)):
        for bit in range(8):
            damaged = bytearray(WHOLE)
            damaged[position] ^= 1 << bit
            try:
                replay = read_journal(bytes(damaged), "j")
            except JournalError:
                continue
            assert position >= last
            assert len(LINES) - 1 == replay.next_seq
            assert last == replay.good_bytes


def test_a_bad_line_in_the_middle_is_named() -> None:
    """The refusal says which line, that nothing was sent, and what to do."""
    damaged = LINES[0] + LINES[1] + LINES[2].replace(b"r-1", b"r-2") + LINES[3]
    with pytest.raises(JournalError, match=r"line 3: .*checksum.*Nothing was sent.*repair FOLDER") as caught:
        read_journal(damaged, "j")
    assert caught.value.line == 3


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (LINES[0] + LINES[2] + LINES[3], "line 1 of the log should be here"),
        (LINES[0] + LINES[1] + LINES[1], "line 2 of the log should be here"),
        (LINES[0] + LINES[1] + b"\n" + LINES[2], "checksum"),
        (LINES[0] + LINES[1] + resealed(LINES[2], event="Saved"), "cannot be understood"),
        (
            LINES[0] + LINES[1] + resealed(LINES[1], seq=2),
            "SubmitStarted cannot happen to a job in state submitting",
        ),
        (LINES[0] + resealed(LINES[1], event="Teleported"), "a later version may know it"),
        (LINES[0] + resealed(LINES[1], usd="a lot"), "cannot be understood"),
        (LINES[0] + resealed(LINES[1], v=2), "of format 2"),
        (LINES[0].replace(b'"v":1', b'"v":2') + LINES[1], "of format 2"),
        (b'{"v":12,"other":"layout"}\n', "of format 12"),
        (resealed(LINES[0], model="pixverse-v9"), "another model, pixverse-v9"),
        (b"name,usd\ncat,0.15\n", "not a journal"),
        (b"name,usd", "not a journal"),
        (LINES[1] + LINES[2], "not a journal"),
        (WHOLE.replace(b"\n", b"\r\n"), "checksum"),
    ],
)
def test_a_file_that_may_mislead_is_refused(damaged: bytes, message: str) -> None:
    """Lines lost, doubled or edited, later formats, other models and other files: none is read."""
    with pytest.raises(JournalError, match=re.escape(message)):
        read_journal(damaged, "j")


def test_a_well_sealed_last_line_is_never_torn() -> None:
    """A last line that nobody can understand, though whole, is refused rather than cut off."""
    with pytest.raises(JournalError, match="cannot be understood"):
        read_journal(WHOLE + resealed(LINES[3], seq=4, key="c", event="Teleported"), "j")


@pytest.mark.fault(42)
def test_unknown_fields_are_ignored() -> None:
    """A field that a later version added changes nothing."""
    data = LINES[0] + resealed(LINES[1], colour="blue") + LINES[2] + LINES[3]
    assert read_journal(WHOLE, "j").records == read_journal(data, "j").records


@given(histories())
def test_compaction_changes_no_record(history: list[tuple[str, Event]]) -> None:
    """One line for each job says what all its events said, and the log can go on from there."""
    records = folded(history)
    replay = read_journal(compacted(records, 3.0), "j")
    assert records == replay.records
    assert len(records) + 1 == replay.next_seq


def test_a_line_is_ascii_and_one_line() -> None:
    """Names of any script and of any newline stay on one line of ASCII."""
    event = attrs.evolve(STARTED, name="猫\n\u2028\ud800")
    line = event_line(1, 2.0, "k", event)
    assert line.isascii()
    assert line.index(b"\n") == len(line) - 1
    assert b'{"v":1,"seq":1,"t":2.000,"key":"k","event":"SubmitStarted",' in line


def test_money_is_written_as_text() -> None:
    """A price keeps its digits; no float comes near it."""
    assert b'"usd":"0.150"' in LINES[1]
    assert read_journal(WHOLE, "j").records["a"].usd == Decimal("0.150")


@pytest.mark.fault(26)
def test_no_secret_reaches_a_line() -> None:
    """Tokens and the queries of links in text from outside are gone before the event is written."""
    link = "https://s.example/a.png?X-Goog-Signature=5ec2e7"
    key = "Bearer abcdefghijklmn"
    for event in (
        SubmitInterrupted(why=f"{key} {link}"),
        GenerationFailed(reason=f"{link} {key}", kind="image"),
    ):
        line = event_line(1, 2.0, "k", scrub(event))
        assert b"5ec2e7" not in line
        assert b"abcdefghijklmn" not in line


def test_what_carries_no_secret_is_the_same_event() -> None:
    """Scrubbing an event that has nothing to hide returns that very event."""
    for event in (STARTED, Reconciled(request_id="r"), Saved(path="a?b.mp4", size_bytes=1, sha256="c")):
        assert scrub(event) is event


def test_a_value_without_a_place_is_refused() -> None:
    """A number that JSON cannot hold raises before there is a line."""
    with pytest.raises(TypeError, match="no place in a journal"):
        event_line(1, 2.0, "k", attrs.evolve(STARTED, at_utc=float("nan")))


def test_no_field_of_an_event_hides_one_of_the_line() -> None:
    """The names that every line has are not the names of any event's fields."""
    names = {field.name for kind in get_args(Event) for field in attrs.fields(kind)}
    assert not names & {"v", "seq", "t", "key", "event", "record", "crc"}


def test_a_header_alone_is_an_empty_journal() -> None:
    """A file with nothing but its first line knows no job and numbers the next line 1."""
    replay = read_journal(header_line(1.0), "j")
    assert (replay.records, replay.next_seq) == ({}, 1)
    assert read_journal(b"", "j").next_seq == 0
    assert State.NEW is NEW_JOB.state
