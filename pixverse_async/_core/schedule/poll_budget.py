"""How many polls may leave: one budget for all jobs, slowed by the service's refusals, and so many calls at once.

It is a token bucket: tokens come in at the rate, at most a burst of them is kept, and each poll takes one.
"""

from __future__ import annotations

DEFAULT_POLLS_PER_SECOND = 20.0
"""A modest budget for one process. GMI documents no limit on status calls, and its sample polls each second."""
_SLOWER, _FASTER = 0.7, 1.01
"""A refusal takes 30% of the rate, once a pause; each answer gives 1% back, so 36 answers undo one: down fast and up
slowly, as usual (TCP does so), for a refused poll is wasted. Chosen on the worlds."""
_SLOWEST = 0.05
"""Share of the configured rate below which no refusal brings it."""
_BURST_SECONDS = 0.5
"""The polls of so many seconds may leave at once: a few jobs that are due together need not wait for one another."""
_GRACE = 1e-6
"""Seconds added to the instant at which a token is whole, lest rounding leave it a little less than one."""

LEAST_CALLS, _MOST_CALLS = 16, 128
"""Status calls under way at once. If they take a few milliseconds, one turn of the loop may bring all the answers: with
32, whatever else runs there waits twice as long (benchmarks/scale.py). No service minds 128 sockets."""
_APART = 0.002
"""Seconds from one answer to the next, on average, when calls take so long that more of them are under way."""


def calls_at_once(call_seconds: float) -> int:
    """How many status calls may be under way, when one takes so long: enough for 500 calls a second of up to 0.25 s.

    >>> calls_at_once(0.005), calls_at_once(0.2), calls_at_once(5.0)
    (16, 100, 128)
    """
    return min(_MOST_CALLS, max(LEAST_CALLS, round(call_seconds / _APART)))


class PollBudget:
    """At most `burst + rate x window` polls in any window of time."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._most = self._rate = rate
        self._burst = max(1.0, _BURST_SECONDS * rate) if burst is None else burst
        self._tokens, self._at = self._burst, 0.0
        self._paused_until = float("-inf")

    def _level(self, now: float) -> float:
        return min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)

    def free_at(self) -> float:
        """The earliest instant at which a poll may leave."""
        lacking = max(0.0, 1.0 - self._tokens)
        ready = self._at + lacking / self._rate + _GRACE if lacking else self._at
        return max(self._paused_until, ready)

    def spend(self, now: float) -> None:
        """A poll leaves."""
        self._tokens = self._level(now) - 1.0
        self._at = max(now, self._at)

    def answered(self) -> None:
        """The service answered: regain a little speed."""
        self._rate = min(self._most, self._rate * _FASTER)

    def refused(self, now: float, pause: float) -> None:
        """The service asked for fewer polls."""
        self._tokens, self._at = min(1.0, self._level(now)), max(now, self._at)
        if now > self._paused_until:
            self._rate = max(_SLOWEST * self._most, self._rate * _SLOWER)
        self._paused_until = max(self._paused_until, now + pause)
