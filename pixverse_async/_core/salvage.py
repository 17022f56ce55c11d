"""What can be kept of a journal that is damaged elsewhere than at its end, without paying for anything twice.

Every line that is whole is kept.  Where lines between them are lost, each job is brought into the most careful state
that agrees with what is left: a known request is read again, and a job that may have been sent since its last line is
of unknown fate, and held.  A job all of whose lines are lost cannot be seen here: `lost_lines` says how many such
jobs there may be at most, and only the service's console can show them.  Lines cut off cleanly at the end leave no
trace at all, here or in `read_journal`: such a file is the whole journal of an earlier time.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import attrs

from .frozen import frozen
from .journal_format import OURS, VERSION, event_of, record_of, unsealed
from .lifecycle import NEW_JOB, TABLE, Event, JobRecord, State, SubmitInterrupted, lesson
from .wire import MODEL

_LEADS_TO: Final = {kind: state for row in TABLE.values() for kind, state in row.items()}
"""Each event leads to one state, wherever it comes from."""
_DAMAGED: Final = SubmitInterrupted(why="lines of its journal were lost")
_NEEDS_ID: Final = (State.QUEUED, State.READY)


@frozen
class Salvage:
    """What a damaged journal amounts to."""

    records: dict[str, JobRecord]
    bad_lines: tuple[int, ...]
    """Which lines cannot be read, from 1."""
    lost_lines: int
    """How many were written and are not there or cannot be read; a torn last line is one of them."""
    mended: tuple[str, ...]
    """The keys of the jobs whose state was not simply read, but chosen carefully."""


def salvage(data: bytes) -> Salvage | None:
    """What is left of the journal; None when nothing in it is ours, or it is of another model or version."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    found = _Salvager()
    for number, line in enumerate(lines, start=1):
        content = _whole(line)
        if content is not None and not _is_ours(content):
            return None
        if content is None or not found.take(content):
            found.miss(number)
    return found.result() if found.seen else None


def _is_ours(content: dict[str, Any]) -> bool:
    """False for the first line of another program's or another model's journal."""
    return (content.get("journal", OURS), content.get("model", MODEL)) == (OURS, MODEL)


def _whole(line: bytes) -> dict[str, Any] | None:
    body = unsealed(line)
    try:
        content = None if body is None else json.loads(body + b"}")
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    fields = cast("dict[str, Any]", content)
    return fields if fields.get("v") == VERSION else None


@attrs.define(eq=False, repr=False)
class _Salvager:
    seen: int = 0
    _records: dict[str, JobRecord] = attrs.field(factory=dict[str, JobRecord])
    _last_seen: dict[str, int] = attrs.field(factory=dict[str, int])
    _bad_lines: list[int] = attrs.field(factory=list[int])
    _mended: dict[str, None] = attrs.field(factory=dict[str, None])
    _next_seq: int = 0
    _last_gap: int = -1
    """The `seq` before which lines are lost, for the last time."""
    _bad_at_end: int = 0

    def take(self, content: dict[str, Any]) -> bool:
        """One more whole line; False when it makes no sense all the same."""
        try:
            seq = int(content["seq"])
            if "journal" not in content:
                self._learn(content["key"], content)
                self._last_seen[content["key"]] = seq
        except (ValueError, TypeError, LookupError, ArithmeticError):
            return False
        if seq > self._next_seq:
            self._last_gap = seq
        self._next_seq = max(self._next_seq, seq + 1)
        self.seen += 1
        self._bad_at_end = 0
        return True

    def miss(self, number: int) -> None:
        """One more line that cannot be read."""
        self._bad_lines.append(number)
        self._bad_at_end += 1

    def _learn(self, key: str, content: Any) -> None:
        if "record" in content:
            self._records[key] = record_of(content["record"])
            return
        event = event_of(content)
        record = self._records.get(key, NEW_JOB)
        if type(event) not in TABLE[record.state]:
            self._mended[key] = None
        self._records[key] = _forced(record, event)

    def result(self) -> Salvage:
        if self._bad_at_end:
            self._last_gap = self._next_seq
        for key, record in self._records.items():
            may_have_been_sent = record.state is State.NEW and self._last_seen[key] < self._last_gap
            if may_have_been_sent or (record.state in _NEEDS_ID and record.request_id is None):
                self._records[key] = _forced(record, _DAMAGED)
                self._mended[key] = None
        return Salvage(
            records=self._records,
            bad_lines=tuple(self._bad_lines),
            lost_lines=self._next_seq - self.seen + self._bad_at_end,
            mended=tuple(self._mended),
        )


def _forced(record: JobRecord, event: Event) -> JobRecord:
    """`advance` for a history with gaps: the state to which the event leads, from wherever."""
    return attrs.evolve(record, state=_LEADS_TO[type(event)], **lesson(record, event))
