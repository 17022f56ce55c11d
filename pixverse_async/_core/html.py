"""Outcomes as a small table of HTML, for notebooks: everything from outside escaped, no script, no link.

A notebook shows what the last line of a cell is by its `_repr_html_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from .budget import dollars
from .errors import redact
from .outcome import Outcome, Succeeded

SHOWN_ROWS: Final = 20
_LEFT: Final = "text-align:left"
_NARROW: Final = f"{_LEFT};white-space:nowrap"
_COLOURS: Final = {"Succeeded": "#2e9e5b", "Failed": "#d9534f", "Unknown": "#a56cd6", "Pending": "#4c86e0"}
"""Readable on a white ground and on a black one."""


def batch_html(outcomes: Sequence[Outcome], summary: str) -> str:
    """The summary, and a row for each of the first outcomes: those without a video before the others."""
    without = [one for one in outcomes if not isinstance(one, Succeeded)]
    shown = [*without, *(one for one in outcomes if isinstance(one, Succeeded))][:SHOWN_ROWS]
    more = f"<p>... and {len(outcomes) - len(shown)} more</p>" if len(shown) < len(outcomes) else ""
    return f"<p><b>{escape(summary)}</b></p>{table_html(shown) if shown else ''}{more}"


def table_html(outcomes: Sequence[Outcome]) -> str:
    """A row for each outcome."""
    head = "".join(f'<th style="{_NARROW}">{name}</th>' for name in ("outcome", "name", "cost", "made in", ""))
    return f"<table><tr>{head}</tr>{''.join(map(_row, outcomes))}</table>"


def _row(outcome: Outcome) -> str:
    kind = type(outcome).__name__
    made = outcome.timings.generating
    said = str(outcome.path) if isinstance(outcome, Succeeded) else outcome.error.describe()
    cells = (outcome.name, dollars(outcome.usd), "" if made is None else f"{made:.1f} s", said)
    styles = (_NARROW, _NARROW, _NARROW, _LEFT)
    texts = "".join(
        f'<td style="{style}">{escape(redact(cell))}</td>' for style, cell in zip(styles, cells, strict=True)
    )
    return f'<tr><td style="{_NARROW};color:{_COLOURS[kind]}"><b>{kind.lower()}</b></td>{texts}</tr>'
