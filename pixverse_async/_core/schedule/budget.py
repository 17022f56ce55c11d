"""How many polls may leave: one token bucket for all jobs, slowed by the service's own refusals."""

from __future__ import annotations

_SLOWER, _FASTER = 0.7, 1.01
"""A refusal takes 30% of the rate, once a pause; each answer gives 1% back, so 36 answers undo one."""
_SLOWEST = 0.05
"""Share of the configured rate below which refusals do not press it."""


class Budget:
    """At most `burst + rate x window` polls in any window of time."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._most = self._rate = rate
        self._burst = max(1.0, 0.5 * rate) if burst is None else burst
        self._tokens, self._at = self._burst, 0.0
        self._paused_until = float("-inf")

    def _level(self, now: float) -> float:
        return min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)

    def has_one(self, now: float) -> bool:
        """A poll may leave now."""
        return now >= self.free_at()

    def free_at(self) -> float:
        """The earliest instant at which a poll may leave."""
        lacking = max(0.0, 1.0 - self._tokens)
        ready = self._at + lacking / self._rate + 1e-6 if lacking else self._at
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
