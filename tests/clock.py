"""The wall clock as the package sees it, set while it looks: a test cannot set the machine's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from pixverse_async._core.reconcile import RESUBMIT_AFTER
from pixverse_async._edge import wall_clock


def stepping(monkeypatch: pytest.MonkeyPatch, steps: Iterator[timedelta]) -> None:
    """Whoever asks for the wall time is told another day each time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return datetime.now(tz) + next(steps)

    monkeypatch.setattr(wall_clock, "datetime", Clock)


def long_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every submit is old enough to be called absent."""
    stepping(monkeypatch, itertools.repeat(timedelta(seconds=RESUBMIT_AFTER + 60)))
