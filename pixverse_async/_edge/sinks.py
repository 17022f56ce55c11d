"""Where finished videos land: the `Sink` protocol, and the sink that is a folder.

A sink hands out a `Part` for a name.  Bytes go into the part; only `commit` makes them appear under the name, all
at once, or not at all.  A part that is closed without commit keeps its bytes for the next try, in this process
or another, together with the version of the object that they are of.

The folder's part is `cat.mp4.part` beside `cat.mp4`, opened so that a link planted there is not followed. Its
commit syncs the file, publishes it by a hard link, which never replaces a file, and syncs the folder: one sync
of the folder serves all commits that wait for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

import aiofiles.threadpool
import anyio
import attrs

from .._core.errors import ConfigError
from .._core.mp4 import Bytes
from .folder import PartFile, is_whole, sync_folder, try_folder

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncFileIO

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


async def in_thread(work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
    """Do blocking work on a worker thread, to its end: a cancellation waits, since a thread cannot be stopped.

    Otherwise the next run of the same name could meet a thread of the last one at the same file.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            with anyio.CancelScope(shield=True):
                await asyncio.wait([running])


class Part(Protocol):
    """A file that is being received. One download owns it; its methods never run at the same time.

    Every method may raise `OSError`, which means that the place cannot take the file now.

    >>> import tempfile
    >>> async def receive(part: Part) -> int:
    ...     await part.restart(validator='"etag-1"')
    ...     await part.write([b"half a ", b"video"])
    ...     held = part.received_bytes
    ...     await part.discard()
    ...     await part.aclose()
    ...     return held
    >>> async def main(folder: str) -> int:
    ...     return await receive(await DirectorySink(folder).open("cat.mp4"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder))
    12
    """

    @property
    def received_bytes(self) -> int:
        """How many bytes it holds, those of an earlier try included."""
        ...

    @property
    def validator(self) -> str | None:
        """What was given to `restart` by whoever wrote those bytes; None: they are of no use."""
        ...

    async def restart(self, validator: str | None) -> None:
        """Forget all bytes; those that follow are of the version that `validator` names."""
        ...

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append the pieces, which are of about 2 MiB together. Not cancelled half-way."""
        ...

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        """Call `feed`, on a worker thread, with the bytes that are held, in order."""
        ...

    async def commit(self, size_bytes: int, sha256: str) -> str:
        """Make the file appear under its name, whole and durable; returns the place as the user knows it.

        A file of the same content that is there already is taken for this one (a run was killed between commit
        and record). *Raises* `FileExistsError` when another file has the name: it is never replaced.
        """
        ...

    async def discard(self) -> None:
        """Forget the bytes and leave nothing behind."""
        ...

    async def aclose(self) -> None:
        """Release what is open; unless committed or discarded, keep the bytes for another try. Never raises."""
        ...


class Sink(Protocol):
    """Where finished videos land. Give your own as `sink=`; `OSError` is its way to say that a place fails.

    >>> async def is_free(sink: Sink, name: str) -> bool:
    ...     return not await sink.exists(name)
    >>> asyncio.run(is_free(DirectorySink("/nowhere"), "cat.mp4"))
    True
    """

    async def prepare(self) -> None:
        """Called once, before anything is paid. *Raises* `ConfigError` when nothing could be saved."""
        ...

    async def open(self, name: str) -> Part:
        """The part of a file name such as `cat.mp4`, with what an earlier try left in it."""
        ...

    async def exists(self, name: str) -> bool:
        """True when something has the name already."""
        ...

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        """Where that is now which `commit` once returned, if it is whole: by its size, and its hash if one is given.

        None when it is gone or changed.
        """
        ...


@attrs.define(eq=False)
class DirectorySink:
    """A folder on this machine; made when it does not exist.

    >>> import tempfile
    >>> async def receive(folder: str) -> str:
    ...     sink = DirectorySink(folder)
    ...     await sink.prepare()
    ...     part = await sink.open("cat.mp4")
    ...     await part.write([b"half a ", b"video"])
    ...     place = await part.commit(12, "")
    ...     await part.aclose()
    ...     return Path(place).read_text()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(receive(folder))
    'half a video'
    """

    folder: Path = attrs.field(converter=Path)
    _sync: FolderSync = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._sync = FolderSync(self.folder)

    async def prepare(self) -> None:
        """See `Sink.prepare`: makes the folder, and tries it with a file that is removed at once."""
        try:
            await in_thread(try_folder, self.folder)
        except OSError as problem:
            remedy = "Give a folder that can be written to."
            raise ConfigError("output_dir", f"{self.folder}: {problem.strerror}", remedy) from problem

    async def open(self, name: str) -> DirectoryPart:
        """See `Sink.open`. *Raises* `ConfigError` for a name that would leave the folder."""
        opened: list[PartFile] = []
        path = self._inside(name)
        try:
            await in_thread(lambda: opened.append(_open_part(path)))
            file = opened.pop()
        finally:
            # Cancelled: the thread has opened it all the same, and nobody else will close it.
            for unused in opened:
                unused.close()
        return DirectoryPart(file, aiofiles.threadpool.wrap(file), self._sync)

    async def exists(self, name: str) -> bool:
        """See `Sink.exists`: a dangling link has the name too."""
        return await in_thread(os.path.lexists, self._inside(name))

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        """See `Sink.find`; the folder may have been moved. A second for each GB when the hash is compared."""
        path = self.folder / PurePath(place).name
        return str(path) if await in_thread(is_whole, path, size_bytes, sha256) else None

    def _inside(self, name: str) -> Path:
        if name in ("", ".", "..") or any(char in name for char in "/\\\0"):
            raise ConfigError("name", f"{name!r} is not the name of a file in {self.folder}", "Use a plain name.")
        return self.folder / name


@attrs.define(eq=False, repr=False)
class FolderSync:
    """Makes new names in a folder durable: one sync serves all who asked before it began."""

    _folder: Path
    syncs: int = 0
    """How many were done: never more than there were callers."""
    _asked: int = 0
    _served: int = 0
    # anyio loads what is asked for, when it is
    _lock: anyio.Lock = attrs.field(factory=lambda: anyio.Lock())

    async def __call__(self) -> None:
        """Return when every name that the caller made is on the disk."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._served >= mine:
                return
            serving = self._asked
            await in_thread(sync_folder, self._folder)
            self._served, self.syncs = serving, self.syncs + 1


