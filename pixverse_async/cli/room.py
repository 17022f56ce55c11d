"""Whether the videos have a place, looked at before they are paid for.

That they fit on the disk is a guess from below, and so only a warning.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio

from pixverse_async import ConfigError, DirectorySink, Job, PixverseError, State, jobs_on_record

LEAST_BYTES_PER_SECOND: Final[Mapping[str, int]] = {
    "360p": 150_000,
    "540p": 250_000,
    "720p": 450_000,
    "1080p": 1_000_000,
}
"""Of a video. The one of this model that is public (360p) has 213,000; the others are scaled by their pixels, and all
are rounded down: a still scene compresses well, and a needless warning would be ignored the next time."""


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


async def folder_problem(folder: Path) -> PixverseError | None:
    """Why no video could be saved there; nothing is made where there is no folder yet."""
    place = existing(folder)
    try:
        # Tried and not asked: to root the system allows everything, in /proc too.
        await DirectorySink(place).prepare()
    except PixverseError as error:
        if await anyio.Path(folder).is_dir():
            return error
        problem = f"{str(folder)!r} cannot be made: {place} is not a folder to write to"
        return ConfigError("output_dir", problem, "Choose another folder.")
    return None


def check_folder(folder: Path) -> None:
    """*Raises* what `folder_problem` finds."""
    problem = anyio.run(folder_problem, folder)
    if problem is not None:
        raise problem


def space_warning(folder: Path, jobs: Sequence[Job]) -> str | None:
    """What to say if the disk clearly cannot hold the videos of these jobs that are not in the folder yet."""
    try:
        saved = sum(job.state is State.SAVED for job in jobs_on_record(folder))
    except PixverseError:
        saved = 0
    return shortage(jobs, saved, shutil.disk_usage(existing(folder)).free)


def shortage(jobs: Sequence[Job], saved: int, free_bytes: int) -> str | None:
    """The warning, or None. Of `saved` videos it is not known whose they are: the largest are taken to be there.

    >>> shortage([Job("cat.jpg", "yawns", duration=10)] * 100, 40, 10**9)
    >>> shortage([Job("cat.jpg", "yawns", duration=10)] * 1000, 40, 10**9)
    'the disk has 1.0 GB free, and 960 videos of these need at least 2.4 GB. When it is full nothing more is sent, and what is made by then is fetched later.'
    """  # noqa: E501  a doctest cannot break its expected line
    sizes = sorted((LEAST_BYTES_PER_SECOND[job.quality] * job.duration for job in jobs), reverse=True)[saved:]
    if sum(sizes) <= free_bytes:
        return None
    return (
        f"the disk has {_size(free_bytes)} free, and {len(sizes)} videos of these need at least "
        f"{_size(sum(sizes))}. When it is full nothing more is sent, and what is made by then is fetched later."
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
