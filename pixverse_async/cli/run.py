"""`run` and `resume`: a batch from beginning to end, with what is shown, kept and said about it.

The run file is written when the folder is ours (the journal is locked) and before anything is sent. However the batch
ends, by a signal too, the two tables, one summary and an exit code follow.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shlex
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import attrs

from pixverse_async import (
    Client,
    ConfigError,
    Job,
    Outcome,
    PixverseError,
    State,
    estimate,
    jobs_on_record,
)
from pixverse_async._rows import JobLike
from pixverse_async.observe import Observer, Progress

from .arguments import program
from .codes import Exit
from .ending import Ended, report, resume_line
from .failures import code_of, code_of_batch, message
from .first_answer import first_answer
from .found import Found
from .manifest import (
    CSV,
    JSON_LINES,
    check_manifests,
    lost_before,
    never_sent_before,
    write_first_manifests,
    write_manifests,
)
from .page import report_at_end
from .preview import show_jobs
from .room import check_folder, space_warning
from .say import counted, dollars, tell
from .settings import BatchSettings, RunSettings, read_run_file, write_run_file
from .signals import Interrupts
from .sources import Sourced, as_job, read_sources, with_whole_path

Outcomes: TypeAlias = "AbstractAsyncContextManager[AsyncIterator[Outcome]]"

_FETCHING: Final = frozenset({"max_downloads", "job_timeout", "poll_policy"})
"""The settings that matter when nothing is sent."""


@attrs.frozen(kw_only=True)
class _Batch:
    """What `run` and `resume` differ in."""

    folder: Path
    items: Sequence[JobLike] | None
    """The jobs, or None when only the journal knows them."""
    total: int
    opening: str
    start: Callable[[Client, Observer | None], Outcomes]
    looking: str | None = None
    """What is said of submits that an earlier run lost the answers of, if there are any."""
    places: Sequence[str | None] = ()
    """Where each item stands in a table."""
    jobs: Sequence[Job] = ()
    """Those of the items that can be sent."""
    retries_failed: bool = False
    budget: str | None = None
    on_start: Callable[[], None] = lambda: None
    """Called when the folder is ours, before anything is sent."""


def run(options: Namespace) -> int:
    """A video of every image that the sources hold."""
    settings = RunSettings.from_options(options)
    items = read_sources(settings.sources, settings.given())
    if options.dry_run:
        return show_jobs(items, settings, as_json=options.json)
    return _carry_out(_sending(settings, items), options)


def resume(options: Namespace) -> int:
    """The run that is kept in the folder, again; without one, or if so wished, only what was sent."""
    folder = Path(options.folder)
    settings = None if options.sent_only else read_run_file(folder)
    if settings is None:
        return _carry_out(_fetching(folder, BatchSettings().changed_by(options)), options)
    settings = settings.changed_by(options)
    return _carry_out(_sending(settings, _same_items(settings)), options)


def _same_items(settings: RunSettings) -> Sequence[Sourced]:
    """The jobs of the run that is repeated. What else can be done without them is said if they cannot be read."""
    try:
        return read_sources(settings.sources, settings.given())
    except ConfigError as problem:
        remedy = "Bring them back; or fetch what was sent, and send nothing: --sent-only."
        raise ConfigError(
            "resume", f"the run's jobs cannot be read again ({problem.problem})", remedy
        ) from problem


def _sending(settings: RunSettings, found: Sequence[Sourced]) -> _Batch:
    items = [with_whole_path(one.item) for one in found]
    how = settings.arguments()
    jobs = [job for job, _ in map(as_job, items) if job is not None]
    price = dollars(estimate(jobs).total_usd)
    cap = "" if settings.batch.budget is None else f" The budget is {dollars(Decimal(settings.batch.budget))}."
    return _Batch(
        folder=Path(settings.out),
        items=items,
        places=[one.place for one in found],
        total=len(items),
        opening=f"{counted(len(items), 'video')}, at most {price}; what is there already costs nothing.{cap}",
        start=lambda client, on_event: client.as_completed(
            items, output_dir=settings.out, on_event=on_event, **how
        ),
        looking=lost_before(Path(settings.out), items, settings.batch.on_unknown),
        jobs=jobs,
        retries_failed=settings.retry_before_utc is not None,
        budget=settings.batch.budget,
        on_start=lambda: _write_down(settings, items),
    )


def _write_down(settings: RunSettings, items: Sequence[JobLike]) -> None:
    write_run_file(settings)
    write_first_manifests(Path(settings.out), items)


def _fetching(folder: Path, batch: BatchSettings) -> _Batch:
    how = {name: value for name, value in batch.arguments().items() if name in _FETCHING}
    sent = len(jobs_on_record(folder))
    return _Batch(
        folder=folder,
        items=None,
        total=sent,
        looking=lost_before(folder, None, None),  # looked for whatever --on-unknown says: nothing is sent again
        opening=f"{counted(sent, 'job')} sent before; nothing new is sent. Jobs never sent need the run's own line.",
        start=lambda client, on_event: client.resume(folder, on_event=on_event, **how),
    )


def _carry_out(batch: _Batch, options: Namespace) -> int:
    check_manifests(batch.folder)
    if not batch.folder.is_dir():
        check_folder(batch.folder)
    scarce = space_warning(batch.folder, batch.jobs)
    if scarce is not None:
        tell(f"warning: {scarce}")
    has_uvloop = importlib.util.find_spec("uvloop") is not None
    forgotten = None if batch.items is None else never_sent_before(batch.folder, batch.items)
    if forgotten is not None:
        tell(f"warning: {forgotten}")
    ended = anyio.run(_until_end, batch, options, backend_options={"use_uvloop": has_uvloop})
    if ended.signum is not None and not ended.has_begun:
        tell("Interrupted before anything was sent.")
        return 128 + ended.signum
    if ended.error is not None:
        tell(f"error: {message(ended.error)}")
    is_written = _write_tables(batch, ended, is_quiet=options.quiet)
    if options.report:
        is_written &= report_at_end(batch.folder)
    if ended.lost is not None:
        raise ended.lost
    report(ended, batch.folder, batch.total, as_json=options.json)
    if ended.signum is not None:
        return 128 + ended.signum
    code = code_of_batch(ended.outcomes) if ended.error is None else code_of(ended.error)
    return code if is_written or code is not Exit.OK else Exit.GENERAL


async def _until_end(batch: _Batch, options: Namespace) -> Ended:
    found = Found(places=batch.places)
    error: PixverseError | None = None
    has_begun = False
    again = resume_line(batch.folder)
    with (
        anyio.CancelScope() as scope,
        Interrupts(scope, again) as interrupts,
        _display(options, batch) as display,
    ):
        found.then = display
        async with Client() as client:
            if not _is_all_there(batch):
                await _ask_first(client, is_quiet=options.quiet)
            if not options.quiet:
                tell(batch.opening if batch.looking is None else f"{batch.opening}\n{batch.looking}")
            try:
                async with batch.start(client, found) as outcomes:
                    has_begun = True
                    batch.on_start()
                    async for outcome in outcomes:
                        found.answer(outcome, as_json=options.json)
            except PixverseError as problem:
                if not has_begun:
                    raise
                error = problem
    for outcome in found.unanswered():
        found.answer(outcome, as_json=options.json)
    return Ended(
        outcomes=found.in_order(),
        told=[found.placed(one) for one in found.in_order()],
        signum=interrupts.signum,
        error=error,
        has_begun=has_begun,
        lost=found.lost,
        unsent=found.unsent(batch.total),
    )


def _is_all_there(batch: _Batch) -> bool:
    """Nothing seems to be left to ask the service for. If that is wrong, the batch itself meets a wrong key."""
    try:
        jobs = jobs_on_record(batch.folder)
    except PixverseError:
        return False
    over = (State.SAVED,) if batch.retries_failed else (State.SAVED, State.FAILED)
    return len(jobs) >= len(batch.jobs) and all(job.state in over for job in jobs)


async def _ask_first(client: Client, *, is_quiet: bool) -> None:
    warned = await first_answer(client)
    if warned is not None and not is_quiet:
        tell(warned)


def _write_tables(batch: _Batch, ended: Ended, *, is_quiet: bool) -> bool:
    try:
        write_manifests(batch.folder, batch.items, ended.outcomes)
    except OSError as problem:
        tell(
            f"error: the tables beside the videos could not be written: {problem.strerror}. The journal has it all."
        )
        return False
    if not is_quiet:
        tell(f"All of it as tables: {batch.folder / JSON_LINES} and {batch.folder / CSV}")
        tell(f"All of it on a page: {program()} report {shlex.quote(str(batch.folder))} --open")
    return True


@contextlib.contextmanager
def _display(options: Namespace, batch: _Batch) -> Generator[Observer | None]:
    if options.quiet:
        yield None
        return
    with Progress(total=batch.total, budget_usd=batch.budget) as progress:
        yield progress
