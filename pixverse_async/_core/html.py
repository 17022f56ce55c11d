"""Outcomes as a small table of HTML, for notebooks: everything from outside escaped, no script, no link.

A notebook shows what the last line of a cell is by its `_repr_html_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from .redaction import redact

SHOWN_ROWS: Final = 20
_LEFT: Final = "text-align:left"
_NARROW: Final = f"{_LEFT};white-space:nowrap"
_COLOURS: Final = {"succeeded": "#2e9e5b", "failed": "#d9534f", "unknown": "#a56cd6", "pending": "#4c86e0"}
"""Readable on a white ground and on a black one."""


class Row(NamedTuple):
    """One outcome in words."""

    outcome: str
    name: str
    cost: str
    made_in: str
    said: str
    """Where the video is, or why there is none."""


def batch_html(rows: Sequence[Row], summary: str) -> str:
    """The summary, and the first rows: those without a video before the others."""
    shown = sorted(rows, key=lambda row: row.outcome == "succeeded")[:SHOWN_ROWS]
    more = f"<p>... and {len(rows) - len(shown)} more</p>" if len(shown) < len(rows) else ""
    return f"<p><b>{escape(summary)}</b></p>{table_html(shown) if shown else ''}{more}"


def table_html(rows: Sequence[Row]) -> str:
    """The rows under their heads."""
    head = "".join(f'<th style="{_NARROW}">{name}</th>' for name in ("outcome", "name", "cost", "made in", ""))
    return f"<table><tr>{head}</tr>{''.join(map(_line, rows))}</table>"


def _line(row: Row) -> str:
    styles = (_NARROW, _NARROW, _NARROW, _LEFT)
    texts = "".join(
        f'<td style="{style}">{escape(redact(cell))}</td>' for style, cell in zip(styles, row[1:], strict=True)
    )
    return f'<tr><td style="{_NARROW};color:{_COLOURS[row.outcome]}"><b>{row.outcome}</b></td>{texts}</tr>'
