"""The two charts as SVG: the batch in time, and how long generations took.

Widths are per cent of whatever the page gives them, heights and text are pixels: so a chart fits a telephone without
its letters shrinking. Colours are classes of the style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

from .cards import Card
from .words import clock, shown, span

NAMED_ROWS: Final = 60
"""Up to so many jobs have a row with their name; of more, each is a thin line."""
NAME_CHARS: Final = 15
ROW: Final = 20
"""Pixels: the height of a row with a name."""
THIN_CHART: Final = 900
"""Pixels: the height into which any number of thin lines is fitted, each at least one pixel high."""
HISTOGRAM: Final = 170
"""Pixels: its height, without the scale."""
BARS: Final = 24
"""Of the histogram, at most."""
AXIS: Final = 24
"""Pixels below a chart for its scale."""
PAUSE: Final = 60.0
"""Seconds: what is left of a time in which nothing was under way."""
STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between two marks of a scale."""


class Part(NamedTuple):
    """One coloured piece of a job's bar, in seconds from the batch's beginning."""

    kind: str
    begin: float
    end: float


def timeline(cards: Sequence[Card]) -> str:
    """A row for each job whose end a run saw, from its submit on; nothing when there is none."""
    seen = [(card, card.sent_at_utc) for card in cards if card.was_watched and card.sent_at_utc is not None]
    if not seen:
        return ""
    seen.sort(key=lambda one: one[1])
    rows = [(card, list(_parts(card, begin))) for card, begin in _without_pauses(seen)]
    whole = max((parts[-1].end for _, parts in rows), default=0) or 1
    is_named = len(rows) <= NAMED_ROWS
    pitch = ROW if is_named else max(1.0, min(ROW / 2, THIN_CHART / len(rows)))
    height = math.ceil(pitch * len(rows))
    body = "".join(_row(card, parts, index * pitch, pitch, whole) for index, (card, parts) in enumerate(rows))
    label = f"{len(rows)} jobs in time, over {span(whole)}"
    chart = _svg(label, height, f"{_scale(whole, height)}{body}", "bars")
    names = _names([card.name for card, _ in rows], height) if is_named else ""
    return f'<div class="timeline">{names}{chart}</div>'


def _without_pauses(seen: Sequence[tuple[Card, float]]) -> Iterator[tuple[Card, float]]:
    """Each job with when it was sent, in seconds from the first; a night between two runs is `PAUSE` long."""
    origin = end = seen[0][1]
    for card, sent in seen:
        origin += max(0.0, sent - end - PAUSE)
        end = max(end, sent + sum(part.end - part.begin for part in _parts(card, 0.0)))
        yield card, sent - origin


def _parts(card: Card, begin: float) -> Iterator[Part]:
    timings = card.timings
    late = min(timings.detected_late_by or 0, timings.generating or 0)
    lengths = {
        "queued": timings.queued or 0,
        "generating": (timings.generating or 0) - late,
        "late": late,
        "downloading": timings.downloading or 0,
    }
    for kind, length in lengths.items():
        yield Part(kind, begin, begin := begin + length)


def _row(card: Card, parts: Sequence[Part], top: float, pitch: float, whole: float) -> str:
    gap = 0.7 if pitch >= 4 else 1  # the bar's share of its row; thin lines touch
    said = ", ".join(
        f"{_WORDS[part.kind]} {span(part.end - part.begin)}" for part in parts if part.end > part.begin
    )
    rects = "".join(
        f'<rect class="{part.kind}" x="{_percent(part.begin / whole)}" y="{top:.2f}" '
        f'width="{_percent((part.end - part.begin) / whole)}" height="{pitch * gap:.2f}"/>'
        for part in parts
        if part.end > part.begin
    )
    return f"<g><title>{shown(card.name)}: {said}</title>{rects}</g>"


