"""How a batch ended, said once: a table or a summary on stdout, and on stderr the line to go on with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import attrs

from pixverse_async import (
    BatchResult,
    BudgetExceededError,
    GenerationError,
    InvalidJobError,
    Outcome,
    PixverseError,
    RecordedJob,
    RejectedError,
    State,
    jobs_on_record,
)
from pixverse_async.observe import print_outcomes

from .arguments import program
from .say import answer_json, counted, surviving, tell

UNFETCHED: Final = (State.QUEUED, State.READY)
"""Accepted, with no video in the folder yet."""
_BLAMED: Final = frozenset({"moderation", "image"})
"""Kinds of a failed generation that the same job would meet again."""


@attrs.frozen(kw_only=True)
class Ended:
    """A batch, however it ended."""

    outcomes: Sequence[Outcome]
    told: Sequence[Outcome]
    """The same, as people are told of them."""
    signum: int | None
    """The signal that ended it."""
    error: PixverseError | None
    """What stopped all of it."""
    unsent: int
    """Jobs that were neither sent nor ended."""
    has_begun: bool
    """It had the folder to itself."""
    lost: OSError | None
    """Why stdout did not take every outcome."""


def report(ended: Ended, folder: Path, total: int, *, as_json: bool) -> None:
    """Say what there is now, and what to do about the rest."""
    batch = BatchResult(ended.outcomes)
    if as_json:
        answer_json({"type": "summary", **_summary(ended, total), "folder": str(folder)})
    elif batch:
        with surviving(sys.stdout):
            print_outcomes(ended.told)
    again = resume_line(folder)
    left = _left(folder)
    unsent = f"; {ended.unsent} not sent" if ended.unsent else ""
    if ended.signum is not None:
        tell(f"Interrupted. {_fate(left)}{unsent}; go on with\n  {again}")
    elif ended.error is not None:
        tell(f"When that is mended, go on with\n  {again}")
    else:
        for hint in _hints(batch, again):
            tell(hint)
    if batch.unknown:
        tell(
            f"Some submits have an unknown fate and are held; see\n  {program()} status {shlex.quote(str(folder))}"
        )
    others = {job.name for job in left} - {one.name for one in batch}
    if others and ended.signum is None:
        are, them = ("is", "it") if len(others) == 1 else ("are", "them")
        unfinished = f"{counted(len(others), 'job')} of another run into this folder {are} unfinished"
        tell(f"{unfinished}; fetch {them} with\n  {again} --sent-only")


def _hints(batch: BatchResult, again: str) -> Iterator[str]:
    """What to do about the jobs without a video, for each kind of them the line that does it."""
    errors = [one.error for one in batch.failed]
    short = sum(isinstance(error, BudgetExceededError) for error in errors)
    wrong = sum(isinstance(error, InvalidJobError) for error in errors)
    refused = sum(isinstance(error, RejectedError) for error in errors)
    kinds = [error.kind for error in errors if isinstance(error, GenerationError)]
    blamed = sum(kind in _BLAMED for kind in kinds)
    failed = len(kinds) - blamed
    rest = len(errors) - short - wrong - refused - len(kinds) + len(batch.pending)
    yield from unsent_hints(rest, short, wrong, again)
    if refused:
        its = "their" if refused > 1 else "its"
        yield f"{refused} refused by the service, at no charge; when {its} input is corrected\n  {again}"
        yield f"or, if it was the service's mistake, as before\n  {again} --retry-failed"
    if blamed:
        its = "their" if blamed > 1 else "its"
        yield f"{blamed} failed because of {its} prompt or image; when that is changed\n  {again}"
    if failed:
        yield f"{failed} failed at the service; sent again by\n  {again} --retry-failed"


def unsent_hints(rest: int, short: int, wrong: int, again: str) -> Iterator[str]:
    """What to do about jobs that are not paid: those of wrong input, those for which the budget is short, the rest."""
    if rest:
        yield f"{rest} can still be had, and {'are' if rest > 1 else 'is'} paid once; go on with\n  {again}"
    if short:
        yield f"{short} not sent for want of budget; with a larger one\n  {again} --budget USD"
    if wrong:
        yield f"{wrong} not sent because of {'their' if wrong > 1 else 'its'} input; when it is mended\n  {again}"


def resume_line(folder: Path) -> str:
    """The command that goes on with the run of a folder."""
    return f"{program()} resume {shlex.quote(str(folder))}"


def _left(folder: Path) -> Sequence[RecordedJob]:
    """Jobs on record that may cost or have cost and have no video yet."""
    try:
        return [job for job in jobs_on_record(folder) if job.is_held or job.state in UNFETCHED]
    except PixverseError:
        return ()


def _fate(left: Sequence[RecordedJob]) -> str:
    """What becomes of what this run leaves behind."""
    held = sum(job.is_held for job in left)
    accepted = len(left) - held
    said = [f"{accepted} jobs are at the service, and are not paid again"] if accepted > 1 else []
    said += ["1 job is at the service, and is not paid again"] if accepted == 1 else []
    said += [f"of {held} submits it is not known yet whether they are"] if held > 1 else []
    said += ["of 1 submit it is not known yet whether it is"] if held == 1 else []
    return "; ".join(said) or "Nothing is left at the service"


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
