"""Ways to bring many files into a folder: this client's download stage, and its peers', each in its plainest form.

A peer is measured when it is installed, and does what its documentation shows first: nothing is checked or synced.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any, cast
from unittest.mock import patch

import aiofiles
import aiohttp
import anyio

from benchmarks.file_server import base
from pixverse_async._core.config import Endpoint
from pixverse_async._core.events import Saved
from pixverse_async._core.integrity import Crc, find_crc32c
from pixverse_async._edge.aiohttp_transport import AiohttpTransport
from pixverse_async._edge.directory import DirectorySink
from pixverse_async._edge.download import download
from pixverse_async._edge.folder import sync_folder

AT_ONCE = 16
Fetch = Callable[[Path, int, str], Awaitable[None]]
"""Into this folder so many files from that address."""


async def share_out(one: Callable[[int], Awaitable[None]], files: int) -> None:
    """`AT_ONCE` workers take the next number."""
    numbers = iter(range(files))

    async def work() -> None:
        for n in numbers:
            await one(n)

    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(work)


async def ours(folder: Path, files: int, url: str) -> None:
    """The stage as the pipeline uses it."""
    # The queue is on this machine, so that storage may be; over TLS the certificate comes by SSL_CERT_FILE.
    transport = AiohttpTransport.open(Endpoint(base_url=base(tls=False), api_key="none"))
    sink, rng = DirectorySink(folder), random.Random(2)

    async def one(n: int) -> None:
        end = await download(transport, sink, f"{n}.mp4", f"{url}/{n}.mp4", duration=5, rng=rng)
        assert isinstance(end, Saved), end

    try:
        await share_out(one, files)
    finally:
        await transport.aclose()


class _NoHash:
    """In place of sha256, to see the rest alone."""

    def update(self, data: object) -> None:
        """Takes no time."""

    def hexdigest(self) -> str:
        """Of nothing."""
        return ""


async def no_sha256(folder: Path, files: int, url: str) -> None:
    """`ours` without the hash for the outcome."""
    with patch("hashlib.sha256", _NoHash):
        await ours(folder, files, url)


async def no_sync(folder: Path, files: int, url: str) -> None:
    """`ours` as if there were no disk to wait for: like the peers, none of which syncs."""
    with patch("os.fsync", _stay):
        await ours(folder, files, url)


def _stay(_: int) -> None:
    """In place of fsync."""


async def transfer_alone(folder: Path, files: int, url: str) -> None:
    """Neither sha256 nor syncs: what curl does, the boxes, and the hash that the server names."""
    with patch("hashlib.sha256", _NoHash):
        await no_sync(folder, files, url)


async def naive(folder: Path, files: int, url: str) -> None:
    """What everybody writes first."""
    async with aiohttp.ClientSession() as session:

        async def one(n: int) -> None:
            async with session.get(f"{url}/{n}.mp4") as reply, aiofiles.open(folder / f"{n}.mp4", "wb") as file:
                async for chunk in reply.content.iter_chunked(2**16):
                    await file.write(chunk)

        await share_out(one, files)


async def with_httpx(folder: Path, files: int, url: str) -> None:
    """Its stream, written as it comes."""
    httpx: Any = import_module("httpx")
    async with httpx.AsyncClient() as client:

        async def one(n: int) -> None:
            async with client.stream("GET", f"{url}/{n}.mp4") as reply:
                with (folder / f"{n}.mp4").open("wb") as file:
                    async for chunk in reply.aiter_bytes():
                        file.write(chunk)

        await share_out(one, files)


async def with_parfive(folder: Path, files: int, url: str) -> None:
    """Its downloader, without its bars."""
    parfive: Any = import_module("parfive")
    downloader = parfive.Downloader(max_conn=AT_ONCE, max_splits=1, progress=False)
    for n in range(files):
        downloader.enqueue_file(f"{url}/{n}.mp4", path=folder, filename=f"{n}.mp4")
    assert not (await downloader.run_download()).errors


async def with_obstore(folder: Path, files: int, url: str) -> None:
    """Its stream of an HTTP store, written as it comes."""
    store_class: Any = import_module("obstore.store").HTTPStore
    store = store_class.from_url(url, client_options={"allow_http": True})
    get_async: Any = import_module("obstore").get_async

    async def one(n: int) -> None:
        reply = await get_async(store, f"{n}.mp4")
        with (folder / f"{n}.mp4").open("wb") as file:
            async for chunk in reply.stream(min_chunk_size=2**20):
                file.write(chunk)

    await share_out(one, files)


async def with_obstore_checked(folder: Path, files: int, url: str) -> None:
    """The same with what `ours` does besides, in the plainest way: hashes, sync, publish, sync of the folder."""
    store_class: Any = import_module("obstore.store").HTTPStore
    store = store_class.from_url(url, client_options={"allow_http": True})
    get_async: Any = import_module("obstore").get_async
    crc32c: Crc = find_crc32c() or (lambda _data, crc: crc)

    async def one(n: int) -> None:
        part, sha256, crc = folder / f"{n}.mp4.part", hashlib.sha256(), 0
        reply = await get_async(store, f"{n}.mp4")
        with part.open("wb", buffering=0) as file:
            async for chunk in cast("AsyncIterator[bytes]", reply.stream(min_chunk_size=2**20)):
                sha256.update(chunk)
                crc = crc32c(chunk, crc)
                file.write(chunk)
            await asyncio.to_thread(os.fsync, file.fileno())
        part.rename(folder / f"{n}.mp4")
        await asyncio.to_thread(sync_folder, folder)

    await share_out(one, files)


async def with_hf_transfer(folder: Path, files: int, url: str) -> None:
    """One call a file, on as many threads; parts of 10 MB, so that a file of these is one."""
    fetch: Any = import_module("hf_transfer").download
    # asyncio's own pool has four threads more than there are cores.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE))

    async def one(n: int) -> None:
        await asyncio.to_thread(fetch, f"{url}/{n}.mp4", str(folder / f"{n}.mp4"), 1, 10_000_000)

    await share_out(one, files)


FETCHERS: dict[str, Fetch] = {
    "ours": ours,
    "ours, uvloop": ours,
    "ours, no sha256": no_sha256,
    "ours, uvloop, no sha256": no_sha256,
    "ours, no sync": no_sync,
    "ours, no sha256, no sync": transfer_alone,
    "naive": naive,
    "httpx": with_httpx,
    "parfive": with_parfive,
    "obstore": with_obstore,
    "obstore, checked": with_obstore_checked,
    "hf_transfer": with_hf_transfer,
}
NO_TLS = {"obstore", "obstore, checked", "hf_transfer"}
"""They bring their own list of authorities, which a self-made certificate is not on."""


def is_installed(name: str) -> bool:
    """Whether this way can be measured here."""
    if "uvloop" in name:
        return find_spec("uvloop") is not None
    return "ours" in name or name == "naive" or find_spec(name.split(",")[0]) is not None


def shell(name: str, root: Path, folder: Path, files: int, url: str) -> list[str]:
    """The command of a peer that is a program; `root` has the certificate."""
    secure = f"--cacert {root}/cert.pem" if url.startswith("https") else ""
    curl = f"curl -sZ {secure} --parallel-max {AT_ONCE} '{url}/[0-{files - 1}].mp4' -o '{folder}/#1.mp4' 2>{os.devnull}"
    match name:
        case "curl -Z":
            return ["sh", "-c", curl]
        case "curl + sync":
            return ["sh", "-c", f"{curl} && sync {folder}/*.mp4"]
        case "curl | checks":
            told = curl.replace(".mp4' -o", ".mp4' -w '%{filename_effective}\\n' -o").replace(
                "#1.mp4'", "#1.mp4.part'"
            )
            return ["sh", "-c", f"{told} | {sys.executable} -m benchmarks.download --check {folder}"]
        case "curl + sha256sum":
            return ["sh", "-c", f"{curl} && sha256sum {folder}/*.mp4 >{folder}/sums"]
        case _:
            links = folder.with_suffix(".txt")
            links.write_text("".join(f"{url}/{n}.mp4\n" for n in range(files)))
            trust = [f"--ca-certificate={root}/cert.pem"] if secure else []
            plain = ["-x1", "--file-allocation=none", *trust]
            return ["aria2c", "-q", f"-j{AT_ONCE}", *plain, f"-d{folder}", f"-i{links}"]


def check_each(folder: Path, parts: Iterable[str]) -> None:
    """Hash, sync and publish each file as its name comes in, with a thread for the disk's waits."""

    def check(part: Path) -> None:
        with part.open("rb") as file:
            hashlib.file_digest(file, "sha256")
            os.fsync(file.fileno())
        part.rename(part.with_suffix(""))
        sync_folder(folder)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(check, (Path(line.rstrip()) for line in parts)))


def sha256_cpu(size_bytes: int) -> float:
    """Seconds that so many bytes take, from memory, in pieces of 1 MiB."""
    piece, digest, before = bytes(2**20), hashlib.sha256(), process_time()
    for _ in range(size_bytes // len(piece)):
        digest.update(piece)
    return process_time() - before


def run(name: str, folder: Path, files: int, url: str) -> None:
    """One of `FETCHERS`, to its end."""
    with asyncio.Runner(loop_factory=_loop_of(name)) as runner:
        runner.run(_awaited(FETCHERS[name], folder, files, url))


async def _awaited(fetch: Fetch, folder: Path, files: int, url: str) -> None:
    await fetch(folder, files, url)


def _loop_of(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    return import_module("uvloop").new_event_loop if "uvloop" in name else None
