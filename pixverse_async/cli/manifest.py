"""The outcomes of a run as two tables beside the videos: `manifest.jsonl` and `manifest.csv`.

    pandas.read_json("videos/manifest.jsonl", lines=True)
    polars.read_ndjson("videos/manifest.jsonl", infer_schema_length=None)

One row for each job that was given, in that order, then one for each job of other runs into the folder that its journal
knows; where only what was sent before is fetched, the rows of jobs that were not sent stay as they were. Times are
those of the run that saw them, polls those of all runs. `path` is relative to the folder.
They hold no key, and of links no query: a signature would be in it. A table appears whole or not at all, and never in
the place of somebody's own.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from pixverse_async import ConfigError, Job, Outcome, PixverseError, RecordedJob, State, Succeeded, jobs_on_record
from pixverse_async._rows import JobLike
from pixverse_async._words import clean

from .earlier import (
    ASKED,
    INTERRUPTED,
    OUTCOMES,
    Row,
    completed,
    looking_for,
    never_sent,
    not_mended,
    unsent_warning,
)
from .files import replace_file
from .say import json_value
from .sources import as_job
from .tables import is_url

JSON_LINES: Final = "manifest.jsonl"
CSV: Final = "manifest.csv"
COLUMNS: Final = (
    *("index", "name", "outcome", "path", "image", "prompt", "duration", "quality", "audio", "multi_clip", "seed"),
    *("usd", "request_id", "size_bytes", "sha256", "queued", "generating", "detected_late_by", "downloading"),
    *("polls", "error", "error_kind", "may_be_billed", "notes", "metadata"),
)
"""Times are seconds; `usd` of a job that is unknown or pending is what it may cost; `error_kind` is a class's name."""
_ADDED: Final = ("error_kind",)
"""Columns that the tables of earlier versions do not have."""
_TIMES: Final = ("queued", "generating", "detected_late_by", "downloading")
_GIVEN: Final = ("index", "image", "prompt", "duration", "quality", "audio", "multi_clip", "metadata")
"""What a job was given as: a row that has it knows it better than the journal."""
_TYPES: Final = {"prompt": str, "duration": int, "quality": str, "audio": bool, "multi_clip": bool}
_OPENINGS: Final = {JSON_LINES: b'{"index": ', CSV: b"index,name,outcome,"}
"""How our own tables begin."""


def outcome_row(outcome: Outcome, folder: Path | None = None) -> Row:
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
        row |= {"error": clean(outcome.error.describe()), "error_kind": type(outcome.error).__name__}
        row |= {"may_be_billed": outcome.error.may_be_billed}
    return row


def write_manifests(folder: Path, items: Sequence[JobLike] | None, outcomes: Sequence[Outcome]) -> None:
    """Write both tables, with a row also for each job of `items` that has no outcome yet. *Raises* `OSError`."""
    before = _rows_of(folder / JSON_LINES)
    polls = _polls_in(before)
    known = {one.index: _with_polls(outcome_row(one, folder), polls) for one in outcomes}
    if items is None:
        rows = _merged(before, list(known.values()))
    else:
        given = [known[n] if n in known else _unfinished(n, item) for n, item in enumerate(items)]
        rows = list(completed(given, [_with_polls(_recorded(job), polls) for job in on_record(folder)]))
    times = _times_on_record(folder)
    rows = [row | times.get(row["request_id"], {}) if row["generating"] is None else row for row in rows]
    lines = "".join(json.dumps(row, default=json_value, ensure_ascii=False) + "\n" for row in rows)
    replace_file(folder / JSON_LINES, lines)
    replace_file(folder / CSV, _csv(rows))


def write_first_manifests(folder: Path, items: Sequence[JobLike]) -> None:
    """Where there is no table yet: if the run is killed, `status` knows what was never sent. *Raises* `OSError`."""
    if not (folder / JSON_LINES).exists():
        write_manifests(folder, items, ())


def never_sent_before(folder: Path, items: Sequence[JobLike]) -> str | None:
    """What to say of the jobs of an earlier run that were never sent and are not given now."""
    given = [_asked_by(item) for item in items]
    return unsent_warning(list(not_mended(left_unsent(folder, given), given)))


