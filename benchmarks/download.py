"""The download stage against curl and others, on the same files, server and disk, in one run.

    python -m benchmarks.download [--work 200x8,1000x2] [--named md5|crc32c|none] [--rounds 5] [--tls] [--chart]
    python -m benchmarks.download --rounds 1 --keep rounds.json     # adds to the rounds of earlier runs
    python3 -m uv run --with httpx --with parfive --with obstore --with hf_transfer --with crc32c --with uvloop \
        python -m benchmarks.download --chart                       # with the peers beside it

nginx serves distinct MP4-shaped files from a folder on this disk; each variant is a process of its own, and the rounds
interleave them.  Ours is the stage as the pipeline uses it: aiohttp, box check, sha256, the hash that the server
names, fsync, no-clobber publish, folder sync.  curl does none of that; `curl + sync` and `curl + sha256sum` do one
of it each, `obstore, checked` all but the boxes, and `curl | checks` too: a second process hashes, syncs and renames
each file while curl fetches the next.  "no sync" and "no sha256" are ours with that patched out, to be compared with
peers that do neither.  `naive` is the loop that everybody writes: 64 KiB chunks, one aiofiles write each, nothing
checked.  *Least* is the wall time below which nobody can do the work on these cores: curl's CPU, the server's, and one
sha256 of the bytes, evenly shared out.

Before the first round curl runs once unmeasured.  Each run gets a new folder; what it saved is cut to nothing, and not
removed before the end: where an inode was lately deleted ext4 looks twice before it makes a new one, which took an
eighth of everybody's CPU when each run was cleared away.

CPU is that of the process and its children; "inner" leaves out the interpreter's start-up and imports.  MB is the peak
memory of a Python process.  Trust ratios over 15 %: neighbours share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import attrs

from benchmarks import bars, fetchers
from benchmarks.file_server import Server, base, certificate, make_video, nginx
from pixverse_async._core.integrity import find_crc32c

CHART = Path(__file__).with_name("download.svg")
PROGRAMS = ("curl -Z", "curl + sync", "curl + sha256sum", "curl | checks", "aria2c")


@attrs.frozen
class Result:
    """One run of one variant. Seconds; MB of peak memory, nan when not known."""

    wall: float
    cpu: float
    inner_wall: float
    inner_cpu: float
    rss_mb: float
    server_cpu: float = float("nan")


@attrs.frozen
class Work:
    """So many files of so many MB, and how they are served."""

    files: int
    megabytes: float
    named: str
    tls: bool

    @property
    def size_bytes(self) -> int:
        """Of one file."""
        return round(self.megabytes * 10**6)

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.files} x {self.megabytes:g} MB" + " over TLS" * self.tls


def run_inside(variant: str, folder: Path, files: int, url: str) -> None:
    """The child process: prints its inner wall and CPU seconds, and its peak memory."""
    before, started_at = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    fetchers.run(variant, folder, files, url)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # ru_maxrss would be that of the parent, which this process was forked from.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([perf_counter() - started_at, cpu, int(peak.split()[1]) / 1024]))


def measure(variant: str, root: Path, work: Work, server: Server) -> Result:
    """One run, into a new folder."""
    folder, url = Path(tempfile.mkdtemp(dir=root)), base(tls=work.tls)
    os.sync()
    if variant in PROGRAMS:
        command = fetchers.shell(variant, root, folder, work.files, url)
    else:
        inside = ["--inside", variant, str(folder), str(work.files), url]
        command = [sys.executable, "-m", "benchmarks.download", *inside]
    environment = os.environ | ({"SSL_CERT_FILE": str(certificate(root))} if work.tls else {})
    started_at, served_before = perf_counter(), server.cpu()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall, served = perf_counter() - started_at, server.cpu() - served_before
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{variant}: {printed}"
    saved = [path.stat().st_size for path in folder.glob("*.mp4")]
    whole = len(make_video(work.size_bytes, random.Random(0)))
    assert saved == [whole] * work.files, f"{variant} saved {len(saved)} files"
    for path in folder.iterdir():
        os.truncate(path, 0)
    cpu = usage.ru_utime + usage.ru_stime
    inner_wall, inner_cpu, rss_mb = (wall, cpu, float("nan")) if variant in PROGRAMS else json.loads(printed)
    return Result(wall, cpu, inner_wall, inner_cpu, rss_mb, served)


def middle(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def report(results: dict[str, list[Result]], work: Work) -> None:
    """Medians, and the median of each round's ratio to curl."""
    heads = ["wall s", "cpu s/GB", "wall x", "cpu x", "inner wall x", "inner cpu x", "MB"]
    print(f"{'variant':24}" + "".join(f"{head:>13}" for head in heads))
    for variant, runs in results.items():
        pairs = list(zip(runs, results["curl -Z"], strict=True))
        shown = [
            middle(r.wall for r in runs),
            middle(r.cpu for r in runs) / (work.files * work.megabytes) * 1000,
            middle(r.wall / c.wall for r, c in pairs),
            middle(r.cpu / c.cpu for r, c in pairs),
            middle(r.inner_wall / c.wall for r, c in pairs),
            middle(r.inner_cpu / c.cpu for r, c in pairs),
            max(r.rss_mb for r in runs),
        ]
        print(f"{variant:24}" + "".join(f"{value:13.2f}" for value in shown), flush=True)


