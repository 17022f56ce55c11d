"""The exact optimum for a job whose start nobody tells: what even perfect knowledge of the distributions costs.

`optimum.lower_bound` is told every start for nothing, so no schedule can reach it where starts must be found out.
Here the poller knows how waits and running times are distributed, and learns from its polls alone: "queued" at s and
"processing" at e leave a start between the two.  Two dynamic programmes, one inside the other:

    queued at s:             Q(s) = min over e of  kappa + late(s, e) + P(queued at e) Q(e) + P(runs at e) R(s, e)
    queued at s, runs at e:  R(s, e), the inspection problem of Barlow, Hunter and Proschan for the ends that are left

Both are kept multiplied by the chance to get there, so that no division is needed.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .catalogue import WORLDS
from .model import Shape, World
from .optimum import Grid, samples, true_median
from .play import WAY_BACK

Table = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Instants = np.ndarray[tuple[int], np.dtype[np.int_]]

_STEPS = 50
"""Steps of the grid to a typical duration; with 90 the cost is 0.2% less."""
_MEDIANS = 7
"""Typical durations for which it is reckoned, from 10 to 400 s; between them it is interpolated."""
_TAIL = 0.995
"""What waits or runs longer than this part of jobs is cut off there: it makes the optimum a little cheaper."""
_LONGEST_PAUSE = 1.6
"""No interval longer than so many typical durations is tried: the best are shorter."""


class _Model:
    """Ends of jobs by their starts, on a grid: row i of `ended` is of those that start before the i-th instant."""

    def __init__(self, waits: Grid, runs: Grid, step: float) -> None:
        top = float(np.quantile(waits, _TAIL))
        self.step, self.starts = step, math.ceil(top / step)
        self.longest = math.ceil(float(np.quantile(runs, _TAIL)) / step)
        self.size = self.starts + self.longest
        at = np.arange(self.size + 1) * step
        started: Grid = np.searchsorted(np.sort(waits), at, side="right") / len(waits)
        started = np.minimum(1.0, started / started[self.starts])
        self.started = started
        age = at[None, :] - at[: self.starts, None] - 0.5 * step
        by_age = np.searchsorted(np.sort(runs), age.ravel(), side="right").reshape(age.shape) / len(runs)
        by_start = np.diff(started)[: self.starts, None] * by_age
        self.ended: Table = np.concatenate([np.zeros((1, self.size + 1)), np.cumsum(by_start, axis=0)])
        halves = 0.5 * step * (self.ended[:, 1:] + self.ended[:, :-1])
        self.below: Table = np.concatenate([np.zeros((self.starts + 1, 1)), np.cumsum(halves, axis=1)], axis=1)

    def running(self, since: Instants, seen: int, kappa: float, reach: int) -> tuple[Grid, Grid]:
        """Cost and polls from the answer "processing" at `seen` on, for each instant of the last "queued"."""
        last = min(seen, self.starts)
        all_of_them = self.started[last] - self.started[since]
        ended, below = self.ended[last] - self.ended[since], self.below[last] - self.below[since]
        cost, polls = np.zeros(ended.shape), np.zeros(ended.shape)
        rows = np.arange(len(since))
        for now in range(min(self.size, seen + self.longest) - 1, seen - 1, -1):
            ask = np.arange(now + 1, min(self.size, now + reach) + 1)
            alive = np.maximum(0.0, all_of_them - ended[:, now])
            late = below[:, ask] - below[:, [now]] - ended[:, [now]] * ((ask - now) * self.step)
            options = kappa * alive[:, None] + late + cost[:, ask]
            best = np.argmin(options, axis=1)
            cost[:, now] = options[rows, best]
            polls[:, now] = alive + polls[rows, ask[best]]
        return cost[:, seen], polls[:, seen]

    def best(self, kappa: float, reach: int) -> tuple[float, float]:
        """Polls and lateness of the best schedule."""
        runs = np.full((self.starts, reach + 1, 2), np.nan)
        for seen in range(1, min(self.size, self.starts + reach - 1) + 1):
            since = np.arange(max(0, seen - reach), min(seen, self.starts))
            runs[since, seen - since] = np.stack(self.running(since, seen, kappa, reach), axis=1)
        cost, polls = np.zeros(self.size + reach + 1), np.zeros(self.size + reach + 1)
        everyone = self.below[-1]
        for since in range(self.starts - 1, -1, -1):
            ask = np.arange(since + 1, min(self.size, since + reach) + 1)
            late = everyone[ask] - everyone[since] - (self.below[since, ask] - self.below[since, since])
            options = kappa * (1.0 - self.started[since]) + late + runs[since, ask - since, 0] + cost[ask]
            k = int(np.argmin(options))
            cost[since] = options[k]
            polls[since] = 1.0 - self.started[since] + runs[since, k + 1, 1] + polls[ask[k]]
        return float(polls[0]), float(cost[0] - kappa * polls[0])


def is_hidden(name: str) -> bool:
    """In this world each job waits by itself, so that the optimum is known."""
    return not (WORLDS[name].workers or WORLDS[name].hostile)


@functools.cache
def _table(
    shape: Shape, early_share: float, wait_median: float, wait_sigma: float, kappa: float
) -> tuple[Grid, Grid, Grid]:
    """Logarithms of typical durations, of the polls and of the lateness that are best there."""
    rng = np.random.default_rng(5)
    waits = wait_median * np.exp(wait_sigma * rng.standard_normal(100_000))
    medians: Grid = np.geomspace(10.0, 400.0, _MEDIANS)
    reach = round(_LONGEST_PAUSE * _STEPS)
    rows = [
        _Model(waits, median * samples(shape, early_share, median), median / _STEPS).best(kappa, reach)
        for median in medians
    ]
    return np.log(medians), np.log([polls for polls, _ in rows]), np.log([late for _, late in rows])


def hidden_optimum(world: World, kappa: float) -> tuple[float, float]:
    """Polls and lateness a job of the best schedule that is told the distributions, but no start.

    Of a service that never says "processing" this is a bound: there is one answer less to learn from.
    """
    s = world.setting
    at, polls, late = _table(s.shape, s.early_share, s.wait_median, s.wait_sigma, kappa)
    medians = np.log([true_median(world, job) for job in world.jobs])
    mean = [float(np.mean(np.exp(np.interp(medians, at, column)))) for column in (polls, late)]
    return mean[0], mean[1] + WAY_BACK
