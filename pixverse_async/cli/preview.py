"""What a run would make, and what it would cost: shown, never sent. `run --dry-run`, and the verb `estimate`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import anyio
import attrs

from pixverse_async import InvalidJobError, Job, State, check_image
from pixverse_async import estimate as price_of
from pixverse_async.observe.words import cells, cut

from .codes import Exit
from .earlier import asked
from .manifest import check_manifests, on_record, parameters, shown_image
from .room import check_folder
from .say import answer, answer_json, columns, counted, dollars, width_of
from .settings import RunSettings, is_service_local
from .sources import Sourced, as_job, read_sources, with_whole_path

SHOWN_ROWS: Final = 50
LAYOUTS: Final = ((48, 40), (20, 24), (0, 16))
"""Columns for the image and for the prompt: the first that the terminal has room for."""


@attrs.frozen(kw_only=True)
class _Line:
    """One job, or what is wrong with it."""

    index: int
    place: str | None
    job: Job | None
    usd: Decimal
    problem: str | None
    asks: Job | None
    """What it asks for, its image known by the content."""


def show_jobs(found: Sequence[Sourced], settings: RunSettings, *, as_json: bool) -> int:
    """`run --dry-run`: every job with its price, and what is wrong with any. Opens the images, sends nothing.

    *Raises* `ConfigError` for a folder in which the run would be refused.
    """
    folder = Path(settings.out)
    check_manifests(folder)
    check_folder(folder)
    lines = anyio.run(_lines, found)
    wrong = [line for line in lines if line.problem is not None]
    if as_json:
        for line in lines:
            answer_json(_fields(line))
    else:
        answer(_table(lines))
        answer("".join(f"  {_where(line)}: {line.problem}\n" for line in wrong).rstrip() or "No job is wrong.")
    good = [line.job for line in lines if line.job is not None and line.problem is None]
    _show_price(good, as_json=as_json)
    for note in (*_earlier(good, settings), *_doubles(lines)):
        if as_json:
            answer_json({"type": "note", "text": note})
        else:
            answer(note)
    if not as_json:
        answer(f"Nothing was sent. The videos would go to {folder}/")
    return Exit.INVALID if wrong else Exit.OK


def estimate(options: Namespace) -> int:
    """The price of the sources; nothing is asked or sent."""
    given = {
        name: getattr(options, name) for name in ("prompt", "duration", "quality", "audio", "multi_clip", "seed")
    }
    if given["prompt"] is None:
        given["prompt"] = "-"  # The price does not depend on it.
    found = [(place, *as_job(item)) for item, place in read_sources(options.sources, given)]
    _show_price([job for _, job, _ in found if job is not None], as_json=options.json)
    wrong = [
        f"{place}: {problem}" if place else str(problem) for place, _, problem in found if problem is not None
    ]
    if not options.json:
        answer("".join(f"not counted: {problem}\n" for problem in wrong).rstrip() or "Nothing was sent.")
    return Exit.INVALID if wrong else Exit.OK


def _show_price(jobs: Sequence[Job], *, as_json: bool) -> None:
    """The price of the jobs if all of them succeed."""
    price = price_of(jobs)
    seconds = sum(job.duration for job in jobs)
    if as_json:
        known = {"videos": len(jobs), "seconds": seconds, "usd": price.total_usd}
        answer_json({"type": "estimate", **known, "assumptions": list(price.assumptions)})
        return
    answer(f"{counted(len(jobs), 'video')}, {counted(seconds, 'second')}: at most {dollars(price.total_usd)}")
    answer("\n".join(f"  ({one})" for one in price.assumptions))


def _earlier(jobs: Sequence[Job], settings: RunSettings) -> Iterator[str]:
    """What earlier runs into the folder change: their jobs are not paid again, and count against the budget.

    Their images are known by where they lay, so that one which was edited since counts as sent.
    """
    recorded = on_record(Path(settings.out))
    over = (State.NEW,) if settings.retry_before_utc is None else (State.NEW, State.FAILED)
    sent = Counter(_known_by(one.job) for one in recorded if one.state not in over)
    new = [job for job in jobs if not _is_taken_from(sent, _known_by(with_whole_path(job)))]
    price = price_of(new).total_usd
    if len(new) < len(jobs):
        before = len(jobs) - len(new)
        yield f"Sent before and not paid again: {before} of these. The rest costs at most {dollars(price)}."
    if settings.batch.budget is None:
        return
    cap, used = Decimal(settings.batch.budget), sum((one.usd for one in recorded), Decimal(0))
    missing = price - max(Decimal(0), cap - used)
    if missing > 0:
        taken = f", of which earlier runs have used {dollars(used)}," if used else ""
        yield (
            f"The budget of {dollars(cap)}{taken} is {dollars(missing)} short of that: "
            "what does not fit would not be sent."
        )


def _known_by(job: Job) -> tuple[object, ...]:
    return (*asked(parameters(job)), job.seed)


def _is_taken_from(sent: Counter[tuple[object, ...]], one: tuple[object, ...]) -> bool:
    sent[one] -= 1
    return sent[one] >= 0


def _doubles(lines: Sequence[_Line]) -> Iterator[str]:
    """What to say of jobs that ask for the same: each is paid."""
    first: dict[Job, _Line] = {}
    extra = [
        (line, other) for line in lines if line.asks and (other := first.setdefault(line.asks, line)) is not line
    ]
    if not extra:
        return
    what = "1 job asks" if len(extra) == 1 else f"{len(extra)} jobs ask"
    one, other = (f"{line.job.stem} ({_where(line)})" for line in extra[0] if line.job is not None)
    price = dollars(sum((line.usd for line, _ in extra), Decimal(0)))
    yield f"Note: {what} for the same as another one, such as {one} as {other}; each is paid, {price} for these."


async def _lines(sources: Sequence[Sourced]) -> list[_Line]:
    """All of them, a few images open at the same time."""
    found: dict[int, _Line] = {}
    slots = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def look(index: int, source: Sourced) -> None:
        async with slots:
            found[index] = await _line(index, source)

    async with anyio.create_task_group() as group:
        for index, source in enumerate(sources):
            group.start_soon(look, index, source)
    return [found[index] for index in range(len(sources))]


async def _line(index: int, source: Sourced) -> _Line:
    job, problem = as_job(source.item)
    line = _Line(index=index, place=source.place, job=job, usd=Decimal(0), problem=None, asks=None)
    if job is not None and problem is None:
        try:
            await check_image(job, is_service_local=is_service_local())
        except InvalidJobError as error:
            problem = error.about(job_name=job.stem)
    if job is None or problem is not None:
        return attrs.evolve(line, problem=str(problem))
    return attrs.evolve(line, usd=price_of([job]).total_usd, asks=await asyncio.to_thread(_asks, job))


def _asks(job: Job) -> Job:
    """What makes it the same as another one: what the image holds, not where it lies."""
    image = job.image
    if job.image_url is None:
        image = hashlib.sha256(image if isinstance(image, bytes) else Path(image).read_bytes()).hexdigest()
    return attrs.evolve(job, image=image, name=None, metadata={})


def _where(line: _Line) -> str:
    """The row of what is shown, and where it was given."""
    return f"row {line.index + 1}" if line.place is None else f"row {line.index + 1} ({line.place})"


def _fields(line: _Line) -> dict[str, object]:
    job = line.job
    known = {} if job is None else {
        "name": job.stem, "image": shown_image(job.image), "prompt": job.prompt, "duration": job.duration,
        "quality": job.quality, "audio": job.audio, "multi_clip": job.multi_clip, "seed": job.seed,
    }  # fmt: skip
    return {
        "type": "job",
        "index": line.index,
        **known,
        "usd": line.usd,
        "problem": line.problem,
        "source": line.place,
    }


def _table(lines: Sequence[_Line]) -> str:
    shown = lines[:SHOWN_ROWS]
    more = [] if len(shown) == len(lines) else [f"... and {len(lines) - len(shown)} more"]
    tables = [columns(list(_rows(shown, *layout))) for layout in LAYOUTS]
    room = width_of(sys.stdout)
    fitting = (one for one in tables if max(map(cells, one.splitlines())) <= room)
    return "\n".join([next(fitting, tables[-1]), *more])


def _rows(lines: Sequence[_Line], image_columns: int, prompt_columns: int) -> Iterator[Sequence[str]]:
    yield ("row", "name", *(["image"] if image_columns else []), "length", "quality", "usd", "prompt")
    for line in lines:
        row, job = str(line.index + 1), line.job
        if job is None or line.problem is not None:
            yield (row, "" if job is None else job.stem, "wrong, see below", *[""] * (4 if image_columns else 3))
        else:
            image = [cut(shown_image(job.image), image_columns)] if image_columns else []
            quality = job.quality + (" audio" if job.audio else "") + (" clips" if job.multi_clip else "")
            prompt = cut(" ".join(job.prompt.split()), prompt_columns)
            yield (row, job.stem, *image, f"{job.duration} s", quality, dollars(line.usd), prompt)
