"""The storage host, pure: presigned PUT, public GET and HEAD, and every way in which they may go wrong.

An origin of its own, which must never see the key: a header that could carry one is recorded as a `Leak`.  Videos
are ordered when their request is accepted and made at the first read, so thousands of jobs cost nothing until
someone looks.  A shell that must not block asks `owed` before `handle`, makes the film elsewhere and hands it to
`deliver`; without that, `handle` makes it on the spot.  What the queue is, this file does not know.
"""

from __future__ import annotations

import random
import uuid
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

import attrs

from .faults import FaultBook, Rule
from .grants import CONTENT_TYPES, Signer
from .messages import Request, Response
from .objects import ContentCache, StoredObject, object_headers, respond, with_lines, xml_error
from .orders import Film, FilmOrder
from .settings import Settings
from .spoil import spoil

BUCKET: Final = "gmi-video-assests-prod"
"""Spelled as the live bucket is."""
_MUST_NOT_ARRIVE: Final = ("authorization", "x-organization-id", "cookie")
_DEFAULT_SLOWNESS: Final = 20.0


class Leak(NamedTuple):
    """A header that had no business at storage."""

    header: str
    method: str
    path: str


class GrantedUpload(NamedTuple):
    """The two links of an upload grant."""

    upload_url: str
    public_url: str


