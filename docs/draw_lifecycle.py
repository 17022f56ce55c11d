"""Draws the lifecycle table: `python -m docs.draw_lifecycle` writes docs/parts/lifecycle.svg and lifecycle.md.

What may follow what comes from the table alone; only where a state stands is chosen here. An arrow down is straight
or bends to the right, an arrow up bends outwards, so that no two lie on each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pixverse_async import State
from pixverse_async._core.lifecycle import TABLE

PARTS: Final = Path(__file__).with_name("parts")
WIDTH, HEIGHT = 800, 610
HALF_WIDTH, HALF_HEIGHT = 62, 19
"""Of the box of a state."""
BEND = 0.28
"""How far an arrow leaves the straight line, as a part of its length."""
ASLANT, ROUND_A_BOX = 0.42, 1.35
"""The same for an arrow up to another column, which clears a label, and for the one past READY."""


class Point(NamedTuple):
    """In the units of the picture, downwards."""

    x: float
    y: float


PLACES: Final = {
    State.NEW: Point(400, 40),
    State.SUBMITTING: Point(400, 160),
    State.UNKNOWN: Point(680, 270),
    State.QUEUED: Point(400, 350),
    State.FAILED: Point(120, 270),
    State.READY: Point(400, 460),
    State.SAVED: Point(400, 570),
}
MEANINGS: Final = {
    State.NEW: "not sent, or refused for sure",
    State.SUBMITTING: "a paid POST is under way",
    State.UNKNOWN: "its reply was lost: held",
    State.QUEUED: "accepted, has a request id",
    State.READY: "the video exists",
    State.SAVED: "whole, checked, on disk",
    State.FAILED: "ended without a video",
}


class Curve(NamedTuple):
    """A quadratic Bézier curve."""

    start: Point
    middle: Point
    end: Point

    def at(self, t: float) -> Point:
        """Where it is after the part `t` of its parameter, 0 to 1."""
        return mix(mix(self.start, self.middle, t), mix(self.middle, self.end, t), t)

    def between(self, since: float, until: float) -> Curve:
        """The part of it from one parameter to another."""
        first, last = self.at(since), self.at(until)
        middle = mix(mix(self.start, self.middle, since), mix(self.middle, self.end, since), until)
        return Curve(first, middle, last)


def mix(a: Point, b: Point, t: float) -> Point:
    """On the line from `a` to `b`, after the part `t` of it."""
    return Point(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)


def svg() -> str:
    """The picture, in the colour of the text around it."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13" fill="none" stroke="currentColor">',
        "<title>The life of a job: states, and the events that lead from one to the next</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="currentColor" stroke="none"/></marker></defs>',
        *(line for state in TABLE for line in _box(state)),
        *(line for state, row in TABLE.items() for event, to in row.items()
          for line in _arrow(PLACES[state], PLACES[to], event.__name__)),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _box(state: State) -> Iterator[str]:
    x, y = PLACES[state]
    yield (
        f'<rect x="{x - HALF_WIDTH:g}" y="{y - HALF_HEIGHT:g}" width="{2 * HALF_WIDTH}" height="{2 * HALF_HEIGHT}" '
        f'rx="8" stroke-width="1.6"><title>{MEANINGS[state]}</title></rect>'
    )
    yield _text(Point(x, y + 5), state.name, "middle", bold=True)


def _arrow(start: Point, end: Point, label: str) -> Iterator[str]:
    if start == end:
        x, y = start.x + HALF_WIDTH, start.y
        path = f"M{x:g} {y - 10:g}C{x + 46:g} {y - 26:g} {x + 46:g} {y + 26:g} {x:g} {y + 10:g}"
        at, anchor = Point(x + 42, y + 5), "start"
    else:
        curve = _visible(_curve(start, end))
        (x, y), middle, tip = curve
        path = f"M{x:.1f} {y:.1f}Q{middle.x:.1f} {middle.y:.1f} {tip.x:.1f} {tip.y:.1f}"
        at, anchor = _label_place(start, curve.at(0.5), end)
    yield f'<path d="{path}" stroke-width="1.3" opacity="0.75" marker-end="url(#tip)"/>'
    yield _text(at, label, anchor)


def _label_place(start: Point, on: Point, end: Point) -> tuple[Point, str]:
    """Beside the middle of an arrow, on the side where it does not run on."""
    axis = PLACES[State.NEW].x
    if start.x == end.x:
        far, side, down = 7, on.x >= axis, 4
    elif end.y < start.y:
        far, side, down = 12, on.x > axis, 10
    else:
        far, side, down = 7, on.x > axis, -6 if start.x == axis else 14
    return Point(on.x + (far if side else -far), on.y + down), "start" if side else "end"


def _curve(start: Point, end: Point) -> Curve:
    dx, dy = end.x - start.x, end.y - start.y
    straight = mix(start, end, 0.5)
    if dx and dy > 0:
        return Curve(start, straight, end)
    outwards = 1.0 if not dx else math.copysign(1.0, dy * (straight.x - PLACES[State.NEW].x))
    bend = ROUND_A_BOX if start == PLACES[State.SAVED] else ASLANT if dx else BEND
    return Curve(start, Point(straight.x + outwards * bend * dy, straight.y - outwards * bend * dx), end)


def _visible(curve: Curve) -> Curve:
    """Without what lies in the two boxes."""
    outside = [
        step / 200
        for step in range(201)
        if not any(_is_inside(curve.at(step / 200), box) for box in (curve.start, curve.end))
    ]
    return curve.between(outside[0], outside[-1])


def _is_inside(point: Point, box: Point) -> bool:
    return abs(point.x - box.x) < HALF_WIDTH + 2 and abs(point.y - box.y) < HALF_HEIGHT + 2


def _text(at: Point, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{at.x:.1f}" y="{at.y:.1f}" text-anchor="{anchor}"{weight} fill="currentColor" stroke="none">'
        f"{text}</text>"
    )


def markdown() -> str:
    """The same as a table."""
    rows = [
        f"| {state.name} | [`{event.__name__}`][pixverse_async.events.{event.__name__}] | {to.name} "
        f"| {(event.__doc__ or '').splitlines()[0]} |"
        for state, row in TABLE.items()
        for event, to in row.items()
    ]
    return "\n".join(["| in state | the event | leads to | which means |", "|---|---|---|---|", *rows]) + "\n"


FILES: Final = {PARTS / "lifecycle.svg": svg, PARTS / "lifecycle.md": markdown}

if __name__ == "__main__":
    PARTS.mkdir(exist_ok=True)
    for path, draw in FILES.items():
        path.write_text(draw(), encoding="utf-8")