def _open_part(final_path: Path) -> PartFile:
    final_path.parent.mkdir(parents=True, exist_ok=True)
    return PartFile(final_path)


def _fed(pieces: Sequence[bytes], feed: Callable[[Bytes], None]) -> Iterator[bytes]:
    """The pieces, each fed when it is taken: by the thread that writes."""
    for piece in pieces:
        feed(piece)
        yield piece


@attrs.define(eq=False, repr=False)
class DirectoryPart:
    """See `Part`: a file beside its final name."""

    _file: PartFile
    _async_file: AsyncFileIO
    """The same, whose methods run on a worker thread."""
    _sync: FolderSync
    _is_kept: bool = True
    """False once committed or discarded: nothing is left for another try."""

    @property
    def received_bytes(self) -> int:
        """See `Part.received_bytes`."""
        return self._file.received_bytes

    @property
    def validator(self) -> str | None:
        """See `Part.validator`."""
        return self._file.validator

    async def restart(self, validator: str | None) -> None:
        """See `Part.restart`."""
        if self.received_bytes or self._file.is_noted:
            await in_thread(self._file.restart, validator)
        self._file.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        """See `Part.write`. One hop to a worker thread, however many the pieces."""
        await self.hash_and_write(pieces, lambda _: None)

    async def hash_and_write(self, pieces: Sequence[bytes], feed: Callable[[Bytes], None]) -> None:
        """Call `feed` with each piece, and append it: in one hop, since a second one costs as much as the hash."""
        await self._async_file.writelines(_fed(pieces, feed))

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        """See `Part.replay`."""
        await in_thread(self._file.replay, feed)

    async def commit(self, size_bytes: int, sha256: str) -> str:
        """See `Part.commit`. A failed sync is never repeated: the bytes are dropped and fetched again."""
        self._is_kept = False
        await in_thread(self._publish, size_bytes, sha256)
        await self._sync()
        return str(self._file.final_path)

    def _publish(self, size_bytes: int, sha256: str) -> None:
        try:
            self._file.sync()
        except OSError:
            self._file.remove()
            raise
        try:
            self._file.publish(size_bytes, sha256)
        except OSError:
            self._is_kept = True
            raise

    async def discard(self) -> None:
        """See `Part.discard`."""
        self._is_kept = False
        await in_thread(self._file.remove)

    async def aclose(self) -> None:
        """See `Part.aclose`. A part that holds nothing is removed."""
        with contextlib.suppress(OSError):
            if self._is_kept:
                await (in_thread(self._file.write_note) if self.received_bytes else self.discard())
        if not self._file.closed:
            with contextlib.suppress(OSError):
                await self._async_file.close()
