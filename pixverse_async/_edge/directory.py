"""The sink that is a folder of this machine.

The folder's part is `cat.mp4.part` beside `cat.mp4`, opened so that a link planted there is not followed. Its
commit syncs the file, publishes it by a hard link, which never replaces a file, and syncs the folder: one sync
of the folder serves all commits that wait for one.

A hop to a worker thread costs as much as half a megabyte's hash, so a video that arrives in one aggregate takes
one: its part is made, hashed, judged, synced and published there, to the sync of the folder. A longer one is
appended through aiofiles.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import aiofiles.threadpool
import attrs

from .._core.errors import ConfigError
from .._core.integrity import Check, Flaw
from .._core.mp4 import Bytes
from .._core.names import stem_identity
from .folder import is_whole, sync_folder, try_folder
from .part_file import PartFile, names_in, open_part
from .threads import in_thread, to_its_end

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncFileIO


@attrs.define(eq=False)
class DirectorySink:
    """A folder on this machine; made when it does not exist.

    >>> import asyncio, tempfile
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
    _place: Path = attrs.field(init=False)
    """Where it is, whatever directory the program changes to."""
    _sync: FolderSync = attrs.field(init=False)
    _names: set[str] = attrs.field(factory=set[str], init=False)
    """Under which something may lie, a part of an earlier try too."""
    _has_looked: bool = attrs.field(default=False, init=False)
    """Nothing lies under any other name, as far as is known."""

    def __attrs_post_init__(self) -> None:
        self._place = self.folder.absolute()
        self._sync = FolderSync(self._place)

    async def prepare(self) -> None:
        """See `Sink.prepare`: makes the folder, and tries it with a file that is removed at once."""
        try:
            await in_thread(try_folder, self._place)
            found = await in_thread(names_in, self._place)
        except OSError as problem:
            remedy = "Give a folder that can be written to."
            raise ConfigError("output_dir", f"{self.folder}: {_no_folder(problem)}", remedy) from problem
        self._names |= found
        self._has_looked = True

    async def open(self, name: str) -> DirectoryPart:
        """See `Sink.open`. *Raises* `ConfigError` for a name that would leave the folder."""
        part = DirectoryPart(self._inside(name), self._sync, str(self.folder / name), self._distrust)
        if self._may_hold(name):
            await part.take_up()
        self._names.add(stem_identity(name))
        return part

    async def exists(self, name: str) -> bool:
        """See `Sink.exists`: a dangling link has the name too.

        A name that was free when the folder was prepared is not looked for again, which would cost a hop to a thread
        for each job: a file that came since is not replaced by `commit`, and from then on every name is looked for.
        """
        path = self._inside(name)
        return self._may_hold(name) and await in_thread(os.path.lexists, path)

    def _may_hold(self, name: str) -> bool:
        return not self._has_looked or stem_identity(name) in self._names

    def _distrust(self) -> None:
        """Somebody else makes files here."""
        self._has_looked = False

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        """See `Sink.find`; the folder may have been moved. A second for each GB when the hash is compared."""
        name = PurePath(place).name
        is_there = await in_thread(is_whole, self._place / name, size_bytes, sha256)
        return str(self.folder / name) if is_there else None

    def _inside(self, name: str) -> Path:
        if name in ("", ".", "..") or any(char in name for char in "/\\\0"):
            raise ConfigError("name", f"{name!r} is not the name of a file in {self.folder}", "Use a plain name.")
        return self._place / name


def _no_folder(problem: OSError) -> str | None:
    """Why there is no folder, in words; "File exists" would sound as if there were nothing wrong."""
    match problem:
        case FileExistsError():
            return "it exists and is not a folder"
        case NotADirectoryError():
            return "a part of the path is not a folder"
        case _:
            return problem.strerror


@attrs.define(eq=False, repr=False)
class FolderSync:
    """Makes new names in a folder durable, on worker threads: one sync serves all names made before it began.

    Of those who wait, one thread syncs and one is the next to; the others' threads are free for other work.

    The kernel tells a failure once and forgets it: the next sync succeeds, though what could not be written is not on
    the disk. So a failure is told to everybody whose name was made before it, whichever sync serves them.
    """

    _folder: Path
    _sync: Callable[[Path], None] = sync_folder
    _failures: int = 0
    _failure: Exception | None = None
    """The last of them."""
    _waiting: list[tuple[int, Future[None]]] = attrs.field(factory=list[tuple[int, "Future[None]"]])
    """For a sync that has not begun; with how many had failed before the name was made."""
    _joining: threading.Lock = attrs.field(factory=threading.Lock)
    _syncing: threading.Lock = attrs.field(factory=threading.Lock)

    def publish(self, give_name: Callable[[], None]) -> Future[None]:
        """Give a name, and make it durable: by this thread, or the future says when another did. *Raises* `OSError`."""
        before, named = self._failures, Future[None]()
        give_name()
        with self._joining:
            is_first = not self._waiting
            self._waiting.append((before, named))
        if is_first:
            with self._syncing:
                self._serve()
        return named

    def _serve(self) -> None:
        with self._joining:
            served, self._waiting = self._waiting, []
        try:
            self._sync(self._folder)
        except Exception as problem:  # noqa: BLE001  whatever it is: those who wait would not hear of it otherwise
            self._failure = problem
            self._failures += 1
        for before, named in served:
            if self._failure is None or before == self._failures:
                named.set_result(None)
            else:
                named.set_exception(_anew(self._failure, self._folder))


