"""Polls against lateness as an SVG, both axes logarithmic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""
Panel = tuple[str, Sequence[tuple[str, float, float]], Sequence[Point], Sequence[Point]]
_WIDTH, _HEIGHT, _MARGIN = 470, 400, 52
_LETTER = 4.4
"""Pixels: the width of a letter at the size of the labels, about."""
_ROW = 9
"""Pixels: the height of such a label."""
_INK, _GREY, _OURS, _BEST = "#222", "#999", "#c0392b", "#2c7fb8"


class _Axes:
    """Maps (polls, seconds) into one panel."""

    def __init__(self, points: Sequence[Point], left: float) -> None:
        xs, ys = [math.log10(x) for x, _ in points], [math.log10(y) for _, y in points]
        self.x0, self.x1 = min(xs) - 0.1, max(xs) + 0.25
        self.y0, self.y1 = min(ys) - 0.1, max(ys) + 0.1
        self.left = left

    def at(self, point: Point) -> Point:
        x = (math.log10(point[0]) - self.x0) / (self.x1 - self.x0)
        y = (math.log10(point[1]) - self.y0) / (self.y1 - self.y0)
        inner_w, inner_h = _WIDTH - 1.4 * _MARGIN, _HEIGHT - 2 * _MARGIN
        return self.left + _MARGIN + x * inner_w, _HEIGHT - _MARGIN - y * inner_h

    def ticks(self, low: float, high: float) -> list[float]:
        values = (m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5))
        return [v for v in values if low <= math.log10(v) <= high]


def _text(x: float, y: float, text: str, *, size: int = 10, colour: str = _INK, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'


def _path(points: Sequence[Point], colour: str, *, dashes: str = "") -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def _panel(panel: Panel, left: float) -> list[str]:
    title, peers, ours, best = panel
    axes = _Axes([*((x, y) for _, x, y in peers), *ours, *best], left)
    bottom, right = _HEIGHT - _MARGIN, left + _WIDTH - 0.4 * _MARGIN
    out = [_text(left + _MARGIN, 30, title, size=14)]
    for v in axes.ticks(axes.x0, axes.x1):
        x, _ = axes.at((v, 10**axes.y0))
        out.append(f'<line x1="{x:.1f}" y1="{_MARGIN}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>')
        out.append(_text(x, bottom + 14, f"{v:g}", anchor="middle"))
    for v in axes.ticks(axes.y0, axes.y1):
        _, y = axes.at((10**axes.x0, v))
        out.append(f'<line x1="{left + _MARGIN}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#eee"/>')
        out.append(_text(left + _MARGIN - 6, y + 3, f"{v:g}", anchor="end"))
    out.append(_text((left + _MARGIN + right) / 2, _HEIGHT - 14, "polls a job", anchor="middle"))
    out.append(_text(left + _MARGIN, 46, "seconds late, mean", colour=_GREY))
    lines = [spot for line in (ours, best) for spot in _along([axes.at(p) for p in line])]
    out.extend(_peers([(name, *axes.at((x, y))) for name, x, y in peers], lines, (left + _MARGIN, right)))
    out.append(_path([axes.at(p) for p in best], _BEST, dashes="5 3"))
    out.append(_path([axes.at(p) for p in ours], _OURS))
    out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_OURS}"/>' for x, y in map(axes.at, ours))
    x, y = axes.at(ours[1])
    out.append(_text(x + 8, y - 2, "AdaptivePolling, kappa 0.06 to 4", colour=_OURS))
    x, y = axes.at(best[0])
    out.append(
        _text(max(x - 110, left + _MARGIN + 4), y + 16, "lower bound (knows all but the luck)", colour=_BEST)
    )
    return out


def _peers(places: Sequence[tuple[str, float, float]], lines: Sequence[Point], edges: Point) -> list[str]:
    """A dot and a name for each, the name beside it where it covers nothing; a line joins what stands apart."""
    out: list[str] = []
    taken: list[Box] = [(x - 3, y - 3, x + 3, y + 3) for x, y in [*lines, *((x, y) for _, x, y in places)]]
    for name, x, y in sorted(places, key=lambda place: -place[1]):
        left, top, right, _ = box = next(
            b for b in _beside(name, x, y, edges) if all(_is_apart(b, c) for c in taken)
        )
        taken.append(box)
        if abs(top + 5 - y) > _ROW:
            end = left - 1 if left > x else right + 1
            out.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{top + 5:.1f}" stroke="#bbb"/>')
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_GREY}"/>')
        out.append(_text(left, top + 8, name, size=8, colour="#666"))
    return out


def _along(line: Sequence[Point]) -> list[Point]:
    """Points on a line, a few pixels apart."""
    steps = [k / 20 for k in range(21)]
    return [
        (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for (x0, y0), (x1, y1) in itertools.pairwise(line) for t in steps
    ]


def _beside(name: str, x: float, y: float, edges: Point) -> list[Box]:
    """Where a name may stand, the best place first: near its dot, and rather to the right of it."""
    width = _LETTER * len(name)
    tops = [y - 5 + k for k in range(-180, 181) if y - 5 + k > _MARGIN - 6]
    boxes = [(left, top, left + width, top + _ROW) for top in tops for left in (x + 6, x - 6 - width)]
    inside = (box for box in boxes if edges[0] < box[0] and box[2] < edges[1])
    return sorted(inside, key=lambda box: abs(box[1] + 5 - y) + (box[0] < x))


def _is_apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def draw(panels: Sequence[Panel]) -> str:
    """The chart."""
    parts = [part for k, panel in enumerate(panels) for part in _panel(panel, k * _WIDTH)]
    width = _WIDTH * len(panels)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
            f'viewBox="0 0 {width} {_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{width}" height="{_HEIGHT}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )
