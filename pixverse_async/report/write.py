"""The deed: read what lies in the folder, and put the page beside it, whole or not at all."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pixverse_async import ConfigError, jobs_on_record

from .cards import cards_of
from .page import MARK, Page, page_html
from .posters import posters
from .rows import Row, read_rows

REPORT_NAME: Final = "report.html"
MANIFEST_NAME: Final = "manifest.jsonl"
HEAD_BYTES: Final = 300


def write_report(output_dir: str | os.PathLike[str] = "videos") -> Path:
    """Write the page of a batch beside its videos; its path. It may be called again at any time, also while one runs.

    `output_dir`: the folder with the journal and the videos. Blocks for some hundredths of a second for each video
    that gets a poster: call it in a thread. *Charges* nothing. *Raises* `JournalError` when there is no journal or it
    cannot be read; `ConfigError` if a `report.html` is there that is not ours; `OSError` from the disk.

    >>> from pixverse_async.report import write_report
    >>> write_report("videos")  # doctest: +SKIP
    PosixPath('videos/report.html')
    """
    folder = Path(output_dir)
    jobs = jobs_on_record(folder)
    _check_free(folder / REPORT_NAME)
    files = {entry.name for entry in os.scandir(folder) if entry.is_file()}
    cards = cards_of(jobs, _rows(folder / MANIFEST_NAME), files)
    page = Page(
        folder=shlex.quote(str(folder)),
        title=folder.resolve().name,
        cards=cards,
        posters=posters(folder, [card.video for card in cards if card.video is not None]),
        written_at_utc=datetime.now(UTC),
    )
    return _replace(folder / REPORT_NAME, page_html(page))


def _rows(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return list(read_rows(lines))
    except FileNotFoundError:
        return []


def _check_free(path: Path) -> None:
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            is_ours = MARK.encode() in file.read(HEAD_BYTES)
        if not is_ours:
            problem = f"{str(path)!r} is not a page of this program, and would be written over"
            raise ConfigError("output_dir", problem, "Move it away.")


def _replace(path: Path, text: str) -> Path:
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(text.encode("utf-8", "replace"))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return path