def _anew(failure: Exception, folder: Path) -> Exception:
    """The failure once more: each commit that it is told to adds its own traceback."""
    if isinstance(failure, OSError):
        return OSError(failure.errno, failure.strerror, str(folder))
    return failure


async def _durable(named: Future[None]) -> None:
    if named.done():
        named.result()
    else:
        await to_its_end(asyncio.wrap_future(named))


def _fed(pieces: Sequence[bytes], feed: Callable[[Bytes], None]) -> Iterator[bytes]:
    """The pieces, each fed when it is taken: by the thread that writes."""
    for piece in pieces:
        feed(piece)
        yield piece


@attrs.define(eq=False, repr=False)
class DirectoryPart:
    """See `Part`: a file beside its final name, made with its first byte unless it was there."""

    _path: Path
    _sync: FolderSync
    place: str
    """What `commit` returns."""
    _on_taken: Callable[[], None]
    """Called when another file has the name."""
    _validator: str | None = attrs.field(default=None, init=False)
    _file: PartFile | None = attrs.field(default=None, init=False)
    _async_file: AsyncFileIO | None = attrs.field(default=None, init=False)
    """The same, whose methods run on a worker thread."""
    _is_kept: bool = attrs.field(default=True, init=False)
    """False once committed or discarded: nothing is left for another try."""

    @property
    def received_bytes(self) -> int:
        """See `Part.received_bytes`."""
        return 0 if self._file is None else self._file.received_bytes

    @property
    def validator(self) -> str | None:
        """See `Part.validator`."""
        return self._validator if self._file is None else self._file.validator

    async def take_up(self) -> None:
        """Open what an earlier try left. Cancelled: closed again, since nobody else would."""
        with ExitStack() as undo:
            undo.callback(self._close)
            await in_thread(self._take_up)
            undo.pop_all()

    def _take_up(self) -> None:
        self._file = open_part(self._path)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> PartFile:
        """The file, made if need be; bytes that another process has put there since are of no use here."""
        if self._file is None:
            self._file = open_part(self._path)
            if self._file.received_bytes:
                self._file.restart(self._validator)
            self._file.validator = self._validator
        return self._file

    async def restart(self, validator: str | None) -> None:
        """See `Part.restart`."""
        self._validator = validator
        if self._file is None:
            return
        if self._file.received_bytes or self._file.is_noted:
            await in_thread(self._file.restart, validator)
        self._file.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        """See `Part.write`. One hop to a worker thread, however many the pieces."""
        await self.hash_and_write(pieces, lambda _: None)

    async def hash_and_write(self, pieces: Sequence[bytes], feed: Callable[[Bytes], None]) -> None:
        """Call `feed` with each piece, and append it: in one hop, since a second one costs as much as the hash."""
        file = self._async_file
        if file is None:
            file = self._async_file = aiofiles.threadpool.wrap(self._file or await in_thread(self._begin))
        await file.writelines(_fed(pieces, feed))

    async def finish(
        self, pieces: Sequence[bytes], check: Check, find_flaw: Callable[[], Flaw | None]
    ) -> Flaw | None:
        """Hash and append the last pieces, and commit unless there is a flaw: in one hop.

        `find_flaw` judges the whole file, on the worker thread.
        """
        end = await in_thread(self._finish, pieces, check, find_flaw)
        return await _durable(end) if isinstance(end, Future) else end

    def _finish(
        self, pieces: Sequence[bytes], check: Check, find_flaw: Callable[[], Flaw | None]
    ) -> Flaw | Future[None]:
        self._begin().writelines(_fed(pieces, check.feed))
        flaw = find_flaw()
        return self._publish(check.received_bytes, check.sha256) if flaw is None else flaw

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        """See `Part.replay`."""
        if self._file is not None:
            await in_thread(self._file.replay, feed)

    async def commit(self, size_bytes: int, sha256: str) -> str:
        """See `Part.commit`. A failed sync is never repeated: the bytes are dropped and fetched again."""
        await _durable(await in_thread(self._publish, size_bytes, sha256))
        return self.place

    def _publish(self, size_bytes: int, sha256: str) -> Future[None]:
        self._is_kept = False
        file = self._begin()
        try:
            file.sync()
        except OSError:
            file.remove()
            raise
        try:
            return self._sync.publish(partial(file.publish, size_bytes, sha256))
        except FileExistsError:
            file.remove()  # under another name it is fetched anew
            self._on_taken()
            raise
        except OSError:
            self._is_kept = True
            raise

    async def discard(self) -> None:
        """See `Part.discard`."""
        self._is_kept = False
        if self._file is not None:
            await in_thread(self._file.remove)

    async def aclose(self) -> None:
        """See `Part.aclose`. A part that holds nothing is removed."""
        file = self._file
        if file is None:
            return
        with suppress(OSError):
            if self._is_kept:
                await (in_thread(file.write_note) if file.received_bytes else self.discard())
        if not file.closed:
            with suppress(OSError):
                await in_thread(file.close)
