"""The blocking half of the folder sink: what it does on worker threads, one function for each hop.

A download has three files: the final name, `.part` beside it, and from 4 MiB on `.part.version`, a note of which
version of the object the part's bytes are of.  Nothing planted under these names is followed or written through:
a part is taken up only when it is a plain file with no other name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from .._core.mp4 import Bytes

NOTE_CHARS: Final = 300
"""Longer than any ETag in use: Google's and S3's are of 34 characters."""
READ_BYTES: Final = 2**20
_FILE_MODE: Final = 0o644
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
# What file systems without hard links answer: FAT and exFAT, some network and FUSE mounts.
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


@attrs.define(eq=False)
class PartFiles:
    """The files of one download. `received_bytes` and `validator` are what `open_safely` found."""

    final_path: Path
    received_bytes: int = 0
    validator: str | None = None

    @property
    def part_path(self) -> Path:
        return self.final_path.with_name(self.final_path.name + ".part")

    @property
    def note_path(self) -> Path:
        return self.final_path.with_name(self.final_path.name + ".part.version")

    def open_safely(self, path: str, flags: int) -> int:
        """An opener: what an earlier try left is taken up if it is a plain file of ours, else replaced."""
        try:
            return self._reopen(path, flags)
        except FileNotFoundError:
            pass
        except OSError as problem:
            if problem.errno not in (errno.ELOOP, errno.EMLINK):
                raise
            self.part_path.unlink()
        return os.open(path, flags | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, _FILE_MODE)

    def _reopen(self, path: str, flags: int) -> int:
        descriptor = os.open(path, flags & ~os.O_CREAT | _NO_FOLLOW)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            # Two names: a run was killed while it published, and these bytes are a finished video's.
            os.close(descriptor)
            raise OSError(errno.EMLINK, "not a plain file", path)
        self.validator = self._read_note()
        if self.validator is None:
            os.ftruncate(descriptor, 0)
        else:
            self.received_bytes = facts.st_size
        return descriptor

    def _read_note(self) -> str | None:
        try:
            descriptor = os.open(self.note_path, os.O_RDONLY | _NO_FOLLOW)
        except OSError:
            return None
        try:
            text = os.read(descriptor, NOTE_CHARS).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
        return text if text and text.isprintable() else None

    def write_note(self) -> None:
        self.remove_note()
        if self.validator is not None:
            with self.note_path.open("x", encoding="utf-8") as note:
                note.write(self.validator)

    def replay(self, descriptor: int, feed: Callable[[Bytes], None]) -> None:
        """Feed what the part holds, in pieces that one reading fills."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        left_bytes = self.received_bytes
        while left_bytes and (data := os.read(descriptor, min(READ_BYTES, left_bytes))):
            feed(data)
            left_bytes -= len(data)

    def remove_note(self) -> None:
        self.note_path.unlink(missing_ok=True)

    def remove(self) -> None:
        self.remove_note()
        self.part_path.unlink(missing_ok=True)

    def publish(self) -> None:
        try:
            os.link(self.part_path, self.final_path, follow_symlinks=False)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            if os.path.lexists(self.final_path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final_path)) from problem
            self.part_path.replace(self.final_path)
        else:
            self.part_path.unlink()

    def publish_once(self, size_bytes: int, sha256: str) -> None:
        """Publish, unless the very same file is there already."""
        try:
            self.publish()
        except FileExistsError:
            if not is_whole(self.final_path, size_bytes, sha256):
                raise
            self.part_path.unlink()
        self.remove_note()


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
    """Make the folder's names durable; nothing on Windows, which cannot and need not."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_folder(folder: Path) -> None:
    """Make the folder, and a file in it that is removed at once. *Raises* `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"x")
