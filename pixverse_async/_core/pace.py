"""How fast to submit: taught by the service's refusals.

GMI documents no numbers for this model, so none is assumed.  Submits leave freely until a 429 comes; its body
names the limit (so many in so many seconds) and the wait, and from then on the pacer keeps within them.  A refusal
without a body doubles a pause, and so does one after another whose waits turn out too short.  Refusals of submits
that left before the last lesson belong to the same episode and teach nothing new.  A submit that was accepted, and
then failed by a limit that nobody named, teaches too: how many a minute were too many (`Capacity`).
Pure: told of starts and refusals with `now`, asked when the next submit may leave.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

import attrs

from .capacity import Capacity
from .retry import BACKOFF_BASE, backoff
from .wire import RateHint

WINDOW_MARGIN = 0.3
"""Seconds. The service counts submits as they arrive, and one may be this much longer on its way than another."""
CLOCK_MARGIN = 1.002
"""Times the window's length: by so much the service's clock may run slower than ours."""
CATCH_UP = 2.0
"""Times the pace of the limit, at most: room that was left over is used, and a limit that was lowered meets no burst.

Bursts of a minute's whole allowance had 3.4% of the submits refused when the limit was halved; with this it is 0.7%
(`python -m benchmarks.pace`).
"""
FIRST_PAUSE = 2.0
"""Seconds of pause after the first refusal that names no wait."""
SHORTEST_PAUSE = 0.1
"""Seconds, even if the service says 0: a hint that lies must not become a storm."""
LONGEST_PAUSE = 120.0
"""Seconds; GMI's attested windows are a minute long."""
HISTORY = 2 * 3600.0
"""Seconds that starts are remembered: enough for a limit by the hour that a video shows an hour after its submit."""
STAGGER = 0.05
"""The part of a wait by which it is lengthened at most, at random: processes that were told the same wait do not return
together. Nobody bursts after it, so 3 s of a minute are enough; with 6 s, 1,000 jobs at 60 a minute took a fifth of a
percent longer."""


@attrs.define(eq=False, repr=False, kw_only=True)
class Pacer:
    """Decides when the next submit may leave. One for all submitters of a batch."""

    named: RateHint | None = None
    """The limit that a 429 named."""
    unnamed: Capacity = attrs.field(factory=Capacity)
    """A limit that only failures have shown."""
    _interval: float = 60.0
    """Seconds over which `unnamed` counts."""
    _overloads: int = 0
    """Episodes of overload in a row, with no video made between them."""
    _resume_at: float = 0.0
    _taught_at: float = float("-inf")
    _refusals: int = 0
    """Episodes in a row, with no submit accepted between them."""
    _starts: deque[float] = attrs.field(factory=deque[float])
    _sent: int = 0

    @property
    def limit(self) -> RateHint | None:
        """The limit that is kept: the slower one of those that are known."""
        if self.unnamed.limit is None:
            return self.named
        unnamed = RateHint(limit=self.unnamed.limit, interval=self._interval)
        if self.named is None or unnamed.limit * self.named.interval < self.named.limit * unnamed.interval:
            return unnamed
        return self.named

    def next_start(self, now: float) -> float:
        """The earliest time at which a submit may leave: `now`, or later."""
        limit = self.limit
        if limit is None:
            return max(now, self._resume_at)
        return max(now, self._resume_at, self._window_opens(limit), self._follows(limit))

    def started(self, now: float) -> int:
        """A submit leaves; its number, by which `overran` knows it."""
        while self._starts and self._starts[0] <= now - HISTORY:
            self._starts.popleft()
        self._starts.append(now)
        self._sent += 1
        if self.unnamed.limit is not None:
            self.unnamed.served(self._rank(len(self._starts)))
        return self._sent

    def accepted(self) -> None:
        """A submit was taken: the service is open."""
        self._refusals = 0

    def refused(self, started_at: float, now: float, wait: float | None, hint: RateHint | None, u: float) -> None:
        """A submit that left at `started_at` was refused by rate; `u` in [0, 1) is random."""
        if hint is not None:
            self.named = hint
        if started_at > self._taught_at:
            self._wait(now, self._pause(wait, u), u)
            self._refusals += 1

    def overran(self, number: int, interval: float) -> None:
        """The submit of that number was accepted, and then failed by a limit of so many in `interval` seconds."""
        among = number - (self._sent - len(self._starts))
        if among > 0:
            self._interval = interval
            self.unnamed.overrun(self._rank(among))

    def overloaded(self, started_at: float, now: float, u: float) -> None:
        """A submit was accepted, and then failed because the service had too much to do."""
        if started_at > self._taught_at:
            self._overloads += 1
            self._wait(now, backoff(self._overloads, u, base=FIRST_PAUSE, ceiling=LONGEST_PAUSE), u)

    def served(self) -> None:
        """A video was made: whatever was too much is over."""
        self._overloads = 0

    def _wait(self, now: float, pause: float, u: float) -> None:
        self._taught_at = now
        self._resume_at = max(self._resume_at, now + pause * (1.0 + STAGGER * u))

    def _rank(self, among: int) -> int:
        """Which one in its interval the last of so many remembered starts was."""
        starts = list(islice(self._starts, among))
        since = starts[-1] - _window(self._interval)
        return sum(start > since for start in starts)

    def _pause(self, wait: float | None, u: float) -> float:
        if wait is None:
            return backoff(self._refusals, u, base=FIRST_PAUSE, ceiling=LONGEST_PAUSE)
        if not self._refusals:
            return max(wait, SHORTEST_PAUSE)
        return max(wait, backoff(self._refusals - 1, u, base=BACKOFF_BASE, ceiling=LONGEST_PAUSE))

    def _window_opens(self, limit: RateHint) -> float:
        if len(self._starts) < limit.limit:
            return 0.0
        return self._starts[-limit.limit] + _window(limit.interval)

    def _follows(self, limit: RateHint) -> float:
        return self._starts[-1] + limit.interval / limit.limit / CATCH_UP if self._starts else 0.0


def _window(interval: float) -> float:
    """The service's window, as long as it may seem from here."""
    return interval * CLOCK_MARGIN + WINDOW_MARGIN
