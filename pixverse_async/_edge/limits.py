"""How a batch behaves: the arguments of `generate_many` that are numbers or choices, checked in one place."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias, get_args

import attrs

from .._core.errors import ConfigError
from .._core.frozen import frozen
from .._core.reconcile import RESUBMIT_AFTER

DEFAULT_MAX_IN_FLIGHT = 100
"""Requests at the service at once. No limit is published; a 429 slows the submits whatever this number is."""
DEFAULT_MAX_DOWNLOADS = 8
"""8 to 16 connections move as many bytes as 32, in half the memory (benchmarks/README.md)."""
DEFAULT_JOB_TIMEOUT = 1800.0
"""Seconds. PixVerse frees a stuck generation after 600; queues of this service were seen to stall for an hour."""

OnUnknown = Literal["reconcile", "hold", "resubmit"]
OnCancel = Literal["detach", "cancel_queued"]


_Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _at_least(lowest: float) -> _Check:
    def check(_: object, attribute: attrs.Attribute[float], value: float) -> None:
        if not value >= lowest:
            raise ConfigError(attribute.name, f"{value!r} is too small", f"Use {lowest:g} or more.")

    return check


def _one_of(choices: tuple[str, ...]) -> _Check:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if value not in choices:
            raise ConfigError(attribute.name, f"{value!r} is unknown", f"Use one of {', '.join(choices)}.")

    return check


@frozen
class Limits:
    """How a batch behaves: the arguments of `generate_many` that are numbers or choices. *Raises* `ConfigError`."""

    max_in_flight: int = attrs.field(default=DEFAULT_MAX_IN_FLIGHT, validator=_at_least(1))
    max_downloads: int = attrs.field(default=DEFAULT_MAX_DOWNLOADS, validator=_at_least(1))
    job_timeout: float = attrs.field(default=DEFAULT_JOB_TIMEOUT, validator=_at_least(0))
    on_unknown: OnUnknown = attrs.field(default="reconcile", validator=_one_of(get_args(OnUnknown)))
    on_cancel: OnCancel = attrs.field(default="detach", validator=_one_of(get_args(OnCancel)))
    retry_before_utc: float = -math.inf
    """A job that an earlier run saw fail is sent again if it was last sent before then, epoch seconds."""
    resubmit_after: float = attrs.field(default=RESUBMIT_AFTER, validator=_at_least(0))


def retry_before_utc(retry_failed: bool | datetime) -> float:
    """The argument `retry_failed` as a time: all that failed, none, or what was last sent before a time."""
    if isinstance(retry_failed, bool):
        return math.inf if retry_failed else -math.inf
    if not isinstance(retry_failed, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]  not everybody has a checker
        raise ConfigError("retry_failed", f"{retry_failed!r} is neither True nor False nor a time", _RETRY_REMEDY)
    if retry_failed.tzinfo is None:
        raise ConfigError("retry_failed", f"{retry_failed} has no time zone", _RETRY_REMEDY)
    return retry_failed.timestamp()


_RETRY_REMEDY = "Use True, False, or the time at which the round of retries began, such as datetime.now(UTC)."


def read_budget(budget_usd: Decimal | float | str | None) -> Decimal | None:
    """The budget as exact money: 0.1 means ten cents, not the nearest binary fraction."""
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
