"""Text for a screen: spans in a style, lines no wider than asked, time in words. Knows nothing of jobs."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

BRIEF_COLUMNS: Final = 100
"""Of an error in a line of its own: a terminal of 120 columns has room for it and the name of a job."""


class Span(NamedTuple):
    """Some text in one style; `style` is a name that rich knows, or nothing."""

    text: str
    style: str = ""


Line: TypeAlias = "list[Span]"


def plain(line: Line) -> str:
    """The line without its styles."""
    return "".join(span.text for span in line)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> clock(72.9), clock(3672)
    ('1:12', '1:01:12')
    """
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def roughly(seconds: float) -> str:
    """A time as it may be said when it is a guess.

    >>> roughly(42), roughly(400), roughly(9000)
    ('about 40 s', 'about 7 min', 'about 2 h')
    """
    if seconds < 90:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def cells(text: str) -> int:
    """Columns of a terminal that the text takes.

    >>> cells("cat"), cells("猫")
    (3, 2)
    """
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def cut(text: str, width: int) -> str:
    """The text with its middle left out, if it is wider than that.

    >>> cut("videos/lighthouse.mp4", 15)
    'videos/…use.mp4'
    """
    head, tail = (len(text) + 1) // 2, len(text) // 2
    shown = text
    while cells(shown) > width and head:
        head, tail = (head - 1, tail) if head >= tail else (head, tail - 1)
        shown = f"{text[:head]}…{text[len(text) - tail :]}"
    return shown


def wrapped(text: str, width: int, *, indent: str = "", max_lines: int | None = None) -> list[str]:
    """The text in lines, all but the first one indented."""
    lines = textwrap.wrap(text, max(10, width), subsequent_indent=indent, max_lines=max_lines, placeholder="…")
    return [cut(line, width) for line in lines]


def brief(error: str) -> str:
    """What happened, for a line among many. What to do about it follows in the outcome, where it is said in full.

    >>> brief("image='cat.jpg': no such file. Check the path.")
    "image='cat.jpg': no such file"
    """
    return cut(error.partition(". ")[0].removesuffix("."), BRIEF_COLUMNS)


def packed(parts: Iterable[Span], width: int) -> list[Line]:
    """The parts in as few lines as they fit in, two spaces apart; a part is never torn."""
    lines: list[Line] = []
    used = 0
    for part in parts:
        if lines and used + 2 + len(part.text) <= width:
            lines[-1] += [Span("  "), part]
            used += 2 + len(part.text)
        else:
            lines.append([part])
            used = len(part.text)
    return lines
