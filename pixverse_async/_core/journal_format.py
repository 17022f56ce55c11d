r"""The journal as bytes: one event is one line, and a file is read back whole or refused.

A line is JSON in ASCII and ends in the CRC-32 of everything before `,"crc"`, so that a line half written and a
line altered later are both seen.  The first line says whose file it is.  `seq` counts lines, to miss none.

Only the last line may be damaged, for that is what a crash leaves behind; it is called torn, and the caller cuts
it off.  Damage anywhere else, a number missing, an event that the lifecycle table does not allow, a later version
or another model: each is refused, because every guess about such a file can pay for a job twice.
This file knows no disk and no clock: `at_utc` is epoch seconds of the wall clock, for people who read the journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Final, cast, get_args
from zlib import crc32

import attrs

from .account import Account, shared_account
from .errors import JournalError
from .events import Event, GenerationFailed, Saved, SubmitRejected, SubmitStarted
from .frozen import frozen
from .lifecycle import NEW_JOB, IllegalTransitionError, JobRecord, State, advance
from .redaction import redact
from .wire import MODEL

VERSION: Final = 1
OURS: Final = "pixverse_async"
_HEADER_START: Final = b'{"v":1,"seq":0,'
_ANY_VERSION: Final = re.compile(rb'\{"v":(\d+)[,}]')
_quoted: Final = json.encoder.encode_basestring_ascii
_CRC_CHARS: Final = len(',"crc":"01234567"}')
_SEALED_INSIDE: Final = re.compile(rb'"crc":"[0-9a-f]{8}"}.', re.DOTALL)
"""A whole line that something follows without a newline between: no crash writes that."""

_PROSE: Final = ("why", "reason", "problem", "status", "image", "prompt")
"""The fields whose text may come from outside; the journal is the last place where a secret can be kept out."""

_EVENT_TYPES: Final[Mapping[str, type[Event]]] = {kind.__name__: kind for kind in get_args(Event)}
_FIELDS: Final[Mapping[type[Any], tuple[str, ...]]] = {
    kind: tuple(field.name for field in attrs.fields(kind)) for kind in (*get_args(Event), JobRecord, Account)
}
_PROSE_OF: Final = {kind: [name for name in _FIELDS[kind] if name in _PROSE] for kind in get_args(Event)}

_RESTORE: Final = (
    "`python -m pixverse_async repair FOLDER` (or `repair_journal`) keeps what is whole and holds every job whose fate"
    " the damage hides; an older copy would not know what was paid since"
)


@frozen
class Replay:
    """What a journal's bytes amount to."""

    records: dict[str, JobRecord]
    next_seq: int
    """0 when not even the first line is there."""
    good_bytes: int
    """What comes after these is torn."""
    ends_open: bool
    """The last good line lacks its newline, and nothing else."""


def scrub(event: Event) -> Event:
    """The event as it may be written: text from outside without tokens and without the query of any link."""
    changed = {name: clean for name in _PROSE_OF[type(event)] if (clean := _clean(event, name)) is not None}
    return attrs.evolve(event, **changed) if changed else event


def _clean(event: Event, name: str) -> str | None:
    text: object = getattr(event, name)
    return clean if isinstance(text, str) and (clean := redact(text)) != text else None


def header_line(at_utc: float) -> bytes:
    """The first line of a journal; its `seq` is 0."""
    return _line(f'{_head(0, at_utc)},"journal":"{OURS}","model":{_json(MODEL)}')


def event_line(seq: int, at_utc: float, key: str, event: Event) -> bytes:
    """The event of one job, newline included."""
    return _line(f'{_head(seq, at_utc)},"key":{_json(key)},{_json_of_event(event)}')


def compacted(records: Mapping[str, JobRecord], at_utc: float) -> bytes:
    """A whole journal that reads back as these records, with one line for each."""
    lines = [header_line(at_utc)]
    for seq, (key, record) in enumerate(records.items(), start=1):
        fields = ",".join(_json_of_fields(record))
        lines.append(_line(f'{_head(seq, at_utc)},"key":{_json(key)},"record":{{{fields}}}'))
    return b"".join(lines)


def _head(seq: int, at_utc: float) -> str:
    return f'{{"v":{VERSION},"seq":{seq},"t":{at_utc:.3f}'


def _line(text: str) -> bytes:
    body = text.encode("ascii")
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def _json_of_event(event: Event) -> str:
    return ",".join((f'"event":"{type(event).__name__}"', *_json_of_fields(event)))


def _json_of_fields(value: Event | JobRecord | Account) -> list[str]:
    return [f'"{name}":{_json(getattr(value, name))}' for name in _FIELDS[type(value)]]


def _json(value: object) -> str:
    """Written out by hand for what events are made of: three times as fast as a JSON encoder for each line."""
    match value:
        case str():
            return _quoted(value)
        case int():
            return str(int(value))
        case Decimal():
            return f'"{value}"'
        case float() if isfinite(value):
            return repr(value)
        case None:
            return "null"
        case tuple():
            return f"[{','.join(map(_json, cast('tuple[object, ...]', value)))}]"
        case SubmitStarted() | SubmitRejected() | GenerationFailed() | Saved():
            return f"{{{_json_of_event(value)}}}"
        case Account():
            return f"{{{','.join(_json_of_fields(value))}}}"
        case _:
            raise TypeError(f"{value!r} has no place in a journal")


