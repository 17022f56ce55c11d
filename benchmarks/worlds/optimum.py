"""The exact optimum of the inspection problem, and a lower bound for whole worlds.

One job whose distribution is known: V(s) = min over t of kappa + E[(t - T)+ | T > s] + P(T > t | T > s) V(t),
solved backwards on a grid (Barlow, Hunter and Proschan 1963).  No schedule for a world can cost less than this
with the true distribution known and every start told for nothing.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from pixverse_async._core.schedule.rule import Curve, Outlook, Start, X

from .model import Shape, SimJob, World
from .play import WAY_BACK

Grid = np.ndarray[tuple[int], np.dtype[np.float64]]


def optimum(cdf: Grid, dt: float, kappa: float) -> tuple[float, float]:
    """Expected polls and lateness of the best schedule for one job."""
    n = len(cdf)
    t, share = np.arange(n) * dt, cdf / cdf[-1]
    below: Grid = np.concatenate([[0.0], np.cumsum((share[1:] + share[:-1]) * 0.5 * dt)])
    value, polls, late = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n - 2, -1, -1):
        alive = 1.0 - share[i]
        if alive < 1e-7:
            value[i], polls[i], late[i] = kappa + dt / 2, 1.0, dt / 2
            continue
        after = slice(i + 1, n)
        unseen = (below[after] - below[i] - share[i] * (t[after] - t[i])) / alive
        goes_on = (1.0 - share[after]) / alive
        cost = kappa + unseen + goes_on * value[after]
        k = int(np.argmin(cost))
        value[i] = cost[k]
        polls[i] = 1.0 + goes_on[k] * polls[i + 1 + k]
        late[i] = unseen[k] + goes_on[k] * late[i + 1 + k]
    return float(polls[0]), float(late[0])


def by_rule(cdf: Grid, dt: float, kappa: float, unit: float) -> tuple[float, float]:
    """Expected polls and lateness when the package's own rule, told the distribution, decides."""
    n = len(cdf)
    t: Grid = np.arange(n, dtype=np.float64) * dt
    share: Grid = cdf / cdf[-1]
    curve = Curve([float(np.interp(unit * x, t, share)) for x in X])
    below: Grid = np.concatenate([[0.0], np.cumsum((share[1:] + share[:-1]) * 0.5 * dt)])
    at, polls, late = 0.0, 0.0, 0.0
    while at < t[-1] - dt:
        f0, h0 = float(np.interp(at, t, share)), float(np.interp(at, t, below))
        if 1.0 - f0 < 1e-6:
            break
        due = Outlook(curve, unit, [Start(0.0, 1.0)], at).due(kappa, float(t[-1]) - at, 0.2 * unit)
        polls += 1.0 - f0
        late += float(np.interp(due, t, below)) - h0 - f0 * (due - at)
        at = due
    return polls, late


def samples(shape: Shape, early_share: float, median: float) -> Grid:
    """100,000 running times as multiples of the median, the early ends among them."""
    rng = np.random.default_rng(5)
    times = shape.sample(rng, 100_000)
    early = rng.random(len(times)) < early_share
    return np.where(early, rng.uniform(3.0, 6.0, len(times)) / median, times)


@functools.cache
def _cost_of_one(shape: Shape, early_share: float, log_kappa: int, log_median: int) -> tuple[float, float]:
    times = samples(shape, early_share, math.exp(0.05 * log_median))
    top = min(30.0, float(np.quantile(times, 0.9999)) * 1.1)
    grid = np.linspace(0.0, top, 2000)
    cdf = np.searchsorted(np.sort(times), grid, side="right") / len(times)
    return optimum(cdf, float(grid[1]), math.exp(0.05 * log_kappa))


def true_median(world: World, job: SimJob) -> float:
    """The typical seconds of such a job at the time of its start."""
    slowdown = world.setting.slowdown
    return world.medians[job.job_class] * (slowdown(job.started_at) if slowdown else 1.0)


def lower_bound(world: World, kappa: float) -> tuple[float, float]:
    """Polls and lateness a job that no schedule can beat in kappa x polls + lateness."""
    setting = world.setting
    polls = late = 0.0
    jobs = [job for job in world.jobs if math.isfinite(job.service)]
    for job in jobs:
        median = true_median(world, job)
        # For a median of one: the cost of (kappa, m Z) is m times that of (kappa / m, Z).
        n, d = _cost_of_one(
            setting.shape, setting.early_share,
            round(math.log(kappa / median) / 0.05), round(math.log(median) / 0.05) if setting.early_share else 0,
        )  # fmt: skip
        polls, late = polls + n, late + d * median
    return polls / len(jobs), late / len(jobs) + WAY_BACK
