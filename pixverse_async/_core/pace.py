"""How fast to submit: taught by the service's refusals.

GMI documents no numbers for this model, so none is assumed.  Submits leave freely until a 429 comes; its body
names the limit (so many in so many seconds) and the wait, and from then on the pacer keeps within them.  A refusal
without a body doubles a pause, and so does one after another whose waits turn out too short.  Refusals of submits
that left before the last lesson belong to the same episode and teach nothing new.
Pure: told of starts and refusals with `now`, asked when the next submit may leave.
"""

from __future__ import annotations

from collections import deque

import attrs

from .retry import BACKOFF_BASE, backoff
from .wire import RateHint

WINDOW_MARGIN = 0.3
"""Seconds. The service's window is measured at its own door: this much later than elsewhere a submit may get there."""
CLOCK_MARGIN = 1.002
"""And on its own clock."""
CATCH_UP = 2.0
"""Times the limit's own pace, no faster: room left over is used, and a limit that changed meets no burst.

Bursts of a minute's whole allowance had 3.4% of the submits refused when the limit was halved; so it is 0.6%
(`python -m benchmarks.pace`).
"""
FIRST_PAUSE = 2.0
"""Seconds of pause after the first refusal that names no wait."""
SHORTEST_PAUSE = 0.1
"""Seconds, even if the service says 0: a hint that lies must not become a storm."""
LONGEST_PAUSE = 120.0
"""Seconds; GMI's attested windows are a minute long."""
STAGGER = 0.1
"""The wait is lengthened by up to a tenth, so that several processes told the same wait do not return as one."""


@attrs.define(eq=False, repr=False, kw_only=True)
class Pacer:
    """Decides when the next submit may leave. One for all submitters of a batch."""

    limit: RateHint | None = None
    _resume_at: float = 0.0
    _taught_at: float = float("-inf")
    _refusals: int = 0
    """Episodes in a row, with no submit accepted between them."""
    _starts: deque[float] = attrs.field(factory=deque[float])

    def next_start(self, now: float) -> float:
        """The earliest time at which a submit may leave: `now`, or later."""
        return max(now, self._resume_at, self._window_opens(now), self._follows())

    def started(self, now: float) -> None:
        """A submit leaves."""
        self._starts.append(now)

    def accepted(self) -> None:
        """A submit was taken: the service is open."""
        self._refusals = 0

    def refused(self, started_at: float, now: float, wait: float | None, hint: RateHint | None, u: float) -> None:
        """A submit that left at `started_at` was refused by rate; `u` in [0, 1) is random."""
        if hint is not None:
            self.limit = hint
        if started_at <= self._taught_at:
            return
        self._taught_at = now
        self._resume_at = max(self._resume_at, now + self._pause(wait, u) * (1.0 + STAGGER * u))
        self._refusals += 1

    def _pause(self, wait: float | None, u: float) -> float:
        if wait is None:
            return backoff(self._refusals, u, base=FIRST_PAUSE, ceiling=LONGEST_PAUSE)
        if not self._refusals:
            return max(wait, SHORTEST_PAUSE)
        return max(wait, backoff(self._refusals - 1, u, base=BACKOFF_BASE, ceiling=LONGEST_PAUSE))

    def _window_opens(self, now: float) -> float:
        if self.limit is None:
            self._forget_before(now - 3600.0)
            return now
        window = self.limit.interval * CLOCK_MARGIN + WINDOW_MARGIN
        self._forget_before(now - window)
        if len(self._starts) < self.limit.limit:
            return now
        return self._starts[-self.limit.limit] + window

    def _follows(self) -> float:
        if self.limit is None or not self._starts:
            return 0.0
        return self._starts[-1] + self.limit.interval / self.limit.limit / CATCH_UP

    def _forget_before(self, then: float) -> None:
        while self._starts and self._starts[0] <= then:
            self._starts.popleft()
