"""Where finished videos land: what the pipeline needs of a place.

A sink hands out a `Part` for a name.  Bytes go into the part; only `commit` makes them appear under the name, all
at once, or not at all.  A part that is closed without commit keeps its bytes for the next try, in this process
or another, together with the version of the object that they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .._core.mp4 import Bytes


class Part(Protocol):
    """A file that is being received. One download owns it; its methods never run at the same time.

    Every method may raise `OSError`, which means that the place cannot take the file now.

    >>> import asyncio, tempfile
    >>> from pixverse_async import DirectorySink
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
        """Call `feed`, on a worker thread, with the bytes that were received, in order."""
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
    """Where finished videos land. Give your own as `sink=`; with an `OSError` it says that the place fails.

    >>> import asyncio
    >>> from pixverse_async import DirectorySink
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
        """Where the video is now for which `commit` once returned `place`; None when it is gone or changed.

        It is told by its size, and by its hash in hex if one is given.
        """
        ...
