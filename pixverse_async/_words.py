"""What the leaves say alike, on a screen and on a page: money, text from outside, a folder, an address,
a word of the service.

Knows nothing of jobs.
"""

from __future__ import annotations

import re
from typing import Final

from ._core.dollars import dollars
from ._core.hosts import is_loopback_host
from ._core.redaction import DATA_URI, TOKEN
from ._core.replies import stage_of
from ._edge.network import network_warning

__all__ = ["clean", "dollars", "is_loopback_host", "network_warning", "stage_of"]

_LINK: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*)://(?:[^/\s?#\"'<>]*@)?([^/\s?#\"'<>]*)([^\s\"'<>]*)")


def clean(text: str) -> str:
    """Text from outside as it may be shown: no path or login of a link, no token, nothing that commands a terminal.

    >>> clean("see https://me:pw@storage.example/v.mp4?X-Goog-Signature=1f\\x1b[2J\\u202e, eyJhbGciOi.eyJzdWIi.x")
    'see https://storage.example/… [2J , …'
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    return _LINK.sub(_host, DATA_URI.sub(r"\1…", TOKEN.sub("…", printable)))


def _host(link: re.Match[str]) -> str:
    return f"{link[1]}://{link[2]}/…" if link[3] else f"{link[1]}://{link[2]}"
