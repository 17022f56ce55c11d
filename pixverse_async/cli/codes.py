"""Exit codes: the numbers of PixVerse's own command line from 0 to 7, and two that a batch needs."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    GENERAL = 1
    TIMEOUT = 2
    AUTH = 3
    CREDIT = 4
    FAILED = 5
    INVALID = 6
    LIMITED = 7
    PARTIAL = 8
    UNKNOWN = 9
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "everything asked for is done",
    Exit.GENERAL: "something else: the disk, the network, a damaged journal, a missing extra",
    Exit.TIMEOUT: "still running when the waiting ended; nothing is lost, resume later",
    Exit.AUTH: "the key is missing or refused",
    Exit.CREDIT: "no credit left, or the budget has no room",
    Exit.FAILED: "the service made no video",
    Exit.INVALID: "wrong input: an option, a file, a row; nothing was sent for it",
    Exit.LIMITED: "refused by rate; wait and run it again",
    Exit.PARTIAL: "some videos are there and some are not",
    Exit.UNKNOWN: "at least one submit has an unknown fate and is held: see `status`",
    Exit.INTERRUPTED: "Ctrl-C; `resume` goes on",
    Exit.TERMINATED: "SIGTERM; `resume` goes on",
}


def table() -> str:
    """The codes as lines of a help text.

    >>> print(table().splitlines()[0].strip())
    0  everything asked for is done
    """
    return "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
