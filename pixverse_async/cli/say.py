"""What is said: answers on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TextIO

from pixverse_async._words import clean, dollars
from pixverse_async.observe.words import cells, wrapped

__all__ = [
    "SHOWN_KEY_CHARS",
    "answer",
    "answer_json",
    "answer_prose",
    "columns",
    "counted",
    "dollars",
    "json_value",
    "surviving",
    "tell",
    "width_of",
]

SHOWN_KEY_CHARS: Final = 8
"""Of the key of a job: enough to tell the jobs of a folder apart, and to be copied."""


def tell(text: str) -> None:
    """Lines on stderr: those of prose as wide as the terminal; commands, which are indented, and errors as they are."""
    _write(sys.stderr, _fitted(text, sys.stderr))


def _fitted(text: str, stream: TextIO) -> str:
    if not stream.isatty():
        return text
    width = width_of(stream) - 1
    return "\n".join(
        line if line.startswith((" ", "error: ")) else "\n".join(wrapped(line, width))
        for line in text.splitlines()
    )


def width_of(stream: TextIO) -> int:
    """Columns of the terminal; a file or a pipe has room for everything."""
    return shutil.get_terminal_size().columns if stream.isatty() else sys.maxsize


def answer(text: str) -> None:
    """Lines on stdout."""
    _write(sys.stdout, text)


def answer_prose(text: str) -> None:
    """Lines on stdout as `tell` says them on stderr: prose as wide as the terminal, what is indented as it is."""
    _write(sys.stdout, _fitted(text, sys.stdout))


def answer_json(fields: Mapping[str, object]) -> None:
    """One object as one line on stdout, in ASCII, whatever the terminal's encoding."""
    _write(sys.stdout, json.dumps(fields, default=json_value))


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table whose columns are as wide as they need to be, the first row its head.

    >>> print(columns([["name", "usd"], ["cat", "0.175"]]))
    name  usd
    cat   0.175
    """
    shown = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True))
             for row in shown)  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def counted(count: int, noun: str) -> str:
    """So many of them.

    >>> counted(1, "video"), counted(2, "video")
    ('1 video', '2 videos')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def json_value(value: object) -> object:
    """What JSON has no type for, as text; money as a number, since its digits are few enough for a float to keep."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    with surviving(stream):
        stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()


@contextlib.contextmanager
def surviving(stream: TextIO) -> Generator[None]:
    """Whoever read the stream may leave, as `head` does: what is said from then on is for nobody, and all else goes on.

    A batch under way is paid for; that nobody listens is no reason to leave it, nor is a full disk below stderr.
    """
    try:
        yield
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
    except OSError:
        if stream is not sys.stderr:
            raise