def read_journal(data: bytes, path: str) -> Replay:
    """The records after every line of the file; a torn last line is left out of `good_bytes`.

    *Raises* `JournalError` for a file that is not a journal, not ours, or damaged elsewhere than at its end;
    nothing may be sent before a person has looked at it. `path` is for that message only.
    """
    lines = data.split(b"\n")
    ends_open = lines[-1] != b""
    if not ends_open:
        lines.pop()
    reader = _Reader(path)
    good_bytes = 0
    for number, line in enumerate(lines, start=1):
        content = unsealed(line)
        if content is None:
            reader.refuse_unless_torn(number, line, is_last=number == len(lines))
            return reader.replay(good_bytes, ends_open=False)
        reader.take(number, content)
        good_bytes += len(line) + 1
    return reader.replay(good_bytes - ends_open, ends_open=ends_open)


def unsealed(line: bytes) -> bytes | None:
    """The line without its CRC, or None if the CRC is not that of the line."""
    body = line[:-_CRC_CHARS]
    return body if line[-_CRC_CHARS:] == b',"crc":"%08x"}' % crc32(body) else None


@attrs.define(eq=False, repr=False)
class _Reader:
    _path: str
    _records: dict[str, JobRecord] = attrs.field(factory=dict[str, JobRecord])
    _next_seq: int = 0

    def replay(self, good_bytes: int, *, ends_open: bool) -> Replay:
        return Replay(records=self._records, next_seq=self._next_seq, good_bytes=good_bytes, ends_open=ends_open)

    def take(self, number: int, body: bytes) -> None:
        """One more line, whose CRC is right."""
        try:
            content = json.loads(body + b"}")
            if content["v"] != VERSION:
                raise self._newer(number, str(content["v"]))
            if number == 1:
                self._check_header(content)
            self._check_order(number, content)
            if number > 1:
                self._learn(content)
        except IllegalTransitionError as problem:
            raise self._refusal(number, f"{problem}: a line was changed or lost", _RESTORE) from problem
        except (ValueError, TypeError, LookupError, ArithmeticError) as problem:
            raise self._refusal(number, f"cannot be understood ({problem})", _RESTORE) from problem
        self._next_seq += 1

    def refuse_unless_torn(self, number: int, line: bytes, *, is_last: bool) -> None:
        version = _ANY_VERSION.match(line)
        if number == 1 and version is not None and int(version[1]) != VERSION:
            raise self._newer(number, version[1].decode())
        if number == 1 and line[: len(_HEADER_START)] != _HEADER_START[: len(line)]:
            raise self._foreign()
        if not is_last or _SEALED_INSIDE.search(line):
            raise self._refusal(number, "the line is not as it was written (its checksum is wrong)", _RESTORE)

    def _check_order(self, number: int, content: Any) -> None:
        if content["seq"] != self._next_seq:
            problem = f"line {self._next_seq} of the log should be here, but this is line {content['seq']}"
            raise self._refusal(number, problem, _RESTORE)

    def _check_header(self, content: Any) -> None:
        if content.get("journal") != OURS:
            raise self._foreign()
        if content["model"] != MODEL:
            remedy = "Give each model an output folder of its own"
            raise self._refusal(1, f"it is the journal of another model, {content['model']}", remedy)

    def _learn(self, content: Any) -> None:
        key = content["key"]
        if "record" in content:
            self._records[key] = record_of(content["record"])
        elif content["event"] in _EVENT_TYPES:
            self._records[key] = advance(self._records.get(key, NEW_JOB), event_of(content))
        else:
            raise TypeError(f"no event is called {content['event']!r}; a later version may know it")

    def _foreign(self) -> JournalError:
        remedy = "Move this file away, or name another journal"
        return self._refusal(1, "this is not a journal of pixverse_async", remedy)

    def _newer(self, number: int, version: str) -> JournalError:
        problem = f"it is of format {version}, and this version of pixverse_async reads format {VERSION} only"
        return self._refusal(number, problem, "Run the version that wrote it, or a later one")

    def _refusal(self, number: int, problem: str, remedy: str) -> JournalError:
        return JournalError(self._path, problem, f"Nothing was sent. {remedy}.", number)


def event_of(content: Any) -> Event:
    kind = _EVENT_TYPES[content["event"]]
    known = {name: content[name] for name in _FIELDS[kind] if name in content}
    if "usd" in known:
        known["usd"] = Decimal(known["usd"])
    if known.get("account") is not None:
        known["account"] = shared_account(*(known["account"][name] for name in _FIELDS[Account]))
    return kind(**known)


def record_of(content: Any) -> JobRecord:
    known = {name: content[name] for name in _FIELDS[JobRecord] if name in content}
    known["state"] = State(known["state"])
    known["past_ids"] = tuple(known.get("past_ids", ()))
    known["sunk_usd"] = Decimal(known.get("sunk_usd", 0))
    for name, value in known.items():
        if isinstance(value, dict):
            known[name] = event_of(value)
    return JobRecord(**known)
