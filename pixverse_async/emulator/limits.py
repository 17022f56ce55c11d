"""The service's rate limits: so many submits per model in a sliding window, refused with the documented body.

Only admitted submits count, so a client that waits as long as it is told gets through.  Pure: `now` is given.
"""

from __future__ import annotations

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


def windows(rpm: int | None, rph: int | None) -> tuple[SlidingWindow, ...]:
    """The limits in force."""
    wanted = (("RPM", rpm, RPM_WINDOW), ("RPH", rph, RPH_WINDOW))
    return tuple(SlidingWindow(kind, limit, window) for kind, limit, window in wanted if limit is not None)


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