def lost_before(folder: Path, items: Sequence[JobLike] | None, on_unknown: str | None) -> str | None:
    """What to say of the submits that this run looks for: of its `items`, or all on record."""
    # Of what a repair found lost nobody knows what was sent: it cannot be looked for.
    held = [job for job in on_record(folder) if job.is_held and job.started_at_utc is not None]
    given = None if items is None else map(_asked_by, items)
    return looking_for([parameters(job.job) for job in held], given, on_unknown)


def left_unsent(folder: Path, given: Sequence[Row] = ()) -> list[Row]:
    """The rows of the folder's table that were never sent, without those that are `given` now."""
    recorded = [parameters(job.job) for job in on_record(folder)]
    return never_sent(_rows_of(folder / JSON_LINES), [*given, *recorded])


def _asked_by(item: JobLike) -> Row:
    """What an item asks for; of a row that is no job, what its row of the table says."""
    job, _ = as_job(item)
    if job is not None:
        return parameters(job)
    nothing = {"image": "", "prompt": ""}
    return _fit({**parameters(Job("any", "any")), **nothing, **cast("Mapping[str, object]", item)})


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


def parameters(job: Job) -> Row:
    """What was asked for, in every column the type that it has; of a row that is no job, what is fit to be shown."""
    return _fit({name: getattr(job, name) for name in ASKED})


def _fit(asked: Mapping[str, object]) -> Row:
    typed = {name: asked[name] if type(asked[name]) is kind else None for name, kind in _TYPES.items()}
    return {"image": shown_image(asked["image"]), **typed}


def _merged(before: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """The rows of an earlier table with what is known of them now, and those that it did not have."""
    fresh = {row["name"]: row for row in now}
    rows = [{**row, **fresh.pop(row["name"], {}), **{name: row[name] for name in _GIVEN}} for row in before]
    return rows + [{**row, "index": len(rows) + n} for n, row in enumerate(fresh.values())]


def _rows_of(path: Path) -> list[Row]:
    """What can be read of the table that is there: rows with all our columns and no other, of earlier versions too."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [row for row in map(_read_row, lines) if row is not None]


def _read_row(line: str) -> Row | None:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    found: Row = {**dict.fromkeys(_ADDED), **cast("Row", row)}
    return {name: found[name] for name in COLUMNS} if found.keys() == set(COLUMNS) else None


def on_record(folder: Path) -> Sequence[RecordedJob]:
    """The jobs in the journal; none where it cannot be read."""
    try:
        return jobs_on_record(folder)
    except PixverseError:
        return ()


def _polls_in(rows: Sequence[Row]) -> Mapping[object, int]:
    """How often each request was asked about, by its id."""
    return {row["request_id"]: polls for row in rows if isinstance(polls := row["polls"], int)}


def _with_polls(row: Row, before: Mapping[object, int]) -> Row:
    """The row with the polls of earlier runs, which the journal does not keep."""
    now, request_id = row["polls"], row["request_id"]
    earlier = 0 if request_id is None else before.get(request_id, 0)
    return row | {"polls": (now if isinstance(now, int) else 0) + earlier}


def _recorded(job: RecordedJob) -> Row:
    return _row_of(0, job.job) | {
        "name": clean(job.name),
        "outcome": OUTCOMES[job.state],
        "path": None if job.path is None else Path(job.path).name,
        "seed": job.seed,
        "usd": job.usd,
        "request_id": job.request_id,
        "size_bytes": job.size_bytes,
        "sha256": job.sha256,
        "error": None if job.why is None else clean(job.why),
        "may_be_billed": job.is_held or job.state in (State.QUEUED, State.READY),
    }


def _times_on_record(folder: Path) -> Mapping[object, Row]:
    """The times of each request whose end a run saw: what the tables of a later run would not know."""
    return {
        job.request_id: {name: getattr(job.timings, name) for name in _TIMES}
        for job in on_record(folder)
        if job.request_id is not None and job.timings.generating is not None
    }


def _row_of(index: int, job: Job) -> Row:
    metadata: object = job.metadata
    shown = (
        json.dumps(metadata, default=str, ensure_ascii=False) if isinstance(metadata, dict) and metadata else None
    )
    return {**dict.fromkeys(COLUMNS), "index": index, **parameters(job), "metadata": shown}


def _unfinished(index: int, item: JobLike) -> Row:
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


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _begins_with(path: Path, opening: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(opening)) == opening
