"""What polling costs: worlds x schedules, in polls a job and seconds of lateness.

python -m benchmarks.polling                      the whole table, five seeds
python -m benchmarks.polling --world a,e1 --seeds 2
python -m benchmarks.polling --seeds 41-50        other seeds than those on which constants were chosen
python -m benchmarks.polling --peers              with every published schedule beside ours
python -m benchmarks.polling --check              exit 1 if a target is missed
python -m benchmarks.polling --chart              write benchmarks/polling.svg
python -m benchmarks.polling --rule               one job with a known distribution against the exact optimum
python -m benchmarks.polling --hidden             the exact optimum where nobody tells the starts
python -m benchmarks.polling --pipeline           the whole client against the simulator
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

import attrs
import numpy as np

from benchmarks.worlds.catalogue import INDEPENDENT, LINES, TARGETS, WARM, WORLDS
from benchmarks.worlds.chart import draw
from benchmarks.worlds.hidden import hidden_optimum, is_hidden
from benchmarks.worlds.model import Setting, build, history
from benchmarks.worlds.optimum import by_rule, lower_bound, optimum
from benchmarks.worlds.peers import NAMED, PEERS
from benchmarks.worlds.pipeline import SERVICES, compare
from benchmarks.worlds.play import Played, play
from pixverse_async._core.schedule import DEFAULT_POLLS_PER_SECOND, AdaptivePolling

KAPPA = 0.5
BOTH_AT = 0.25
FEW = 3
"""Seeds of the peers that poll ten times as often as the rest."""
CHART = Path(__file__).with_name("polling.svg")


@attrs.frozen(kw_only=True)
class Task:
    """One world, one schedule, one seed."""

    world: str
    schedule: str
    seed: int
    kappa: float = KAPPA
    warm: bool = False


@attrs.frozen(kw_only=True)
class Row:
    """A schedule's mean over the seeds in one world."""

    polls: float
    mean: float
    p95: float
    longest: float
    overhead: float
    peak: int
    cpu_ms: float
    cost: float
    ratio: float


def run(task: Task) -> tuple[list[Played], list[tuple[float, float]]]:
    """All batches of one seed, and the lower bound of each."""
    setting = WORLDS[task.world]
    played: list[Played] = []
    bounds: list[tuple[float, float]] = []
    for batch in range(setting.batches):
        world = build(setting, task.seed, batch)
        played.append(play(world, _scheduler(task, setting, batch)))
        bounds.append(lower_bound(world, task.kappa))
    return played, bounds


def _scheduler(task: Task, setting: Setting, batch: int):
    policy = AdaptivePolling(kappa=task.kappa)
    for peer in PEERS:
        if peer.name == task.schedule:
            return peer.scheduler(task.seed)
    learned = None
    if task.warm:
        earlier = policy.scheduler(polls_per_second=DEFAULT_POLLS_PER_SECOND, seed=task.seed + 1)
        play(history(setting, task.seed, batch), earlier)
        learned = earlier.learned()
    return policy.scheduler(polls_per_second=DEFAULT_POLLS_PER_SECOND, seed=task.seed, learned=learned)


def row(results: Iterable[tuple[list[Played], list[tuple[float, float]]]], kappa: float) -> Row:
    """Means of the seeds; lateness pooled."""
    seeds = list(results)
    played = [one for batches, _ in seeds for one in batches]
    bound = fmean(kappa * n + d for _, bounds in seeds for n, d in bounds)
    late = [x for one in played for x in one.lateness]
    polls = sum(one.polls for one in played) / sum(one.jobs for one in played)
    cost = fmean([fmean([one.cost(kappa) for one in batches]) for batches, _ in seeds])
    return Row(
        polls=polls, mean=fmean(late), p95=float(np.percentile(late, 95)), longest=max(late),
        overhead=fmean(one.overhead for one in played), peak=max(one.peak for one in played),
        cpu_ms=1000 * sum(one.cpu for one in played) / sum(one.polls for one in played),
        cost=cost, ratio=cost / bound,
    )  # fmt: skip


HEAD = f"{'':30s}" + "".join(
    f" {title:>{width}s}"
    for title, width in (
        ("polls", 8), ("mean s", 7), ("p95", 7), ("max", 7), ("last", 6), ("peak/s", 6), ("cost", 7), ("x bound", 7),
        ("ms/poll", 7),
    )
)  # fmt: skip


def line(name: str, r: Row) -> str:
    """A row of the table."""
    return (
        f"{name:30s} {r.polls:8.2f} {r.mean:7.2f} {r.p95:7.2f} {r.longest:7.1f} {r.overhead:6.1f} {r.peak:6d} "
        f"{r.cost:7.2f} {r.ratio:7.2f} {r.cpu_ms:7.2f}"
    )


