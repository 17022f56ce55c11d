"""A submit as the journal writes it, for tests that care for one or two of its fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from pixverse_async._core.lifecycle import SubmitStarted

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
