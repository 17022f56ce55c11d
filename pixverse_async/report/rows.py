"""The lines of `manifest.jsonl`, as far as they can be read: what a run saw of each job, above all its times.

The file may be anybody's, cut short or edited. A field of another type than ours is not there, and a line that is no
row is passed over: the journal has all that matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import attrs

from pixverse_async import Timings

_YEAR: Final = 365 * 86_400.0
"""Seconds: a time beyond it is not one that a run of ours saw."""


@attrs.frozen(kw_only=True)
class Row:
    """One job of the last run."""

    name: str
    outcome: str
    request_id: str | None
    image: str
    prompt: str
    duration: int | None
    quality: str | None
    audio: bool
    multi_clip: bool
    seed: int | None
    error: str | None
    notes: str | None
    metadata: str | None
    timings: Timings
    """Without `polls`."""


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows among the lines, in their order."""
    for line in lines:
        try:
            fields: object = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict):
            row = _row(cast("Mapping[str, object]", fields))
            if row.name and row.outcome:
                yield row


def _row(fields: Mapping[str, object]) -> Row:
    return Row(
        name=_text(fields, "name") or "",
        outcome=_text(fields, "outcome") or "",
        request_id=_text(fields, "request_id"),
        image=_text(fields, "image") or "",
        prompt=_text(fields, "prompt") or "",
        duration=_whole(fields, "duration"),
        quality=_text(fields, "quality"),
        audio=fields.get("audio") is True,
        multi_clip=fields.get("multi_clip") is True,
        seed=_whole(fields, "seed"),
        error=_text(fields, "error"),
        notes=_text(fields, "notes"),
        metadata=_text(fields, "metadata"),
        timings=Timings(
            queued=_number(fields, "queued"),
            generating=_number(fields, "generating"),
            detected_late_by=_number(fields, "detected_late_by"),
            downloading=_number(fields, "downloading"),
        ),
    )


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(fields: Mapping[str, object], name: str) -> float | None:
    """Seconds, finite, not negative, and below a year."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _YEAR else None