class Bench:
    """Runs tasks, keeps rows, collects what missed its target."""

    def __init__(self, seeds: range, workers: int) -> None:
        self.seeds, self.workers = seeds, workers
        self.missed: list[str] = []

    def row(
        self, world: str, schedule: str, kappa: float = KAPPA, *, warm: bool = False, seeds: int | None = None
    ) -> Row:
        tasks = [Task(world=world, schedule=schedule, seed=k, kappa=kappa, warm=warm) for k in self.seeds[:seeds]]
        if self.workers == 1:
            return row(map(run, tasks), kappa)
        with multiprocessing.Pool(self.workers) as pool:
            return row(pool.map(run, tasks), kappa)

    def claim(self, text: str, holds: bool) -> None:
        if not holds:
            self.missed.append(text)

    def world(self, name: str, *, peers: bool, check: bool) -> None:
        setting = WORLDS[name]
        print(f"\n== {name}: {setting.about} ({setting.jobs} jobs x {setting.batches} x {len(self.seeds)} seeds)")
        ours = self.row(name, "adaptive")
        print(line("adaptive", ours), f" target {TARGETS[name]:.2f}", flush=True)
        self.claim(f"{name}: {ours.ratio:.2f} of the bound, target {TARGETS[name]}", ours.ratio <= TARGETS[name])
        if not setting.hostile:
            self.claim(f"{name}: the last job known {ours.overhead:.1f} s late", ours.overhead <= 5.0)
            self.claim(f"{name}: p95 {ours.p95:.1f} s, mean {ours.mean:.1f} s", ours.p95 <= 3.0 * ours.mean)
        if name in LINES:
            self.claim(f"{name}: {ours.polls:.1f} polls a job in line", ours.polls <= 10.0)
        if name in WARM and check:
            warm = self.row(name, "adaptive", warm=True)
            print(line("adaptive, warm", warm), f" target {WARM[name]:.2f}", flush=True)
            is_possible = self._optimum(name, KAPPA)[2] <= WARM[name]
            print("   the target is", "attainable" if is_possible else "beyond the optimum", flush=True)
            text = f"{name}: warm {warm.ratio:.2f} of the bound, target {WARM[name]:.2f}"
            self.claim(text, warm.ratio <= WARM[name] or not is_possible)
        if peers or check:
            self._peers(name, ours, check=check)

    def _peers(self, name: str, ours: Row, *, check: bool) -> None:
        few = self.row(name, "adaptive", seeds=FEW)
        for peer in PEERS:
            theirs = self.row(name, peer.name, seeds=None if peer.name in NAMED else FEW)
            mine = ours if peer.name in NAMED else few
            print(line(peer.name, theirs), flush=True)
            self.claim(
                f"{name}: {peer.name} costs {theirs.cost:.2f}, ours {mine.cost:.2f}", mine.cost < theirs.cost
            )
        if check and name in INDEPENDENT:
            self._both(name)

    def _both(self, name: str) -> None:
        """Fewer polls and less lateness than each of the named peers, at one kappa, where the optimum has both."""
        ours = self.row(name, "adaptive", BOTH_AT)
        polls, late, _ = self._optimum(name, BOTH_AT)
        print(
            f"   at kappa {BOTH_AT}: ours {ours.polls:.2f} polls {ours.mean:.2f} s, optimum {polls:.2f} {late:.2f}"
        )
        for peer in NAMED:
            theirs = self.row(name, peer)
            holds = ours.polls < theirs.polls and ours.mean < theirs.mean
            is_possible = polls < theirs.polls and late < theirs.mean
            what = f"{name}: at kappa {BOTH_AT} against {peer}: {theirs.polls:.2f} polls {theirs.mean:.2f} s"
            print("  ", what, "met" if holds else "missed" if is_possible else "beyond the optimum", flush=True)
            self.claim(what, holds or not is_possible)

    def _optimum(self, name: str, kappa: float) -> tuple[float, float, float]:
        """Polls, lateness, and cost over the bound, of the best schedule that is told no start."""
        worlds = [build(WORLDS[name], seed, batch) for seed in self.seeds for batch in range(WORLDS[name].batches)]
        polls, late = (fmean(column) for column in zip(*(hidden_optimum(w, kappa) for w in worlds), strict=True))
        bound = fmean(kappa * n + d for n, d in (lower_bound(w, kappa) for w in worlds))
        return polls, late, (kappa * polls + late) / bound

    def hidden(self, name: str) -> None:
        """What even the best schedule costs that is told the distributions, but no start."""
        polls, late, ratio = self._optimum(name, KAPPA)
        print(
            f"{name:4s} {polls:6.2f} polls {late:5.2f} s  cost {KAPPA * polls + late:5.2f}  x bound {ratio:.3f}",
            flush=True,
        )

    def rule(self) -> None:
        """One job, known distribution, against the exact dynamic programme."""
        print(f"\n== one job, known distribution, kappa {KAPPA}: cost of the rule over the exact optimum")
        for name, (cdf, unit) in distributions().items():
            dt = 0.1
            t = np.arange(6001) * dt
            share = np.array([cdf(float(x)) for x in t])
            n, d = optimum(share, dt, KAPPA)
            rn, rd = by_rule(share, dt, KAPPA, unit)
            over = (KAPPA * rn + rd) / (KAPPA * n + d) - 1.0
            print(
                f"{name:24s} {n:6.2f} polls {d:6.2f} s   rule {rn:6.2f} {rd:6.2f}  {100 * over:+.2f}%", flush=True
            )
            most = 0.05 if "at once" in name else 0.01
            self.claim(f"rule: {name} {100 * over:.2f}% above the optimum", over <= most)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _lognormal(median: float, sigma: float) -> Callable[[float], float]:
    return lambda t: _normal(math.log(t / median) / sigma) if t > 0 else 0.0


