"""A submit as the journal writes it, and a job's history as one record, for tests that care for little of either."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import attrs

from pixverse_async._core.events import Event, SubmitStarted
from pixverse_async._core.lifecycle import NEW_JOB, JobRecord, advance

STARTED: Final = SubmitStarted(
    name="cat",
    seed=7,
    is_own_seed=True,
    payload_sha256="ab" * 32,
    usd=Decimal("0.150"),
    at_utc=1.5,
    image="cat.jpg",
    prompt="the cat yawns",
    duration=5,
    quality="540p",
    audio=False,
    multi_clip=False,
)


def started(**changes: Any) -> SubmitStarted:
    """`STARTED` with other values."""
    return attrs.evolve(STARTED, **changes)


def fold(events: Iterable[Event], record: JobRecord = NEW_JOB) -> JobRecord:
    """The record after all of the events."""
    return reduce(advance, events, record)
