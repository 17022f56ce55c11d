"""A table of jobs as rows: CSV, TSV, JSON lines or Parquet, checked as a whole before its rows are.

What concerns all rows (a column that no job has, a column that is missing, a file that cannot be read) is one
`ConfigError`. What is wrong with one row is left in it: that row fails alone, later, with the library's own words.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from pixverse_async import ConfigError

Row = dict[str, object]

COLUMNS: Final = ("image", "prompt", "duration", "quality", "audio", "multi_clip", "seed", "name")
METADATA: Final = "metadata"
_PREFIX: Final = f"{METADATA}."
_YES: Final = frozenset({"true", "yes", "y", "1", "on"})
_NO: Final = frozenset({"false", "no", "n", "0", "off"})
_WHOLE: Final = re.compile(r"([+-]?[0-9]{1,20})(?:\.0*)?")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:")


def read_table(path: Path, given: Mapping[str, object]) -> list[tuple[str, Row]]:
    """The rows as parameters of jobs, each with its place in the table, such as "line 3".

    `given` fills in what a row leaves out. Paths are relative to the table.

    *Raises* `ConfigError`, and `ImportError` for Parquet without pyarrow.
    """
    try:
        rows = list(READERS[path.suffix.lower()](path))
    except OSError as problem:
        raise _wrong(path, f"cannot be read ({problem.strerror})", "See to the file.") from problem
    except UnicodeDecodeError as problem:
        raise _wrong(path, "is not UTF-8 text", "Save it as UTF-8.") from problem
    if not rows:
        raise _wrong(path, "has no rows", f"Give it the columns {', '.join(COLUMNS)} and a row for each video.")
    _check_columns(path, [row for _, row in rows], given)
    return [(place, _job_row(row, given, path.parent)) for place, row in rows]


def is_url(text: str) -> bool:
    """True for what is not a path.

    >>> is_url("https://x.example/cat.jpg"), is_url("cat.jpg"), is_url("C:\\\\cat.jpg")
    (True, False, False)
    """
    return _URL.match(text) is not None


# -- the formats ---------------------------------------------------------------------------------------


def _read_csv(path: Path) -> Iterator[tuple[str, Row]]:
    text = path.read_text(encoding="utf-8-sig")
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = cast("Iterator[list[str]]", reader.reader)
        names = [name.strip() for name in next((row for row in rows if row), ())]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise _wrong(path, f"has the column {doubles[0]!r} twice", "Leave one of them.")
        reader.fieldnames = names
        for row in cast("Iterator[dict[str | None, object]]", reader):
            if None in row:
                remedy = "Put quotes around a text that holds one."
                raise _wrong(path, f"line {reader.line_num} has more {delimiter!r} than the head", remedy)
            if not any(value.strip() for value in row.values() if isinstance(value, str)):
                continue  # a spreadsheet writes such lines for rows that were cleared
            within = sum(value.count("\n") for value in row.values() if isinstance(value, str))
            yield f"line {reader.line_num - within}", cast("Row", row)
    except csv.Error as problem:
        # A quote that is never closed is noticed at the end of the file only: the last good row is what is known.
        where = f"line {reader.line_num + 1} or one below it"
        raise _wrong(path, f"is not CSV: {where} ({problem})", "Correct the line.") from problem


def _read_json_lines(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found: object = json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise _wrong(path, f"line {number} is not JSON ({problem})", "Correct the line.") from problem
            if not isinstance(found, dict):
                raise _wrong(path, f"line {number} is not a JSON object", 'Write {"image": ..., "prompt": ...}.')
            yield f"line {number}", cast("Row", found)


def _read_parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as problem:
        wanted = "Install the extra parquet: pip install 'pixverse-async[parquet]'"
        raise ImportError(f"{path.name}: reading Parquet needs pyarrow. {wanted}") from problem
    with path.open("rb") as file:
        try:
            for number, row in enumerate(parquet.read_table(file).to_pylist(), start=1):
                yield f"row {number}", row
        except ValueError as problem:
            raise _wrong(path, "is not a Parquet file", "Write it anew.") from problem


READERS: Final[Mapping[str, Callable[[Path], Iterator[tuple[str, Row]]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}

# -- the rows ------------------------------------------------------------------------------------------


def _check_columns(path: Path, rows: list[Row], given: Mapping[str, object]) -> None:
    found = list(dict.fromkeys(name for row in rows for name in row))
    for name in ("image", "prompt"):
        if name not in found and given.get(name) is None:
            option = " or give --prompt for all" if name == "prompt" else ""
            raise _wrong(path, f"has no column {name!r} (only {', '.join(found)})", f"Add it{option}.")
    for name in found:
        if name not in (*COLUMNS, METADATA) and not name.startswith(_PREFIX):
            remedy = f"Use {', '.join(COLUMNS)}; columns of your own are called {_PREFIX}NAME."
            raise _wrong(path, f"has a column {name!r} that no job has", remedy)


def _job_row(row: Row, given: Mapping[str, object], folder: Path) -> Row:
    """The row as the parameters of a job. What cannot be read as such stays as it is, for the job to complain of."""
    own = {name: value for name, value in row.items() if value is not None and value != ""}
    metadata = {name.removeprefix(_PREFIX): own.pop(name) for name in list(own) if name.startswith(_PREFIX)}
    whole = own.pop(METADATA, {})
    if isinstance(whole, Mapping):
        metadata = {**cast("Mapping[str, object]", whole), **metadata}
    fields: Row = {**{name: value for name, value in given.items() if value is not None}, **own}
    for name in ("duration", "seed"):
        if name in fields:
            fields[name] = _number(fields[name])
    for name in ("audio", "multi_clip"):
        if name in fields:
            fields[name] = _flag(fields[name])
    image = fields.get("image")
    if isinstance(image, str) and not is_url(image):
        fields["image"] = folder / Path(image).expanduser()
    return {**fields, METADATA: metadata} if metadata else fields


def _number(value: object) -> object:
    """A whole number, also one that a spreadsheet or pandas wrote as text or as 5.0."""
    if isinstance(value, str):
        whole = _WHOLE.fullmatch(value.strip())
        return value if whole is None else int(whole[1])
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flag(value: object) -> object:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else value
    return bool(value) if value in (0, 1) else value


def _wrong(path: Path, problem: str, remedy: str) -> ConfigError:
    return ConfigError("table", f"{str(path)!r} {problem}", remedy)
