"""What of a text from outside may be shown: no key, no login, no signed link, and nothing that a terminal obeys.

Whatever the service, storage, a library or a user's path says goes through `redact` before it may enter an error, a log
line or the journal.
"""

from __future__ import annotations

import re

MAX_QUOTED_CHARS = 300
"""How much of a foreign text an error quotes: a screenful of terminal, three lines."""

MAX_READ_CHARS = 2048
"""How much of a foreign text is looked at: 64 MB of "https://" in a row would keep the patterns busy for days."""

TOKEN = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*)*|(?i:bearer)\s+[\w.~+/=-]{8,}")
"""GMI keys are JWTs, which all begin with eyJ (base64 of '{"')."""
DATA_URI = re.compile(r"((?i:data):[\w/+.;=-]{0,120},)[^\s\"'<>]{24,}")
_LOGIN = re.compile(r"((?i:https?):(?:\\?/){2})[^\s\"'<>/?#]*@")
_QUERY = re.compile(r"((?i:https?):(?:\\?/){2}[^\s\"'<>?#]+)[?#][^\s\"'<>]+")
"""The slashes may be escaped, as in a piece of JSON that could not be read whole."""
_SIGNED = re.compile(r"(?i)\b((?:x-(?:goog|amz|oss)-[\w-]+|signature|sig|token|api_?key)=)[^\s&\"'<>\[]+")
"""What is left of a link whose beginning is missing."""
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""Terminal escapes, text that runs backwards, and what no encoding can print."""


def redact_lines(text: str) -> str:
    """`redact` for a text of many lines, such as a traceback, which stay as they are indented.

    >>> print(redact_lines("in put:\\n    GET https://storage.example/a.mp4?sig=1f failed"))
    in put:
        GET https://storage.example/a.mp4?[redacted] failed
    """
    lines = text.splitlines()
    return "\n".join(f"{line[: len(line) - len(line.lstrip())]}{redact(line)}" for line in lines)


def redact(text: str, limit_chars: int = MAX_QUOTED_CHARS) -> str:
    """The text without tokens, logins or the query of any link, printable, and not longer than `limit_chars`.

    >>> redact("PUT https://storage.example/a.png?X-Goog-Signature=1f failed for Bearer abcdefghij")
    'PUT https://storage.example/a.png?[redacted] failed for [redacted]'
    """
    clean = TOKEN.sub("[redacted]", text[:MAX_READ_CHARS])
    if ":" in clean:  # asked first, for prompts and paths pass here by the thousand and hold no link
        clean = _QUERY.sub(r"\1?[redacted]", _LOGIN.sub(r"\1[redacted]@", DATA_URI.sub(r"\1[...]", clean)))
    if "=" in clean:
        clean = _SIGNED.sub(r"\1[redacted]", clean)
    clean = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(clean.split()))
    return clean if len(clean) <= limit_chars else clean[: limit_chars - 1] + "…"


def redacted_repr(value: object) -> str:
    """Any value in brief, as Python writes it; of one that cannot be written, its type."""
    try:
        return redact(repr(value), 80)
    except (ValueError, RecursionError):
        # Python refuses to print an int of more than 4300 digits.
        return f"<{type(value).__name__}>"
