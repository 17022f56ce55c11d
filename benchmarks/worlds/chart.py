"""Polls against lateness as an SVG, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]
Box = tuple[float, float, float]
"""Left, top and right of a label; all are equally high."""
Panel = tuple[str, Sequence[tuple[str, float, float]], Sequence[Point], Sequence[Point]]
_WIDTH, _HEIGHT, _MARGIN = 470, 400, 52
_LETTER = 4.4
"""Pixels: the width of a letter at the size of the labels, about."""
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
    out.extend(_peers([(name, *axes.at((x, y))) for name, x, y in peers], right))
    out.append(_path([axes.at(p) for p in best], _BEST, dashes="5 3"))
    out.append(_path([axes.at(p) for p in ours], _OURS))
    out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_OURS}"/>' for x, y in map(axes.at, ours))
    x, y = axes.at(ours[0])
    out.append(_text(x + 6, y - 6, "AdaptivePolling, kappa 0.06 to 4", colour=_OURS))
    x, y = axes.at(best[0])
    out.append(_text(x - 110, y + 16, "lower bound (knows all but the luck)", colour=_BEST))
    return out


def _peers(places: Sequence[tuple[str, float, float]], right: float) -> list[str]:
    """A dot and a name for each, the name beside it where it covers no other."""
    out: list[str] = []
    taken: list[Box] = []
    for name, x, y in places:
        width = _LETTER * len(name)
        left = x - 5 - width if x + 5 + width > right else x + 5
        tops = sorted((y + 9.0 * k - 5.0 for k in range(-30, 31)), key=lambda top: abs(top + 5.0 - y))
        boxes: list[Box] = [(left, top, left + width) for top in tops]
        box = next(box for box in boxes if all(_is_apart(box, other) for other in taken))
        taken.append(box)
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_GREY}"/>')
        out.append(_text(left, box[1] + 8, name, size=8, colour="#666"))
    return out


def _is_apart(one: Box, other: Box) -> bool:
    return one[2] < other[0] or other[2] < one[0] or abs(one[1] - other[1]) >= 9


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
