"""How long a schedule leaves a job alone after a failed poll, and by how much two equal waits differ."""

from __future__ import annotations

ERROR_PAUSE = 1.0
"""Seconds before a poll that failed without advice is repeated; doubled for each failure in a row. A usual value."""
LONGEST_PAUSE = 60.0
"""No failure, and no Retry-After, silences a poll for longer."""
_GOLDEN = 0.6180339887498949
"""The golden ratio, less one: its multiples, whole parts dropped, spread most evenly over the unit interval."""
_MOST_DOUBLINGS = 6
"""A pause is doubled no further: 2**6 s are beyond the longest."""


class Jitter:
    """Numbers spread evenly over [-1, 1), the same for the same seed.

    Two processes whose seeds were drawn at random do not march in step.
    """

    def __init__(self, seed: int) -> None:
        self._at = (seed * _GOLDEN * _GOLDEN + 0.5) % 1.0

    def next(self) -> float:
        """The next number."""
        self._at = (self._at + _GOLDEN) % 1.0
        return 2.0 * self._at - 1.0


def pause_after(errors: int, retry_after: float | None) -> float:
    """Seconds to leave a job alone after its `errors`-th failed poll in a row."""
    if retry_after is not None and retry_after > 0:
        return min(retry_after, LONGEST_PAUSE)
    return min(ERROR_PAUSE * 2.0 ** min(errors - 1, _MOST_DOUBLINGS), LONGEST_PAUSE)
