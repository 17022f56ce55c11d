"""Videos in an object store (S3, Google Cloud Storage, Azure, a folder): a sink over a store of obstore's.

    from obstore.store import S3Store

    sink = object_store_sink(S3Store("my-bucket", region="eu-central-1"), prefix="videos")
    batch = await generate_many(jobs, sink=sink, journal="videos.jsonl")

Needs the extra `cloud`. The store's credentials are obstore's affair: from the environment, or as given to the store.
The journal stays on a local disk; its path is given, since a sink has no folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import TypeVar

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from . import OnePieceSink

T = TypeVar("T")


def object_store_sink(store: ObjectStore, *, prefix: str = "") -> OnePieceSink:
    """A sink whose videos are objects `prefix/name.mp4`; that key is an outcome's `path`. Give it as `sink=`.

    A video is put under the condition that its key is free, so that no object is ever replaced; one of the same content
    that is there already counts as saved, one of another content fails that job alone. A later run takes a video for
    kept when an object of its size is at its key: to read every video back would cost as much as to fetch it again.
    *Raises*, inside a batch, `OSError` for the store's own errors: the job fails, and the next run saves it.

    >>> import asyncio, tempfile
    >>> from obstore.store import MemoryStore
    >>> from pixverse_async import FixedPolling, Job, generate_many
    >>> from pixverse_async.emulator import Emulator, tiny_film
    >>> async def main(journal: str) -> None:
    ...     sink = object_store_sink(MemoryStore(), prefix="videos")
    ...     async with Emulator(speed=2000, film=tiny_film) as service:
    ...         where = {"base_url": service.base_url, "api_key": service.api_key, "journal": journal}
    ...         batch = await generate_many(
    ...             [Job("https://example.com/cat.jpg", "it yawns")], sink=sink, poll_policy=FixedPolling(0.02), **where
    ...         )
    ...     print([str(one.path) for one in batch.succeeded])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(f"{folder}/journal.jsonl"))
    ['videos/cat.mp4']
    """
    home = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def exists(name: str) -> bool:
        return await _size(store, home + name) is not None

    async def find(place: str, size_bytes: int, sha256: str | None) -> str | None:
        del sha256  # The size has to do.
        return place if await _size(store, place) == size_bytes else None

    async def put(name: str, data: bytes, sha256: str) -> str:
        try:
            await _told(store.put_async(home + name, data, mode="create"))
        except FileExistsError:
            if await _digest(store, home + name) != sha256:
                raise FileExistsError(f"another object is at {home + name}") from None
        return home + name

    return OnePieceSink(put=put, exists=exists, find=find)


async def _size(store: ObjectStore, key: str) -> int | None:
    try:
        return (await _told(store.head_async(key)))["size"]
    except FileNotFoundError:
        return None


async def _digest(store: ObjectStore, key: str) -> str:
    found = await _told(store.get_async(key))
    return hashlib.sha256(await _told(found.bytes_async())).hexdigest()


async def _told(work: Awaitable[T]) -> T:
    """The store's answer, or its refusal as the `OSError` that a sink raises. What it says may hold an address: its
    kind is enough.
    """
    try:
        return await work
    except AlreadyExistsError as problem:
        raise FileExistsError("an object is there") from problem
    except BaseError as problem:
        raise OSError(f"the object store refused ({type(problem).__name__})") from problem
