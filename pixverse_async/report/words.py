"""Text of the page: what comes from outside made fit to be shown, numbers in words. Knows nothing of jobs."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Final

_LINK: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*)://(?:[^/\s?#\"'<>]*@)?([^/\s?#\"'<>]*)[^\s\"'<>]*")
_TOKEN: Final = re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*)*|(?i:\bbearer)\s+[\w.~+/=-]{8,}")
_DATA: Final = re.compile(r"(?i)\b(data:[\w/+.;=-]{0,120},)[^\s\"'<>]{24,}")


def clean(text: str) -> str:
    """Text from outside: no path or login of a link, no token, nothing that turns the direction of writing.

    >>> clean("see https://me:pw@storage.example/v.mp4?X-Goog-Signature=1f\\u202e, eyJhbGciOi.eyJzdWIi.x")
    'see https://storage.example/… , …'
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    return _LINK.sub(r"\1://\2/…", _DATA.sub(r"\1…", _TOKEN.sub("…", printable)))


def shown(text: str) -> str:
    """The same as HTML, for an element or a quoted attribute.

    >>> shown('<b title="it">')
    '&lt;b title=&quot;it&quot;&gt;'
    """
    return html.escape(clean(text))


def dollars(usd: Decimal) -> str:
    """Cents, and a tenth of one where there is one.

    >>> dollars(Decimal("0.175")), dollars(Decimal("1.0500"))
    ('$0.175', '$1.05')
    """
    return "$" + f"{usd:.3f}".removesuffix("0")


def span(seconds: float) -> str:
    """A length of time.

    >>> span(0.74), span(42.3), span(400), span(9000)
    ('0.7 s', '42 s', '6 min 40 s', '2 h 30 min')
    """
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small, units = (*divmod(whole, 60), "min s") if whole < 3600 else (*divmod(whole // 60, 60), "h min")
    first, second = units.split()
    return f"{large} {first}" + (f" {small} {second}" if small else "")


def size(size_bytes: int) -> str:
    """Bytes in the unit that they fit.

    >>> size(748_000), size(1_250_000_000)
    ('0.7 MB', '1.2 GB')
    """
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"
