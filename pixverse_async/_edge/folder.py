"""What is done to the folder of videos as a whole, on worker threads."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

_NO_SYNC: Final = frozenset({errno.EINVAL, errno.EACCES})
"""Some file systems know no sync of a folder, such as VirtualBox's; and to write in it is not to read it."""


def is_whole(path: Path, size_bytes: int, sha256: str | None) -> bool:
    """True for a plain file of this size and, when a hash is given, of this content."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != size_bytes:
            return False
        if sha256 is None:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def sync_folder(folder: Path) -> None:
    """Make the folder's names durable, where that can be asked for. *Raises* `OSError` when it fails."""
    try:
        sync_path(folder)
    except OSError as problem:
        if problem.errno not in _NO_SYNC:
            raise


def sync_path(path: Path) -> None:
    """Bring what lies there to the disk. *Raises* `OSError`. Not on Windows, which syncs only what may be written."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_folder(folder: Path) -> None:
    """Make the folder, and a file in it that is removed at once. *Raises* `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"x")
