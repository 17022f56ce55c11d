"""What a run would make, and what it would cost: shown, never sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import attrs

from pixverse_async import InvalidJobError, Job, estimate
from pixverse_async.observe.words import cells, cut

from .codes import Exit
from .manifest import shown_image
from .say import answer, answer_json, columns, dollars, width_of
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


def show_jobs(items: Sequence[JobLike], folder: Path, *, as_json: bool) -> int:
    """`run --dry-run`: every job with its price, and what is wrong with any. Reads the images, sends nothing."""
    lines = [_line(index, item) for index, item in enumerate(items)]
    wrong = [line for line in lines if line.problem is not None]
    if as_json:
        for line in lines:
            answer_json(_fields(line))
    else:
        answer(_table(lines))
        answer(
            "".join(f"  row {line.index + 1}: {line.problem}\n" for line in wrong).rstrip() or "No job is wrong."
        )
    show_price([line.job for line in lines if line.job is not None and line.problem is None], as_json=as_json)
    if not as_json:
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
    answer(f"{len(jobs)} videos, {seconds} seconds: at most {dollars(price.total_usd)}")
    answer("\n".join(f"  ({one})" for one in price.assumptions))


def _line(index: int, item: JobLike) -> _Line:
    job, problem = as_job(item)
    if job is None or problem is not None:
        return _Line(index=index, job=job, usd=Decimal(0), problem=str(problem))
    return _Line(index=index, job=job, usd=estimate([job]).total_usd, problem=_image_problem(job))


def _image_problem(job: Job) -> str | None:
    """Why the image cannot be read, as far as a look at its first byte tells."""
    if job.image_url is not None or isinstance(job.image, bytes):
        return None
    try:
        with Path(job.image).open("rb") as file:
            is_empty = not file.read(1)
    except OSError as problem:
        return str(InvalidJobError("image", str(job.image), problem.strerror or "unreadable", "See to the file."))
    return (
        str(InvalidJobError("image", str(job.image), "an empty file", "Give another image.")) if is_empty else None
    )


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
            yield (row, job.stem, *image, f"{job.duration} s", quality, str(line.usd), prompt)
