"""How many calls that may be repeated are repeated while nothing comes back: not one retry for each job of thousands.

Each call that fails may be retried a few times; in an outage that would be a few times all calls.  So all jobs share
a number of retries without a success in between, and when it is used up one retry leaves every now and then, to see
whether the service is back.  A success, anybody's, gives the number back: a service that fails one call in five is
retried as often as that takes.  No call gives up for lack of a turn: it waits for one.  Pure.
"""

from __future__ import annotations

from math import inf
from typing import Final

import attrs

from .retry import BACKOFF_CEILING

MOST_IN_A_ROW: Final = 10
"""The floor of gRPC's and .NET's retry budgets. Of eight downloads none has had its five tries by then."""
PROBE_EVERY: Final = BACKOFF_CEILING
"""Seconds: as often as one caller alone would try by then."""


@attrs.define(eq=False, repr=False)
class RetryBudget:
    """The retries that all calls of one kind share."""

    _left: int = MOST_IN_A_ROW
    next_at: float = -inf
    """When the next retry may leave, if `take` just refused one."""

    def take(self, now: float) -> bool:
        """True when one more retry may leave at `now`; then it is taken."""
        if self._left:
            self._left -= 1
        elif now < self.next_at:
            return False
        self.next_at = now + PROBE_EVERY
        return True

    def succeeded(self) -> bool:
        """A call of the kind came back. True when others may have been waiting for that."""
        was_spent = not self._left
        self._left = MOST_IN_A_ROW
        return was_spent
