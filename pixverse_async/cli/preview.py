"""What a run would make, and what it would cost: shown, never sent."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import anyio
import attrs

from pixverse_async import InvalidJobError, Job, check_image, estimate
from pixverse_async.observe.words import cells, cut

from .codes import Exit
from .manifest import check_manifests, shown_image
from .room import folder_problem
from .say import answer, answer_json, columns, counted, dollars, width_of
from .settings import is_service_local
from .sources import JobLike, as_job

SHOWN_ROWS: Final = 50
LAYOUTS: Final = ((48, 40), (20, 24), (0, 16))
"""Columns for the image and for the prompt: the first that the terminal has room for."""


@attrs.frozen(kw_only=True)
class _Line:
    """One job, or what is wrong with it."""

    index: int
    job: Job | None
    usd: Decimal
    problem: str | None


def show_jobs(items: Sequence[JobLike], folder: Path, *, budget: str | None, as_json: bool) -> int:
    """`run --dry-run`: every job with its price, and what is wrong with any. Opens the images, sends nothing.

    *Raises* `ConfigError` for a folder in which the run would be refused.
    """
    check_manifests(folder)
    misplaced = anyio.run(folder_problem, folder)
    if misplaced is not None:
        raise misplaced
    lines = anyio.run(_lines, items)
    wrong = [line for line in lines if line.problem is not None]
    if as_json:
        for line in lines:
            answer_json(_fields(line))
    else:
        answer(_table(lines))
        answer(
            "".join(f"  row {line.index + 1}: {line.problem}\n" for line in wrong).rstrip() or "No job is wrong."
        )
    good = [line.job for line in lines if line.job is not None and line.problem is None]
    show_price(good, as_json=as_json)
    if not as_json:
        for note in (_shortfall(good, budget), _doubles(good)):
            if note is not None:
                answer(note)
        answer(f"Nothing was sent. The videos would go to {folder}/")
    return Exit.INVALID if wrong else Exit.OK


def show_price(jobs: Sequence[Job], *, as_json: bool) -> None:
    """The price of the jobs if all of them succeed."""
    price = estimate(jobs)
    seconds = sum(job.duration for job in jobs)
    if as_json:
        known = {"videos": len(jobs), "seconds": seconds, "usd": price.total_usd}
        answer_json({"type": "estimate", **known, "assumptions": list(price.assumptions)})
        return
    answer(f"{counted(len(jobs), 'video')}, {counted(seconds, 'second')}: at most {dollars(price.total_usd)}")
    answer("\n".join(f"  ({one})" for one in price.assumptions))


def _shortfall(jobs: Sequence[Job], budget: str | None) -> str | None:
    """What to say of a budget that does not pay for all. What earlier runs into the folder cost is not looked at."""
    missing = Decimal(0) if budget is None else estimate(jobs).total_usd - Decimal(budget)
    if budget is None or missing <= 0:
        return None
    cap = dollars(Decimal(budget))
    return f"The budget of {cap} is {dollars(missing)} short of that: what does not fit would not be sent."


def _doubles(jobs: Sequence[Job]) -> str | None:
    """What to say of jobs that ask for the same: each is paid."""
    counts = Counter(attrs.evolve(job, name=None) for job in jobs)
    extra = [job for job, count in counts.items() for _ in range(count - 1)]
    if not extra:
        return None
    what = "1 job asks" if len(extra) == 1 else f"{len(extra)} jobs ask"
    price = dollars(estimate(extra).total_usd)
    return f"Note: {what} for the same as another one, such as {extra[0].stem}; each is paid, {price} for these."


async def _lines(items: Sequence[JobLike]) -> list[_Line]:
    """All of them, a few images open at the same time."""
    found: dict[int, _Line] = {}
    slots = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def look(index: int, item: JobLike) -> None:
        async with slots:
            found[index] = await _line(index, item)

    async with anyio.create_task_group() as group:
        for index, item in enumerate(items):
            group.start_soon(look, index, item)
    return [found[index] for index in range(len(items))]


async def _line(index: int, item: JobLike) -> _Line:
    job, problem = as_job(item)
    if job is not None and problem is None:
        try:
            await check_image(job, is_service_local=is_service_local())
        except InvalidJobError as error:
            problem = error.about(job_name=job.stem)
    if job is None or problem is not None:
        return _Line(index=index, job=job, usd=Decimal(0), problem=str(problem))
    return _Line(index=index, job=job, usd=estimate([job]).total_usd, problem=None)


def _fields(line: _Line) -> dict[str, object]:
    job = line.job
    known = {} if job is None else {
        "name": job.stem, "image": shown_image(job.image), "prompt": job.prompt, "duration": job.duration,
        "quality": job.quality, "audio": job.audio, "multi_clip": job.multi_clip, "seed": job.seed,
    }  # fmt: skip
    return {"type": "job", "index": line.index, **known, "usd": line.usd, "problem": line.problem}


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
