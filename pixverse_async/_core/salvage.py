"""What can be kept of a journal that is damaged elsewhere than at its end, without paying for anything twice.

Every line that is whole is kept.  Where lines between them are lost, each job is brought into the most careful state
that agrees with what is left: a known request is read again, and a job that may have been sent since its last line is
of unknown fate, and held; a failed one too, which may have been retried.  So may one whose request is known, where
enough lines are lost since: it is that request's unless that failed.  A line that is there twice counts once.
Where other lines are not in the order of their numbers, as when two files were joined, any job may have been sent
since.  A job all of whose lines are lost cannot be seen here: `lost_lines` says how many such
jobs there may be at most, and only the service's console can show them.  Lines cut off cleanly at the end leave no
trace at all, here or in `read_journal`: such a file is the whole journal of an earlier time.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import attrs

from .events import Event, RetryRequested, SubmitInterrupted
from .frozen import frozen
from .journal_format import OURS, VERSION, event_of, record_of, unsealed
from .lifecycle import HELD, NEW_JOB, TABLE, JobRecord, State, changes
from .wire import MODEL

_LEADS_TO: Final = {kind: state for row in TABLE.values() for kind, state in row.items()}
"""Each event leads to one state, wherever it comes from."""
_DAMAGED: Final = SubmitInterrupted(why="lines of its journal were lost")
_NEEDS_ID: Final = (State.QUEUED, State.READY)
_LOST_TO_BE_SENT: Final = {State.NEW: 1, State.FAILED: 2}
"""How many lost lines may hide that the job was sent: its submit, and before that the wish to retry it."""
_LOST_TO_BE_ANOTHERS: Final = 3
"""Since a request was named: how many may hide that it failed, and the job was sent again."""
_NAMES_REQUEST: Final = ("SubmitAccepted", "Reconciled")


@frozen
class Salvage:
    """What a damaged journal amounts to."""

    records: dict[str, JobRecord]
    bad_lines: tuple[int, ...]
    """Which lines cannot be read, or are there twice or out of order, from 1."""
    lost_lines: int
    """How many were written and are not there or cannot be read; a torn last line is one of them."""
    mended: tuple[str, ...]
    """The keys of the jobs whose state was not simply read, but chosen carefully."""


def salvage(data: bytes) -> Salvage | None:
    """What is left of the journal; None when nothing in it is ours, or it is of another model or version."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    found, taken = _Salvager(), set[bytes]()
    for number, line in enumerate(lines, start=1):
        content = _whole(line)
        if content is not None and not _is_ours(content):
            return None
        if line in taken:
            found.note_bad(number)
        elif content is not None and found.take(number, content):
            taken.add(line)
        else:
            found.miss(number)
    return found.result() if taken else None


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
    _records: dict[str, JobRecord] = attrs.field(factory=dict[str, JobRecord])
    _lost_by_then: dict[str, int] = attrs.field(factory=dict[str, int])
    """How many lines were lost before the latest one of each job."""
    _lost_by_request: dict[str, int] = attrs.field(factory=dict[str, int])
    """The same, before the latest one that names its request."""
    _bad_lines: list[int] = attrs.field(factory=list[int])
    _mended: dict[str, None] = attrs.field(factory=dict[str, None])
    _seqs: set[int] = attrs.field(factory=set[int])
    _next_seq: int = 0
    _bad_at_end: int = 0
    _is_in_order: bool = True

    def take(self, number: int, content: dict[str, Any]) -> bool:
        """One more whole line; False when it makes no sense all the same."""
        try:
            seq, key = int(content["seq"]), None if "journal" in content else content["key"]
            if key is not None:
                self._learn(key, content)
        except (ValueError, TypeError, LookupError, ArithmeticError):
            return False
        if seq < self._next_seq:
            self._is_in_order = False
            self.note_bad(number)
        self._seqs.add(seq)
        self._next_seq = max(self._next_seq, seq + 1)
        self._bad_at_end = 0
        if key is not None:
            self._lost_by_then[key] = self._lost
            if "record" in content or content["event"] in _NAMES_REQUEST:
                self._lost_by_request[key] = self._lost
        return True

    def miss(self, number: int) -> None:
        """One more line that cannot be read."""
        self.note_bad(number)
        self._bad_at_end += 1

    def note_bad(self, number: int) -> None:
        """A line is not as it was written, or not where."""
        self._bad_lines.append(number)

    @property
    def _lost(self) -> int:
        """How many lines were written and are not there, as far as their numbers tell."""
        return self._next_seq - len(self._seqs) + self._bad_at_end

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
        for key, record in self._records.items():
            careful = self._made_careful(key, record)
            if careful is not record:
                self._records[key] = careful
                self._mended[key] = None
            if careful.state in HELD and (key in self._mended or self._has_lost_since(key, 1)):
                self._records[key] = attrs.evolve(careful, has_gaps=True)
        return Salvage(
            records=self._records,
            bad_lines=tuple(self._bad_lines),
            lost_lines=self._lost,
            mended=tuple(self._mended),
        )

    def _made_careful(self, key: str, record: JobRecord) -> JobRecord:
        """The record itself, unless it may have been sent since, or its request is lost."""
        enough = _LOST_TO_BE_SENT.get(record.state)
        if enough is not None and self._has_lost_since(key, enough):
            if record.state is State.FAILED:
                record = _forced(record, RetryRequested())
            return _forced(record, _DAMAGED)
        if record.state in _NEEDS_ID and (record.request_id is None or self._may_be_anothers(key, record)):
            return _doubted(record)
        return record

    def _may_be_anothers(self, key: str, record: JobRecord) -> bool:
        """The job may be another request's by now than the one that is known."""
        if record.started is None:
            return False  # It could not be looked for: better the request that is known.
        return not self._is_in_order or self._lost - self._lost_by_request[key] >= _LOST_TO_BE_ANOTHERS

    def _has_lost_since(self, key: str, lines: int) -> bool:
        """So many lines may have been written since the latest one of the job that is left."""
        return not self._is_in_order or self._lost - self._lost_by_then[key] >= lines


def _doubted(record: JobRecord) -> JobRecord:
    """Of unknown fate; its request, if one is known, is read before it is believed."""
    doubt = attrs.evolve(_DAMAGED, request_id=record.request_id)
    return attrs.evolve(_forced(record, doubt), request_id=None)


def _forced(record: JobRecord, event: Event) -> JobRecord:
    """`advance` for a history with gaps: the state to which the event leads, from wherever."""
    return attrs.evolve(record, state=_LEADS_TO[type(event)], **changes(record, event))
