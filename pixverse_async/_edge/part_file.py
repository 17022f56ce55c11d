"""One download's part of a file, on worker threads: one method for each hop.

A download has three files: the final name, `.part` beside it, and `.part.version`, a note of which version of the
object the part's bytes are of.  Nothing planted under these names is followed or written through: a part is taken
up only when it is a plain file with no other name.  And only one download at a time writes a part: it is locked from
its opening until its name is gone, since two that append to one file would make a video of neither.

A cancelled task cannot stop its thread, so a write may still run when the file is closed: a lock makes the
closing wait for it, and what it wrote is counted by whoever opens the part next.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._core.integrity import HOLE_BYTES
from .._core.mp4 import Bytes
from .._core.names import stem_identity
from .folder import is_whole, sync_path
from .locks import release, try_lock, unlock

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PART_SUFFIX: Final = ".part"
NOTE_AFTER_BYTES: Final = 4 * 2**20
"""From here on the version is noted beside the part, so that even a killed process can go on from its bytes.
Less is fetched again in a second, and a note would cost as much as the rest of the bookkeeping."""
NOTE_CHARS: Final = 300
"""Longer than any ETag in use: Google's and S3's are of 34 characters."""
READ_BYTES: Final = 2**20
WRITE_BYTES: Final = 2**19
"""At once at most, in as many pieces as came: a write of 1 MiB takes twice the CPU of two of half (ext4 on Linux 6.18),
and each one is a wait for Python's lock (benchmarks/README.md)."""
WRITE_PIECES: Final = 64
"""Linux takes 1,024 at once."""
_FILE_MODE: Final = 0o644
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES}
)
"""What is answered where there are no hard links: by FAT and exFAT, some network and FUSE mounts; EINVAL is Python's
word for Windows' "incorrect function", on the same disks; EACCES is Android's, which lets no program make one."""
_NO_LOCKS: Final = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL})
_IN_USE: Final = "another download is saving to the same name"
_OPENINGS: Final = 100
"""Each is in vain only when another download has published or removed the part at that very moment."""
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
"""A pipe would otherwise be waited for until somebody writes to it, on a thread that nobody can stop."""


class PartFile(io.FileIO):
    """The part of one download, open for appending. Every method may raise `OSError`.

    `received_bytes` and `validator` begin as what an earlier try left, less its last bytes if they fill no sector.
    `link` is how a file gets its name.
    """

    def __init__(self, final_path: Path, link: Callable[[Path, Path], None] = os.link) -> None:
        self.final_path = final_path
        self.part_path = final_path.with_name(final_path.name + PART_SUFFIX)
        self.received_bytes = 0
        self.validator: str | None = None
        self.is_noted = False
        """Whether the version stands in the note."""
        self._may_have_note = False
        """Whether there may be one at all: not beside a part that is new. A disk that fills up leaves an empty one."""
        self._link = link
        self._busy = threading.RLock()
        self._opened_by = os.getpid()
        super().__init__(str(self.part_path), "r+", opener=self._open_safely)

    @property
    def note_path(self) -> Path:
        """Where the version is noted."""
        return self.part_path.with_name(self.part_path.name + ".version")

    def _open_safely(self, path: str, flags: int) -> int:
        for _ in range(_OPENINGS):
            descriptor = self._opened(path, flags)
            if descriptor is None:
                continue
            with contextlib.ExitStack() as undo:
                undo.callback(release, descriptor)
                _lock(descriptor, path)
                facts = self._facts(descriptor)
                if facts is not None and self._take_up(descriptor, facts):
                    undo.pop_all()
                    return descriptor
        raise OSError(errno.EBUSY, _IN_USE, path)

    def _opened(self, path: str, flags: int) -> int | None:
        """The part, made if need be; None when it went in between, or was a planted link and is gone now."""
        with contextlib.suppress(FileExistsError):
            self._may_have_note = False
            return os.open(path, flags | os.O_APPEND | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, _FILE_MODE)
        try:
            self._may_have_note = True
            return os.open(path, flags | os.O_APPEND | _NO_FOLLOW)
        except FileNotFoundError:
            return None
        except OSError as problem:
            if problem.errno not in (errno.ELOOP, errno.EMLINK):
                raise
        self.part_path.unlink(missing_ok=True)
        return None

    def _facts(self, descriptor: int) -> os.stat_result | None:
        """Those of the file that was opened; None when its name leads elsewhere since: it was published or removed."""
        facts = os.fstat(descriptor)
        try:
            return facts if os.path.samestat(facts, self.part_path.lstat()) else None
        except FileNotFoundError:
            return None

    def _take_up(self, descriptor: int, facts: os.stat_result) -> bool:
        """Begin with what an earlier try left; False, and the name is gone, when that is not a part."""
        if not self._may_have_note and facts.st_size == 0:
            return True  # made a moment ago, and by nobody else written since
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            # Two names: a run was killed while it published, and these bytes are a finished video's.
            self.part_path.unlink()
            return False
        self.validator = self._read_note()
        self.is_noted = self.validator is not None
        if self.is_noted:
            # The last page may be lost in a power cut as any other, and the zeros of less than a sector are no sign.
            self.received_bytes = facts.st_size - facts.st_size % HOLE_BYTES
        os.ftruncate(descriptor, self.received_bytes)
        return True

    def _read_note(self) -> str | None:
        try:
            descriptor = os.open(self.note_path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            text = os.read(descriptor, NOTE_CHARS).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
        return text if text and text.isprintable() else None

    def write(self, data: ReadableBuffer, /) -> int:
        """Append all of it."""
        self.writelines([data])
        return len(memoryview(data))

    def writelines(self, lines: Iterable[ReadableBuffer], /) -> None:
        """Append them all; the first that make it long leave a note."""
        with self._busy:
            for group in _groups(lines):
                self._append(group)
            if self.received_bytes >= NOTE_AFTER_BYTES:
                self.write_note()

    def _append(self, group: list[memoryview]) -> None:
        """A disk that fills up takes a part first, and refuses then: what it took is counted."""
        while group:
            written = _write(self.fileno(), group)
            self.received_bytes += written
            group = rest_of(group, written)

    def close(self) -> None:
        """Wait for a write that still runs, and release the file."""
        with self._busy:
            if not self.closed and os.getpid() == self._opened_by:  # a forked child has the same lock, not its own
                unlock(self.fileno())
            super().close()

    def restart(self, validator: str | None) -> None:
        """Forget all bytes. The note goes first: no version's name may stand beside the bytes of another."""
        with self._busy:
            self.note_path.unlink(missing_ok=True)
            self._may_have_note = False
            os.ftruncate(self.fileno(), 0)
            self.received_bytes, self.validator, self.is_noted = 0, validator, False

    def write_note(self) -> None:
        """Note the version, so that another process can go on from these bytes; once is enough."""
        if self.is_noted:
            return
        self._may_have_note = True
        self.note_path.unlink(missing_ok=True)
        if self.validator is not None:
            with self.note_path.open("x", encoding="utf-8") as note:
                note.write(self.validator)
        self.is_noted = True

    def replay(self, feed: Callable[[Bytes], None]) -> None:
        """Feed what the part holds, in pieces that one reading fills."""
        left_bytes = self.received_bytes
        self.seek(0)
        while left_bytes and (data := self.read(min(READ_BYTES, left_bytes))):
            feed(data)
            left_bytes -= len(data)

    def sync(self) -> None:
        """Bring the bytes to the disk."""
        os.fsync(self.fileno())

    def publish(self, size_bytes: int, sha256: str) -> None:
        """Give it the final name, which nothing else may have, unless it is the very same file; and close it."""
        facts = self._facts(self.fileno())
        if facts is None or facts.st_size != size_bytes:
            self.part_path.lstat()  # which says so when it was taken away
            # Where there are no locks, as on some network file systems.
            raise OSError(errno.EBUSY, _IN_USE, str(self.part_path))
        self._close_on_windows()
        try:
            self._name()
        except FileExistsError:
            if not is_whole(self.final_path, size_bytes, sha256):
                raise
            sync_path(self.final_path)  # it need not be on the disk: somebody may have copied it here a moment ago
        self.remove()

    def _name(self) -> None:
        try:
            self._link(self.part_path, self.final_path)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            if os.path.lexists(self.final_path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final_path)) from problem
            self.part_path.rename(self.final_path)  # not `replace`: on Windows this one replaces nothing

    def remove(self) -> None:
        """Leave nothing of the part behind. The note goes first, as in `restart`; the lock last."""
        with self._busy:
            self._close_on_windows()
            if self._may_have_note:
                self.note_path.unlink(missing_ok=True)
            self.part_path.unlink(missing_ok=True)
            self.close()

    def _close_on_windows(self) -> None:
        """Windows neither renames nor removes an open file."""
        if os.name == "nt":
            self.close()


