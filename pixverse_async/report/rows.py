"""The lines of `manifest.jsonl`, as far as they can be read: what a run saw of each job, above all its times.

The file may be anybody's, cut short or edited. A field of another type than ours is not there, and a line that is no
row is passed over: the journal has all that matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, cast

import attrs


@attrs.frozen(kw_only=True)
class Times:
    """Where the time of one job went, in seconds; None: it did not happen, or nobody saw it."""

    queued: float | None = None
    generating: float | None = None
    detected_late_by: float | None = None
    """The last part of `generating`: at most this long the finished video went unnoticed."""
    downloading: float | None = None

    @property
    def is_watched(self) -> bool:
        """A run saw the end of its generation, so that the other times have a meaning."""
        return self.generating is not None and self.detected_late_by is not None


NO_TIMES: Final = Times()
_YEAR: Final = 365 * 86_400.0


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
    usd: Decimal
    error: str | None
    notes: str | None
    metadata: str | None
    times: Times


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
        usd=Decimal(str(_number(fields, "usd") or 0)),
        error=_text(fields, "error"),
        notes=_text(fields, "notes"),
        metadata=_text(fields, "metadata"),
        times=Times(**{field.name: _number(fields, field.name) for field in attrs.fields(Times)}),
    )


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(fields: Mapping[str, object], name: str) -> float | None:
    """Finite and not negative; what is not below a year of seconds is no number of ours."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _YEAR else None
