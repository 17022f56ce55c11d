"""How a batch ended, said once: a table or a summary on stdout, and on stderr the line to go on with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import attrs

from pixverse_async import BatchResult, Outcome, Pending, PixverseError, Unknown, jobs_on_record
from pixverse_async.observe import print_outcomes

from .arguments import program
from .manifest import CSV, JSON_LINES
from .say import answer_json, dollars, tell


@attrs.frozen(kw_only=True)
class Ended:
    """A batch that had the folder to itself, however it ended."""

    outcomes: Sequence[Outcome]
    signum: int | None
    """The signal that ended it."""
    error: PixverseError | None
    """What stopped all of it."""


def report(ended: Ended, folder: Path, total: int, *, as_json: bool, is_quiet: bool) -> None:
    """Say what there is now, and what to do about the rest."""
    batch = BatchResult(ended.outcomes)
    if as_json:
        answer_json({"type": "summary", **_summary(ended, total), "folder": str(folder)})
    elif batch:
        print_outcomes(batch)
    if not is_quiet:
        tell(f"The same as tables: {folder / JSON_LINES} and {folder / CSV}")
    name = shlex.quote(str(folder))
    again = f"{program()} resume {name}"
    if ended.signum is not None:
        tell(f"Interrupted{_on_record(folder)}. What was accepted goes on at the service; go on with\n  {again}")
    elif ended.error is not None:
        tell(f"When that is mended, go on with\n  {again}")
    elif any(isinstance(one, Pending) for one in batch):
        tell(f"Some are still being made; fetch them later with\n  {again}")
    if any(isinstance(one, Unknown) for one in batch):
        tell(f"Some submits have an unknown fate and are held; see\n  {program()} status {name}")


def _on_record(folder: Path) -> str:
    """What was sent until now, in all runs."""
    try:
        jobs = jobs_on_record(folder)
    except PixverseError:
        return ""
    usd = sum((job.usd for job in jobs), Decimal(0))
    return f": {len(jobs)} videos are on record, for {dollars(usd)} spent or reserved, and are not paid again"


def _summary(ended: Ended, total: int) -> dict[str, object]:
    batch = BatchResult(ended.outcomes)
    return {
        "total": total,
        "succeeded": len(batch.succeeded),
        "failed": len(batch.failed),
        "unknown": len(batch.unknown),
        "pending": len(batch.pending),
        "unfinished": total - len(batch),
        "usd": sum((one.usd for one in batch), Decimal(0)),
        "is_interrupted": ended.signum is not None,
        "error": None if ended.error is None else str(ended.error),
    }
