"""The journal's file: one process at a time, whole writes or none, synced as hard as the system can.

Everything here blocks and runs in the journal's worker thread.  The lock is on a file of its own, which also names
its holder; the system frees it when the process ends, however it ends.  The lock file stays: taking it away would
let two processes hold two locks of the same name.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import socket
import stat
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from .._core.errors import JournalError
from .._core.frozen import frozen
from .._core.journal_accounts import without_account
from .._core.journal_format import Replay, compacted, header_line, read_journal
from .folder import sync_folder
from .locks import release, try_lock
from .network import network_warning
from .wall_clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.lifecycle import JobRecord
    from .._core.salvage import Salvage

if sys.platform == "darwin":
    import fcntl

logger = logging.getLogger("pixverse_async")
folder_logger = logging.getLogger("pixverse_async.folder")
"""For what is the matter with the folder itself: the command line shows it to people."""

COMPACT_ABOVE_BYTES: Final = 2**20
"""Smaller journals are read in 30 ms: nothing is gained."""
COMPACT_RATIO: Final = 4
"""The six lines of a usual life are about twice the one line that they are compacted to."""

_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_OWNER_ONLY: Final = 0o600


@attrs.define(eq=False, repr=False)
class JournalFile:
    """A locked journal, open for appending."""

    path: Path
    _fd: int
    _size: int
    _stack: ExitStack
    _place: Path = attrs.field(init=False)
    """Where it is, whatever directory the program changes to."""

    def __attrs_post_init__(self) -> None:
        self._place = self.path.absolute()

    def write(self, lines: bytes, *, is_durable: bool) -> None:
        """All of the lines or none. *Raises* `OSError`; after that the file must not be written again."""
        self._check_in_place()
        try:
            _write_all(self._fd, lines)
        except OSError:
            os.ftruncate(self._fd, self._size)  # the next line would be glued to half a line
            raise
        self._size += len(lines)
        if is_durable:
            _sync(self._fd)

    def close(self) -> None:
        """Sync and unlock; unlocked even if the sync raises `OSError`."""
        with self._stack:
            _sync(self._fd)

    def _check_in_place(self) -> None:
        found = os.fstat(self._fd)
        # Moved away it could be written for ever, and the next run would know nothing of what was paid.
        if not _is_at(self._place, found):
            raise FileNotFoundError(errno.ENOENT, "it was removed, moved or replaced while in use")
        if found.st_size != self._size:
            raise OSError(errno.EIO, "something else has written to it")


def _is_at(place: Path, facts: os.stat_result) -> bool:
    try:
        return os.path.samestat(place.lstat(), facts)
    except (FileNotFoundError, NotADirectoryError):
        return False


def open_journal(path: Path) -> tuple[JournalFile, Replay]:
    """Lock, read and mend the journal, or make a new one; what a crash tore off is kept in a file beside it.

    *Raises* `JournalError` when another process holds it, the system refuses, or it is damaged.
    """
    try:
        with ExitStack() as stack:
            path.parent.mkdir(parents=True, exist_ok=True)
            if (warning := network_warning(path.parent)) is not None:
                folder_logger.warning(warning)
            stack.callback(release, _lock(path.with_name(f"{path.name}.lock")))
            replay = _prepare(path)
            fd = os.open(path, _FLAGS | os.O_APPEND, _OWNER_ONLY)
            stack.callback(os.close, fd)
            return JournalFile(path, fd, os.fstat(fd).st_size, stack.pop_all()), replay
    except OSError as problem:
        what = f"it cannot be used ({problem.strerror or problem})"
        remedy = "Nothing was sent. See to the folder, or give journal= another path."
        raise JournalError(str(path), what, remedy) from problem


def _prepare(path: Path) -> Replay:
    with ExitStack() as stack:
        fd = os.open(path, _FLAGS | os.O_APPEND, _OWNER_ONLY)
        stack.callback(os.close, fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        data = io.FileIO(fd, closefd=False).readall()
        replay = read_journal(data, str(path))
        if torn := data[replay.good_bytes :]:
            _keep_aside(path, torn)
            os.ftruncate(fd, replay.good_bytes)
        now = utc_now()
        if replay.next_seq == 0:
            _write_all(fd, header_line(now))
        elif replay.ends_open:
            _write_all(fd, b"\n")
        _sync(fd)
    if replay.next_seq == 0:
        _sync_folders(path)
        return attrs.evolve(replay, next_seq=1)
    return _compact(path, replay, now)


@frozen
class Repaired:
    """What `repair_file` found, and where the file as it was is kept; None when nothing was wrong with it."""

    salvage: Salvage
    damaged: Path | None


def repair_file(path: Path) -> Repaired:
    """Write what is whole of the journal into a new file under its name. *Raises* `JournalError` as `open_journal`."""
    from .._core.salvage import salvage  # a damaged journal alone needs it

    try:
        with ExitStack() as stack:
            stack.callback(release, _lock(path.with_name(f"{path.name}.lock")))
            data = path.read_bytes()
            found = salvage(data)
            if found is None:
                remedy = "Nothing was changed. Give the folder that a batch of this version wrote its videos to."
                raise JournalError(str(path), "no line of it can be read as a journal of pixverse_async", remedy)
            if not (found.bad_lines or found.lost_lines or found.mended):
                return Repaired(salvage=found, damaged=None)
            damaged = _aside(path, "damaged")
            _write_new(damaged, data)
            _replace(path, compacted(found.records, utc_now()))
            return Repaired(salvage=found, damaged=damaged)
    except OSError as problem:
        what = f"it cannot be repaired ({problem.strerror or problem})"
        raise JournalError(str(path), what, "See to the folder; the file is as it was.") from problem


def forget_accounts(path: Path) -> int:
    """Write the journal anew without the accounts of its jobs; of how many. *Raises* `JournalError`."""
    file, replay = open_journal(path)
    with ExitStack() as stack:
        stack.callback(file.close)
        records = {key: without_account(record) for key, record in replay.records.items()}
        known = sum(record is not replay.records[key] for key, record in records.items())
        if known:
            _rewrite(path, records)
        return known


def _rewrite(path: Path, records: Mapping[str, JobRecord]) -> None:
    try:
        _replace(path, compacted(records, utc_now()))
    except OSError as problem:
        what = f"it cannot be written ({problem.strerror or problem})"
        raise JournalError(str(path), what, "See to the folder; the file is as it was.") from problem


def _keep_aside(path: Path, torn: bytes) -> None:
    aside = _aside(path, "torn")
    _write_new(aside, torn)
    logger.warning("%s ended in %d bytes of a line that was never finished; kept in %s", path, len(torn), aside)


def _aside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")


def _compact(path: Path, replay: Replay, now: float) -> Replay:
    if replay.good_bytes < COMPACT_ABOVE_BYTES:
        return replay
    lines = compacted(replay.records, now)
    if replay.good_bytes <= COMPACT_RATIO * len(lines):
        return replay
    try:
        draft = _draft(path, lines)
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return replay  # what is there can be read, and what is paid be picked up, on a disk that is almost full
    _move(draft, path)
    return attrs.evolve(replay, next_seq=len(replay.records) + 1, good_bytes=len(lines), ends_open=False)


def _replace(path: Path, lines: bytes) -> None:
    _move(_draft(path, lines), path)


def _draft(path: Path, lines: bytes) -> Path:
    """The new file beside the old one, on disk; nothing of it stays when there is no room."""
    draft = path.with_name(f"{path.name}.tmp")
    draft.unlink(missing_ok=True)  # of a process that was killed here; the lock says that none is at it now
    try:
        _write_new(draft, lines)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _move(draft: Path, path: Path) -> None:
    draft.replace(path)
    _sync_folders(path)


def _write_new(path: Path, data: bytes) -> None:
    with ExitStack() as stack:
        fd = os.open(path, _FLAGS | os.O_EXCL, _OWNER_ONLY)
        stack.callback(os.close, fd)
        _write_all(fd, data)
        _sync(fd)


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _sync(fd: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync there leaves the bytes in the drive's cache
    elif sys.platform == "win32":
        os.fsync(fd)
    else:
        os.fdatasync(fd)


def _sync_folders(path: Path) -> None:
    """Make the name durable, and the folder's own name: it may have been made a moment ago."""
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)


def _lock(path: Path) -> int:
    with ExitStack() as stack:
        fd = os.open(path, _FLAGS, _OWNER_ONLY)
        stack.callback(os.close, fd)
        if not try_lock(fd):
            raise _locked_by_another(path, os.read(fd, 4096))
        os.ftruncate(fd, 0)
        _write_all(fd, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode() + b"\n")
        stack.pop_all()
        return fd


def _locked_by_another(path: Path, note: bytes) -> JournalError:
    try:
        holder = json.loads(note)
        who = f"process {holder['pid']} on {holder['host']}"
    except (ValueError, LookupError, TypeError):
        who = "another run"
    return JournalError(
        str(path),
        f"{who} is working on this folder",
        "Wait for it to end or end it, or use another output folder. Nothing was sent.",
    )
