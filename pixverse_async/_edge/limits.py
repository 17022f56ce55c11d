"""How a batch behaves: the arguments of `generate_many` that are numbers or choices, and their defaults.

What the other arguments must be is said in `arguments`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Number, Real
from typing import Any, Literal, TypeAlias, get_args

import attrs

from .._core.errors import ConfigError
from .._core.frozen import frozen
from .._core.reconcile import RESUBMIT_AFTER
from .._core.schedule import AdaptivePolling

DEFAULT_MAX_IN_FLIGHT = 100
"""Requests at the service at once. No limit is published; a 429 slows the submits whatever this number is."""
DEFAULT_MAX_DOWNLOADS = 8
"""8 to 16 connections move as many bytes as 32, in half the memory (benchmarks/README.md)."""
DEFAULT_JOB_TIMEOUT = 1800.0
"""Seconds. PixVerse frees a stuck generation after 600; queues of this service were seen to stall for an hour."""
DEFAULT_POLICY = AdaptivePolling()

OnUnknown = Literal["reconcile", "hold", "resubmit"]
OnCancel = Literal["detach", "cancel_queued"]


_Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _at_least(lowest: float, kind: type[Number] = Real) -> _Check:
    """A number of this kind; of numpy's too, and no text that looks like one."""
    noun = "whole number" if kind is Integral else "number"

    def check(_: object, attribute: attrs.Attribute[float], value: float) -> None:
        if not isinstance(value, kind):
            raise ConfigError(attribute.name, f"{value!r} is no {noun}", f"Use {lowest:g} or more.")
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

    max_in_flight: int = attrs.field(default=DEFAULT_MAX_IN_FLIGHT, validator=_at_least(1, Integral))
    max_downloads: int = attrs.field(default=DEFAULT_MAX_DOWNLOADS, validator=_at_least(1, Integral))
    job_timeout: float = attrs.field(default=DEFAULT_JOB_TIMEOUT, validator=_at_least(0))
    on_unknown: OnUnknown = attrs.field(default="reconcile", validator=_one_of(get_args(OnUnknown)))
    on_cancel: OnCancel = attrs.field(default="detach", validator=_one_of(get_args(OnCancel)))
    retry_before_utc: float = -math.inf
    """A job that an earlier run saw fail is sent again if it was last sent before then, epoch seconds."""
    resubmit_after: float = attrs.field(default=RESUBMIT_AFTER, validator=_at_least(0))
