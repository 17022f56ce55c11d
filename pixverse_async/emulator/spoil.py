"""Faults of a media answer: an honest `Response` and a rule become a dishonest one.

Pure rewriting, one function per kind of lie.  Some lies show themselves to any HTTP client (fewer bytes than
Content-Length), others look complete and can only be found by checksums or by reading the file's boxes; both kinds
are here because a downloader must survive both.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from typing import Final

import attrs

from .faults import Rule
from .messages import Framing, Response

_BOMB_BYTES: Final = 10**8
_LENGTHS: Final = ("Content-Length", "x-goog-stored-content-length")
_HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>"
_XML = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code></Error>"


def spoil(rule: Rule, honest: Response) -> Response:
    """The answer as the rule's fault has it; 304, 412 and 416 have no body to spoil and stay as they are."""
    if honest.status not in (200, 206):
        return honest
    if rule.fault in _TUNED:
        return _TUNED[rule.fault](rule, honest)
    return _PLAIN[rule.fault](honest) if rule.fault in _PLAIN else honest


def _cut(rule: Rule, honest: Response) -> int:
    share = 0.5 if rule.value is None else rule.value
    return int(len(honest.body) * share)


def _truncate(rule: Rule, honest: Response) -> Response:
    return attrs.evolve(honest, fate="truncate", cut_at=_cut(rule, honest))


def _reset(rule: Rule, honest: Response) -> Response:
    return attrs.evolve(honest, fate="reset_mid_body", cut_at=_cut(rule, honest))


def _truncate_unframed(rule: Rule, honest: Response) -> Response:
    return _unframed(attrs.evolve(honest, body=honest.body[: _cut(rule, honest)]), "close")


def _truncate_chunked(rule: Rule, honest: Response) -> Response:
    return _unframed(attrs.evolve(honest, body=honest.body[: _cut(rule, honest)]), "chunked")


def _truncate_by_one(honest: Response) -> Response:
    return _with_body(honest, honest.body[:-1])


def _zero_tail(honest: Response) -> Response:
    half = len(honest.body) // 2
    return attrs.evolve(honest, body=honest.body[:half] + bytes(len(honest.body) - half))


def _corrupt(honest: Response) -> Response:
    body = bytearray(honest.body)
    if body:
        body[len(body) // 2] ^= 0xFF
    return attrs.evolve(honest, body=bytes(body))


def _chunked(honest: Response) -> Response:
    return _unframed(honest, "chunked")


def _close_delimited(honest: Response) -> Response:
    return _unframed(honest, "close")


def _drip(rule: Rule, honest: Response) -> Response:
    return attrs.evolve(honest, piece_bytes=64, piece_delay_s=1.0 if rule.value is None else rule.value)


def _endless(honest: Response) -> Response:
    return attrs.evolve(_unframed(honest, "chunked"), fate="endless")


def _html(honest: Response) -> Response:
    return _with_body(_bare(honest), _HTML)


def _xml(honest: Response) -> Response:
    return _with_body(_bare(honest), _XML)


def _empty(honest: Response) -> Response:
    return _with_body(_bare(honest), b"")


def _wrong_content_range(honest: Response) -> Response:
    if honest.status != 206:
        return honest
    claimed = f"bytes 0-{len(honest.body) - 1}/{len(honest.body)}"
    return _with_headers(honest, {"Content-Range": claimed})


def _slow(rule: Rule, honest: Response) -> Response:
    return attrs.evolve(honest, delay_s=20.0 if rule.value is None else rule.value)


def _gzip(honest: Response) -> Response:
    return _with_headers(_with_body(_bare(honest), _bomb()), {"Content-Encoding": "gzip"})


_TUNED: Final[dict[str, Callable[[Rule, Response], Response]]] = {
    "truncate": _truncate,
    "reset_mid_body": _reset,
    "truncate_unframed": _truncate_unframed,
    "truncate_chunked": _truncate_chunked,
    "drip": _drip,
    "slow": _slow,
}
"""Lies that use the rule's own number."""
_PLAIN: Final[dict[str, Callable[[Response], Response]]] = {
    "truncate_by_one": _truncate_by_one,
    "zero_tail": _zero_tail,
    "corrupt": _corrupt,
    "no_length": _chunked,
    "close_delimited": _close_delimited,
    "endless": _endless,
    "html_200": _html,
    "xml_200": _xml,
    "empty_200": _empty,
    "wrong_content_range": _wrong_content_range,
    "gzip": _gzip,
}


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(_BOMB_BYTES), mtime=0)


def _with_headers(response: Response, changed: dict[str, str]) -> Response:
    kept = tuple(header for header in response.headers if header[0] not in changed)
    return attrs.evolve(response, headers=(*kept, *changed.items()))


def _with_body(response: Response, body: bytes) -> Response:
    return attrs.evolve(_with_headers(response, {"Content-Length": str(len(body))}), body=body)


def _unframed(response: Response, framing: Framing) -> Response:
    kept = tuple(header for header in response.headers if header[0] not in _LENGTHS)
    return attrs.evolve(response, headers=kept, framing=framing)


def _bare(response: Response) -> Response:
    """The same answer without anything that describes the object."""
    kept = tuple(header for header in response.headers if header[0] == "Content-Type")
    return attrs.evolve(response, status=200, headers=kept)
