"""`verify` and `repair`: the folder's videos against its journal, and the journal against itself."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anyio

from pixverse_async import DirectorySink, RecordedJob, State, jobs_on_record, repair_journal
from pixverse_async._words import clean

from .arguments import program
from .codes import Exit
from .say import SHOWN_KEY_CHARS, answer, answer_json, counted


class Checked(NamedTuple):
    """A video on record, and whether its file is the one that was saved."""

    job: RecordedJob
    path: Path
    is_whole: bool


def verify(options: Namespace) -> int:
    """Compare every saved video with its size and hash on record. Nothing is downloaded."""
    jobs = [job for job in jobs_on_record(options.folder) if job.state is State.SAVED]
    checked = anyio.run(_check, Path(options.folder), jobs)
    wrong = [one for one in checked if not one.is_whole]
    if options.json:
        for one in checked:
            answer_json(
                {"type": "video", "name": clean(one.job.name), "path": str(one.path), "is_whole": one.is_whole}
            )
        answer_json({"type": "verify", "videos": len(checked), "wrong": len(wrong)})
    else:
        for one in wrong:
            what = "changed" if one.path.exists() else "missing"
            answer(f"{what:<8} {clean(str(one.path))}")
        answer(f"{len(checked) - len(wrong)} of {len(checked)} videos are whole")
        if wrong:
            answer(f"Fetch them again, at no charge: {program()} resume {shlex.quote(options.folder)}")
    return Exit.PARTIAL if wrong else Exit.OK


async def _check(folder: Path, jobs: Sequence[RecordedJob]) -> list[Checked]:
    sink = DirectorySink(folder)
    return [await _check_one(sink, job) for job in jobs]


async def _check_one(sink: DirectorySink, job: RecordedJob) -> Checked:
    """The file beside the journal: the folder may have moved since it was saved."""
    assert job.path is not None
    assert job.size_bytes is not None
    found = await sink.find(job.path, job.size_bytes, job.sha256)
    return Checked(job, sink.folder / Path(job.path).name, found is not None)


def repair(options: Namespace) -> int:
    """Make the journal readable; what is hidden by the damage is held."""
    done = anyio.run(repair_journal, options.folder)
    # Of the jobs that were mended some are known well enough: the video of one is saved, whatever line is lost.
    held = [job.key for job in done.jobs if job.is_held and job.key in done.mended]
    if options.json:
        fields = {"jobs": len(done.jobs), "lost_lines": done.lost_lines, "held": held}
        answer_json({"type": "repair", **fields, "damaged": None if done.damaged is None else str(done.damaged)})
        return Exit.OK
    if done.damaged is None:
        answer(f"Nothing was wrong: {counted(len(done.jobs), 'job')} on record.")
        return Exit.OK
    answer(f"{counted(len(done.jobs), 'job')} on record again. The file as it was: {done.damaged}")
    if done.lost_lines:
        are, them = ("is", "it") if done.lost_lines == 1 else ("are", "them")
        answer(
            f"{counted(done.lost_lines, 'line')} {are} lost. A job that was only in {them} would be sent again: "
            "look in the console."
        )
    if held:
        keys = ", ".join(key[:SHOWN_KEY_CHARS] for key in held)
        are, them = ("is", "it") if len(held) == 1 else ("are", "them")
        answer(f"{counted(len(held), 'job')} {are} held, since the damage hides what became of {them}: {keys}")
        answer(f"See {program()} status {shlex.quote(options.folder)}")
    return Exit.OK
