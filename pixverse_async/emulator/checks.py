"""What the service refuses about a submit: keys, types, limits, and a picture that it cannot fetch.

The schema is the documented one of `pixverse-v6-i2v`; `image (Required parameter is missing)` is verbatim, the
other sentences only follow its form, since no public log shows them.  Unknown keys are let through, because nobody
has seen what the service does with them.  The network is not touched: an address on the open internet counts as
fetchable, one that no cloud could reach does not.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeGuard
from urllib.parse import urlsplit

import attrs

from .storage import EmulatedStorage

MISSING: Final = "Required parameter is missing"
MAX_PROMPT_CHARS: Final = 5000
MAX_SEED: Final = 2**31 - 1
QUALITIES: Final = ("360p", "540p", "720p", "1080p")
_REQUIRED: Final = ("prompt", "image", "duration", "quality")
_SWITCHES: Final = ("generate_audio_switch", "generate_multi_clip_switch")
_UNREACHABLE_ENDINGS: Final = (".invalid", ".local", ".localhost", ".internal", ".home.arpa")


@attrs.frozen(kw_only=True)
class Picture:
    """The input image: its bytes where the emulator has them, and a digest."""

    content: bytes | None = attrs.field(repr=False)
    digest: str


def payload_problems(payload: Mapping[str, object]) -> list[str]:
    """Every missing or invalid key by name, as the service's 400 lists them.

    >>> payload_problems({"prompt": "a cat", "duration": "5", "quality": "360p"})
    ['image (Required parameter is missing)', 'duration (must be an integer from 1 to 15)']
    """
    problems = [f"{key} ({MISSING})" for key in _REQUIRED if payload.get(key) is None]
    invalid = {
        "prompt": _is_text(payload.get("prompt")) or "must be a string of at most 5000 characters",
        "image": isinstance(payload.get("image"), str) or "must be an image URL",
        "duration": _is_integer(payload.get("duration"), 1, 15) or "must be an integer from 1 to 15",
        "quality": payload.get("quality") in QUALITIES
        or f"must be one of the allowed options: {', '.join(QUALITIES)}",
        "seed": _is_integer(payload.get("seed"), 0, MAX_SEED) or f"must be an integer from 0 to {MAX_SEED}",
        **{switch: isinstance(payload.get(switch), bool) or "must be a boolean" for switch in _SWITCHES},
    }
    return problems + [
        f"{key} ({problem})"
        for key, problem in invalid.items()
        if problem is not True and payload.get(key) is not None
    ]


def find_picture(image: str, storage: EmulatedStorage, *, accepts_data_uris: bool) -> Picture | None:
    """The picture behind an `image` value, or None when the service could not fetch it."""
    if image.startswith("data:"):
        return _inline(image) if accepts_data_uris else None
    stored = storage.find(image)
    if stored is not None:
        digest = stored.path if stored.content is None else stored.md5(stored.content).hex()
        return Picture(content=stored.content, digest=digest)
    if image.startswith(storage.origin) or not is_reachable(image):
        return None
    return Picture(content=None, digest=image)


def is_reachable(url: str) -> bool:
    """True for a web address that a machine in a cloud could in principle fetch.

    >>> is_reachable("https://example.com/a.png"), is_reachable("http://192.168.1.5/a.png"), is_reachable("a.png")
    (True, False, False)
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    return _is_public(host)


@lru_cache(1024)
def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_UNREACHABLE_ENDINGS)


def _inline(uri: str) -> Picture | None:
    head, comma, data = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        return Picture(content=base64.b64decode(data, validate=True), digest=uri)
    except binascii.Error:
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_PROMPT_CHARS


def _is_integer(value: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
