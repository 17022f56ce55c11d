"""The download stage against curl, on the same files, server and disk, in one run.

    .venv/bin/python benchmarks/download.py [--files 200 --megabytes 8] [--named md5|crc32c|none] [--rounds 5]

nginx serves distinct MP4-shaped files from a folder on this disk; each variant is a process of its own, and the rounds
interleave them.  Ours is the stage as the pipeline uses it: aiohttp, box check, sha256, the hash that the server
names, fsync, no-clobber publish, folder sync.  curl does none of that; `curl + sha256sum` does one of it.
`naive` is the loop that everybody writes: 64 KiB chunks, one aiofiles write each, nothing checked.

CPU is that of the process and its children; "inner" leaves out the interpreter's start-up and imports.
Trust ratios over 15 %: neighbours share the machine.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path
from time import perf_counter

import aiofiles
import aiohttp
import anyio
import attrs

from pixverse_async._core.config import Endpoint
from pixverse_async._core.integrity import find_crc32c
from pixverse_async._core.lifecycle import Saved
from pixverse_async._edge.download import download
from pixverse_async._edge.sinks import DirectorySink
from pixverse_async._edge.transport import AiohttpTransport

AT_ONCE = 16
PORT = 18_765
BASE = f"http://127.0.0.1:{PORT}"


@attrs.frozen
class Result:
    """One run of one variant. Seconds; MB of peak memory."""

    wall: float
    cpu: float
    inner_wall: float
    inner_cpu: float
    rss_mb: float


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + kind + body


def make_video(size_bytes: int, rng: random.Random) -> bytes:
    """Random bytes in the boxes of an MP4 of 5.042 s, moov last."""
    mvhd = box(b"mvhd", bytes(12) + (1000).to_bytes(4) + (5042).to_bytes(4) + bytes(80))
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"mdat", rng.randbytes(size_bytes - 200)) + box(b"moov", mvhd)


def named_hash(data: bytes, named: str) -> str:
    if named == "none":
        return ""
    if named == "md5":
        return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()
    crc32c = find_crc32c()
    assert crc32c is not None, "install crc32c or google-crc32c"
    return "crc32c=" + base64.b64encode(crc32c(data, 0).to_bytes(4)).decode()


@contextlib.contextmanager
def nginx(root: Path, files: int, size_bytes: int, named: str) -> Generator[None]:
    """A server of the files, with the header that Google's storage names hashes in."""
    rng, hashes = random.Random(1), list[str]()
    (root / "www").mkdir()
    for n in range(files):
        data = make_video(size_bytes, rng)
        (root / "www" / f"{n}.mp4").write_bytes(data)
        hashes.append(f'/{n}.mp4 "{named_hash(data, named)}";')
    config = root / "nginx.conf"
    config.write_text(f"""
        daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
        events {{ worker_connections 512; }}
        http {{
            sendfile on; tcp_nopush on; keepalive_requests 100000; access_log off; default_type video/mp4;
            client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
            uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5; map_hash_bucket_size 256; map_hash_max_size 8192;
            map $uri $hash {{ default ""; {" ".join(hashes)} }}
            server {{ listen 127.0.0.1:{PORT}; root {root}/www; add_header x-goog-hash $hash; }}
        }}""")
    server = subprocess.Popen(["nginx", "-c", str(config), "-p", str(root)], stderr=subprocess.DEVNULL)
    try:
        _await_port()
        yield
    finally:
        server.terminate()
        server.wait()


def _await_port() -> None:
    for _ in range(100):
        if subprocess.run(["curl", "-sfo", os.devnull, f"{BASE}/0.mp4"], check=False).returncode == 0:
            return
        subprocess.run(["sleep", "0.1"], check=True)
    raise SystemExit("nginx did not start")


# -- the variants -----------------------------------------------------------------------------------


async def ours(folder: Path, files: int) -> None:
    """The stage as the pipeline uses it."""
    transport = AiohttpTransport.open(Endpoint(base_url=BASE, api_key="none"))
    sink, rng = DirectorySink(folder), random.Random(2)

    async def one(n: int) -> None:
        end = await download(transport, sink, f"{n}.mp4", f"{BASE}/{n}.mp4", duration=5, rng=rng)
        assert isinstance(end, Saved), end

    try:
        await _share_out(one, files)
    finally:
        await transport.aclose()