def _names(names: Sequence[str], height: int) -> str:
    """The names beside the bars, as long ones as fit."""
    lines = "".join(
        f'<text x="0" y="{index * ROW + 12}">{shown(_cut(name))}</text>' for index, name in enumerate(names)
    )
    return f'<svg class="names" aria-hidden="true" height="{height + AXIS}">{lines}</svg>'


def _cut(name: str) -> str:
    """The name with its middle left out, if it is long: the ends tell names apart.

    >>> _cut("lighthouse-in-the-storm-2")
    'lighthous…orm-2'
    """
    return name if len(name) <= NAME_CHARS else f"{name[:9]}…{name[-5:]}"


_WORDS: Final = {
    "queued": "queued",
    "generating": "generating",
    "late": "noticed late by at most",
    "downloading": "downloading",
}


def histogram(cards: Sequence[Card]) -> str:
    """How many generations took how long; nothing when none was seen."""
    found = sorted(generation_times(cards))
    if not found:
        return ""
    step = next((step for step in STEPS if found[-1] / step <= BARS), found[-1] / BARS)
    first = math.floor(found[0] / step)
    bins = [0] * (math.floor(found[-1] / step) - first + 1)
    for seconds in found:
        bins[math.floor(seconds / step) - first] += 1
    width, most, room = 100 / len(bins), max(bins), HISTOGRAM - 18
    bars = "".join(
        f"<g><title>{span((first + index) * step)} to {span((first + index + 1) * step)}: {count}</title>"
        f'<rect class="generating" x="{index * width + width * 0.06:.3f}%" y="{HISTOGRAM - room * count / most:.1f}" '
        f'width="{width * 0.88:.3f}%" height="{room * count / most:.1f}"/>'
        f'<text class="count" x="{(index + 0.5) * width:.3f}%" y="{HISTOGRAM - room * count / most - 4:.1f}">'
        f"{count}</text></g>"
        for index, count in enumerate(bins)
        if count
    )
    label = f"generation times of {len(found)} jobs, median {span(median(found))}"
    return _svg(label, HISTOGRAM, f"{_base(HISTOGRAM)}{bars}{_bin_scale(first, len(bins), step)}", "histogram")


def generation_times(cards: Sequence[Card]) -> list[float]:
    """Seconds, of the jobs whose end a run saw."""
    return [card.timings.generating for card in cards if card.was_watched and card.timings.generating is not None]


def _bin_scale(first: int, bins: int, step: float) -> str:
    """At most six marks, at the edges of bars; the last mark would not fit beside the edge."""
    every = math.ceil(bins / 6)
    marks = range(0, bins, every)
    return "".join(_mark(index / bins, HISTOGRAM, span((first + index) * step), is_line=False) for index in marks)


def _scale(whole: float, height: int) -> str:
    """Lines down the chart at round times, at most six."""
    step = next((step for step in STEPS if whole / step <= 6), whole / 6)
    ticks = [index * step for index in range(math.floor(whole / step) + 1)]
    said = span if whole < 60 else clock
    return _base(height) + "".join(_mark(at / whole, height, said(at), is_line=at > 0) for at in ticks)


def _mark(share: float, height: int, text: str, *, is_line: bool) -> str:
    line = f'<line x1="{_percent(share)}" x2="{_percent(share)}" y1="0" y2="{height}"/>' if is_line else ""
    # What stands at the right edge grows to the left, and at the left edge to the right.
    anchor = "start" if share < 0.05 else "end" if share > 0.92 else "middle"
    return f'{line}<text class="tick {anchor}" x="{_percent(share)}" y="{height + 16}">{text}</text>'


def _base(height: int) -> str:
    return f'<line x1="0" x2="100%" y1="{height}" y2="{height}"/>'


def _percent(share: float) -> str:
    return f"{share * 100:.3f}%"


def _svg(label: str, height: int, body: str, kind: str) -> str:
    return (
        f'<svg class="{kind}" role="img" aria-label="{shown(label)}" width="100%" height="{height + AXIS}">'
        f"{body}</svg>"
    )