def _groups(lines: Iterable[ReadableBuffer]) -> Iterator[list[memoryview]]:
    """The lines in order, in groups that one write may take."""
    group, size_bytes = list[memoryview](), 0
    for line in lines:
        view = memoryview(line)
        for start in range(0, len(view), WRITE_BYTES):
            piece = view[start : start + WRITE_BYTES]
            if size_bytes + len(piece) > WRITE_BYTES or len(group) == WRITE_PIECES:
                yield group
                group, size_bytes = [], 0
            group.append(piece)
            size_bytes += len(piece)
    if group:
        yield group


def _write(descriptor: int, group: list[memoryview]) -> int:
    # Windows cannot write several at once.
    return os.writev(descriptor, group) if hasattr(os, "writev") else os.write(descriptor, b"".join(group))


def rest_of(group: list[memoryview], written: int) -> list[memoryview]:
    """What is left to write of a group.

    >>> [bytes(view) for view in rest_of([memoryview(b"cat"), memoryview(b"and"), memoryview(b"dog")], 4)]
    [b'nd', b'dog']
    """
    for number, view in enumerate(group):
        if written < len(view):
            return [view[written:], *group[number + 1 :]]
        written -= len(view)
    return []


def _lock(descriptor: int, path: str) -> None:
    """*Raises* `OSError` when another download holds it. Where there are no locks, `publish` looks at the size."""
    try:
        is_locked = try_lock(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_LOCKS:
            raise
        return
    if not is_locked:
        raise OSError(errno.EBUSY, _IN_USE, path)


def open_part(final_path: Path) -> PartFile:
    """The part of this file; its folder is made when it was taken away."""
    try:
        return PartFile(final_path)
    except FileNotFoundError as problem:
        try:
            final_path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            # A link to a disk that was taken out. Nobody has the video's name: to look for another is of no use.
            raise problem from None
        return PartFile(final_path)


def names_in(folder: Path) -> set[str]:
    """The names of the folder's files, and those that an earlier run left a part of, as `stem_identity` has them."""
    found = [path.name for path in folder.iterdir()]
    return {stem_identity(name) for name in (*found, *(name.removesuffix(PART_SUFFIX) for name in found))}
