"""Text of the page: what comes from outside made fit to be shown, numbers in words. Knows nothing of jobs."""

from __future__ import annotations

import html

from .._words import clean


def shown(text: str) -> str:
    """Text from outside as HTML, for an element or a quoted attribute.

    >>> shown('<b title="it">')
    '&lt;b title=&quot;it&quot;&gt;'
    """
    return html.escape(clean(text))


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


def clock(seconds: float) -> str:
    """A time on a scale, where many stand side by side: hours, minutes and seconds.

    >>> clock(80), clock(0), clock(9000)
    ('1:20', '0:00', '2:30:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def size(size_bytes: int) -> str:
    """Bytes in the unit that they fit.

    >>> size(748_000), size(1_250_000_000)
    ('0.7 MB', '1.2 GB')
    """
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"
