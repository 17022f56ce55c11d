"""Faults of the calls that change nothing: polls, lists, the catalogue, upload grants.

Pure rewriting of an honest answer. Verbatim bodies are those seen live; the HTML pages are what any gateway
sends.
"""

from __future__ import annotations

import attrs

from .faults import Rule
from .limits import RPM_WINDOW, rate_limited
from .messages import Response, html_response, json_response
from .settings import MODEL

DEFAULT_SLOWNESS = 20.0
"""Seconds."""
_ERRORS = {
    "401": (401, "Unauthorized: invalid API key"),
    "403": (403, "Forbidden"),
    "404": (404, "request not found"),
    "405": (405, "Method Not Allowed"),
    "500": (500, "Internal server error"),
    "503_plain": (503, "Service temporarily unavailable"),
}
PAGES = {
    "502_html": (502, "502 Bad Gateway"),
    "504_html": (504, "504 Gateway Time-out"),
    "200_html": (200, "Sign in"),
}


def call_fault(rule: Rule, honest: Response) -> Response:
    """The answer as the rule's fault has it, after the latency that the honest one had."""
    response = _changed(rule, honest)
    return attrs.evolve(response, delay_s=response.delay_s + honest.delay_s)


def _changed(rule: Rule, honest: Response) -> Response:
    if rule.fault in _ERRORS:
        status, text = _ERRORS[rule.fault]
        return json_response(status, {"error": text})
    if rule.fault in PAGES:
        return html_response(*PAGES[rule.fault])
    match rule.fault:
        case "429":
            wait = 30.0 if rule.value is None else rule.value
            return rate_limited(MODEL, "RPM", 60, RPM_WINDOW, wait)
        case "drop":
            return Response(status=0, fate="drop")
        case "hang":
            return Response(status=0, fate="hang")
        case "200_truncated_json":
            return half(honest)
        case "200_empty":
            return json_response(200, {})
        case _:
            return attrs.evolve(honest, delay_s=DEFAULT_SLOWNESS if rule.value is None else rule.value)


def half(honest: Response) -> Response:
    """Half of the JSON, with a Content-Length that agrees."""
    body = honest.body[: len(honest.body) // 2]
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    return Response(status=200, headers=headers, body=body)
