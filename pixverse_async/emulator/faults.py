"""Faults by script: which call goes wrong, how, and how often.

A `Rule` is a frozen value; the tables below are the whole vocabulary, each word with what it does.  `FaultBook`
counts calls against the rules and names the one that fires.  What a fault looks like on the wire is not known
here: that is the business of `service` and `storage`.

Rules count independently: a call counts for every rule that fits it, and the first one that is due fires.  At a
submit one rule for the call and one for the generation's outcome may both fire.  Chance comes from a generator of
its own, so adding a rule does not move the latencies of a seeded run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final, Literal, Self, TypeAlias

import attrs

On: TypeAlias = Literal["submit", "poll", "list", "models", "upload_url", "put", "media"]

_COMMON: Final = {
    "429": "429 with the documented rate_limit body",
    "401": "401, as for a bad key",
    "403": "403, as for a key without rights",
    "404": "404 for something that exists",
    "500": "500 with a JSON error",
    "503_plain": "503 with a JSON error and no request_id",
    "502_html": "502 with the gateway's HTML page",
    "504_html": "504 with the gateway's HTML page",
    "drop": "the connection is aborted without an answer",
    "hang": "no answer ever",
    "slow": "the answer comes `value` seconds later (default 20)",
    "200_html": "200 with an HTML page",
    "200_truncated_json": "200 with half of the JSON",
    "200_empty": "200 with `{}`",
}

SUBMIT_REFUSALS: Final[Mapping[str, str]] = {
    "drop_before_commit": "the connection is aborted and no request exists",
    "hang_before_commit": "no answer ever, and no request exists",
    "error_500_before_commit": "500, and no request exists",
    "500_backend_400": "500 whose text hides an upstream 400: a permanent refusal",
    "502_html_before_commit": "502 page, and no request exists",
    "504_html_before_commit": "504 page, and no request exists",
    "503_plain": "503 without a request_id; no request exists",
    "503_request_id_absent": "503 that names a request_id under which nothing exists",
    "429": "429 with the documented rate_limit body",
    "429_bare": "429 without a rate_limit body",
    "429_absurd": "429 whose retry_after_ms is `value` (default 10**15)",
    "429_retry_after": "429 with a Retry-After header of `value` seconds (default 5)",
    "401": "401, as for a bad key",
    "402": "402, credits exhausted",
    "403": "403, as for a key without rights",
    "404_model": "404, the model does not exist",
    "404_no_access": "404, no access to the model",
    "413_html": "413 page of the gateway",
    "307_redirect": "307 to another host",
    "image_unreachable": "400, the image could not be fetched",
}
SUBMIT_COMMITTED: Final[Mapping[str, str]] = {
    "drop_after_commit": "the request exists; the connection is aborted without an answer",
    "hang_after_commit": "the request exists; no answer ever",
    "error_500_after_commit": "the request exists; 500",
    "502_html_after_commit": "the request exists; 502 page",
    "504_html_after_commit": "the request exists; 504 page",
    "503_request_id": "the request exists; 503 that names its request_id",
    "200_html": "the request exists; 200 with an HTML page",
    "200_truncated_json": "the request exists; 200 with half of the JSON",
    "200_without_request_id": "the request exists; 200 that does not name it",
    "slow": "the reply comes `value` seconds later (default 20)",
    "slow_sync": "the reply comes after 30-60 s and is the finished record, status success",
    "failed_on_post": "the reply is a finished record, status failed",
    "dispatched": "the reply says dispatched and has three times",
    "created": "the reply says created",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "moderation": "fails, outcome.error is a moderation text",
    "high_load": "fails, outcome.error asks to try again later",
    "concurrency": "fails, outcome.error names the limit of concurrent generations",
    "rate_limit_as_failed": "fails, outcome.error is a rate limit",
    "error_object": "fails, the reason is a top-level error object",
    "error_string": "fails, the reason is a top-level error string",
    "no_reason": "fails, outcome null",
    "success_without_media": "status success, outcome empty",
    "success_null_outcome": "status success, outcome null",
    "success_empty_media_urls": "status success, media_urls is an empty list",
    "thumbnail_mp4": "a decoy .mp4 as thumbnail_image_url stands before the real link",
    "thumbnail_jpg": "a picture as thumbnail_image_url beside the real link",
    "vendor_request_id": "outcome.request_id is a foreign id",
    "medias": "the link is under medias",
    "video_url": "the link is under video_url",
    "bare_media_urls": "media_urls is a list of bare strings",
    "uppercase_status": "status words in capitals",
    "stuck_queued": "stays queued for ever",
    "stuck_processing": "stays processing for ever",
    "cancelled": "ends as cancelled by hand",
    "unknown_status": "says `rendering_v2`, a word of the future, while it is processed",
}
_STORAGE_COMMON: Final = {
    "403": "403 AccessDenied",
    "429": "429 SlowDown",
    "500": "500 InternalError",
    "503": "503 ServiceUnavailable",
    "hang": "no answer ever",
    "slow": "the answer comes `value` seconds later (default 20)",
}
PUT_FAULTS: Final[Mapping[str, str]] = {
    **_STORAGE_COMMON,
    "400_expired": "400 ExpiredToken",
    "403_expired": "403 ExpiredToken",
    "403_signature": "403 SignatureDoesNotMatch",
    "drop_before_commit": "the connection is aborted and nothing is stored",
    "drop_after_commit": "stored; the connection is aborted without an answer",
}
MEDIA_FAULTS: Final[Mapping[str, str]] = {
    **_STORAGE_COMMON,
    "404": "404 NoSuchKey; with nth=(1,) and per_item, a stale 404 and then 200",
    "drop": "the connection is aborted without an answer",
    "truncate": "Content-Length tells all, a share of `value` (default 0.5) is sent, then an orderly close",
    "reset_mid_body": "the same share, then a TCP reset",
    "truncate_unframed": "no Content-Length, the connection closes after the share: looks complete",
    "truncate_chunked": "properly ended chunks of the share: looks complete",
    "truncate_by_one": "one byte is missing, and Content-Length agrees: looks complete",
    "zero_tail": "whole length, but the last half is zeros",
    "corrupt": "whole length, one byte in the middle is wrong",
    "no_length": "complete, in chunks without Content-Length",
    "close_delimited": "complete, without length, ended by closing",
    "drip": "64 bytes at a time, `value` seconds apart (default 1)",
    "endless": "a body without end",
    "html_200": "an HTML page with 200 and video/mp4",
    "xml_200": "an XML error with 200 and video/mp4",
    "empty_200": "200 with no bytes",
    "ignore_range": "200 and the whole although a range was asked",
    "wrong_content_range": "206 with a Content-Range of other bytes than are sent",
    "changed_etag": "the object is overwritten by other bytes before it is read",
    "no_hashes": "no md5, as for a composite object, and no crc32c",
    "redirect_private": "302 to a private address",
    "gzip": "Content-Encoding: gzip of 10**8 zeros",
}
FAULTS: Final[Mapping[On, Mapping[str, str]]] = {
    "submit": {**SUBMIT_REFUSALS, **SUBMIT_COMMITTED, **OUTCOMES},
    "poll": _COMMON,
    "list": {**_COMMON, "405": "405, as where there is no list"},
    "models": _COMMON,
    "upload_url": _COMMON,
    "put": PUT_FAULTS,
    "media": MEDIA_FAULTS,
}
"""Where a rule may strike, and the words it may use there."""

_NUMBERS: Final = {"every": int, "times": int, "probability": float, "p": float, "value": float}


@attrs.frozen(kw_only=True)
class Rule:
    """One scripted fault. With none of `nth`, `every`, `probability` it strikes at every call that fits.

    >>> Rule.parse("submit:drop_after_commit:nth=1,3:prompt=cat")
    Rule(on='submit', fault='drop_after_commit', nth=(1, 3), every=None, probability=None, times=None, \
prompt_contains='cat', per_item=False, value=None)
    """

    on: On
    fault: str
    nth: tuple[int, ...] = ()
    """Counted from 1 among the calls that fit."""
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    """At most so often."""
    prompt_contains: str | None = None
    """Only for requests with this in the prompt: their submits, polls and media."""
    per_item: bool = False
    """Count for each request or object on its own."""
    value: float | None = None
    """The fault's own number, where its description names one."""

    def __attrs_post_init__(self) -> None:
        if self.on not in FAULTS:
            raise ValueError(f"no such place as {self.on!r}; there are {', '.join(FAULTS)}")
        if self.fault not in FAULTS[self.on]:
            raise ValueError(f"{self.on} knows no {self.fault!r}; it knows {', '.join(FAULTS[self.on])}")
        if any(n < 1 for n in self.nth) or (self.every is not None and self.every < 1):
            raise ValueError("nth and every count from 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"probability lies between 0 and 1, not at {self.probability!r}")

    @property
    def is_outcome(self) -> bool:
        """True when it decides how the generation ends, rather than how the call goes."""
        return self.on == "submit" and self.fault in OUTCOMES

    @classmethod
    def parse(cls, text: str) -> Self:
        """A rule from `ON:FAULT[:KEY=VALUE]...`; keys nth=1,3 every= p= times= prompt= value=, and `per_item`.

        *Raises* `ValueError` that names the part which is wrong.
        """
        on, _, rest = text.partition(":")
        fault, *options = rest.split(":")
        fields: dict[str, object] = {}
        for option in options:
            key, _, value = option.partition("=")
            fields |= _option(key, value)
        return cls(on=on, fault=fault, **fields)  # pyright: ignore[reportArgumentType]  checked by the class itself


def _option(key: str, value: str) -> Mapping[str, object]:
    if key == "nth":
        return {"nth": tuple(_number(key, n, int) for n in value.split(","))}
    if key == "prompt":
        return {"prompt_contains": value}
    if key == "per_item":
        return {"per_item": True}
    if key not in _NUMBERS:
        raise ValueError(f"{key!r} is none of nth, every, p, times, prompt, per_item, value")
    return {"probability" if key == "p" else key: _number(key, value, _NUMBERS[key])}


def _number(key: str, value: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{key}={value} is not a {'whole number' if kind is int else 'number'}") from None


@attrs.define(eq=False)
class _Armed:
    rule: Rule
    seen: dict[str, int] = attrs.field(factory=dict[str, int])
    fired: int = 0

    def fits(self, prompt: str) -> bool:
        return self.rule.prompt_contains is None or self.rule.prompt_contains in prompt

    def is_due(self, item: str, rng: random.Random) -> bool:
        rule = self.rule
        key = item if rule.per_item else ""
        count = self.seen[key] = self.seen.get(key, 0) + 1
        if rule.times is not None and self.fired >= rule.times:
            return False
        if rule.nth and count not in rule.nth:
            return False
        if rule.every is not None and count % rule.every:
            return False
        return rule.probability is None or rng.random() < rule.probability


@attrs.define(eq=False)
class FaultBook:
    """The rules of one run and how often each has struck."""

    _rng: random.Random
    _armed: dict[str, list[_Armed]]

    @classmethod
    def of(cls, rules: Iterable[Rule], seed: int) -> Self:
        """Rules sorted by the place where they strike."""
        armed: dict[str, list[_Armed]] = {}
        for rule in rules:
            armed.setdefault("outcome" if rule.is_outcome else rule.on, []).append(_Armed(rule))
        return cls(random.Random(f"{seed}/faults"), armed)  # noqa: S311  repeatable chance is the point

    def strike(self, place: On | Literal["outcome"], *, item: str = "", prompt: str = "") -> Rule | None:
        """Count this call, and give the rule that strikes it, if any does."""
        armed = self._armed.get(place)
        if not armed:
            return None
        due = [one for one in armed if one.fits(prompt) and one.is_due(item, self._rng)]
        if not due:
            return None
        due[0].fired += 1
        return due[0].rule

    @property
    def fired(self) -> Mapping[str, int]:
        """How often each fault has struck, by `on:fault`."""
        counts: dict[str, int] = {}
        for one in (one for armed in self._armed.values() for one in armed):
            name = f"{one.rule.on}:{one.rule.fault}"
            counts[name] = counts.get(name, 0) + one.fired
        return counts
