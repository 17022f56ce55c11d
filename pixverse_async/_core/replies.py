"""What the service's replies say: a `Status`, a `Listing`, a `Grant`, or why there is none.

What it reads is tolerant, since the documents, the official SDK and live replies disagree: words for a status are
read in any case, unknown words mean "not finished", a result or a reason is looked for in every place where one has
been seen.  What it returns is strict.  It never looks for a URL outside `outcome`, because a record echoes the URL of
the input image.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast
from urllib.parse import urlsplit

from .errors import ProtocolError
from .job import Stage
from .redaction import redact
from .wire import Echo, Grant, Listing, Media, RateHint, Reply, Status

_STAGES: Final[Mapping[str, Stage]] = {
    # The seven of GMI's own SDK (RequestStatus), then aliases other clients defend against.
    "created": Stage.QUEUED,
    "queued": Stage.QUEUED,
    "dispatched": Stage.QUEUED,
    "processing": Stage.PROCESSING,
    "success": Stage.SUCCEEDED,
    "failed": Stage.FAILED,
    "cancelled": Stage.CANCELLED,
    "pending": Stage.QUEUED,
    "submitted": Stage.QUEUED,
    "running": Stage.PROCESSING,
    "in_progress": Stage.PROCESSING,
    "completed": Stage.SUCCEEDED,
    "succeeded": Stage.SUCCEEDED,
    "done": Stage.SUCCEEDED,
    "finished": Stage.SUCCEEDED,
    "error": Stage.FAILED,
    "failure": Stage.FAILED,
    "canceled": Stage.CANCELLED,
}
_REQUEST_ID: Final = re.compile(r"(?!\.+\Z)[A-Za-z0-9._:-]{1,200}")
"""The official sample is no UUID (it holds a g), so none is required. An id of dots alone would be another path."""
_decode: Final = json.JSONDecoder().decode
"""As `json.loads`, which looks first which of five encodings a body has: JSON is sent in UTF-8 (RFC 8259)."""
_SHOWN_COMPLAINTS: Final = 3
"""Of a list of them: enough to mend a job by, and short enough for a line; the next try tells the rest."""
_SHOWN_STEPS: Final = 8
"""Of the way to a field that is complained of: deeper than any field of a request, and bounded whatever is sent."""
_MAX_DEPTH: Final = 32
"""Levels of nesting in a reply; a record has four. Code that walks a deeper one could run out of stack."""


def read_record(reply: Reply) -> Status:
    """The record in a 2xx reply to a submit or a status call. *Raises* `ProtocolError`."""
    return _record(_json(reply))


def read_listing(reply: Reply) -> Listing:
    """The records in a reply to `list_call`, unreadable ones left out, without media and reasons.

    It takes some 40 microseconds a record: call it on a worker thread. *Raises* `ProtocolError`.
    """
    body = _json(reply)
    items = _get(body, "requests")
    if not isinstance(items, list):
        raise ProtocolError("requests", "a list", _shown(items))
    raw = cast("list[object]", items)
    records = tuple(_readable(raw))
    total = _integer(_get(body, "total"))
    unreadable = len(raw) - len(records)
    return Listing(records=records, is_complete=total == len(raw) and not unreadable, unreadable=unreadable)


def read_grant(reply: Reply) -> Grant:
    """The upload grant in a 2xx reply. *Raises* `ProtocolError`, which does not quote the links."""
    body = _json(reply)
    links = {name: _get(body, name) for name in ("upload_url", "public_url")}
    for name, link in links.items():
        if not isinstance(link, str) or not _is_web_link(link):
            raise ProtocolError(name, "an http(s) link", type(link).__name__)
    return Grant(upload_url=str(links["upload_url"]), public_url=str(links["public_url"]))


def read_error(reply: Reply) -> str:
    """The reason in an error reply of any shape, redacted; the start of the text when there is no JSON."""
    try:
        body = _json(reply)
    except ProtocolError:
        return redact(re.sub(r"<[^>]*>", " ", reply.body[:2000].decode("utf-8", "replace")), 120)
    return _reason(body) or redact(json.dumps(body, ensure_ascii=False), 120)


def is_request_id(text: str) -> bool:
    """Whether the text can be the id of a request, and a part of a path that leads nowhere else."""
    return _REQUEST_ID.fullmatch(text) is not None


def read_named_id(reply: Reply) -> str | None:
    """The request id that an error reply names, if it names one: a record may exist under it."""
    try:
        found = _get(_json(reply), "request_id")
    except ProtocolError:
        return None
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else None


def read_rate_hint(reply: Reply) -> RateHint | None:
    """The limit that a 429 body describes."""
    try:
        limits = _get(_json(reply), "rate_limit")
    except ProtocolError:
        return None
    limit, interval = _number(_get(limits, "limit")), _number(_get(limits, "interval_seconds"))
    if limit is None or interval is None or not (1 <= limit <= 1e6 and 0 < interval <= 86_400):
        return None
    return RateHint(limit=int(limit), interval=interval)


def read_retry_after_ms(reply: Reply) -> float | None:
    """The wait that a 429 body asks for, as it stands: it may be absurd."""
    try:
        body = _json(reply)
    except ProtocolError:
        return None
    wait = _number(_get(_get(body, "rate_limit"), "retry_after_ms"))
    if wait is not None:
        return wait
    match = re.search(r"[Rr]etry in (\d{1,12}) ?ms", _reason(body) or "")
    return float(match[1]) if match else None


def _json(reply: Reply) -> object:
    try:
        value = cast("object", _decode(str(reply.body.removeprefix(BOM_UTF8), "utf-8", "surrogatepass")))
    except (ValueError, RecursionError) as problem:
        # json.JSONDecodeError and UnicodeDecodeError are ValueErrors; a hostile nesting overflows the parser.
        raise _no_json(reply, "JSON") from problem
    if reply.body.count(b"{") + reply.body.count(b"[") > _MAX_DEPTH and _is_too_deep(value):
        raise _no_json(reply, f"JSON of at most {_MAX_DEPTH} levels")
    return value


def _no_json(reply: Reply, expected: str) -> ProtocolError:
    shown = redact(reply.body[:80].decode("utf-8", "replace"), 60)
    return ProtocolError("body", expected, shown or "nothing")


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _fields(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _get(value: object, key: str) -> object:
    return _fields(value).get(key)


def _shown(value: object) -> str:
    return redact(repr(value), 60)


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


def _number(value: object) -> float | None:
    if type(value) is not int and type(value) is not float:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_web_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)


def stage_of(word: str) -> Stage | None:
    """What the service means by a status word; None for an unknown one, which is taken for "not finished".

    >>> stage_of("in_progress"), stage_of("Dispatched "), stage_of("paused")
    (<Stage.PROCESSING: 'processing'>, <Stage.QUEUED: 'queued'>, None)
    """
    return _STAGES.get(word) or _STAGES.get(word.strip().lower())


def _readable(items: list[object]) -> Iterator[Status]:
    for item in items:
        try:
            yield _record(item, is_listed=True)
        except ProtocolError:
            continue


def _record(body: object, *, is_listed: bool = False) -> Status:
    """A record; of a listed one only what tells whose it is, since a list may have a hundred thousand."""
    fields = _fields(body)
    request_id = fields.get("request_id")
    if type(request_id) is int:
        request_id = str(request_id)
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        raise ProtocolError("request_id", "an id", _shown(request_id))
    status, model = fields.get("status"), fields.get("model")
    word = status if isinstance(status, str) else ""
    stage = stage_of(word)
    return Status(
        request_id=request_id,
        stage=Stage.QUEUED if stage is None else stage,
        word=redact(word, 40) if stage is None else word,
        media=_media(fields.get("outcome")) if stage is Stage.SUCCEEDED and not is_listed else None,
        reason=_reason(body) if stage is not None and stage.is_final and not is_listed else None,
        model=model if isinstance(model, str) else None,
        created_at_utc=_number(fields.get("created_at")),
        echo=_echo(fields.get("payload")),
    )


def _media(outcome: object) -> Media | None:
    """The video in an outcome, read in the order in which serious clients read it; never the thumbnail."""
    links = [*_links(_get(outcome, "media_urls")), *_links(_get(outcome, "medias"))]
    links += [link for key in ("video_url", "videoUrl") for link in _links([_get(outcome, key)])]
    videos = [link for link in links if urlsplit(link).path.lower().endswith(".mp4")]
    chosen = next(iter(videos or links), None)
    return Media(url=chosen) if chosen else None


def _links(items: object) -> Iterator[str]:
    entries = cast("list[object]", items) if isinstance(items, list) else [items]
    for entry in entries:
        link = entry if isinstance(entry, str) else _get(entry, "url")
        if isinstance(link, str) and _is_web_link(link):
            yield link


def _reason(body: object) -> str | None:
    outcome = _get(body, "outcome")
    places = [_get(outcome, key) for key in ("error", "error_message", "fail_reason", "message")]
    places += [_get(body, key) for key in ("error", "error_message", "message", "reason", "detail")]
    return next((text for place in places if (text := _sentence(place))), None)


def _sentence(place: object) -> str | None:
    if isinstance(place, dict):
        inner = (_sentence(_get(cast("object", place), key)) for key in ("message", "detail", "details", "reason"))
        return next((text for text in inner if text), None)
    if isinstance(place, list):
        complaints = map(_complaint, cast("list[object]", place)[:_SHOWN_COMPLAINTS])
        return redact("; ".join(text for text in complaints if text)) or None
    return redact(place) or None if isinstance(place, str) else None


def _complaint(entry: object) -> str | None:
    """One of the entries of FastAPI's 422: which field, and what is wrong with it. What was sent is not repeated."""
    said, place = _get(entry, "msg"), _get(entry, "loc")
    if not isinstance(said, str):
        return None
    steps = cast("list[object]", place)[:_SHOWN_STEPS] if isinstance(place, list) else []
    where = ".".join(str(step) for step in steps if isinstance(step, str | int))
    return f"{where}: {said}" if where else said


def _echo(content: object) -> Echo | None:
    seed = _integer(_get(content, "seed"))
    return None if seed is None else Echo(seed=seed, content=cast("dict[str, object]", content))
