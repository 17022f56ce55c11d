"""The concurrency controller of inspect_ai, as a peer in `pace.py`.

Source: `AdaptiveConcurrencyController` in inspect_ai 0.3.285 (`util/_concurrency.py`), its rule with its defaults.
The number at once starts at 20 and stays within 10 and 100.  It doubles after a round of successes (as many as the
number, and four fifths of it were used) until the first refusal, then grows by a twentieth; it is cut by a fifth at a
refusal, once in 15 s, in which successes do not count.  Numbers are rounded to fives.  What was refused is repeated
after 3 s, doubled each time, with jitter; a job that was ever refused is not counted as a success.

Played generously: the service's end of a job is seen within a second, at no cost.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import anyio
import attrs

from tests.memory import Scene

LEAST, START, MOST = 10, 20, 100
COOLDOWN = 15.0
CUT, GROWTH = 0.8, 0.05
USED = 0.8
FIRST_WAIT, LONGEST_WAIT = 3.0, 1800.0


@attrs.define(eq=False)
class Controller:
    """How many may be under way."""

    at_once: int = START
    busy: int = 0
    _successes: int = 0
    _peak: int = 0
    _was_refused: bool = False
    _quiet_until: float = 0.0
    _changed: anyio.Condition = attrs.field(factory=anyio.Condition)

    async def acquire(self) -> None:
        """Wait for a place."""
        async with self._changed:
            while self.busy >= self.at_once:
                await self._changed.wait()
            self.busy += 1
            self._peak = max(self._peak, self.busy)

    async def release(self) -> None:
        """Leave it."""
        async with self._changed:
            self.busy -= 1
            self._changed.notify_all()

    def succeeded(self, now: float) -> None:
        """A job went through without a refusal."""
        if now < self._quiet_until:
            return
        self._successes += 1
        if self._successes < self.at_once:
            return
        was_used = self._peak >= USED * self.at_once
        self._successes = self._peak = 0
        if was_used:
            grown = self.at_once + max(1, round(self.at_once * GROWTH)) if self._was_refused else self.at_once * 2
            self.at_once = min(-(-grown // 5) * 5, MOST)

    def refused(self, now: float) -> None:
        """A 429."""
        self._successes = self._peak = 0
        self._was_refused = True
        if now >= self._quiet_until:
            self._quiet_until = now + COOLDOWN
            self.at_once = max(int(self.at_once * CUT) // 5 * 5, LEAST)


@attrs.define(eq=False)
class Peer:
    """Runs jobs under the controller, one task each, and counts submits."""

    scene: Scene
    rng: random.Random
    controller: Controller = attrs.field(factory=Controller)
    submits: int = 0

    async def run(self, n: int, on_accepted: Callable[[], None]) -> None:
        """One job, from its place in line to its end."""
        await self.controller.acquire()
        try:
            request_id, was_refused = await self._submit(n)
            on_accepted()
            await self._end_of(request_id)
            if not was_refused:
                self.controller.succeeded(anyio.current_time())
        finally:
            await self.controller.release()

    async def _end_of(self, request_id: str) -> None:
        is_over = False
        while not is_over:
            await anyio.sleep(1.0)
            is_over = self._call("GET", f"/requests/{request_id}", b"")[1].get("status") == "success"

    async def _submit(self, n: int) -> tuple[str, bool]:
        payload = {
            "prompt": f"scene {n}",
            "image": f"https://pictures.example/{n}.jpg",
            "duration": 5,
            "quality": "360p",
        }
        body = json.dumps({"model": "pixverse-v6-i2v", "payload": payload}).encode()
        wait, was_refused = FIRST_WAIT, False
        while True:
            self.submits += 1
            status, answer = self._call("POST", "/requests", body)
            if status != 429:
                return str(answer["request_id"]), was_refused
            was_refused = True
            self.controller.refused(anyio.current_time())
            await anyio.sleep(min(wait, LONGEST_WAIT) + self.rng.random())
            wait *= 2

    def _call(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, object]]:
        cloud = self.scene.cloud
        response = cloud.call(
            method,
            cloud.base_url + path,
            headers={"Authorization": f"Bearer {cloud.api_key}"},
            body=body,
            now=self.scene.transport.now,
        )
        return response.status, json.loads(response.body)
