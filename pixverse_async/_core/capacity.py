"""How many the service takes at once, learned from those that it failed for being too many.

A limit need not come as a 429: the submit may be accepted, and its record end as failed, with "rate limit
exceeded(RPM)" (seen live on this queue, for a sister model) or "Reached the limit for concurrent generations."
(PixVerse's own code 500044, expected to come through).
A client that looks at 429s alone then sees most of a batch fail.

The rule: if the n-th of those under way was one too many, at most n - 1 fit.  When many fail together, the lowest rank
among them gives the limit, and the others change nothing: one overload is one cut.
The limit may rise again, so more is tried from time to time: one more at first, once all places have been used and
served; twice as many after each trial that went well, so that an overload of minutes does not slow a day.  A trial
that fails makes the next one wait twice as long, so that all trials of a long batch cost a handful of jobs.

Pure.  It does not know what it counts: requests at once (`Slots`), or submits in a minute (`Pacer`).
"""

from __future__ import annotations

from typing import Final

import attrs

MOST_ROUNDS: Final = 64
"""Times that all places are used before one more is tried again, at most: at 80 s a video, an hour and a half."""


@attrs.define(eq=False)
class Capacity:
    """The number of places, as far as failures have shown it.

    >>> places = Capacity()
    >>> for rank in (100, 21, 64):
    ...     places.overrun(rank)
    >>> places.limit
    20
    """

    limit: int | None = None
    """None: nothing was ever too many."""
    _served: int = 0
    _rounds: int = 1
    """How many times all places are used and served before more are tried."""
    _step: int = 1
    """How many more are tried next."""
    _is_trial: bool = False

    def overrun(self, rank: int) -> None:
        """The `rank`-th of those under way was one too many."""
        fits = max(1, rank - 1)
        if self.limit is not None and fits >= self.limit:
            return
        self.limit = fits
        self._served, self._step = 0, 1
        if self._is_trial:
            self._rounds = min(2 * self._rounds, MOST_ROUNDS)
            self._is_trial = False

    def served(self, rank: int) -> None:
        """The `rank`-th of those under way was taken. Only one that took the last place proves that it can be had."""
        if self.limit is None or rank != self.limit:
            return
        self._served += 1
        if self._served >= self._rounds * self.limit:
            self.limit += self._step
            self._served, self._step = 0, 2 * self._step
            self._is_trial = True
