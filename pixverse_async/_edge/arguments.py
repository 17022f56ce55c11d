"""The other arguments of `generate_many` and its kin: each read into what it means, or refused in words.

All are checked before anything is sent, since not everybody has a type checker.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from numbers import Real
from pathlib import Path
from typing import cast

from .._core.errors import ConfigError
from .._core.functions import check_function
from .._core.job import Job
from .._core.redaction import redact

MAX_POLLS_PER_SECOND = 1000.0
"""What one process can send; anything near it is rude."""


def retry_before_utc(retry_failed: bool | datetime) -> float:
    """The argument `retry_failed` as a time: jobs that failed are sent again if they were last sent before it.

    Epoch seconds. *Raises* `ConfigError` for what is no time, or one without a zone.
    """
    if isinstance(retry_failed, bool):
        return math.inf if retry_failed else -math.inf
    if not isinstance(retry_failed, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]  not everybody has a checker
        raise ConfigError("retry_failed", f"{retry_failed!r} is neither True nor False nor a time", _RETRY_REMEDY)
    if retry_failed.tzinfo is None:
        raise ConfigError("retry_failed", f"{retry_failed} has no time zone", _RETRY_REMEDY)
    return retry_failed.timestamp()


_RETRY_REMEDY = "Use True, False, or the time at which the round of retries began, such as datetime.now(UTC)."


def read_budget(budget_usd: Decimal | float | str | None) -> Decimal | None:
    """The budget as exact dollars: 0.1 means ten cents, not the nearest binary fraction. *Raises* `ConfigError`."""
    if budget_usd is None:
        return None
    try:
        budget = Decimal(str(budget_usd))
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or budget < 0:
        raise ConfigError(
            "budget_usd", f"{budget_usd!r} is no amount of money", "Give dollars, such as 25 or '9.50'."
        )
    return budget


def check_plural(jobs: object) -> None:
    """*Raises* `ConfigError` for what is not several jobs."""
    kind = type(jobs)
    if issubclass(kind, Job | Mapping | str | bytes) or not issubclass(kind, Iterable | AsyncIterable):
        what = "None" if jobs is None else f"a single {kind.__name__}"
        raise ConfigError("jobs", f"{what} instead of several jobs", "Give a list of jobs, such as [job].")


def check_flag(setting: str, value: object) -> None:
    """*Raises* `ConfigError` for what is only true or false by accident, such as the text "no"."""
    if type(value) is not bool:
        problem = f"{redact(repr(value), 60)} is neither True nor False"
        raise ConfigError(setting, problem, "Use True or False.")


def check_observer(on_event: object) -> None:
    """*Raises* `ConfigError` for what cannot be told of an event."""
    if on_event is None:
        return
    remedy = "Give a plain function of one JobEvent; it may put the event into a queue that your coroutine reads."
    check_function("on_event", on_event, remedy)


def check_sink(sink: object) -> None:
    """*Raises* `ConfigError` for what no video can be saved in: its methods are met one after the other."""
    if sink is None:
        return
    if isinstance(sink, type):
        problem = f"the class {sink.__name__} instead of one of its objects"
    elif missing := [
        name for name in ("prepare", "open", "exists", "find") if not callable(getattr(sink, name, None))
    ]:
        problem = f"{redact(repr(sink), 60)} is no sink: it has no {' and no '.join(missing)}"
    else:
        return
    raise ConfigError(
        "sink", problem, "Give a DirectorySink(folder), a OnePieceSink or one of your own; see Sink."
    )


def path_of(setting: str, value: object) -> Path:
    """The path that was given. *Raises* `ConfigError` for what is none."""
    given = cast("str | os.PathLike[str]", value)
    text: object = os.fspath(given) if isinstance(given, str | os.PathLike) else None  # pyright: ignore[reportUnnecessaryIsInstance]  not everybody has a checker
    if not isinstance(text, str) or "\0" in text:
        raise ConfigError(setting, f"{redact(repr(given), 60)} is no path", "Give a str or a Path.")
    return Path(text)


def check_timeout(timeout: object) -> None:
    """*Raises* `ConfigError` for what is no time to wait. None is for ever."""
    if timeout is not None and (not isinstance(timeout, Real) or not float(timeout) >= 0):
        problem = f"{redact(repr(timeout), 60)} is {_fault_of(timeout)}"
        raise ConfigError("timeout", problem, "Use seconds, 0 or more.")


def check_policy(poll_policy: object) -> None:
    """*Raises* `ConfigError` for what makes no scheduler."""
    if isinstance(poll_policy, type):
        problem = f"the class {poll_policy.__name__} instead of one of its objects"
    elif not callable(getattr(poll_policy, "scheduler", None)):
        problem = f"{redact(repr(poll_policy), 60)} is no poll policy"
    else:
        return
    raise ConfigError("poll_policy", problem, "Use AdaptivePolling(), FixedPolling(5) or one of your own.")


def check_polls_per_second(polls_per_second: object) -> None:
    """*Raises* `ConfigError` for what is no number, or none above 0 and up to `MAX_POLLS_PER_SECOND`."""
    if not isinstance(polls_per_second, Real) or not 0 < float(polls_per_second) <= MAX_POLLS_PER_SECOND:
        remedy = f"Use a number above 0, and not above {MAX_POLLS_PER_SECOND:g}."
        problem = f"{redact(repr(polls_per_second), 60)} is {_fault_of(polls_per_second)}"
        raise ConfigError("polls_per_second", problem, remedy)


def _fault_of(value: object) -> str:
    """In the words in which a poll policy says it of its own numbers."""
    return "out of range" if isinstance(value, Real) else "no number"
