"""What a storage answer means for a download that may already hold the first bytes.

Storage is a public bucket: it serves whole files and ranges, names hashes of what it serves, and breaks off.
`request_headers` says what to ask for, `judge` what the answer is worth, `MinimumSpeed` when a trickle is no
transfer.  Bytes of two versions never meet in one file: a range is taken only from the version that the received
bytes came from, told by a strong ETag or by the generation that Google's storage counts; everything else
starts over.

Pure: headers and numbers in, verdicts out.  It opens, waits for and writes nothing.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from . import retry
from .frozen import frozen
from .redaction import redact
from .wire import Reply

_NOT_VIDEO: Final = re.compile(r"text/|application/(json|xml|xhtml)|[^;]*\+(json|xml)", re.IGNORECASE)
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15}|\*)", re.ASCII)
_DIGITS: Final = re.compile(r"\d{1,15}", re.ASCII)
_GENERATION: Final = re.compile(r"\d{1,20}", re.ASCII)
_NAMED_HASH: Final = re.compile(r"(crc32c|md5)=([A-Za-z0-9+/]+={0,2})")
_HASH_BYTES: Final = {"crc32c": 4, "md5": 16}
_PACKINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
"""Any other word, such as the `aws-chunked` or `utf-8` that uploaders leave at an object, says nothing of the bytes."""
_EXPIRED: Final = frozenset({403, 404, 410})
"""A signed link that ran out answers 403, or 400 with one of `_EXPIRED_CODES`; an object that is gone, 404 or 410."""
_EXPIRED_CODES: Final = (b"ExpiredToken", b"ExpiredRequest", b"Request has expired")
_TRANSIENT: Final = frozenset({408, 425, 429, 499})


@frozen
class DownloadLimits:
    """How patient a download is, and how much it takes. Seconds and bytes."""

    max_bytes: int = 2 * 2**30
    """Seventy times the largest video of the model (15 s of 1080p are about 28 MB)."""
    min_bytes_per_second: float = 1024.0
    """Slower than a modem is stuck, not slow; a limit on the whole time would punish slow lines."""
    speed_window: float = 60.0
    """Seconds over which it is taken."""
    tries: int = 5
    """In a row that brought nothing new."""
    first_pause: float = 0.5
    """Seconds before the second try, at least; doubled with each that brought nothing..."""
    max_pause: float = 20.0
    """...up to this."""
    aggregate_bytes: int = 2 * 2**20
    """Pieces are collected to this before they are handed to a thread: most videos of a few seconds take one hop."""


@frozen
class Received:
    """What is on the disk already: the first bytes, and the version of the object that they are of."""

    received_bytes: int = 0
    validator: str | None = None
    """A strong ETag in its quotes, or the decimal generation; None: unknown, so nothing can be added."""

    @property
    def is_resumable(self) -> bool:
        """True when a range of the rest may be asked for."""
        return self.received_bytes > 0 and self.validator is not None


@frozen
class Take:
    """Take the body: it holds the file from byte `offset` on; at 0, forget what was received."""

    offset: int
    expected_bytes: int | None = None
    """Of the whole file."""
    validator: str | None = None
    hashes: Mapping[str, bytes] = attrs.field(factory=dict[str, bytes])
    """Of the whole file, by name: crc32c, md5."""


@frozen
class Complete:
    """Nothing is left to fetch: all bytes were received."""


@frozen
class StartOver:
    """What was received is of no use for this object; ask for all of it."""

    why: str


@frozen
class Expired:
    """The link serves nothing (any more)."""


@frozen
class TryAgain:
    """Not now. `wait`: seconds that storage asked for. `is_away`: what failed is storage, and not this video."""

    why: str
    wait: float | None = None
    is_away: bool = False


@frozen
class GiveUp:
    """This answer will not become a video by asking again."""

    why: str


Verdict: TypeAlias = Take | Complete | StartOver | Expired | TryAgain | GiveUp


def request_headers(received: Received) -> dict[str, str]:
    """What to send, besides nothing: the rest of the version that was received, or all of the file.

    >>> request_headers(Received(received_bytes=7, validator='"1f"'))
    {'Range': 'bytes=7-', 'If-Range': '"1f"'}
    """
    if not received.is_resumable or received.validator is None:
        return {}
    span = {"Range": f"bytes={received.received_bytes}-"}
    # If-Range takes no generation; the generation of the answer is compared instead.
    return span | {"If-Range": received.validator} if received.validator.startswith('"') else span


def judge(reply: Reply, received: Received, limits: DownloadLimits, now_utc: float) -> Verdict:
    """What to do with an answer. `reply.body` holds only the head of an error's body, and nothing of a file."""
    match reply.status:
        case 200 | 206:
            return _judge_file(reply, received, limits)
        case 416:
            return _judge_unsatisfiable(reply.headers, received)
        case 412:
            return StartOver(why="the file at the link changed")
        case status if status in _EXPIRED or (status == 400 and _says_expired(reply.body)):
            return Expired()
        case status if status >= 500 or status in _TRANSIENT:
            return TryAgain(why=_describe(reply), wait=retry.retry_after(reply, now_utc), is_away=True)
        case _:
            return GiveUp(why=_describe(reply))


def _judge_file(reply: Reply, received: Received, limits: DownloadLimits) -> Verdict:
    headers = reply.headers
    encoding = headers.get("content-encoding", "").lower()
    if _PACKINGS.intersection(map(str.strip, encoding.split(","))):
        return GiveUp(why=f"storage sent it compressed ({redact(encoding, 30)}), which a video is not")
    take = _judge_range(headers, received) if reply.status == 206 else _judge_whole(headers)
    if isinstance(take, Take) and (take.expected_bytes or 0) > limits.max_bytes:
        return GiveUp(why=f"it has {take.expected_bytes} bytes, more than the limit of {limits.max_bytes}")
    return take


