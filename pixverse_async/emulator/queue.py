"""The queue behind the routes: what is accepted, in which order it runs, what it costs, what the list shows.

Pure and lazy.  A request's whole future is drawn when it is accepted: who waits for whom follows from the instants
at which the worker slots fall free, since slots are given first come first served.  HTTP is not known here.
A cancelled request does not free its slot early; nothing is known of how the service does it.
"""

from __future__ import annotations

import heapq
import math
import random
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import attrs

from .checks import Picture
from .generation import Generation, draw_times, plan
from .ledger import Charge, Ledger
from .orders import FilmOrder
from .outcomes import Ending, ending
from .settings import MODEL, Settings
from .storage import EmulatedStorage
from .tiny import tiny_mp4

STUCK_SLOT = 600.0
"""Seconds after which a stuck generation gives its slot back. Source: PixVerse's own documentation, 10 min."""


@attrs.define(eq=False)
class RequestQueue:
    """Every request that exists, by id and in order."""

    settings: Settings
    storage: EmulatedStorage
    ledger: Ledger
    _rng: random.Random
    org_id: str
    user_id: str
    requests: dict[str, Generation] = attrs.field(factory=dict[str, Generation], repr=False)
    """In the order of acceptance."""
    _slots: list[float] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._slots = [0.0] * (self.settings.workers if self.settings.workers is not None else 0)

    def price(self, payload: Mapping[str, object]) -> Decimal:
        """USD for a checked payload, if it succeeds."""
        with_audio = payload.get("generate_audio_switch") is True
        per_second = self.settings.prices[str(payload["quality"])][with_audio]
        return per_second * cast("int", payload["duration"])

    def can_pay(self, payload: Mapping[str, object]) -> bool:
        """False once the credits would not cover everything in flight and this one."""
        credit = self.settings.credits_usd
        return credit is None or self.ledger.committed_usd + self.price(payload) <= credit

    def accept(
        self,
        payload: Mapping[str, object],
        picture: Picture,
        fault: str | None,
        now: float,
        *,
        took: float | None = None,
    ) -> Generation:
        """A new request, its charge committed. `took` overrides wait and generation time together.

        *Charges* when `fault` leaves it a success that is ever reached.
        """
        request_id = self.new_id()
        starts_at, lasts = self._schedule(fault, now) if took is None else (now, took)
        order = _order(payload, picture)
        stored = self.storage.commission(order, self.org_id, request_id, ready_at=starts_at + lasts)
        decoy = self._decoy(fault, request_id, now)
        end = ending(fault, link=self.storage.origin + stored.path, decoy=decoy, vendor_id=self.new_id())
        made = Generation(
            request_id,
            MODEL,
            now,
            plan(fault, end.status, accepted_at=now, starts_at=starts_at, took=lasts, rng=self._rng),
            end,
            order.prompt,
            self._fixed(request_id, payload),
            self.settings.epoch,
            fault == "uppercase_status",
        )
        self.requests[request_id] = made
        self._book(made, end, order, payload)
        return made

    def cancel(self, request_id: str, now: float) -> bool:
        """True when the request was still waiting and is now cancelled and not charged."""
        found = self.requests[request_id]
        if found.status(now).lower() not in ("created", "queued"):
            return False
        found.cancel(now)
        self.ledger.revoke(request_id)
        return True

    def listing(self, model_id: str | None, now: float) -> bytes:
        """The list as JSON, newest first, of one model or of all."""
        visible = [
            one
            for one in reversed(self.requests.values())
            if one.accepted_at + self.settings.list_lag <= now and model_id in (None, "", one.model)
        ]
        page = visible[: self.settings.list_page_size]
        return b'{"requests":[%b],"total":%d}' % (b",".join(one.record(now) for one in page), len(visible))

    def new_id(self) -> str:
        """A UUID like the live ones."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _schedule(self, fault: str | None, now: float) -> tuple[float, float]:
        wait, took = draw_times(self.settings, self._rng)
        if not self._slots or fault == "stuck_queued":
            return now + wait, took
        starts_at = max(now + wait, self._slots[0])
        heapq.heapreplace(self._slots, starts_at + (STUCK_SLOT if fault == "stuck_processing" else took))
        return starts_at, took

    def _fixed(self, request_id: str, payload: Mapping[str, object]) -> Mapping[str, object]:
        record: dict[str, object] = {
            "request_id": request_id,
            "org_id": self.org_id,
            "user_id": self.user_id,
            "model": MODEL,
            "status": "",
            "is_public": False,
            "payload": payload if self.settings.echo == "full" else {},
        }
        return {**record, "qworker_id": f"qworker-{request_id[:8]}"} if self.settings.has_qworker_id else record

    def _decoy(self, fault: str | None, request_id: str, now: float) -> str:
        """A link that a careless reader could take for the video's."""
        if fault not in ("thumbnail_mp4", "thumbnail_jpg"):
            return ""
        kind = "mp4" if fault == "thumbnail_mp4" else "jpg"
        content = tiny_mp4(1, seed=f"decoy {request_id}") if kind == "mp4" else b"\xff\xd8\xff\xe0 decoy \xff\xd9"
        path = f"/gmi-video-assests-prod/user-assets/{self.org_id}/{request_id}/thumbnail.{kind}"
        media_type = "video/mp4" if kind == "mp4" else "image/jpeg"
        return self.storage.origin + self.storage.store(path, content, media_type, now=now).path

    def _book(self, made: Generation, end: Ending, order: FilmOrder, payload: Mapping[str, object]) -> None:
        self.ledger.accepted += 1
        is_reached = made.timetable.steps[-1][1] == end.status and math.isfinite(made.timetable.ends_at)
        if not (end.pays and is_reached):
            self.ledger.note_unpaid(made.request_id)
            return
        charge = Charge(
            request_id=made.request_id,
            usd=self.price(payload),
            at=made.timetable.ends_at,
            fingerprint=order.content_id,
            prompt=order.prompt,
            seed=cast("int | None", payload.get("seed")),
        )
        self.ledger.commit(charge)


def _order(payload: Mapping[str, object], picture: Picture) -> FilmOrder:
    seed = payload.get("seed")
    return FilmOrder(
        image=picture.content,
        image_url=str(payload["image"]),
        prompt=str(payload["prompt"]),
        duration=cast("int", payload["duration"]),
        quality=str(payload["quality"]),
        audio=payload.get("generate_audio_switch") is True,
        multi_clip=payload.get("generate_multi_clip_switch") is True,
        # Without a seed the service draws one; -1 keeps such requests apart from those with seed 0.
        seed=seed if isinstance(seed, int) else -1,
        picture_id=picture.digest,
    )
