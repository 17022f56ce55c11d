"""The queue's HTTP routes, pure: a `Request` and the service's time go in, a `Response` comes out.

Order of checks, as far as public logs show it: key (401), model (404), payload (400), picture fetched (400),
access (404), credits (402), rate (429); only 404-model before 400 before {404-access, 402} is attested. Error
bodies are `{"error": "<text>"}`, verbatim where one has been published. Faults come from the rules in the
settings. Seeded and without a clock, a run repeats itself exactly. A status call costs microseconds whatever
the queue's length.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Final, cast

import attrs

from .call_faults import call_fault
from .catalog import MODEL_IDS, model_detail
from .faults import FaultBook, On
from .grants import CONTENT_TYPES
from .ledger import Ledger
from .limits import SlidingWindow, vendor, windows
from .messages import Request, Response, html_response, json_response, raw_json
from .queue import RequestQueue
from .settings import BASE_PATH, MODEL, Settings
from .storage import EmulatedStorage
from .submits import SubmitDesk

LEDGER_PATH: Final = "/emulator/ledger"
"""Not a route of the service: what it has charged, for people and tests, without a key."""


@attrs.define(eq=False)
class EmulatedService:
    """The queue. Make it with `EmulatedCloud`, which gives it a storage of its own."""

    settings: Settings
    queue: RequestQueue
    storage: EmulatedStorage
    faults: FaultBook
    windows: tuple[SlidingWindow, ...]
    """Its rate limits, which may change while it runs."""
    _desk: SubmitDesk
    calls: dict[str, int] = attrs.field(factory=dict[str, int])
    """Calls by kind: submit, poll, list, models, upload_url, delete, other."""
    _keys: frozenset[str] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._keys = frozenset(f"Bearer {key}" for key in self.settings.api_keys)

    @classmethod
    def of(
        cls, settings: Settings, storage: EmulatedStorage, faults: FaultBook, rng: random.Random
    ) -> EmulatedService:
        """The service on a storage, drawing from `rng`."""
        org_id, user_id = (f"{rng.getrandbits(64):016x}" for _ in range(2))
        queue = RequestQueue(settings, storage, Ledger(), rng, org_id, user_id)
        limits = windows(settings.rpm, settings.rph)
        behind = vendor(settings.vendor_rpm, settings.vendor_workers)
        desk = SubmitDesk(settings, queue, faults, limits, behind, rng)
        return cls(settings, queue, storage, faults, limits, desk)

    @property
    def ledger(self) -> Ledger:
        """What it has charged."""
        return self.queue.ledger

    def handle(self, request: Request, now: float) -> Response:
        """One exchange with the queue at service time `now`, in seconds. *Charges* as the service would."""
        self.ledger.tell(now)
        if request.path == LEDGER_PATH:
            return json_response(200, self.ledger.summary())
        base, path = request.path[: len(BASE_PATH)], request.path[len(BASE_PATH) :]
        if self.settings.wrong_host or base != BASE_PATH:
            return _nowhere(request.path)
        if request.headers.get("authorization") not in self._keys:
            return json_response(401, {"error": "Unauthorized: invalid API key"})
        return self._route(request, path.rstrip("/"), now)

    def _route(self, request: Request, path: str, now: float) -> Response:
        if path.startswith("/requests/"):
            return self._one(request, path[len("/requests/") :], now)
        latency = self.settings.poll_latency
        match request.method, path:
            case "POST", "/requests":
                self._count("submit")
                return self._desk.submit(request, now)
            case "GET", "/requests":
                body = self.queue.listing(request.query.get("model_id"), now)
                return self._answer("list", raw_json(200, body, delay_s=latency))
            case "POST", "/upload-url":
                return self._answer("upload_url", self._grant(request, now))
            case "GET", "/models":
                return self._answer("models", json_response(200, {"model_ids": list(MODEL_IDS)}, delay_s=latency))
            case "GET", _ if path.startswith("/models/"):
                return self._answer("models", self._model(path[len("/models/") :]))
            case _:
                return self._stray(path)

    def _one(self, request: Request, request_id: str, now: float) -> Response:
        found = self.queue.requests.get(request_id)
        if found is None or found.accepted_at + self.settings.poll_lag > now:
            unknown = json_response(404, {"error": "request not found"}, delay_s=self.settings.poll_latency)
            return self._answer("poll", unknown, item=request_id)
        if request.method == "DELETE":
            return self._delete(request_id, now)
        if request.method != "GET":
            return self._stray(request.path)
        response = raw_json(200, found.record(now), delay_s=self.settings.poll_latency)
        return self._answer("poll", response, item=request_id, prompt=found.prompt)

    def _delete(self, request_id: str, now: float) -> Response:
        self._count("delete")
        if not self.settings.delete_enabled:
            return json_response(405, {"error": "Method Not Allowed"})
        if not self.queue.cancel(request_id, now):
            return json_response(400, {"error": "request can no longer be cancelled"})
        return raw_json(200, self.queue.requests[request_id].record(now))

    def _grant(self, request: Request, now: float) -> Response:
        file_type = _object(request.body).get("file_type")
        if file_type is None:
            return json_response(400, {"error": "file_type (Required parameter is missing)"})
        if file_type not in CONTENT_TYPES:
            allowed = ", ".join(CONTENT_TYPES)
            return json_response(400, {"error": f"file_type (must be one of the allowed options: {allowed})"})
        links = self.storage.grant(str(file_type), self.queue.org_id, now=now)
        return json_response(200, links._asdict(), delay_s=self.settings.poll_latency)

    def _model(self, model: str) -> Response:
        if model == MODEL:
            return json_response(200, model_detail(self.queue.org_id), delay_s=self.settings.poll_latency)
        return json_response(404, {"error": f"model {model} does not exist"})

    def _answer(self, kind: On, honest: Response, *, item: str = "", prompt: str = "") -> Response:
        """The honest answer, which has its latency already, unless a rule strikes this call."""
        self._count(kind)
        rule = self.faults.strike(kind, item=item, prompt=prompt)
        if rule is None:
            return honest
        return call_fault(rule, honest)

    def _stray(self, path: str) -> Response:
        self._count("other")
        known = path.startswith(("/requests", "/upload-url", "/models", BASE_PATH))
        status, text = (405, "Method Not Allowed") if known else (404, "404 page not found")
        return json_response(status, {"error": text})

    def _count(self, kind: str) -> None:
        self.calls[kind] = self.calls.get(kind, 0) + 1


def _nowhere(path: str) -> Response:
    """A base that ends in a bare /v1 answers 404, the host of the language models 405 (both seen live)."""
    if path.startswith("/v1/"):
        return html_response(404, "404 Not Found")
    return html_response(405, "405 Not Allowed")


def _object(body: bytes) -> Mapping[str, object]:
    try:
        parsed = cast("object", json.loads(body))
    except ValueError:
        return {}
    return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else {}
