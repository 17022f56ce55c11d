"""Default schedules of published clients, as read in their sources, and two simple learners.

All are generous to the peers: one loop for all jobs, Retry-After honoured, half a second after other errors.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import attrs
import numpy as np

from pixverse_async._core.job import JobClass, Stage

Gap = Callable[[float, int, Callable[[], float]], float]
"""(seconds since submission, answers so far, random) -> seconds to the next poll."""


class _OpenLoop:
    """Looks at nothing but its own clock."""

    def __init__(self, first: Callable[[Callable[[], float]], float], gap: Gap, seed: int) -> None:
        self._first, self._gap = first, gap
        self._random = np.random.default_rng([seed, 99]).random
        self._heap: list[tuple[float, int]] = []
        self._since: dict[int, float] = {}
        self._answers: dict[int, int] = {}

    def submitted(self, job: int, job_class: JobClass, sent_at: float) -> None:
        self._since[job], self._answers[job] = sent_at, 0
        heapq.heappush(self._heap, (sent_at + self._first(self._random), job))

    def next_wakeup(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> int | None:
        _, job = heapq.heappop(self._heap)
        return job if job in self._since else None

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        if stage.is_final:
            del self._since[job]
            return
        self._answers[job] += 1
        wait = self._gap(received - self._since[job], self._answers[job], self._random)
        heapq.heappush(self._heap, (received + wait, job))

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        heapq.heappush(self._heap, (received + (0.5 if retry_after is None else retry_after), job))

    def abandoned(self, job: int, now: float) -> None:
        self._since.pop(job, None)

    def stalled(self, now: float) -> tuple[int, ...]:
        return ()

    def learned(self) -> str | None:
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        return ()


@attrs.frozen
class Peer:
    """A published schedule."""

    name: str
    first: Callable[[Callable[[], float]], float]
    gap: Gap

    def scheduler(self, seed: int) -> _OpenLoop:
        """For one batch."""
        return _OpenLoop(self.first, self.gap, seed)


def _fixed(name: str, seconds: float, first: float | None = None) -> Peer:
    return Peer(name, lambda _: seconds if first is None else first, lambda age, k, random: seconds)


def _jittered(random: Callable[[], float]) -> float:
    return 4.5 + 3.0 * random()


PEERS = [
    _fixed("fal-client 0.1 s", 0.1, 0.0),
    _fixed("replicate 0.5 s", 0.5),
    _fixed("openai, fixed 1 s", 1.0, 0.0),
    _fixed("fixed 2 s", 2.0),
    _fixed("comfy, fixed 5 s", 5.0),
    Peer("runway 6 +- 1.5 s", _jittered, lambda age, k, random: _jittered(random)),
    _fixed("google sample 10 s", 10.0),
    _fixed("google sample 20 s", 20.0),
    _fixed("aws waiter 15 s", 15.0, 0.0),
    _fixed("azure LRO 30 s", 30.0),
    Peer("genblaze-gmicloud", lambda _: 24.0, lambda age, k, _: min(5.0 * 2.0 ** int(age / 30.0), 30.0)),
    Peer("google.api_core", lambda _: 0.0, lambda age, k, random: random() * min(1.5 ** (k - 1), 20.0)),
    Peer("x1.5 to 20 s", lambda _: 1.0, lambda age, k, _: min(1.5 ** min(k, 60), 20.0)),
    Peer("x2 to 60 s", lambda _: 1.0, lambda age, k, _: min(2.0 ** min(k, 60), 60.0)),
    Peer(
        "aws durable x2 to 10 s", lambda _: 0.0, lambda age, k, random: random() * min(2.0 ** min(k - 1, 60), 10.0)
    ),
    Peer("google gapic 5 s x1.5 to 45 s", lambda _: 5.0, lambda age, k, _: min(5.0 * 1.5 ** min(k, 60), 45.0)),
]
NAMED = ("comfy, fixed 5 s", "runway 6 +- 1.5 s", "google sample 10 s", "google sample 20 s", "genblaze-gmicloud")
"""Those that must be beaten in polls and in lateness at once."""