def report_least(runs: list[Result], work: Work) -> None:
    """What two processors need at least, told curl's runs."""
    hashing = fetchers.sha256_cpu(work.files * work.size_bytes)
    cores = os.cpu_count() or 1
    least = [(run.cpu + run.server_cpu + hashing) / cores / run.wall for run in runs]
    per_gb = 1000 / (work.files * work.megabytes)
    print(
        f"server {middle(run.server_cpu for run in runs) * per_gb:.2f} s/GB, sha256 {hashing * per_gb:.2f} s/GB;"
        f" least wall on {cores} cores with one sha256: {middle(least):.2f} x curl's"
    )


def race(work: Work, rounds: int, folder: Path) -> dict[str, list[Result]]:
    """All that is installed, round by round."""
    names = [name for name in PROGRAMS if shutil.which(name.split()[0])]
    names += [name for name in fetchers.FETCHERS if fetchers.is_installed(name)]
    names = [name for name in names if not (work.tls and name in fetchers.NO_TLS)]
    results: dict[str, list[Result]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        Path(place).chmod(0o755)
        with nginx(Path(place), work.files, work.size_bytes, work.named, tls=work.tls) as server:
            measure("curl -Z", Path(place), work, server)
            for _ in range(rounds):
                for name in names:
                    results[name].append(measure(name, Path(place), work, server))
    return results


def kept(path: Path, title: str, new: dict[str, list[Result]]) -> dict[str, list[Result]]:
    """The rounds of earlier runs of the same work, and these."""
    saved: dict[str, dict[str, list[list[float]]]] = json.loads(path.read_text()) if path.exists() else {}
    rows = saved.setdefault(title, {})
    for name, runs in new.items():
        numbers = [list(attrs.astuple(r)) for r in runs]
        rows[name] = rows.get(name, []) + numbers
    path.write_text(json.dumps(saved))
    return {name: [Result(*run) for run in rows[name]] for name in new}


def chart(raced: dict[str, dict[str, list[Result]]]) -> None:
    """CPU of each variant as a ratio to that of curl and sha256sum."""
    panels = {
        title: [
            (
                name,
                middle(r.cpu / c.cpu for r, c in zip(runs, results["curl + sha256sum"], strict=True)),
                "ours" in name,
            )
            for name, runs in results.items()
        ]
        for title, results in raced.items()
    }
    CHART.write_text(bars.draw(panels, "CPU with start-up, over that of curl -Z and sha256sum"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="200x8,1000x2", help="files x MB, with commas between")
    parser.add_argument("--named", choices=["md5", "crc32c", "none"], default="crc32c" if find_crc32c() else "md5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to be measured")
    parser.add_argument("--keep", type=Path, help="a file that rounds are added to, and taken from")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--chart", action="store_true", help="write download.svg")
    parser.add_argument("--inside", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--check", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.check:
        fetchers.check_each(given.check, sys.stdin)
        return
    if given.inside:
        variant, folder, files, url = given.inside
        run_inside(variant, Path(folder), int(files), url)
        return
    raced: dict[str, dict[str, list[Result]]] = {}
    for one in given.work.split(","):
        files, megabytes = one.split("x")
        work = Work(int(files), float(megabytes), given.named, given.tls)
        results = race(work, given.rounds, given.folder)
        raced[work.title] = results = kept(given.keep, work.title, results) if given.keep else results
        print(f"{work.title}, {fetchers.AT_ONCE} at once, the server names {work.named}; medians of each round's")
        report(results, work)
        report_least(results["curl -Z"], work)
    if given.chart:
        chart(raced)


if __name__ == "__main__":
    main()
