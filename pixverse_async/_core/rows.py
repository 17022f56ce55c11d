"""What was given in the place of a job: a row of a table becomes one, or says what is wrong with it.

A wrong row is a value and no exception, so that one bad line of a thousand stops nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs

from .errors import InvalidJobError
from .job import Job
from .redaction import redact, redacted_repr

JobLike: TypeAlias = "Job | Mapping[str, object]"
"""A job, or a mapping of `Job`'s parameters such as a row of a table: a wrong row fails alone."""


def job_from_row(row: object, index: int = 0) -> tuple[Job, InvalidJobError | None]:
    """A job from a mapping of `Job`'s own parameters, such as a row of a table, with what is wrong with it.

    The job that comes with an error holds the row as it was, and is only there to be shown. `index`: its place in the
    batch. A field may hold an `InvalidJobError`: then the reader of the row has found it wrong already.

    >>> job, error = job_from_row({"image": "cat.jpg", "prompt": "yawns", "duration": 16})
    >>> print(error)
    job 'cat': duration=16: not a whole number of seconds from 1 to 15. Use 1 to 15.
    """
    if isinstance(row, Job):
        return row, None
    if not isinstance(row, Mapping):
        problem = f"of type {type(row).__name__}, which is neither a Job nor a mapping of its parameters"
        remedy = "Give Job(image, prompt, ...); of image files, jobs_from_images makes jobs."
        return unchecked_job({}), InvalidJobError(f"jobs[{index}]", redacted_repr(row), problem, remedy)
    fields = cast("Mapping[str, object]", row)
    problem = _row_problem(fields)
    if problem is not None:
        return unchecked_job(fields), problem
    try:
        return Job(**cast("Mapping[str, Any]", fields)), None
    except InvalidJobError as error:
        return unchecked_job(fields), error


def check_job(job: object, field: str = "job") -> None:
    """*Raises* `InvalidJobError` for what is no `Job`, such as a row or a path: not everybody has a type checker."""
    if not isinstance(job, Job):
        problem = f"of type {type(job).__name__}, which is no Job"
        remedy = "Give Job(image, prompt, ...), or Job(**row) of a row."
        raise InvalidJobError(field, redacted_repr(job), problem, remedy)


def _row_problem(fields: Mapping[str, object]) -> InvalidJobError | None:
    for value in fields.values():
        if isinstance(value, InvalidJobError):
            return value
    known = [field.name for field in attrs.fields(Job)]
    for name in fields:
        if name not in known:
            shown = redacted_repr(fields[name])
            return InvalidJobError(redact(str(name), 80), shown, "no such parameter", f"Use {', '.join(known)}.")
    for name in ("image", "prompt"):
        if name not in fields:
            return InvalidJobError(name, "", "missing", "Every job needs an image and a prompt.")
    return None


def unchecked_job(fields: Mapping[str, object]) -> Job:
    """A job that holds the fields as they are, and is only there to be shown; empty where no image or prompt is."""
    job = Job.__new__(Job)
    values = {**attrs.asdict(Job("any", "any"), recurse=False), "image": "", "prompt": "", **fields}
    for field in attrs.fields(Job):
        object.__setattr__(job, field.name, values[field.name])
    return job
