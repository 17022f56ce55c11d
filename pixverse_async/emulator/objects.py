"""The objects in storage, their true checksums, and answers to the conditions a reader may set.

An object either has its bytes or an order from which a film makes them when first read; what was made is kept
while the cache has room, its checksums for ever. Everything about ranges, ETags and preconditions that needs no
fault is decided here, after the XML API reference of Google Cloud Storage (2026).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import OrderedDict
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

import attrs

from .crc32c import crc32c
from .messages import Request, Response
from .orders import FilmOrder

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_UNMET = "At least one of the pre-conditions you specified did not hold."
CACHE_CONTROL: Final = "public, max-age=3600"


@attrs.define(eq=False)
class StoredObject:
    """One object. `content` is None while a film is owed, or was made and forgotten."""

    path: str
    content_type: str
    generation: int
    stored_at_utc: float
    content: bytes | None = attrs.field(default=None, repr=False)
    order: FilmOrder | None = None
    prompt: str = ""
    request_id: str = ""
    reads: int = 0
    _md5: bytes | None = None
    _crc32c: bytes | None = None

    def md5(self, content: bytes) -> bytes:
        """Of its bytes, computed once."""
        if self._md5 is None:
            self._md5 = hashlib.md5(content, usedforsecurity=False).digest()
        return self._md5

    def crc32c(self, content: bytes) -> bytes:
        """Of its bytes, computed once, and only when it is told: a megabyte takes some 30 ms."""
        if self._crc32c is None:
            self._crc32c = crc32c(content).to_bytes(4, "big")
        return self._crc32c

    def replace(self, content: bytes, *, generation: int, stored_at_utc: float) -> None:
        """Overwrite: new bytes, new generation, new checksums."""
        self.content, self.order = content, None
        self.generation, self.stored_at_utc = generation, stored_at_utc
        self._md5 = self._crc32c = None


@attrs.define(eq=False)
class ContentCache:
    """Which films stay in memory: the last ones read, up to a number of bytes. Uploads are never forgotten."""

    limit_bytes: int
    _kept: OrderedDict[str, StoredObject] = attrs.field(factory=OrderedDict[str, StoredObject])
    _bytes: int = 0

    def keep(self, stored: StoredObject, content: bytes) -> None:
        """Attach a film to its object and forget the oldest ones beyond the limit."""
        stored.content = content
        self._kept[stored.path] = stored
        self._bytes += len(content)
        while self._bytes > self.limit_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            if oldest.order is not None and oldest.content is not None:
                self._bytes -= len(oldest.content)
                oldest.content = None


def object_headers(stored: StoredObject, content: bytes, *, names_hashes: bool = True) -> dict[str, str]:
    """The headers of a public object, `x-goog-hash` still in one line."""
    told = {"x-goog-hash": _hashes(stored, content)} if names_hashes else {}
    return {
        "Content-Type": stored.content_type,
        "Accept-Ranges": "bytes",
        "ETag": f'"{stored.md5(content).hex()}"',
        "Last-Modified": http_date(stored.stored_at_utc),
        "Cache-Control": CACHE_CONTROL,
        "x-goog-generation": str(stored.generation),
        "x-goog-metageneration": "1",
        "x-goog-stored-content-length": str(len(content)),
        "x-goog-stored-content-encoding": "identity",
        **told,
        "x-goog-storage-class": "STANDARD",
        "Server": "UploadServer",
    }


def _hashes(stored: StoredObject, content: bytes) -> str:
    return f"crc32c={_base64(stored.crc32c(content))},md5={_base64(stored.md5(content))}"


def respond(
    stored: StoredObject,
    content: bytes,
    request: Request,
    *,
    ignore_range: bool = False,
    names_hashes: bool = True,
) -> Response:
    """The honest answer to a GET or HEAD: 200, 206, 304, 412 or 416."""
    headers = object_headers(stored, content, names_hashes=names_hashes)
    refusal = _precondition(request, headers)
    if refusal is not None:
        return refusal
    span = None if ignore_range else _span(request, headers, len(content))
    if span is None:
        return _body(200, headers, content, request)
    first, last = span
    if first >= len(content) or first > last:
        headers = {"Content-Range": f"bytes */{len(content)}"}
        return xml_error(416, "InvalidRange", "The requested range cannot be satisfied.", extra=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return _body(206, headers, content[first : last + 1], request)


def xml_error(status: int, code: str, message: str, *, extra: dict[str, str] | None = None) -> Response:
    """An error as storage words it."""
    body = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    ).encode()
    headers = {"Content-Type": "application/xml; charset=UTF-8", "Content-Length": str(len(body)), **(extra or {})}
    return Response(status=status, headers=(*headers.items(), ("Server", "UploadServer")), body=body)


def http_date(at_utc: float) -> str:
    """Epoch seconds as an HTTP date."""
    return format_datetime(datetime.fromtimestamp(int(at_utc), UTC), usegmt=True)


def with_lines(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Headers as sent: each hash in a line of its own."""
    lines: list[tuple[str, str]] = []
    for name, value in headers.items():
        parts = value.split(",") if name == "x-goog-hash" else [value]
        lines += [(name, part) for part in parts]
    return tuple(lines)


def _body(status: int, headers: dict[str, str], content: bytes, request: Request) -> Response:
    headers["Content-Length"] = str(len(content))
    sent = b"" if request.method == "HEAD" else content
    return Response(status=status, headers=with_lines(headers), body=sent)


def _precondition(request: Request, headers: dict[str, str]) -> Response | None:
    asked = request.headers
    wanted = asked.get("x-goog-if-generation-match", request.query.get("ifGenerationMatch"))
    if wanted is not None and wanted != headers["x-goog-generation"]:
        return xml_error(412, "PreconditionFailed", _UNMET)
    if "if-match" in asked and not _names(asked["if-match"], headers["ETag"]):
        return xml_error(412, "PreconditionFailed", _UNMET)
    if "if-none-match" in asked and _names(asked["if-none-match"], headers["ETag"]):
        kept = {name: headers[name] for name in ("ETag", "Last-Modified", "Cache-Control", "x-goog-generation")}
        return Response(status=304, headers=tuple(kept.items()))
    return None


def _names(condition: str, etag: str) -> bool:
    tags = [tag.strip() for tag in condition.split(",")]
    return "*" in tags or etag in tags


def _span(request: Request, headers: dict[str, str], size: int) -> tuple[int, int] | None:
    """First and last byte asked for; None for the whole, as also for several ranges or a stale If-Range."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if asked is None or asked.group(1, 2) == ("", ""):
        return None
    if_range = request.headers.get("if-range")
    if if_range is not None and if_range not in (headers["ETag"], headers["Last-Modified"]):
        return None
    first, last = asked.group(1, 2)
    if not first:
        # The last n bytes; none of an empty object, nor the last 0.
        return max(size - int(last), 0) if int(last) else size, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
