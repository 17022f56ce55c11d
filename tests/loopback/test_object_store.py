"""Videos in a store of obstore's: its own threads need a real loop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from pixverse_async import BatchResult, FixedPolling, Job, OnePieceSink, generate_many
from pixverse_async.emulator import Emulator, tiny_film
from pixverse_async.object_store import object_store_sink
from tests.memory import kinds

pytestmark = pytest.mark.anyio

JOBS = [Job(f"https://pictures.example/{name}.jpg", "it snows", duration=1) for name in ("cat", "dog")]


async def _run(emulator: Emulator, store: ObjectStore, journal: Path) -> BatchResult:
    return await generate_many(
        JOBS,
        sink=object_store_sink(store, prefix="/snow/"),
        journal=journal,
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        poll_policy=FixedPolling(0.02),
    )


async def _commit(sink: OnePieceSink, content: bytes) -> str:
    part = await sink.open("cat.mp4")
    await part.write([content])
    return await part.commit(len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("kind", ["memory", "folder"])
async def test_videos_become_objects_and_are_found_by_the_next_run(tmp_path: Path, kind: str) -> None:
    """The service's bytes are at the key, the next run pays nothing, and a lost object is fetched again, not bought."""
    (tmp_path / "store").mkdir()
    store = MemoryStore() if kind == "memory" else LocalStore(tmp_path / "store")
    async with Emulator(speed=2000.0, film=tiny_film) as emulator:
        first = await _run(emulator, store, tmp_path / "journal.jsonl")
        assert [Path("snow/cat.mp4"), Path("snow/dog.mp4")] == [one.path for one in first.succeeded]
        for one in first.succeeded:
            held = bytes(await (await store.get_async(str(one.path))).bytes_async())
            assert held in [stored.content for stored in emulator.storage.objects.values()]
        await store.delete_async("snow/dog.mp4")
        assert ["Succeeded"] * 2 == kinds(await _run(emulator, store, tmp_path / "journal.jsonl"))
        assert 2 == emulator.ledger.submits
    assert (await store.head_async("snow/dog.mp4"))["size"] == first.succeeded[1].size_bytes


async def test_an_object_of_somebody_else_is_not_replaced() -> None:
    """The same content counts as saved; another one under the key is an error, and stays."""
    store = MemoryStore()
    sink = object_store_sink(store)
    for _ in range(2):
        assert "cat.mp4" == await _commit(sink, b"video")
    with pytest.raises(FileExistsError, match=r"cat\.mp4"):
        await _commit(sink, b"other")
    assert b"video" == bytes(await (await store.get_async("cat.mp4")).bytes_async())


async def test_a_store_that_refuses_is_an_os_error_without_its_words(tmp_path: Path) -> None:
    """Its address may hold a secret: the kind of its refusal is told."""
    (tmp_path / "snow").write_text("a file where a folder should be")
    sink = object_store_sink(LocalStore(tmp_path), prefix="snow")
    with pytest.raises(OSError, match=r"the object store refused \(\w+\)") as caught:
        await _commit(sink, b"video")
    assert str(tmp_path) not in str(caught.value)
