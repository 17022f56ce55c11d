"""A circuit breaker for new submits: when the service is failing, stop paying to find out.

Each submit into an outage may end as one more of unknown fate.  When half of the latest submits failed, no new one
leaves for a while; then a read, which costs nothing, has to succeed, and then one single submit.  Pure: told of
results and of reads with `now`, asked whether a submit may leave, must wait, or needs a read first.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

# The numbers are those of the faults study (2026).
WINDOW: Final = 30.0
"""Seconds of history that count."""
MOST_CALLS: Final = 20
"""Submits of that history that count, the latest."""
FEWEST_CALLS: Final = 10
"""Below this many, a share says little: two of three may be chance."""
FAILURE_SHARE: Final = 0.5
"""The part of them that has to fail before it opens."""
FIRST_PAUSE: Final = 5.0
"""Seconds that it stays open; doubled with each read or submit on trial that fails..."""
LONGEST_PAUSE: Final = 60.0
"""...up to this."""


@attrs.define(eq=False, repr=False)
class Breaker:
    """Closed: submits leave. Open: they wait. On trial (half-open): a read succeeded, and the next submit decides."""

    is_on_trial: bool = attrs.field(default=False, init=False)
    _results: deque[tuple[float, bool]] = attrs.field(factory=lambda: deque[tuple[float, bool]](maxlen=MOST_CALLS))
    _pause: float = FIRST_PAUSE
    _open_until: float | None = None

    def heard(self, now: float, *, is_failure: bool) -> None:
        """A submit ended: in a failure of the service or the network, or in any answer at all."""
        self._results.append((now, is_failure))
        if self.is_on_trial:
            self._end_trial(now, is_failure=is_failure)
        elif self._open_until is None and self._is_failing(now):
            self._open_until = now + self._pause

    def closed_at(self, now: float) -> float:
        """When to ask again: `now` unless it is open."""
        return now if self._open_until is None else max(now, self._open_until)

    def needs_read(self, now: float) -> bool:
        """The pause is over, and a read has to show that the service is back."""
        return self._open_until is not None and now >= self._open_until

    def heard_read(self, now: float, *, is_failure: bool) -> None:
        """The read ended."""
        if is_failure:
            self._open_longer(now)
        else:
            self._open_until = None
            self.is_on_trial = True

    def _is_failing(self, now: float) -> bool:
        recent = [is_failure for at, is_failure in self._results if at > now - WINDOW]
        return len(recent) >= FEWEST_CALLS and sum(recent) >= FAILURE_SHARE * len(recent)

    def _end_trial(self, now: float, *, is_failure: bool) -> None:
        self.is_on_trial = False
        if is_failure:
            self._open_longer(now)
        else:
            self._results.clear()
            self._pause = FIRST_PAUSE

    def _open_longer(self, now: float) -> None:
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._open_until = now + self._pause
