"""What a generation failed of: by the final status, and by our reading of the service's words.

The queue documents no kinds of failure, so a reason is sorted by phrases that were seen or documented elsewhere, and
one with none of them is unknown.  A limit may be told by failures alone: `limit_interval` says how long it counts.
Pure.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import GenerationError
from .events import NO_MEDIA
from .job import Stage
from .wire import Status

_CANCELLED: Final = 'cancelled in the console, or by on_cancel="cancel_queued"'
"""The service does not say by whom, and a run that was cancelled does not hear what came of what it asked."""
_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("rate_limited", r"rate.?limit|\brpm\b|\brph\b|too many requests"),
    ("credits", r"insufficient (balance|credit)|500090"),
    (
        "moderation",
        r"sensitiv|moderat|policy|safety|prohibit|violat|nsfw|inappropriate|risk control|not allowed"
        r"|blocked|celebrity|public figure|500054|500063",
    ),
    ("capacity", r"high load|concurren|capacity|overload|500044|500069"),
    ("image", r"\bimage\b|width or height|50003[0-3]|50004[12]|400032"),
)
"""The words of PixVerse's own error table and the patterns that clients of this queue match; no text of a failed
pixverse record on this queue is public. Order matters: a moderation text may say "image".

They are not compiled here but when the first generation fails."""


def failure_of(status: Status) -> GenerationError:
    """The error that a final status without a video means."""
    reason = status.reason or ""
    if status.stage is Stage.SUCCEEDED:
        return GenerationError(reason or "it succeeded, but names no video", NO_MEDIA)
    if status.stage is Stage.CANCELLED:
        return GenerationError(reason or _CANCELLED, "cancelled")
    return GenerationError(reason, failure_kind(reason))


def failure_kind(reason: str) -> str:
    """Our reading of the service's reason for a failed generation.

    >>> failure_kind("Music generation failed: rate limit exceeded(RPM)"), failure_kind("boom")
    ('rate_limited', 'unknown')
    """
    return next((kind for kind, pattern in _KINDS if re.search(pattern, reason, re.IGNORECASE)), "unknown")


def limit_interval(reason: str) -> float:
    """The seconds in which a rate limit counts, by its words: an hour where they speak of one, else a minute.

    >>> limit_interval("rate limit exceeded(RPM)"), limit_interval("Too many requests per hour")
    (60.0, 3600.0)
    """
    return 3600.0 if re.search(r"rph|hour", reason, re.IGNORECASE) else 60.0
