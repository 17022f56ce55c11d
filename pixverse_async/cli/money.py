"""The verbs that money needs: `status` and `resolve` on the journal.

Only `resolve` asks the service, and only what it knows of requests.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import anyio

from pixverse_async import (
    BudgetExceededError,
    Client,
    ConfigError,
    InvalidJobError,
    RecordedJob,
    State,
    forget_account,
    jobs_on_record,
)
from pixverse_async import resolve as settle
from pixverse_async._words import clean
from pixverse_async.observe.words import cells, wrapped

from .arguments import program
from .codes import Exit
from .earlier import ASKED
from .ending import UNFETCHED, resume_line, unsent_hints
from .manifest import left_unsent, parameters
from .say import (
    SHOWN_KEY_CHARS,
    answer,
    answer_json,
    answer_prose,
    columns,
    counted,
    dollars,
    tell,
    width_of,
)

LISTED_JOBS: Final = 20
"""Of each kind; the counts above say how many there are."""
WIDTH: Final = 100
"""Columns: a reason is not set wider than this, however wide the terminal is."""
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PAID: Final = (State.READY, State.SAVED)
_MEANINGS: Final = {
    State.NEW: "refused or never received: the next run sends it",
    State.SUBMITTING: "held: the run ended before the answer came",
    State.UNKNOWN: "held: the answer was lost",
    State.QUEUED: "accepted, being made at the service",
    State.READY: "made, not saved yet",
    State.SAVED: "the video is in the folder",
    State.FAILED: "not charged, unless it says so",
}
_HELD: Final = """
Held: each may be billed, and is not sent again unasked. Have it looked up in the service's list, free of charge:
  {prog} resume {folder} --sent-only
