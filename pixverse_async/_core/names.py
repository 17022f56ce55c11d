"""Stems of files that come from outside, made safe.

A stem is what an output file is called without its suffix.  It comes from the user's own names and
from image paths or URLs, so it may hold anything; what leaves this file cannot leave its folder and is
taken by every common file system.  Pure functions of strings; whether a name is free is the caller's to know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

VIDEO_SUFFIX: Final = ".mp4"
"""Of every video: the service makes no other kind."""
MAX_NAME_BYTES: Final = 200
"""Leaves room below the 255 bytes of common file systems for `-12345.mp4` and `.part`."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028-\u202e\u2066-\u2069]+')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d\u00b9\u00b2\u00b3])\s*(?P<suffix>\..*)?", re.IGNORECASE
)
"""Windows takes the superscripts 1 to 3 for digits, and a device for a device whatever suffix follows."""


def safe_stem(text: str) -> str:
    """A stem that every common file system takes and that cannot leave its folder.

    >>> safe_stem("../../etc/passwd"), safe_stem("con"), safe_stem(" . ")
    ('etc-passwd', 'con-', 'video')
    """
    stem = _UNSAFE.sub("-", unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8")))
    stem = stem.strip(" .-") if stem != text else stem.strip(" .")
    stem = _shortened(stem)
    device = _RESERVED.fullmatch(stem)
    if device:
        stem = _shortened(f"{device[1]}-{device['suffix'] or ''}")
    return stem or "video"


def _shortened(stem: str) -> str:
    return stem.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip(" .")


class UniqueStems:
    """Gives each wished stem, or with the first free of -2, -3, ...; compared as a case-insensitive disk compares.

    >>> stems = UniqueStems(["cat"])
    >>> stems.take("Cat"), stems.take("cat"), stems.take("dog")
    ('Cat-2', 'cat-3', 'dog')
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {stem_identity(stem) for stem in taken}
        self._last: dict[str, int] = {}

    def take(self, wished: str) -> str:
        """A stem that was not taken, and is now."""
        identity = stem_identity(wished)
        stem = wished
        while stem_identity(stem) in self._taken:
            # Counting on from the last try keeps a million jobs of one name from being quadratic.
            self._last[identity] = self._last.get(identity, 1) + 1
            stem = f"{wished}-{self._last[identity]}"
        self._taken.add(stem_identity(stem))
        return stem


def stem_identity(stem: str) -> str:
    """Equal for two stems that some file system would take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", stem).casefold())