async def naive(folder: Path, files: int) -> None:
    """What everybody writes first."""
    async with aiohttp.ClientSession() as session:

        async def one(n: int) -> None:
            async with session.get(f"{BASE}/{n}.mp4") as reply, aiofiles.open(folder / f"{n}.mp4", "wb") as file:
                async for chunk in reply.content.iter_chunked(2**16):
                    await file.write(chunk)

        await _share_out(one, files)


async def _share_out(one: Callable[[int], Awaitable[None]], files: int) -> None:
    numbers = iter(range(files))

    async def work() -> None:
        for n in numbers:
            await one(n)

    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(work)


def run_inside(variant: str, folder: Path, files: int) -> None:
    """The child process: prints its inner wall and CPU seconds."""
    before, started_at = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    anyio.run({"ours": ours, "naive": naive}[variant], folder, files)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([perf_counter() - started_at, cpu]))


def command(variant: str, folder: Path, files: int) -> list[str]:
    curl = f"curl -sZ --parallel-max {AT_ONCE} '{BASE}/[0-{files - 1}].mp4' -o '{folder}/#1.mp4' 2>{os.devnull}"
    match variant:
        case "curl -Z":
            return ["sh", "-c", curl]
        case "curl + sha256sum":
            return ["sh", "-c", f"{curl} && sha256sum {folder}/*.mp4 >{folder}/sums"]
        case "aria2c":
            links = folder.with_suffix(".txt")
            links.write_text("".join(f"{BASE}/{n}.mp4\n" for n in range(files)))
            return ["aria2c", "-q", f"-j{AT_ONCE}", "-x1", "--file-allocation=none", f"-d{folder}", f"-i{links}"]
        case _:
            return [sys.executable, __file__, "--inside", variant, "--into", str(folder), "--files", str(files)]


def measure(variant: str, root: Path, files: int, size_bytes: int) -> Result:
    folder = root / "out"
    folder.mkdir()
    os.sync()
    started_at = perf_counter()
    process = subprocess.Popen(command(variant, folder, files), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = perf_counter() - started_at
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{variant}: {printed}"
    saved = [path.stat().st_size for path in folder.glob("*.mp4")]
    assert saved == [size_bytes_of(size_bytes)] * files, f"{variant} saved {len(saved)} files"
    shutil.rmtree(folder)
    cpu = usage.ru_utime + usage.ru_stime
    inner_wall, inner_cpu = json.loads(printed) if printed else (wall, cpu)
    return Result(wall, cpu, inner_wall, inner_cpu, usage.ru_maxrss / 1024)


def size_bytes_of(size_bytes: int) -> int:
    return len(make_video(size_bytes, random.Random(0)))


def report(results: dict[str, list[Result]], megabytes: float) -> None:
    """Medians, and the median of each round's ratio to curl."""
    heads = ["wall s", "cpu s/GB", "wall x", "cpu x", "inner wall x", "inner cpu x", "MB"]
    print(f"{'variant':18}" + "".join(f"{head:>14}" for head in heads))
    curls = results["curl -Z"]

    def middle(values: Iterator[float]) -> float:
        return statistics.median(values)

    for variant, runs in results.items():
        pairs = list(zip(runs, curls, strict=True))
        shown = [
            middle(r.wall for r in runs),
            middle(r.cpu for r in runs) / megabytes * 1000,
            middle(r.wall / c.wall for r, c in pairs),
            middle(r.cpu / c.cpu for r, c in pairs),
            middle(r.inner_wall / c.wall for r, c in pairs),
            middle(r.inner_cpu / c.cpu for r, c in pairs),
            max(r.rss_mb for r in runs),
        ]
        print(f"{variant:18}" + "".join(f"{value:14.2f}" for value in shown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--named", choices=["md5", "crc32c", "none"], default="crc32c" if find_crc32c() else "md5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to be measured")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        run_inside(given.inside, given.into, given.files)
        return
    variants = ["curl -Z", "curl + sha256sum", "ours", "naive", *(["aria2c"] if shutil.which("aria2c") else [])]
    results: dict[str, list[Result]] = {variant: [] for variant in variants}
    size_bytes = round(given.megabytes * 10**6)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        Path(name).chmod(0o755)
        with nginx(Path(name), given.files, size_bytes, given.named):
            for _ in range(given.rounds):
                for variant in variants:
                    results[variant].append(measure(variant, Path(name), given.files, size_bytes))
    what = f"{given.files} x {given.megabytes:g} MB, {AT_ONCE} at once, the server names {given.named}"
    print(f"{what}; medians of {given.rounds}")
    report(results, given.files * given.megabytes)


if __name__ == "__main__":
    main()