def distributions() -> dict[str, tuple[Callable[[float], float], float]]:
    """Distribution functions and typical durations."""
    early, late = _lognormal(4.0, 0.4), _lognormal(70.0, 0.2)
    return {
        "lognormal sigma 0.1": (_lognormal(60.0, 0.1), 60.0),
        "lognormal sigma 0.2": (_lognormal(60.0, 0.2), 60.0),
        "lognormal sigma 0.4": (_lognormal(60.0, 0.4), 60.0),
        "uniform 40 to 80 s": (lambda t: min(1.0, max(0.0, (t - 40.0) / 40.0)), 60.0),
        "exponential": (lambda t: -math.expm1(-t / 50.0), 50.0),
        "15% end at once": (lambda t: 0.15 * early(t) + 0.85 * late(t), 60.0),
    }


def pipeline(bench: Bench, jobs: int = 100) -> None:
    """The client on virtual time, against the simulator on what the same service did."""
    print(f"\n== the whole client, {jobs} jobs x {len(bench.seeds)} seeds, and the simulator in the same service")
    for service in SERVICES:
        real, simulated = compare(service, jobs, len(bench.seeds))
        print(f"{service:12s} client {real.polls:5.2f} polls {real.late:5.2f} s", end="")
        print(f"   simulator {simulated.polls:5.2f} polls {simulated.late:5.2f} s", flush=True)
        alike = abs(real.polls / simulated.polls - 1.0) < 0.1 and abs(real.late - simulated.late) < 0.4
        bench.claim(f"pipeline: {service}: client {real}, simulator {simulated}", alike)


def chart(bench: Bench) -> None:
    """Polls against lateness, for the README."""
    panels: list[
        tuple[str, list[tuple[str, float, float]], list[tuple[float, float]], list[tuple[float, float]]]
    ] = []
    for name, title in (("a", "300 independent jobs"), ("e1", "500 jobs at once, ten workers")):
        peers = [(peer.name, r.polls, r.mean) for peer in PEERS for r in [bench.row(name, peer.name, seeds=1)]]
        ours: list[tuple[float, float]] = []
        best: list[tuple[float, float]] = []
        for kappa in (0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0):
            r = bench.row(name, "adaptive", kappa)
            ours.append((r.polls, r.mean))
            worlds = [build(WORLDS[name], k) for k in bench.seeds]
            bounds = [lower_bound(world, kappa) for world in worlds]
            best.append((fmean(n for n, _ in bounds), fmean(d for _, d in bounds)))
        panels.append((title, peers, ours, best))
    CHART.write_text(draw(panels), encoding="utf-8")
    print(f"wrote {CHART.name}")


def _seeds(text: str) -> range:
    """`5`: the first five. `41-50`: these."""
    first, _, last = text.rpartition("-")
    return range(int(first or 1), int(last) + 1)


def main() -> int:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default=",".join(WORLDS))
    parser.add_argument("--seeds", type=_seeds, default=_seeds("5"), help="how many, or which: 41-50")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rule", action="store_true")
    parser.add_argument("--hidden", action="store_true")
    parser.add_argument("--chart", action="store_true")
    parser.add_argument("--pipeline", action="store_true")
    args = parser.parse_args()
    bench = Bench(args.seeds, args.workers)
    only = args.rule or args.hidden or args.chart or args.pipeline
    if args.rule or args.check:
        bench.rule()
    if args.hidden:
        print("\n== the exact optimum, told the distributions but no start")
        for name in filter(is_hidden, args.world.split(",")):
            bench.hidden(name)
    if args.pipeline or args.check:
        pipeline(bench)
    if args.chart:
        chart(bench)
    if not only:
        print(
            f"cost = {KAPPA} s x polls + mean lateness; x bound: over a bound that knows every distribution and start"
        )
        print(HEAD)
        for name in args.world.split(","):
            bench.world(name, peers=args.peers, check=args.check)
    print(*(f"MISSED {text}" for text in bench.missed), sep="\n")
    return 1 if args.check and bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
