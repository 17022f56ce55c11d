"""One accepted request: its timetable, fixed when it is accepted, and its record at any later moment.

The life created → queued → dispatched → processing → success | failed | cancelled is a list of (instant,
status), so a status call costs one look at `now`, whatever the queue's length, and time needs no events. Only a
cancellation changes the timetable. The key set of a record is verbatim that of a live one (thutapi, 2026-09).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import attrs

from .messages import encode
from .outcomes import Ending
from .settings import Settings

UNKNOWN_STATUS: Final = "rendering_v2"
PREPARATION: Final = 1.0
"""Seconds between dispatched and processing."""
SKIPS_DISPATCHED: Final = 0.3
"""Share of requests that nobody can see in `dispatched`: short states are often missed."""


@attrs.frozen(kw_only=True)
class Timetable:
    """When which status begins; instants in service seconds, rising."""

    steps: tuple[tuple[float, str], ...]

    @property
    def ends_at(self) -> float:
        """The last change; for a stuck request not an end."""
        return self.steps[-1][0]

    def step(self, now: float) -> int:
        """The index of the status that holds at `now`."""
        steps = self.steps
        at = len(steps) - 1
        while at > 0 and steps[at][0] > now:
            at -= 1
        return at


@attrs.define(eq=False)
class Generation:
    """One request as the service keeps it."""

    request_id: str
    model: str
    accepted_at: float
    timetable: Timetable
    ending: Ending
    prompt: str
    _fixed: Mapping[str, object] = attrs.field(repr=False)
    """The part of the record that never changes."""
    _epoch: float
    _shouts: bool = False
    _shown: tuple[int, bytes] = attrs.field(default=(-1, b""), repr=False)
    """The record at the last step looked at: polls repeat far more often than statuses change."""

    def status(self, now: float) -> str:
        """The service's word."""
        word = self.timetable.steps[self.timetable.step(now)][1]
        return word.upper() if self._shouts else word

    def is_final(self, now: float) -> bool:
        """True once the ending's status is reached; never for a stuck request."""
        return self.status(now).lower() == self.ending.status

    def record(self, now: float) -> bytes:
        """The full record as JSON."""
        step = self.timetable.step(now)
        if self._shown[0] != step:
            self._shown = (step, encode(self._record(step, now)).encode())
        return self._shown[1]

    def cancel(self, now: float) -> None:
        """End it by hand, now."""
        begun = tuple(step for step in self.timetable.steps if step[0] <= now)
        self.timetable = Timetable(steps=(*begun, (now, "cancelled")))
        self.ending = Ending(status="cancelled", fields={"outcome": None})
        self._shown = (-1, b"")

    def short_reply(self) -> dict[str, object]:
        """The submit reply of the model's own page."""
        known = {"request_id": self.request_id, "model": self.model, "status": "queued"}
        return {**known, "created_at": self._created()}

    def long_reply(self, status: str) -> dict[str, object]:
        """The submit reply of the general page, with three times."""
        at = self._created()
        times = {"created_at": at, "updated_at": at, "queued_at": at}
        return {"request_id": self.request_id, "model": self.model, "status": status, **times}

    def _created(self) -> int:
        return int(self._epoch + self.accepted_at)

    def _record(self, step: int, now: float) -> dict[str, object]:
        changed_at = max(self.timetable.steps[step][0], self.accepted_at)
        record: dict[str, object] = {
            **self._fixed,
            "status": self.status(now),
            "outcome": None,
            "created_at": self._created(),
            "updated_at": int(self._epoch + changed_at),
            "queued_at": self._created(),
        }
        return {**record, **self.ending.fields} if self.is_final(now) else record


def plan(
    fault: str | None, final: str, *, accepted_at: float, starts_at: float, took: float, rng: random.Random
) -> Timetable:
    """The timetable of a request whose generation starts and lasts as given."""
    if fault == "stuck_queued":
        return Timetable(steps=((accepted_at, "queued"),))
    processing = UNKNOWN_STATUS if fault == "unknown_status" else "processing"
    preparation = min(PREPARATION, took / 2)
    steps = [(accepted_at, "queued"), (starts_at + preparation, processing)]
    if rng.random() >= SKIPS_DISPATCHED:
        steps.insert(1, (starts_at, "dispatched"))
    if fault != "stuck_processing":
        steps.append((starts_at + took, final))
    return Timetable(steps=tuple(steps))


def draw_times(settings: Settings, rng: random.Random) -> tuple[float, float]:
    """Queue wait and generation time of one request, both log-normal, the latter cut at its maximum."""
    wait = settings.queue_wait_median * rng.lognormvariate(0.0, settings.queue_wait_sigma)
    took = settings.generation_median * rng.lognormvariate(0.0, settings.generation_sigma)
    return wait, min(took, settings.generation_max)
