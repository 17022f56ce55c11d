"""The wall clock, asked in one place: for dates on record and in headers. No wait is measured by it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> float:
    """Epoch seconds. They may jump at any time, as the clock is set; the loop's time does not."""
    return datetime.now(UTC).timestamp()