If it stays held, look for its seed in the console, and say what you found:
  {prog} resolve {folder} KEY --request-id ID    (it is there)
  {prog} resolve {folder} KEY --not-accepted     (it is not: the next run sends it again)"""


def status(options: Namespace) -> int:
    """Where each job stands; exit code 9 while one is held."""
    jobs = jobs_on_record(options.folder)
    unsent = left_unsent(Path(options.folder))
    if options.json:
        for job in jobs:
            answer_json({"type": "job", **_fields(job)})
        for row in unsent:
            asked = {name: row[name] for name in ("name", *ASKED)}
            answer_json({"type": "unsent", **asked, "why": row["error"], "error_kind": row["error_kind"]})
        answer_json({"type": "status", "folder": options.folder, **_sums(jobs), "unsent": len(unsent)})
    else:
        folder = shlex.quote(options.folder)
        lines = [*_report(jobs, folder, is_whole=options.all), *_never_sent(unsent, folder, is_whole=options.all)]
        answer_prose("\n".join(lines))
    return Exit.UNKNOWN if any(job.is_held for job in jobs) else Exit.OK


def resolve(options: Namespace) -> int:
    """Write down what the user has found out about held jobs, or about the account."""
    if options.same_account:
        return _forget_account(options)
    chosen = _chosen(jobs_on_record(options.folder), options)
    if chosen:
        anyio.run(_settle, options.folder, chosen, options.request_id)
        then = "resume it" if options.request_id else "the next run sends it"
        answer(f"Written down; {then}: {resume_line(Path(options.folder))}")
    else:
        answer("No held job is that old.")
    return Exit.OK


def _forget_account(options: Namespace) -> int:
    if options.key is not None or options.all_older_than is not None:
        raise ConfigError("--same-account", "it is said of all jobs at once", "Give the folder alone.")
    count = anyio.run(forget_account, options.folder)
    answer(f"Written down for {count} jobs; go on with: {resume_line(Path(options.folder))}")
    return Exit.OK


async def _settle(folder: str, jobs: Sequence[RecordedJob], request_id: str | None) -> None:
    what = "was not accepted" if request_id is None else f"is the request {request_id}"
    async with AsyncExitStack() as stack:
        ask = await _asking(stack, jobs)
        for job in jobs:
            await ask(folder, job.key, request_id=request_id)
            answer(f"{clean(job.name)} ({job.key[:SHOWN_KEY_CHARS]}) {what}")


async def _asking(stack: AsyncExitStack, jobs: Sequence[RecordedJob]) -> _Resolve:
    """Who settles: a client, which asks the service first. Without a key nobody can be asked, and the user is believed.

    Not of a queued job: what was accepted is believed to be lost only by whoever can ask for it.
    """
    waiting = [job.request_id for job in jobs if job.state is State.QUEUED]
    if not waiting and not os.environ.get("GMI_API_KEY", "").strip():
        tell("GMI_API_KEY is not set: the service is not asked, and you are believed.")
        return settle
    client = await stack.enter_async_context(Client())
    if not waiting:
        tell("Asking the service first.")  # one in trouble may keep us waiting for minutes
    for request_id in waiting:
        tell(f"Asking for request {request_id}; it counts as lost when it is missing for a minute.")
    return client.resolve


class _Resolve(Protocol):
    def __call__(self, output_dir: str, key: str, *, request_id: str | None) -> Awaitable[RecordedJob]: ...


# -- which held jobs are meant ---------------------------------------------------------------------------


def _chosen(jobs: Sequence[RecordedJob], options: Namespace) -> Sequence[RecordedJob]:
    if (options.key is None) == (options.all_older_than is None):
        raise ConfigError("resolve", "which job is not clear", "Give a KEY, or --all-older-than AGE.")
    if options.key is not None:
        return [_by_key([job for job in jobs if _is_at_stake(job)], options.key)]
    if options.request_id is not None:
        raise ConfigError("--request-id", "an id belongs to one job", "Give its KEY instead of --all-older-than.")
    before = datetime.now(UTC).timestamp() - seconds(options.all_older_than)
    held = (job for job in jobs if job.is_held)
    return [job for job in held if job.started_at_utc is not None and job.started_at_utc <= before]


def _by_key(jobs: Sequence[RecordedJob], key: str) -> RecordedJob:
    # Less than the table shows was not copied from it: `""` is an unset variable, and the beginning of every key.
    is_whole = len(key) >= SHOWN_KEY_CHARS
    found = [job for job in jobs if job.name == key or (is_whole and job.key.startswith(key.lower()))]
    if len(found) == 1:
        return found[0]
    if not jobs:
        raise ConfigError("KEY", "no job is held or queued here: nothing is to be settled", "See the verb status.")
    problem = f"{clean(key)!r} is {'several jobs' if found else f'none of {len(jobs)} held or queued jobs'}"
    raise ConfigError("KEY", problem, f"Copy it from {program()} status DIR.")


def seconds(age: str) -> float:
    """An age in words as seconds. *Raises* `ConfigError`.

    >>> seconds("90s"), seconds("1.5h"), seconds("2d")
    (90.0, 5400.0, 172800.0)
    """
    match = _AGE.fullmatch(age.strip().lower())
    if match is None:
        raise ConfigError("--all-older-than", f"{age!r} is no age", "Use 90s, 10m, 1h or 2d.")
    return float(match[1]) * _UNITS[match[2]]


# -- what is said ----------------------------------------------------------------------------------------


def _sums(jobs: Sequence[RecordedJob]) -> Mapping[str, object]:
    counts = Counter(job.state for job in jobs)
    return {
        **{state.value: counts[state] for state in State},
        "held": sum(job.is_held for job in jobs),
        "usd_spent": sum((job.usd for job in jobs if not _is_at_stake(job)), Decimal(0)),
        "usd_reserved": sum((job.usd for job in jobs if _is_at_stake(job)), Decimal(0)),
    }


def _is_at_stake(job: RecordedJob) -> bool:
    return job.is_held or job.state is State.QUEUED


def _fields(job: RecordedJob) -> dict[str, object]:
    return {
        "key": job.key,
        "name": clean(job.name),
        "state": job.state.value,
        "is_held": job.is_held,
        **parameters(job.job),
        "request_id": job.request_id,
        "seed": job.seed,
        "usd": job.usd,
        "submits": job.submits,
        "sent_at_utc": _time(job.started_at_utc),
        "path": job.path,
        "why": None if job.why is None else clean(job.why),
    }


def _report(jobs: Sequence[RecordedJob], folder: str, *, is_whole: bool) -> Iterator[str]:
    sums = _sums(jobs)
    counted = [("state", "jobs", "")]
    counted += [(state.value, str(sums[state.value]), _MEANINGS[state]) for state in State if sums[state.value]]
    yield columns(counted)
    yield f"{_usd(sums, 'usd_spent')} spent, {_usd(sums, 'usd_reserved')} reserved for what may yet be billed"
    held = [job for job in jobs if job.is_held]
    failed = [job for job in jobs if job.state is State.FAILED]
    waiting = [job for job in jobs if job.state in UNFETCHED]
    if held:
        yield _HELD.format(prog=program(), folder=folder)
        yield from _listed(held)
    if failed:
        yield from ("", "Failed: sent again only by a run with --retry-failed.", *_listed(failed))
    if waiting:
        yield from ("", f"Paid or being made: fetched at no charge by `{program()} resume {folder} --sent-only`.")
    if is_whole:
        yield from ("", *_listed(jobs, limit=len(jobs)))


def _never_sent(rows: Sequence[Mapping[str, object]], folder: str, *, is_whole: bool) -> Iterator[str]:
    """The jobs of the latest run that no journal knows."""
    if not rows:
        return
    yield ""
    yield f"Never sent: {counted(len(rows), 'job')} of the latest run."
    kinds = Counter(row["error_kind"] for row in rows)
    short, wrong = kinds[BudgetExceededError.__name__], kinds[InvalidJobError.__name__]
    yield from unsent_hints(len(rows) - short - wrong, short, wrong, f"{program()} resume {folder}")
    if not is_whole:
        yield "  --all lists them, and says why"
        return
    for row in rows:
        yield f"  {clean(str(row['name'] or row['image']))}"
        yield from _reason(str(row["error"] or "interrupted"))


def _listed(jobs: Sequence[RecordedJob], limit: int = LISTED_JOBS) -> Iterator[str]:
    """A line for each job; in a terminal too narrow for it, the seed and the request's id follow on another."""
    shown = jobs[:limit]
    rows = [("key", "name", "state", "usd", "sent (UTC)", "seed", "request"), *map(_row, shown)]
    table = columns(rows)
    is_narrow = max(map(cells, table.splitlines())) + len("  ") > width_of(sys.stdout)
    head, *lines = (columns([row[:-2] for row in rows]) if is_narrow else table).splitlines()
    yield f"  {head}"
    for line, job in zip(lines, shown, strict=True):
        yield f"  {line}"
        if is_narrow:
            yield f"    seed {_seed(job)}" + (f", request {job.request_id}" if job.request_id else "")
        yield from _reason("" if job.why is None else job.why)
    if len(jobs) > limit:
        yield f"  ... and {len(jobs) - limit} more: --all lists them"


def _reason(text: str) -> Iterator[str]:
    width = min(WIDTH, width_of(sys.stdout) - len("    ") - 1)
    yield from (f"    {line}" for line in wrapped(clean(text), width))


def _row(job: RecordedJob) -> tuple[str, ...]:
    key, sent, request = job.key[:SHOWN_KEY_CHARS], _time(job.started_at_utc), job.request_id
    return (key, job.name, job.state.value, dollars(job.usd), sent or "?", _seed(job), request or "")


def _seed(job: RecordedJob) -> str:
    return "?" if job.seed is None else str(job.seed)


def _usd(sums: Mapping[str, object], name: str) -> str:
    value = sums[name]
    assert isinstance(value, Decimal)
    return dollars(value)


def _time(at_utc: float | None) -> str | None:
    return None if at_utc is None else datetime.fromtimestamp(at_utc, UTC).strftime("%Y-%m-%d %H:%M:%S")
