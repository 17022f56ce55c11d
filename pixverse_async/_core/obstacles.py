"""What the operating system refused, in words, and what that means for this video and the next. Pure."""

from __future__ import annotations

import enum
import errno
from typing import Final

from .redaction import redact

_FULL: Final = {
    errno.ENOSPC: "the disk is full (ENOSPC)",
    errno.EDQUOT: "the disk quota is used up (EDQUOT)",
    errno.EROFS: "Read-only file system (EROFS)",  # as Linux makes a disk that fails
    errno.EIO: "the disk fails (EIO)",
    errno.ESTALE: "the network folder is gone (ESTALE)",
    errno.ENOTCONN: "the network folder is gone (ENOTCONN)",  # of FUSE, whose server ended
}
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Too many files are open just now, or there is no memory: whatever was asked for would be refused."""


class Obstacle(enum.Enum):
    """Why the place did not take a video, where something can be done about it."""

    NAME_TAKEN = enum.auto()
    """Another file has the name: under another one the video can be saved."""
    NO_ROOM = enum.auto()
    """The place is full, read-only, failing, closed to us or gone: it would not take the next video either."""
    REFUSED = enum.auto()
    """The place did not say why: it may take the next video."""


def obstacle_of(problem: OSError) -> Obstacle | None:
    """What the place's refusal means for this video and the next; None where the error alone does not tell."""
    if problem.errno in _FULL:
        return Obstacle.NO_ROOM
    return Obstacle.NAME_TAKEN if isinstance(problem, FileExistsError) else None


def may_be_of_place(problem: OSError) -> bool:
    """Whether the refusal may tell of the place: not when the process or the machine lacks something for a moment."""
    return problem.errno not in _PASSING


def describe_os(problem: OSError) -> str:
    """What the operating system refused, in words.

    >>> describe_os(OSError(28, "No space left on device"))
    'the disk is full (ENOSPC)'
    """
    if problem.errno in _FULL:
        return _FULL[problem.errno]
    if isinstance(problem, FileExistsError):
        # The words of another's sink may hold a link of its own.
        holder = redact(str(problem.filename2 or problem.filename or problem))
        return f"another file is already at {holder}; it was not replaced"
    if problem.errno == errno.EBUSY:
        return redact(f"{problem.strerror}: {problem.filename}")
    return redact(str(problem)) or type(problem).__name__
