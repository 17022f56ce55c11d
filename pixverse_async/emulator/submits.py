"""The desk where money begins: one POST becomes a request, a refusal, or one of the ambiguities between them.

Faults before the commit leave nothing behind; faults after it leave a request that will be charged while its
sender may never learn of it. Which of the two happened shows only in the ledger and the list, which is the
point.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Final, cast

import attrs

from .call_faults import DEFAULT_SLOWNESS, half
from .catalog import MODEL_IDS
from .checks import Picture, find_picture, payload_problems
from .faults import SUBMIT_REFUSALS, FaultBook, Rule
from .generation import Generation
from .limits import RPM_WINDOW, SlidingWindow, Vendor, rate_limited
from .messages import Request, Response, html_response, json_response, raw_json
from .queue import RequestQueue
from .settings import MODEL, Settings

_NO_CREDIT: Final = (402, "Insufficient credits. Please add more credits to your account.")
_NO_ACCESS: Final = (404, "you do not have access to this model")
_UNFETCHED: Final = (400, "Invalid payload parameters: image (failed to fetch image from URL)")
_BUSY: Final = "Upstream capacity temporarily exhausted; please retry later"
_ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "error_500": (500, "Generation failed / Please try again later"),
    "500_backend_400": (500, "Backend error (400). Please try again."),
    "503_plain": (503, _BUSY),
    "401": (401, "Unauthorized: invalid API key"),
    "402": _NO_CREDIT,
    "403": (403, "Forbidden"),
    "404_model": (404, f"model {MODEL} does not exist"),
    "404_no_access": _NO_ACCESS,
    "image_unreachable": _UNFETCHED,
}
_PAGES: Final = {
    "502_html": "502 Bad Gateway",
    "504_html": "504 Gateway Time-out",
    "413_html": "413 Request Entity Too Large",
    "200_html": "200 Sign in",
}
ABSURD_RETRY_MS: Final = 10**15
SYNC_TIMES: Final = (30.0, 60.0)
"""Seconds for which a submit was seen to block (claimscene, 2026-07)."""

VENDOR_REFUSES_AFTER: Final = 3.0
"""Seconds until a request that is too much for the vendor has failed. A guess: no such record tells its times."""


@attrs.define(eq=False)
class SubmitDesk:
    """Judges submits and enters the accepted ones."""

    _settings: Settings
    _queue: RequestQueue
    _faults: FaultBook
    _windows: tuple[SlidingWindow, ...]
    _vendor: Vendor
    _rng: random.Random

    def submit(self, request: Request, now: float) -> Response:
        """The answer to one POST /requests, sent after the latency of a submit. *Charges* when it accepts."""
        self._queue.ledger.submits += 1
        response = self._submit(request, now)
        return attrs.evolve(response, delay_s=response.delay_s + self._settings.submit_latency)

    def _submit(self, request: Request, now: float) -> Response:
        if len(request.body) > self._settings.max_body_bytes:
            return self._refused(html_response(413, _PAGES["413_html"]))
        body = _parsed(request.body)
        model, payload = _get(body, "model"), _get(body, "payload")
        prompt = _get(payload, "prompt")
        text = prompt if isinstance(prompt, str) else ""
        rule = self._faults.strike("submit", prompt=text)
        if rule is not None and rule.fault in SUBMIT_REFUSALS:
            return self._refused(self._refusal_by_rule(rule))
        picture = self._judge(model, payload, now)
        if isinstance(picture, Response):
            return self._refused(picture)
        return self._enter(cast("Mapping[str, object]", payload), picture, rule, text, now)

    def _refused(self, response: Response) -> Response:
        self._queue.ledger.refused += 1
        return response

    # -- the checks, in the service's order ------------------------------------------------------------

    def _judge(self, model: object, payload: object, now: float) -> Response | Picture:
        """The picture to film, or the refusal."""
        if not isinstance(model, str) or not model:
            return _error(400, "model (Required parameter is missing)")
        if model not in MODEL_IDS:
            return _error(404, f"model {model} does not exist")
        if not isinstance(payload, dict):
            return _error(400, "payload (Required parameter is missing)")
        content = cast("dict[str, object]", payload)
        picture = self._judge_payload(model, content)
        if isinstance(picture, Response):
            return picture
        if model != MODEL:
            return _error(*_NO_ACCESS)
        if not self._queue.can_pay(content):
            return _error(*_NO_CREDIT)
        return self._rate(now) or picture

    def _judge_payload(self, model: str, payload: Mapping[str, object]) -> Response | Picture:
        problems = payload_problems(payload)
        if problems:
            return _error(400, ", ".join(problems))
        image = str(payload["image"])
        picture = find_picture(image, self._queue.storage, accepts_data_uris=self._settings.accepts_data_uris)
        return _error(*_UNFETCHED) if picture is None else picture

    def _rate(self, now: float) -> Response | None:
        for window in self._windows:
            wait = window.wait(MODEL, now)
            if wait > 0:
                return rate_limited(MODEL, window.kind, window.limit, window.window, wait)
        for window in self._windows:
            window.admit(MODEL, now)
        return None

    # -- refusals by rule ------------------------------------------------------------------------------

    def _refusal_by_rule(self, rule: Rule) -> Response:
        fault = rule.fault.removesuffix("_before_commit")
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        if fault in _PAGES:
            return html_response(int(fault[:3]), _PAGES[fault])
        match fault:
            case "drop":
                return Response(status=0, fate="drop")
            case "hang":
                return Response(status=0, fate="hang")
            case "503_request_id_absent":
                return json_response(503, {"error": _BUSY, "request_id": self._queue.new_id()})
            case "307_redirect":
                location = ("Location", "https://elsewhere.emulator.invalid/requests")
                return Response(status=307, headers=(location, ("Content-Length", "0")))
            case _:
                return _too_many(rule)

    # -- acceptance ------------------------------------------------------------------------------------

    def _enter(
        self, payload: Mapping[str, object], picture: Picture, rule: Rule | None, prompt: str, now: float
    ) -> Response:
        outcome = self._faults.strike("outcome", prompt=prompt)
        fault = None if outcome is None else outcome.fault
        if rule is not None and rule.fault in ("slow_sync", "failed_on_post"):
            return self._finish_at_once(payload, picture, rule, fault, now)
        made = self._accept(payload, picture, fault, now)
        honest = self._reply(made, now)
        return honest if rule is None else _after_commit(rule, made, honest)

    def _accept(
        self, payload: Mapping[str, object], picture: Picture, fault: str | None, now: float
    ) -> Generation:
        refusal = self._vendor.refusal(now)
        if refusal is not None:
            return self._queue.accept(payload, picture, refusal, now, took=VENDOR_REFUSES_AFTER)
        made = self._queue.accept(payload, picture, fault, now)
        self._vendor.take(now, made.timetable.ends_at)
        return made

    def _finish_at_once(
        self, payload: Mapping[str, object], picture: Picture, rule: Rule, fault: str | None, now: float
    ) -> Response:
        fails = rule.fault == "failed_on_post"
        took = 1.0 if fails else self._rng.uniform(*SYNC_TIMES) if rule.value is None else rule.value
        fault = "error_string" if fails and fault is None else fault
        made = self._queue.accept(payload, picture, fault, now, took=took)
        return raw_json(200, made.record(now + took), delay_s=took)

    def _reply(self, made: Generation, now: float) -> Response:
        match self._settings.submit_reply:
            case "queued":
                return json_response(200, made.short_reply())
            case "dispatched":
                return json_response(200, made.long_reply("dispatched"))
            case "record":
                return raw_json(200, made.record(now))


def _after_commit(rule: Rule, made: Generation, honest: Response) -> Response:
    """What the sender of an accepted request gets to see."""
    fault = rule.fault.removesuffix("_after_commit")
    if fault in _ERRORS:
        return _error(*_ERRORS[fault])
    if fault in _PAGES:
        return html_response(int(fault[:3]), _PAGES[fault])
    match fault:
        case "drop":
            return Response(status=0, fate="drop")
        case "hang":
            return Response(status=0, fate="hang")
        case "503_request_id":
            return json_response(503, {"error": _BUSY, "request_id": made.request_id})
        case "200_truncated_json":
            return half(honest)
        case "200_without_request_id":
            return json_response(200, {"model": made.model, "status": "queued"})
        case "dispatched" | "created":
            return json_response(200, made.long_reply(fault))
        case _:
            return attrs.evolve(honest, delay_s=DEFAULT_SLOWNESS if rule.value is None else rule.value)


def _too_many(rule: Rule) -> Response:
    match rule.fault:
        case "429_bare":
            return _error(429, "Too many requests")
        case "429_absurd":
            absurd = ABSURD_RETRY_MS if rule.value is None else int(rule.value)
            return rate_limited(MODEL, "RPM", 60, RPM_WINDOW, 0.0, wait_ms=absurd)
        case "429_retry_after":
            seconds = 5 if rule.value is None else int(rule.value)
            response = _error(429, "Too many requests")
            return attrs.evolve(response, headers=(*response.headers, ("Retry-After", str(seconds))))
        case _:
            return rate_limited(MODEL, "RPM", 60, RPM_WINDOW, 30.0 if rule.value is None else rule.value)


def _error(status: int, text: str) -> Response:
    return json_response(status, {"error": text})


def _parsed(body: bytes) -> object:
    try:
        return cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return None


def _get(value: object, key: str) -> object:
    return cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None
