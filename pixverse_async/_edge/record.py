"""An output folder's journal in the user's hands: read it, settle what is held, repair it. No job is sent."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from .._core.errors import ConfigError, JournalError, NoJournalError
from .._core.events import RUN_ENDED, ConfirmedAbsent, Reconciled, RequestLost, SubmitInterrupted
from .._core.frozen import frozen
from .._core.journal_format import read_journal
from .._core.lifecycle import AT_STAKE, JobRecord, State
from .._core.reconcile import RESUBMIT_AFTER, may_be_absent
from .._core.record import RecordedJob, on_record, recorded
from .._core.redaction import redact
from .._core.replies import is_request_id
from .inquiry import Inquiry
from .journal import Journal
from .journal_file import forget_accounts, repair_file
from .threads import in_thread
from .wall_clock import utc_now

JOURNAL_NAME = "pixverse-journal.jsonl"
_WHICH = "Give the folder that a batch wrote its videos to."


@frozen
class JournalRepair:
    """What `repair_journal` did.

    >>> JournalRepair(jobs=(), lost_lines=0, mended=(), damaged=None).damaged is None  # nothing was wrong
    True
    """

    jobs: tuple[RecordedJob, ...]
    """The jobs that are kept, as they stand now."""
    lost_lines: int
    """Lines of which nothing is known. Each may have been the only one of a job that was paid: look in the console."""
    mended: tuple[str, ...]
    """The keys of the jobs whose state had to be chosen; what may have been sent is held."""
    damaged: Path | None
    """Where the file is kept as it was; None when nothing was wrong with it."""


def existing_journal(place: str | os.PathLike[str]) -> Path:
    """The journal of an output folder, or the file itself. *Raises* `NoJournalError`."""
    path = Path(place)
    if path.is_dir():
        path /= JOURNAL_NAME
    if not path.is_file():
        raise NoJournalError(str(path), "no journal of a batch is there", _WHICH)
    return path


def jobs_on_record(output_dir: str | os.PathLike[str] = "videos") -> tuple[RecordedJob, ...]:
    """What the journal of an output folder knows of each job that was sent, in the order of the first submits.

    `output_dir`: the folder, or the path of a journal kept elsewhere. It may be in use: what is on the disk by now is
    read, and nothing is locked or written. *Charges* nothing. *Raises* `JournalError` when there is none, or it cannot
    be read.

    >>> import asyncio, tempfile
    >>> from pixverse_async import Job, generate_many
    >>> from pixverse_async.emulator import Emulator
    >>> async def leave_early(folder: str) -> None:
    ...     async with Emulator() as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         await generate_many([Job("https://example.com/cat.jpg", "it yawns")], job_timeout=0, **where)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(leave_early(folder))
    ...     [(job.name, job.state, job.usd) for job in jobs_on_record(folder)]
    [('cat', <State.QUEUED: 'queued'>, Decimal('0.175'))]
    """
    path = existing_journal(output_dir)
    try:
        data = path.read_bytes()
    except OSError as problem:
        remedy = "See to its rights and to the disk."
        raise JournalError(str(path), f"it cannot be read ({problem.strerror})", remedy) from problem
    return on_record(read_journal(data, str(path)).records)


async def resolve(output_dir: str | os.PathLike[str], key: str, *, request_id: str | None = None) -> RecordedJob:
    """Settle one held job, having looked in the service's console: a submit whose reply was lost.

    With `request_id`, the job was accepted under this id: the next run, or `resume`, saves its video.  Without, it was
    never accepted: the next run of the call that made it sends it again. If that is wrong, it is paid twice, so a job
    that was sent within the last ten minutes is refused: the console may not show it yet.
    Nobody is asked, and you are believed: `Client.resolve` asks the service first. A queued job can be settled too, for
    the id that it waits for may be wrong, or its request deleted.

    `key`: `RecordedJob.key`. *Charges* nothing by itself. *Cancellation*: the job is settled, held, or as it was.
    *Raises* `ConfigError` for a job that is neither held nor queued, or too young, or an id that cannot be its;
    `JournalError` when another process works on the folder.

    >>> import asyncio, tempfile
    >>> from pixverse_async import Job, generate_many
    >>> from pixverse_async.emulator import Emulator, Rule, Settings
    >>> async def lose_a_reply(folder: str) -> None:
    ...     settings = Settings(rules=(Rule.parse("submit:drop_after_commit"),))
    ...     async with Emulator(settings, speed=2000) as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         await generate_many([Job("https://example.com/cat.jpg", "it yawns")], on_unknown="hold", **where)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(lose_a_reply(folder))
    ...     (held,) = jobs_on_record(folder)
    ...     asyncio.run(resolve(folder, held.key, request_id="5a7a5466")).state
    <State.QUEUED: 'queued'>
    """
    return await settle(output_dir, key, request_id)


async def settle(
    output_dir: str | os.PathLike[str], key: str, request_id: str | None, inquiry: Inquiry | None = None
) -> RecordedJob:
    """`resolve`, after an inquiry if there is one. The folder is locked meanwhile: no run changes what is asked."""
    path = await in_thread(existing_journal, output_dir)
    async with _opened(path) as journal:
        record = journal.records.get(key)
        if record is None or record.state not in AT_STAKE:
            stands = "not on record" if record is None else f"{record.state}, neither held nor queued"
            raise ConfigError(
                "key", f"{redact(key, 60)!r} is {stands}", "Use the key of a job that `status` holds."
            )
        if request_id is None:
            _check_old(record)
        else:
            _check_free(request_id, key, journal)
        if inquiry is not None:
            await inquiry.ask(path, journal.records, key, request_id)
        if record.state is State.SUBMITTING:
            await journal.append(key, SubmitInterrupted(why=RUN_ENDED))
        elif record.state is State.QUEUED:
            await journal.append(key, RequestLost(why=f"{record.request_id} is not its request"))
        settled = ConfirmedAbsent(listings=0) if request_id is None else Reconciled(request_id=request_id)
        record = await journal.append(key, settled)
    return recorded(key, record)


def _check_old(record: JobRecord) -> None:
    started, now_utc = record.started, utc_now()
    if started is not None and not may_be_absent(started, now_utc):
        raise ConfigError(
            "key",
            f"{record.name!r} was sent within the last {RESUBMIT_AFTER / 60:g} minutes: the service may not show it"
            " yet, and sent again it would be paid twice",
            f"Look for it once more in {started.at_utc + RESUBMIT_AFTER - now_utc:.0f} s.",
        )


def _check_free(request_id: str, key: str, journal: Journal) -> None:
    if not is_request_id(request_id):
        raise ConfigError(
            "request_id", f"{redact(request_id, 60)!r} is no request id", "Copy it from the console."
        )
    for other, record in journal.records.items():
        if request_id == record.request_id or request_id in record.past_ids:
            who = "one that this job has or had" if other == key else f"the request of {record.name!r}"
            raise ConfigError("request_id", f"{request_id!r} is {who}", "Each job has a request of its own.")


async def forget_account(output_dir: str | os.PathLike[str] = "videos") -> int:
    """Let the jobs of an output folder be looked for with other settings; returns how many had an account on record.

    Each submit goes on record with the account that sent it, and a run as another account is refused while such a job
    is unfinished. After this they count as those of whoever runs next: right for a new key of the same account or a
    moved service. If it is another account after all, paid jobs are not found, and `on_unknown="resubmit"` buys them
    again.

    *Charges* nothing. *Cancellation*: waits until the journal is written. *Raises* `JournalError` when there is no
    journal, it is damaged, or another process holds it.

    >>> import asyncio, tempfile
    >>> from pixverse_async import ConfigError, Job, generate_many
    >>> from pixverse_async.emulator import Emulator
    >>> async def send(folder: str) -> None:
    ...     async with Emulator() as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         jobs = [Job("https://example.com/cat.jpg", "it yawns")]
    ...         await generate_many(jobs, job_timeout=0, **where)
    ...         try:
    ...             await generate_many(jobs, job_timeout=0, **(where | {"api_key": "new"}))
    ...         except ConfigError as error:
    ...             print(error.setting)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(send(folder))
    ...     asyncio.run(forget_account(folder))
    api_key
    1
    """
    return await in_thread(forget_accounts, await in_thread(existing_journal, output_dir))


async def repair_journal(output_dir: str | os.PathLike[str] = "videos") -> JournalRepair:
    """Make a damaged journal readable again; the file as it was is kept beside it.

    What is whole is kept. A job whose fate the damage hides is held, never sent again unasked. A job all of whose
    lines are lost is not known any more, and a run would send it: compare `lost_lines` with the console first.

    *Charges* nothing. *Cancellation*: waits until the journal is written. *Raises* `JournalError` when there is none,
    it is not ours, or another process holds it.

    >>> import asyncio, tempfile
    >>> from pixverse_async import Job, generate_many
    >>> from pixverse_async.emulator import Emulator
    >>> async def leave_early(folder: str) -> None:
    ...     async with Emulator() as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": folder}
    ...         await generate_many([Job("https://example.com/cat.jpg", "it yawns")], job_timeout=0, **where)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(leave_early(folder))
    ...     with Path(folder, "pixverse-journal.jsonl").open("a") as journal:
    ...         _ = journal.write("half a li\\n")
    ...     repair = asyncio.run(repair_journal(folder))
    >>> [job.name for job in repair.jobs], repair.lost_lines
    (['cat'], 1)
    """
    path = await in_thread(existing_journal, output_dir)
    done = await in_thread(repair_file, path)
    return JournalRepair(
        jobs=on_record(done.salvage.records),
        lost_lines=done.salvage.lost_lines,
        mended=done.salvage.mended,
        damaged=done.damaged,
    )


@asynccontextmanager
async def _opened(path: Path) -> AsyncGenerator[Journal]:
    journal = await Journal.open(path)
    try:
        yield journal
    finally:
        await journal.aclose()
