"""How a generation ends: the words, and the many places where the service may put a link or a reason.

One function per variant that has been seen live, is documented, or is expected by careful clients.  Texts in
quotation marks of the record are verbatim where a public log has them: the rate limit inside a failed record was
seen live (minimax-week-interdimensional-cable, 2026-09); the moderation, load and concurrency texts are PixVerse's
own documented ones, expected to come through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

MODERATION: Final = (
    "Text moderation failed:The text you entered contains sensitive information. Please re-enter."  # code 500054
)
HIGH_LOAD: Final = "System is currently experiencing high load. Please try again later"  # code 500069
CONCURRENCY: Final = "Reached the limit for concurrent generations."  # code 500044
RATE_LIMIT: Final = "Music generation failed: rate limit exceeded(RPM)"

_FAILURES: Final[Mapping[str, Mapping[str, object]]] = {
    "moderation": {"outcome": {"error": MODERATION}},
    "high_load": {"outcome": {"error": HIGH_LOAD}},
    "concurrency": {"outcome": {"error": CONCURRENCY}},
    "rate_limit_as_failed": {"outcome": {"error": RATE_LIMIT}},
    "error_object": {"outcome": None, "error": {"message": "Generation failed", "detail": "upstream status 8"}},
    "error_string": {"outcome": None, "error": "Generation failed"},
    "no_reason": {"outcome": None},
}
_WITHOUT_MEDIA: Final[Mapping[str, Mapping[str, object] | None]] = {
    "success_without_media": {},
    "success_null_outcome": None,
    "success_empty_media_urls": {"media_urls": []},
}


@attrs.frozen(kw_only=True)
class Ending:
    """The last status and what the record then says. `pays`: only a success is charged."""

    status: str
    fields: Mapping[str, object]

    @property
    def pays(self) -> bool:
        """True for a success, with or without media: the service cannot tell that a client saw nothing."""
        return self.status == "success"


def ending(fault: str | None, *, link: str, decoy: str, vendor_id: str) -> Ending:
    """The ending that a rule asks for, or the documented success."""
    if fault in _FAILURES:
        return Ending(status="failed", fields=_FAILURES[fault])
    if fault == "cancelled":
        return Ending(status="cancelled", fields={"outcome": None})
    if fault in _WITHOUT_MEDIA:
        return Ending(status="success", fields={"outcome": _WITHOUT_MEDIA[fault]})
    return Ending(status="success", fields={"outcome": _success(fault, link, decoy, vendor_id)})


def _success(fault: str | None, link: str, decoy: str, vendor_id: str) -> Mapping[str, object]:
    listed = [{"id": "0", "url": link}]
    variants: Mapping[str | None, Mapping[str, object]] = {
        "thumbnail_mp4": {"thumbnail_image_url": decoy, "media_urls": listed},
        "thumbnail_jpg": {"thumbnail_image_url": decoy, "media_urls": listed},
        "vendor_request_id": {"request_id": vendor_id, "media_urls": listed},
        "medias": {"medias": listed},
        "video_url": {"video_url": link},
        "bare_media_urls": {"media_urls": [link]},
    }
    return variants.get(fault, {"media_urls": listed})