@attrs.define(eq=False)
class EmulatedStorage:
    """A bucket: its objects, its signer, and what reached it."""

    settings: Settings
    faults: FaultBook
    film: Film
    signer: Signer
    _rng: random.Random
    objects: dict[str, StoredObject] = attrs.field(factory=dict[str, StoredObject], repr=False)
    leaks: list[Leak] = attrs.field(factory=list[Leak])
    uploads: int = 0
    """PUTs that were stored."""
    bytes_sent: int = 0
    """Media bytes handed out, as far as answers promised them."""
    _cache: ContentCache = attrs.field(init=False)
    _generation: int = 1_700_000_000_000_000

    def __attrs_post_init__(self) -> None:
        self._cache = ContentCache(self.settings.media_cache_bytes)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.signer.origin

    # -- for the queue ---------------------------------------------------------------------------------

    def grant(self, file_type: str, org_id: str, *, now: float) -> GrantedUpload:
        """Leave to upload one file of a type in `CONTENT_TYPES`."""
        path = f"/{BUCKET}/user-assets/{org_id}/uploads/{self._uuid()}.{file_type}"
        upload_url = self.signer.presign(path, CONTENT_TYPES[file_type], now_utc=self.settings.epoch + now)
        return GrantedUpload(upload_url, self.origin + path)

    def find(self, url: str) -> StoredObject | None:
        """The object behind a public link of this storage."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            return None
        return self.objects.get(unquote(parts.path))

    def commission(self, order: FilmOrder, org_id: str, request_id: str, *, ready_at: float) -> StoredObject:
        """An object that will hold this film from `ready_at` on."""
        name = f"pixverse_{self._uuid()}.mp4"
        stored = StoredObject(
            path=f"/{BUCKET}/user-assets/{org_id}/{request_id}/gmi-videogen/generated/{name}",
            content_type="video/mp4",
            generation=self._next_generation(),
            stored_at_utc=self.settings.epoch + ready_at,
            order=order,
            prompt=order.prompt,
            request_id=request_id,
        )
        self.objects[stored.path] = stored
        return stored

    def store(self, path: str, content: bytes, content_type: str, *, now: float) -> StoredObject:
        """Write or overwrite an object."""
        stored = self.objects.get(path)
        at_utc, generation = self.settings.epoch + now, self._next_generation()
        if stored is not None:
            stored.replace(content, generation=generation, stored_at_utc=at_utc)
            return stored
        stored = StoredObject(path, content_type, generation, at_utc, content)
        self.objects[path] = stored
        return stored

    # -- for a shell -----------------------------------------------------------------------------------

    def owed(self, request: Request, now: float) -> FilmOrder | None:
        """The film that this request needs and that is not in memory."""
        stored = self._readable(request.path, now) if request.method in ("GET", "HEAD") else None
        return stored.order if stored is not None and stored.content is None else None

    def deliver(self, path: str, content: bytes) -> None:
        """The film for an object, made by the shell; one that has its bytes already keeps them."""
        stored = self.objects[path]
        if stored.content is None:
            self._cache.keep(stored, content)

    def handle(self, request: Request, now: float) -> Response:
        """One exchange with storage."""
        leaked = [name for name in _MUST_NOT_ARRIVE if name in request.headers]
        self.leaks += (Leak(name, request.method, request.path) for name in leaked)
        if leaked and self.settings.rejects_storage_auth:
            response = xml_error(401, "AuthenticationRequired", "Authentication required.")
        elif request.method == "PUT":
            response = self._put(request, now)
        elif request.method in ("GET", "HEAD"):
            response = self._read(request, now)
        else:
            response = xml_error(405, "MethodNotAllowed", "The specified method is not allowed.")
        return attrs.evolve(response, delay_s=response.delay_s + self.settings.storage_latency)

    # -- PUT -------------------------------------------------------------------------------------------

    def _put(self, request: Request, now: float) -> Response:
        refusal = self.signer.judge(request, now_utc=self.settings.epoch + now)
        if refusal is not None:
            return xml_error(refusal.status, refusal.code, refusal.message)
        rule = self.faults.strike("put", item=request.path)
        if rule is None:
            return self._stored(request, now)
        return self._put_fault(rule, request, now)

    def _put_fault(self, rule: Rule, request: Request, now: float) -> Response:
        match rule.fault:
            case "drop_before_commit":
                return Response(status=0, fate="drop")
            case "hang":
                return Response(status=0, fate="hang")
            case "drop_after_commit":
                self._stored(request, now)
                return Response(status=0, fate="drop")
            case "slow":
                return attrs.evolve(self._stored(request, now), delay_s=_seconds(rule))
            case fault:
                return _refusal(fault)

    def _stored(self, request: Request, now: float) -> Response:
        stored = self.store(request.path, request.body, request.headers.get("content-type", ""), now=now)
        self.uploads += 1
        told = object_headers(stored, request.body)
        kept = ("ETag", "x-goog-generation", "x-goog-metageneration", "x-goog-hash", "Server")
        return Response(
            status=200,
            headers=(*with_lines({name: told[name] for name in kept}), ("Content-Length", "0")),
        )

    # -- GET -------------------------------------------------------------------------------------------

    def _read(self, request: Request, now: float) -> Response:
        stored = self._readable(request.path, now)
        if stored is None:
            return _refusal("404")
        rule = self.faults.strike("media", item=request.path, prompt=stored.prompt)
        if rule is not None and rule.fault == "changed_etag":
            self._overwrite(stored, now)
            rule = None
        refusal = _media_refusal(rule)
        if refusal is not None:
            return refusal
        content = self._content(stored)
        stored.reads += 1
        fault = None if rule is None else rule.fault
        honest = respond(
            stored,
            content,
            request,
            ignore_range=fault == "ignore_range",
            names_hashes=fault != "no_hashes",
        )
        response = honest if rule is None else spoil(rule, honest)
        self.bytes_sent += len(response.body)
        return response

    def _readable(self, path: str, now: float) -> StoredObject | None:
        stored = self.objects.get(path)
        if stored is None or (stored.order is not None and stored.stored_at_utc > self.settings.epoch + now):
            return None
        return stored

    def _content(self, stored: StoredObject) -> bytes:
        if stored.content is not None:
            return stored.content
        order = stored.order
        assert order is not None, "an object without bytes has an order"
        content = self.film(order)
        self._cache.keep(stored, content)
        return content

    def _overwrite(self, stored: StoredObject, now: float) -> None:
        """Another video under the same name: valid, and different in one trailing box."""
        content = self._content(stored) + b"\0\0\0\x10free" + self._rng.randbytes(8)
        stored.replace(content, generation=self._next_generation(), stored_at_utc=self.settings.epoch + now)

    def _next_generation(self) -> int:
        self._generation += 1 + self._rng.randrange(1000)
        return self._generation

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)


def _seconds(rule: Rule) -> float:
    return _DEFAULT_SLOWNESS if rule.value is None else rule.value


def _media_refusal(rule: Rule | None) -> Response | None:
    """The answer of a fault that does not look at the object at all."""
    if rule is None:
        return None
    if rule.fault in ("drop", "hang"):
        return Response(status=0, fate="drop" if rule.fault == "drop" else "hang")
    if rule.fault == "redirect_private":
        private = (("Location", "http://169.254.169.254/latest/meta-data/"), ("Content-Length", "0"))
        return Response(status=302, headers=private)
    return _refusal(rule.fault) if rule.fault in _REFUSALS else None


_REFUSALS = {
    "404": (404, "NoSuchKey", "The specified key does not exist."),
    "403": (403, "AccessDenied", "Access denied."),
    "429": (429, "SlowDown", "Please reduce your request rate."),
    "500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "503": (503, "ServiceUnavailable", "Service temporarily unavailable. Please try again later."),
    "400_expired": (400, "ExpiredToken", "The provided token has expired."),
    "403_expired": (403, "ExpiredToken", "The provided token has expired."),
    "403_signature": (403, "SignatureDoesNotMatch", "Access denied."),
}


def _refusal(fault: str) -> Response:
    status, code, message = _REFUSALS[fault]
    return xml_error(status, code, message)
