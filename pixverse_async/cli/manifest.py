"""The outcomes of a run as two tables beside the videos: `manifest.jsonl` and `manifest.csv`.

    pandas.read_json("videos/manifest.jsonl", lines=True)
    polars.read_ndjson("videos/manifest.jsonl", infer_schema_length=None)

One row for each job that was given, in that order. `path` is relative to the folder. They hold no key, and of links
no query: a signature would be in it. A table appears whole or not at all, and never in the place of somebody's own.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pixverse_async import ConfigError, Job, Outcome, Succeeded
from pixverse_async.observe.words import clean

from .files import replace_file
from .sources import JobLike, as_job
from .tables import is_url

JSON_LINES: Final = "manifest.jsonl"
CSV: Final = "manifest.csv"
COLUMNS: Final = (
    *("index", "name", "outcome", "path", "image", "prompt", "duration", "quality", "audio", "multi_clip", "seed"),
    *("usd", "request_id", "size_bytes", "sha256", "queued", "generating", "detected_late_by", "downloading"),
    *("polls", "error", "may_be_billed", "notes", "metadata"),
)
"""Times are seconds; `usd` of a job that is unknown or pending is what it may cost."""
INTERRUPTED: Final = "interrupted"
"""The outcome of a job of which the run had not seen the end."""
_OPENINGS: Final = {JSON_LINES: b'{"index": ', CSV: b"index,name,outcome,"}
"""How our own tables begin."""


def outcome_row(outcome: Outcome, folder: Path | None = None) -> dict[str, object]:
    """One outcome as flat fields; with `folder` its path is relative to it."""
    timings = outcome.timings
    row = {
        **_row_of(outcome.index, outcome.job),
        "name": clean(outcome.name),
        "outcome": type(outcome).__name__.lower(),
        "seed": outcome.seed,
        "usd": outcome.usd,
        "request_id": outcome.request_id,
        "queued": _seconds(timings.queued),
        "generating": _seconds(timings.generating),
        "detected_late_by": _seconds(timings.detected_late_by),
        "downloading": _seconds(timings.downloading),
        "polls": timings.polls,
    }
    if isinstance(outcome, Succeeded):
        path = _place(outcome.path, folder)
        row |= {"path": path, "size_bytes": outcome.size_bytes, "sha256": outcome.sha256}
        row |= {"notes": "; ".join(outcome.notes) if outcome.notes else None}
    else:
        row |= {"error": clean(outcome.error.describe()), "may_be_billed": outcome.error.may_be_billed}
    return row


def write_manifests(folder: Path, items: Sequence[JobLike] | None, outcomes: Sequence[Outcome]) -> None:
    """Write both tables, with a row also for each job of `items` that has no outcome yet. *Raises* `OSError`."""
    known = {one.index: outcome_row(one, folder) for one in outcomes}
    if items is not None:
        known = {
            index: known[index] if index in known else _unfinished(index, item) for index, item in enumerate(items)
        }
    rows = list(known.values())
    lines = "".join(json.dumps(row, default=_plain, ensure_ascii=False) + "\n" for row in rows)
    replace_file(folder / JSON_LINES, lines)
    replace_file(folder / CSV, _csv(rows))


def check_manifests(folder: Path) -> None:
    """*Raises* `ConfigError` if a file that is not ours has the name of one of the tables."""
    for name, opening in _OPENINGS.items():
        path = folder / name
        if path.is_file() and path.stat().st_size and not _begins_with(path, opening):
            problem = f"{str(path)!r} is not a table of an earlier run, and would be written over"
            raise ConfigError("output_dir", problem, "Move it, or choose another folder.")


def shown_image(image: object) -> str:
    """Where the image is, without what may be secret in a link."""
    if not isinstance(image, str | os.PathLike):
        return ""
    text = str(image)  # pyright: ignore[reportUnknownArgumentType]  a path of whatever kind
    if not is_url(text):
        return clean(text)
    if text.startswith("data:"):
        return text[:40].partition(",")[0]
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return clean(f"{parts.scheme}:") + f"//{parts.netloc.rpartition('@')[2]}{parts.path}"


def parameters(job: Job) -> dict[str, object]:
    """What was asked for, in every column the type that it has; of a row that is no job, what is fit to be shown."""
    wanted = {"prompt": str, "duration": int, "quality": str, "audio": bool, "multi_clip": bool}
    fields = {name: getattr(job, name) for name in wanted}
    typed = {name: value if type(value) is wanted[name] else None for name, value in fields.items()}
    return {"image": shown_image(job.image), **typed}


def _row_of(index: int, job: Job) -> dict[str, object]:
    metadata: object = job.metadata
    shown = (
        json.dumps(metadata, default=str, ensure_ascii=False) if isinstance(metadata, dict) and metadata else None
    )
    return {**dict.fromkeys(COLUMNS), "index": index, **parameters(job), "metadata": shown}


def _unfinished(index: int, item: JobLike) -> dict[str, object]:
    job, _ = as_job(item)
    if job is None:
        return {**dict.fromkeys(COLUMNS), "index": index, "outcome": INTERRUPTED}
    return {**_row_of(index, job), "name": job.stem, "seed": job.seed, "outcome": INTERRUPTED}


def _place(path: Path | str, folder: Path | None) -> str:
    if isinstance(path, Path) and folder is not None and path.is_relative_to(folder):
        return str(path.relative_to(folder))
    return clean(str(path))


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _plain(value: object) -> object:
    """Money is a number in JSON: its digits are few enough for a float to keep."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _begins_with(path: Path, opening: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(opening)) == opening
