"""What goes into the emulated service and what comes out of it: one HTTP exchange as two values.

A `Request` is what a server has read, a `Response` is what it shall do, misdeeds included: `fate` says whether
the answer is sent whole, cut, reset, or never sent.  Nothing here reads a socket or a clock; the aiohttp shell
and any in-memory transport both carry out the same `Response`, so a fault means the same to both.

Header names of a request are in lower case.  Durations are seconds of the service's own clock, which the shell
may run faster than the wall's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import attrs

Fate: TypeAlias = Literal["answer", "drop", "hang", "reset_mid_body", "truncate", "endless"]
"""answer: head and body as given. drop: the connection is aborted and nothing is sent. hang: nothing is ever
sent. reset_mid_body: `body[:cut_at]`, then a TCP reset. truncate: `body[:cut_at]`, then an orderly close.
endless: the body again and again until the client leaves."""
Framing: TypeAlias = Literal["length", "chunked", "close"]
"""How the end of the body is told: Content-Length, chunks, or only by closing the connection."""

encode = json.JSONEncoder(separators=(",", ":")).encode
"""Compact JSON; one encoder for all, since json.dumps builds one per call when asked for separators."""

_NO_HEADERS: Mapping[str, str] = {}


@attrs.frozen(kw_only=True)
class Request:
    """One request as received. `path` is decoded and complete, with the base's own prefix."""

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(default=_NO_HEADERS, repr=False)
    headers: Mapping[str, str] = attrs.field(default=_NO_HEADERS, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class Response:
    """What to answer and how to fail at it. `delay_s` passes before anything is sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    """In order; a name may come twice, as `x-goog-hash` does."""
    body: bytes = attrs.field(default=b"", repr=False)
    delay_s: float = 0.0
    fate: Fate = "answer"
    cut_at: int | None = None
    """With `truncate` and `reset_mid_body`: how many bytes of the body are sent."""
    framing: Framing = "length"
    piece_bytes: int | None = None
    """A slow drip: pieces of this size, `piece_delay_s` apart. None sends at full speed."""
    piece_delay_s: float = 0.0

    @property
    def header_map(self) -> dict[str, str]:
        """Lower-case names; repeated ones joined by a comma, as client libraries show them."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            key = name.lower()
            joined[key] = f"{joined[key]},{value}" if key in joined else value
        return joined

    def pieces(self) -> Iterator[bytes]:
        """The bytes that are really sent, in the pieces in which they leave. *Endless* for that fate."""
        sent = self.body[: self.cut_at] if self.cut_at is not None else self.body
        while True:
            step = len(sent) if self.piece_bytes is None else self.piece_bytes
            yield from (sent[at : at + step] for at in range(0, len(sent), max(step, 1)))
            if self.fate != "endless" or not sent:
                return


def json_response(status: int, content: Mapping[str, object], *, delay_s: float = 0.0) -> Response:
    """A JSON answer of the queue."""
    return raw_json(status, encode(content).encode(), delay_s=delay_s)


def raw_json(status: int, body: bytes, *, delay_s: float = 0.0) -> Response:
    """A JSON answer whose bytes are ready."""
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    return Response(status=status, headers=headers, body=body, delay_s=delay_s)


def html_response(status: int, title: str, *, delay_s: float = 0.0) -> Response:
    """A page of the gateway in front of the service."""
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()
    headers = (("Content-Type", "text/html"), ("Content-Length", str(len(body))))
    return Response(status=status, headers=headers, body=body, delay_s=delay_s)
