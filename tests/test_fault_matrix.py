"""Every fault that the library is built against has a test, and losing one of them is noticed.

A test says which rows it is for by `@pytest.mark.fault(row, ...)`.  The table below says what each row is, and how
many tests show what is required there: a test that is removed, or loses its mark, makes the count wrong.  A row
without a test says why.  `pytest -m fault` runs them all.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent


class Row(NamedTuple):
    """One fault."""

    fault: str
    tests: int
    """How many tests are marked with it."""
    why_not: str = ""
    """What is not tested, and why."""


MATRIX = {
    1: Row("SIGKILL at any moment", 4),
    2: Row("SIGKILL between the answer to a submit and its record", 2),
    3: Row("submit: refused connection, no such host, failed TLS handshake", 3),
    4: Row("submit: taken, and the reply lost", 3),
    5: Row("submit: timed out here, finished there after the list was read", 2),
    6: Row("submit: a 5xx though it was taken", 2),
    7: Row("submit: redirected to another host", 1),
    8: Row("submit: a success that cannot be read, or names no request", 2),
    9: Row("list: missing, refused, paged, slow, huge", 6),
    10: Row("submit: a storm of 429, with waits absurd, past or absent", 3),
    11: Row("a key, credits or rights refused in the middle of a batch", 4),
    12: Row("nothing works for ten minutes", 4),
    13: Row("poll: words, shapes and numbers that nobody has seen", 4),
    14: Row("poll: a success, and later no such request", 1),
    15: Row("a request queued for hours", 2),
    16: Row("a link that has run out", 3),
    17: Row("a body cut short of its length, or of its chunks", 2),
    18: Row("a body cut short, and nothing tells", 2),
    19: Row("one byte less, or zeros, with a length that agrees", 6),
    20: Row("a page that calls itself a video", 2),
    21: Row("a small body that unpacks to a huge one", 3),
    22: Row("a body without end, a stall, a trickle", 6),
    23: Row("a range ignored or mistaken, an object overwritten", 4),
    24: Row("a link or a redirect to a private address, or off https", 5),
    25: Row("the key sent to storage", 4),
    26: Row("the key or a signature in a log, an error, a file", 7),
    27: Row("names that leave the folder, collide, or are too long", 4),
    28: Row("links and files planted where a part will be", 2),
    29: Row("no space left for the journal", 5),
    30: Row("no space left for a video", 3),
    31: Row("a sync that fails", 2),
    32: Row("an output folder that is read-only, or vanishes", 11),
    33: Row("two processes, one folder", 2),
    34: Row(
        "an output folder on a network",
        2,
        "Whether the lock holds between two hosts depends on their lock server, of which there is none to test with.",
    ),
    35: Row("Ctrl-C, SIGTERM, cancellation, a timeout around the batch", 7),
    36: Row("a bug in one job", 1),
    37: Row("a consumer that stops iterating", 1),
    38: Row("work that blocks the event loop", 2),
    39: Row("a wall clock that jumps by a day", 5),
    40: Row("a hundred thousand jobs", 2),
    41: Row("an image that changes between planning and sending", 2),
    42: Row("a journal of a later version, of another program, or edited", 3),
    43: Row("the last cent of a budget", 2),
    44: Row("an engine that runs a finished shard again", 2),
}


def marks(source: str) -> Iterator[tuple[int, str]]:
    """Row and name, for each row that a test function in the source is marked with."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
                    for row in decorator.args:
                        yield ast.literal_eval(row), node.name


@pytest.fixture(scope="module")
def marked() -> dict[int, list[str]]:
    """Row -> the tests that are marked with it."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for row, name in marks(path.read_text(encoding="utf-8")):
            found[row].append(f"{path.relative_to(TESTS)}::{name}")
    return found


@pytest.mark.parametrize("row", MATRIX)
def test_a_row_has_its_tests_or_says_why_not(row: int, marked: dict[int, list[str]]) -> None:
    """As many tests as the table counts are marked with the row, and one without any has a reason."""
    assert MATRIX[row].tests == len(marked[row]), marked[row]
    assert MATRIX[row].tests or MATRIX[row].why_not


def test_no_mark_is_for_a_row_that_does_not_exist(marked: dict[int, list[str]]) -> None:
    """A mark is a row of the table, and the rows are numbered without a gap."""
    assert set(marked) <= set(MATRIX)
    assert list(range(1, 45)) == list(MATRIX)


def test_only_tests_that_pytest_runs_are_counted() -> None:
    """A mark on a helper, or another mark on a test, is no test of a row."""
    source = (
        "@pytest.mark.fault(1, 2)\ndef test_a(): ...\n@pytest.mark.fault(3)\ndef helper(): ...\n"
        "@pytest.mark.slow(4)\nasync def test_b(): ...\n@pytest.mark.fault(5)\nasync def test_c(): ...\n"
    )
    assert [(1, "test_a"), (2, "test_a"), (5, "test_c")] == list(marks(source))