def _judge_whole(headers: Mapping[str, str]) -> Take:
    stored = "" if _is_unpacked(headers) else headers.get("x-goog-stored-content-length", "")
    length = headers.get("content-length", stored)
    return Take(
        offset=0,
        expected_bytes=int(length) if _DIGITS.fullmatch(length) else None,
        validator=read_validator(headers),
        hashes=read_hashes(headers),
    )


def _is_unpacked(headers: Mapping[str, str]) -> bool:
    """Google's storage keeps it compressed and unpacked it for us: what it says of the object is of other bytes."""
    return headers.get("x-goog-stored-content-encoding", "identity").strip().lower() in _PACKINGS


def _judge_range(headers: Mapping[str, str], received: Received) -> Take | StartOver:
    span = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if span is None or span[1] is None or int(span[1]) != received.received_bytes:
        return StartOver(why="storage sent another range than the one asked for")
    if not received.is_resumable or not _is_same_version(headers, received):
        return StartOver(why="the file at the link changed")
    total = None if span[3] == "*" else int(span[3])
    if int(span[2]) < int(span[1]) or (total is not None and int(span[2]) >= total):
        return StartOver(why="storage sent a range that cannot be")
    return Take(
        offset=received.received_bytes,
        expected_bytes=total,
        validator=received.validator,
        hashes=read_hashes(headers),
    )


def _is_same_version(headers: Mapping[str, str], received: Received) -> bool:
    if received.validator is None:
        return False
    if received.validator.startswith('"'):
        # A 206 must repeat the ETag (RFC 9110, 15.3.7); one that does not has at least honoured If-Range.
        return headers.get("etag", received.validator).strip() == received.validator
    return headers.get("x-goog-generation", "").strip() == received.validator


def _judge_unsatisfiable(headers: Mapping[str, str], received: Received) -> Verdict:
    span = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if received.is_resumable and span is not None and span[3] == str(received.received_bytes):
        return Complete()
    return StartOver(why="what was received is longer than the file at the link")


def read_validator(headers: Mapping[str, str]) -> str | None:
    """What tells this version of the object from every other; None when nothing does.

    >>> read_validator({"etag": 'W/"1f"', "x-goog-generation": "17"}), read_validator({"etag": '"1f"'})
    ('17', '"1f"')
    """
    etag = headers.get("etag", "").strip()
    # A weak ETag promises only the same meaning, and must not be used in If-Range (RFC 9110, 13.1.5).
    if len(etag) > 2 and etag.isascii() and etag.isprintable() and etag[0] == etag[-1] == '"':
        return etag
    generation = headers.get("x-goog-generation", "").strip()
    return generation if _GENERATION.fullmatch(generation) else None


def read_hashes(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The hashes of the whole object that Google's storage names; none of what cannot be read.

    >>> read_hashes({"x-goog-hash": "crc32c=yZRlqg==,md5=XUFAKrxLKna5cZ2REBfFkg=="})["crc32c"].hex()
    'c99465aa'
    """
    named: dict[str, bytes] = {}
    if _is_unpacked(headers):
        return named
    for match in _NAMED_HASH.finditer(headers.get("x-goog-hash", "")):
        try:
            value = binascii.a2b_base64(match[2], strict_mode=True)
        except binascii.Error:
            continue
        if len(value) == _HASH_BYTES[match[1]]:
            named[match[1]] = value
    return named


def is_page(headers: Mapping[str, str]) -> bool:
    """True when the body calls itself a text, such as a proxy's error page that came with status 200."""
    return _NOT_VIDEO.match(headers.get("content-type", "").strip()) is not None


def quote_head(head: bytes) -> str:
    """The beginning of a body that is no video, fit to be shown."""
    text = head[:600].decode("utf-8", "replace")
    return redact("".join(char if char.isprintable() or char.isspace() else "·" for char in text), 200)


def _says_expired(body: bytes) -> bool:
    return any(code in body for code in _EXPIRED_CODES)


def _describe(reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return f"storage answered {reply.status}, and redirects are not followed"
    return f"storage answered {reply.status}: {quote_head(reply.body) or 'nothing more'}"


LEAST_STEP: Final = 1.0
"""Seconds by which a deadline moves at least; to move a timer for each piece of 0.2 ms costs as much as to take it."""


@attrs.define(eq=False, repr=False)
class MinimumSpeed:
    """When a trickle counts as a stall: fewer bytes in `window` seconds than the minimum speed brings.

    >>> speed = MinimumSpeed(60.0, 1024.0, started_at=0.0)
    >>> speed.deadline, speed.progressed(61_440, now=10.0), speed.progressed(61_441, now=50.0)
    (60.0, 70.0, 70.0)
    """

    window: float
    bytes_per_second: float
    started_at: float
    _at_bytes: float = 0.0

    @property
    def deadline(self) -> float:
        """Loop time by which more must have come."""
        return self.started_at + self.window

    def progressed(self, received_bytes: int, now: float) -> float:
        """The deadline, now that so much was received since the start: to the second, and never too late."""
        enough_bytes = math.ceil(self.window * self.bytes_per_second)
        if now - self.started_at >= LEAST_STEP and received_bytes - self._at_bytes >= enough_bytes:
            self._at_bytes, self.started_at = received_bytes, now
        return self.deadline
