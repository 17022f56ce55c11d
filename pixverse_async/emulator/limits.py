"""The service's rate limits: so many submits per model in a sliding window, refused with the documented body.

Only admitted submits count, so a client that waits as long as it is told gets through.  The vendor behind the queue
has limits of its own, of which the queue does not know: what is too much for it is accepted, and fails.
Pure: `now` is given.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque

import attrs

from .messages import Response, json_response

RPM_WINDOW = 60.0
RPH_WINDOW = 3600.0


@attrs.define(eq=False)
class SlidingWindow:
    """At most `limit` admissions per model in any `window` seconds."""

    kind: str
    limit: int
    window: float
    _admitted: defaultdict[str, deque[float]] = attrs.field(factory=lambda: defaultdict[str, deque[float]](deque))

    def wait(self, model: str, now: float) -> float:
        """Seconds until this model has room; 0.0 when it has room now."""
        admitted = self._admitted[model]
        while admitted and admitted[0] <= now - self.window:
            admitted.popleft()
        return 0.0 if len(admitted) < self.limit else admitted[0] + self.window - now

    def admit(self, model: str, now: float) -> None:
        """Count one submit."""
        self._admitted[model].append(now)


@attrs.define(eq=False)
class Vendor:
    """Who makes the videos, and refuses more of them at once, or in a minute, than it likes."""

    rate: SlidingWindow | None
    workers: int | None
    _ends: list[float] = attrs.field(factory=list[float])

    def refusal(self, now: float) -> str | None:
        """The fault with which a request that comes now fails; None when it is taken."""
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        if self.workers is not None and len(self._ends) >= self.workers:
            return "concurrency"
        return "rate_limit_as_failed" if self.rate is not None and self.rate.wait("", now) > 0 else None

    def take(self, now: float, ends_at: float) -> None:
        """A request is taken, and keeps a worker busy until it ends."""
        heapq.heappush(self._ends, ends_at)
        if self.rate is not None:
            self.rate.admit("", now)


def windows(rpm: int | None, rph: int | None) -> tuple[SlidingWindow, ...]:
    """The limits in force."""
    wanted = (("RPM", rpm, RPM_WINDOW), ("RPH", rph, RPH_WINDOW))
    return tuple(SlidingWindow(kind, limit, window) for kind, limit, window in wanted if limit is not None)


def vendor(rpm: int | None, workers: int | None) -> Vendor:
    """The vendor with its limits."""
    return Vendor(None if rpm is None else SlidingWindow("RPM", rpm, RPM_WINDOW), workers)


def rate_limited(
    model: str, kind: str, limit: int, window: float, wait: float, *, wait_ms: int | None = None
) -> Response:
    """The 429, word for word as it was seen live (thutapi, 2026-10-06). `wait_ms` overrides the honest number."""
    told = math.ceil(wait * 1000) if wait_ms is None else wait_ms
    seconds = int(window)
    return json_response(
        429,
        {
            "error": f"Rate limit exceeded for model {model}: {limit} requests per {seconds} seconds. "
            f"Retry in {told} ms.",
            "rate_limit": {
                "limit_type": kind,
                "limit": limit,
                "interval_seconds": seconds,
                "retry_after_ms": told,
            },
        },
    )
