"""A file that one holder at a time may write: between processes, and between two openings in one."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE: Final = 2**30
"""Windows locks bytes, and nobody else may read those: so one that lies behind any content."""


def unlock(descriptor: int) -> None:
    """Give the lock back. Closing the file is not enough: a child that was forked meanwhile holds it open."""
    if sys.platform != "win32":  # where no child inherits it
        with contextlib.suppress(OSError):  # where there are no locks
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def release(descriptor: int) -> None:
    """Give the lock back and close the file."""
    unlock(descriptor)
    os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file until `unlock`; False when somebody else holds it.

    *Raises* any other `OSError`, such as that of a file system which knows no locks.
    """
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
