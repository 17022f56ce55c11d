"""Bars of ratios as an SVG, one panel for each work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Bar = tuple[str, float, bool]
"""Its name, its length, and whether it is ours."""
_PANEL, _NAME, _ROW, _TOP, _ROOM = 470, 150, 20, 56, 60
_LABEL = 24
"""Pixels: the width of a figure of three digits."""
_INK, _GREY, _OURS, _PEER = "#222", "#999", "#c0392b", "#9ecae1"


def draw(panels: Mapping[str, Sequence[Bar]], note: str) -> str:
    """The panels side by side; a line marks 1.0, and `note` says what of."""
    height = _TOP + _ROW * max(map(len, panels.values())) + 20
    width = _PANEL * len(panels)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    longest = max(length for bars in panels.values() for _, length, _ in bars)
    for n, (title, bars) in enumerate(panels.items()):
        out.extend(_panel(title, note, bars, n * _PANEL, (_PANEL - _NAME - _ROOM) / longest))
    return "\n".join([*out, "</svg>\n"])


def _panel(title: str, note: str, bars: Sequence[Bar], left: float, scale: float) -> list[str]:
    zero, bottom = left + _NAME, _TOP + _ROW * len(bars)
    out = [_text(zero, 24, title, size=14), _text(zero, 42, note, colour=_GREY)]
    for n, (name, length, is_ours) in enumerate(bars):
        y = _TOP + n * _ROW
        colour = _OURS if is_ours else _PEER
        out.append(f'<rect x="{zero}" y="{y}" width="{length * scale:.1f}" height="{_ROW - 6}" fill="{colour}"/>')
        out.append(_text(zero - 6, y + 11, name, anchor="end", colour=_OURS if is_ours else _INK))
    one = zero + scale
    out.append(f'<line x1="{one:.1f}" y1="{_TOP - 6}" x2="{one:.1f}" y2="{bottom}" stroke="{_INK}"/>')
    for n, (_, length, _) in enumerate(bars):
        end = zero + length * scale + 5
        # Beside the line that marks 1.0, never under it.
        place = one + 5 if end < one < end + _LABEL else end
        out.append(_text(place, _TOP + n * _ROW + 11, f"{length:.2f}"))
    return out


def _text(x: float, y: float, text: str, *, size: int = 11, colour: str = _INK, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'
