"""The outcomes of a batch as a table, or one of them as a line of a log. Pure, but for where we stand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from .. import BatchResult, Failed, Outcome, Succeeded, Timings
from .._words import clean, dollars
from .tally import Phase, is_kept, phase_of
from .view import STYLES
from .words import Line, Span, brief, cells, cut, packed, plain, wrapped

WIDEST_FILE: Final = 60
"""Columns. A longer path loses its middle, so that the numbers stay on the screen."""
LISTED_ROWS: Final = 60
"""Of more outcomes those that did not succeed are listed, up to this many."""
_OTHER_COLUMNS: Final = 28
"""Of the terminal: what outcome, cost and time take beside the file."""


class _Row(NamedTuple):
    phase: Phase
    file: str
    cost: str
    time: str
    error: str


def outcome_table(outcomes: Iterable[Outcome], width: int = 80) -> str:
    """A table of the outcomes: outcome, file, cost and time, and below it the error, if there is one.

    Of more than sixty outcomes only the first sixty that did not succeed are listed. The last line counts them all.
    """
    return "\n".join(plain(line).rstrip() for line in table_lines(outcomes, width))


def table_lines(outcomes: Iterable[Outcome], width: int) -> list[Line]:
    """The lines of that table, with their styles."""
    batch = BatchResult(outcomes)
    wanted = [one for one in batch if len(batch) <= LISTED_ROWS or not isinstance(one, Succeeded)]
    listed = wanted[:LISTED_ROWS]
    lines = _listing([_row(one) for one in listed], width) if listed else []
    if len(listed) < len(batch):
        lines.append([Span(f"... and {len(batch) - len(listed)} more", "dim")])
    return [*lines, *packed(_sums(batch), width)]


def ended_line(outcome: Outcome) -> str:
    """One job that ended, for a log: outcome, file, cost, time, what went wrong."""
    row = _row(outcome)
    return "  ".join(part for part in row._replace(error=brief(row.error)) if part)


def _row(outcome: Outcome) -> _Row:
    took = _took(outcome.timings)
    time = "" if took is None else f"{took:.1f} s"
    if isinstance(outcome, Succeeded):
        time = "kept" if is_kept(outcome) else time
        return _Row(Phase.DONE, _place(outcome.path), dollars(outcome.usd), time, "")
    cost = dollars(outcome.usd) if isinstance(outcome, Failed) else f"{dollars(outcome.usd)}?"
    return _Row(phase_of(outcome), clean(outcome.name), cost, time, clean(outcome.error.describe()))


def _took(timings: Timings) -> float | None:
    """Seconds from acceptance to the file, as far as this run saw them."""
    parts = [part for part in (timings.queued, timings.generating, timings.downloading) if part is not None]
    return sum(parts) if parts else None


def _place(path: Path | str) -> str:
    """The path as short as it can be said from here."""
    if isinstance(path, Path) and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return clean(os.fspath(path))


def _listing(rows: Sequence[_Row], width: int) -> list[Line]:
    room = max(8, min(WIDEST_FILE, width - _OTHER_COLUMNS))
    files = [_fitted(row.file, room) for row in rows]
    wide = max(map(cells, ["file", *files]))
    lines = [_columns(Span(f"{'outcome':<9}", "bold"), "file", wide, "cost", "time", "bold")]
    for row, file in zip(rows, files, strict=True):
        lines.append(_columns(Span(f"{row.phase:<9}", STYLES[row.phase]), file, wide, row.cost, row.time))
        lines += [[Span(f"  {text}", "dim")] for text in wrapped(row.error, width - 2)]
    return lines


def _fitted(file: str, room: int) -> str:
    """The path if there is room for it; else the file's own name, which is what differs."""
    return file if cells(file) <= room else cut(Path(file).name, room)


def _columns(outcome: Span, file: str, wide: int, cost: str, time: str, style: str = "") -> Line:
    padding = " " * (wide - cells(file))
    return [outcome, Span(f" {file}{padding} {cost:>8} {time:>8}", style)]


def _sums(batch: BatchResult) -> list[Span]:
    counts = {
        Phase.DONE: len(batch.succeeded),
        Phase.FAILED: len(batch.failed),
        Phase.UNKNOWN: len(batch.unknown),
        Phase.PENDING: len(batch.pending),
    }
    kept = sum((one.usd for one in batch if is_kept(one)), Decimal(0))
    # An outcome does not tell which run paid for a video that was fetched; of one that was kept it is sure.
    before = f" in all, {dollars(kept)} of it for videos that were kept" if kept else ""
    shown = [Span(f"{n} {phase}", STYLES[phase]) for phase, n in counts.items() if n or phase is Phase.DONE]
    return [*shown, Span(f"{dollars(batch.usd_spent)}{before}", "bold")]
