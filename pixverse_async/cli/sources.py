"""What the user names on the command line becomes jobs: folders, tables, patterns, image files and URLs, in order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, cast

import attrs

from pixverse_async import ConfigError, InvalidJobError, Job
from pixverse_async._rows import JobLike, job_from_row, rows_from_folder, rows_from_images

from .tables import READERS, is_url, read_table

JobLikeT = TypeVar("JobLikeT", Job, JobLike)

_SIDECARS: Final = frozenset({".txt", ".json"})
_OTHER_TABLES: Final = frozenset({".xlsx", ".xls", ".ods", ".json", ".txt", ".yaml", ".yml"})
_REMEDY: Final = f"Give a folder of images, image files, URLs, or a table: {', '.join(READERS)}."


class Sourced(NamedTuple):
    """A job, or a row that is none, and where it stands if it stands in a table."""

    item: JobLike
    place: str | None = None
    """Such as "line 3 of shots.csv"."""


def read_sources(sources: Sequence[str], given: Mapping[str, object]) -> list[Sourced]:
    """A job for each video, in order; a mapping for a row, or an image with its sidecars, that is none: it fails alone.

    `given` is what the options say for all. *Raises* `ConfigError`, `InvalidJobError` for a wrong option.
    """
    _check_given(given)
    return [found for source in sources for found in _read_source(source, given)]


def absolute(source: str) -> str:
    """The source as it can be found from any folder."""
    return source if is_url(source) else os.path.abspath(source)  # noqa: PTH100  a pattern is no path to resolve


def with_whole_path(item: JobLikeT) -> JobLikeT:
    """The job with a path that means the same in any folder, as it is to stand in journal and tables."""
    if not isinstance(item, Job):
        image = item.get("image")
        return cast("JobLikeT", {**item, "image": image.absolute()}) if isinstance(image, Path) else item
    if isinstance(item.image, bytes) or item.image_url is not None:
        return item
    return attrs.evolve(item, image=Path(item.image).absolute())


def as_job(item: JobLike) -> tuple[Job | None, InvalidJobError | None]:
    """The job, or what is wrong with it.

    >>> as_job({"image": "cat.jpg", "prompt": "yawns", "duration": 16})[1]
    InvalidJobError(field='duration', value='16', problem='not a whole number of seconds from 1 to 15', remedy='Use 1 to 15.')
    """  # noqa: E501  a doctest cannot break its expected line
    job, problem = job_from_row(item)
    return (job if problem is None else None), problem


def _check_given(given: Mapping[str, object]) -> None:
    """A wrong option is one mistake and not one for each image."""
    probe = {"image": "image.jpg", **given, "prompt": "-" if given.get("prompt") is None else given["prompt"]}
    _, problem = as_job(probe)
    if problem is not None:
        raise InvalidJobError(problem.field, problem.value, problem.problem, problem.remedy)


def _read_source(source: str, given: Mapping[str, object]) -> Iterator[Sourced]:
    path = Path(source)
    if is_url(source):
        if given.get("prompt") is None:
            raise ConfigError("prompt", f"none given for {source!r}", "Give one for all.")
        yield Sourced(_job_of({"image": source, **given}))
    elif path.is_dir():
        yield from map(Sourced, rows_from_folder(path, given))
    elif path.exists():
        yield from _read_file(path, given)
    elif glob.has_magic(source):
        yield from _read_pattern(source, given)
    else:
        raise ConfigError("source", f"{source!r} does not exist", _REMEDY)


def _read_file(path: Path, given: Mapping[str, object]) -> Iterator[Sourced]:
    if path.suffix.lower() in READERS:
        for place, row in read_table(path, given):
            yield Sourced(_job_of(row), f"{place} of {path.name}")
    elif path.suffix.lower() in _OTHER_TABLES:
        raise ConfigError(
            "source", f"{str(path)!r} is neither an image nor a table that can be read here", _REMEDY
        )
    else:
        yield from map(Sourced, rows_from_images([path], given))


def _read_pattern(pattern: str, given: Mapping[str, object]) -> Iterator[Sourced]:
    found = map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207  ** and absolute patterns alike
    images = [path for path in found if path.is_file() and path.suffix.lower() not in _SIDECARS]
    if not images:
        raise ConfigError("source", f"nothing matches {pattern!r}", "Try it with ls, and put it in quotes.")
    yield from map(Sourced, rows_from_images(images, given))


def _job_of(fields: Mapping[str, object]) -> JobLike:
    job, _ = as_job({name: value for name, value in fields.items() if value is not None})
    return fields if job is None else job
