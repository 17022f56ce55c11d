"""The worlds, and what the schedule must reach in each."""

from __future__ import annotations

import math

from pixverse_async._core.job import JobClass

from .model import Limit, Setting, Shape

_ONE = (JobClass("540p", 5, audio=False),)
_OTHER = (JobClass("720p", 5, audio=False),)


def _slow_hour(t: float) -> float:
    return 1.0 + 1.2 * math.exp(-(((t - 3600.0) / 1500.0) ** 2))


def _steps(t: float) -> float:
    return 1.0 if t < 600.0 else 0.4 if t < 1200.0 else 1.6


_ALL = [
    Setting(name="a", about="independent jobs, eight classes"),
    Setting(name="a2", about="as a, times within 10%", shape=Shape(sigma=0.1)),
    Setting(name="a4", about="as a, times within 40%", shape=Shape(sigma=0.4)),
    Setting(
        name="b", about="6% stragglers, long waits", shape=Shape(sigma=0.25, straggler_share=0.06), wait_sigma=1.2
    ),
    Setting(name="c", about="15% end within seconds", early_share=0.15),
    Setting(name="d", about="the service slows to half and recovers", jobs=600, spread=7200.0, slowdown=_slow_hour),
    Setting(name="s", about="sudden changes: x1, x0.4, x1.6", jobs=450, spread=1800.0, slowdown=_steps),
    Setting(name="g", about="at most 20 in flight", jobs=200, window=20),
    Setting(name="o", about="never says processing", opaque=True),
    Setting(name="f", about="five jobs, nothing known", jobs=5, spread=0.0, batches=60),
    Setting(name="u", about="200 at once, all run at once", jobs=200, classes=_OTHER, spread=0.0),
    Setting(name="e1", about="500 at once, ten workers, in order", jobs=500, classes=_ONE, spread=0.0, workers=10),
    Setting(name="e2", about="as e1, eight classes", jobs=500, spread=0.0, workers=10),
    Setting(
        name="e3", about="as e1, others in the queue", jobs=500, classes=_ONE, spread=0.0, workers=10,
        backlog=120.0, tenants=True,
    ),
    Setting(
        name="e4", about="as e1, workers pick at random", jobs=500, classes=_ONE, spread=0.0, workers=10, shuffled=True
    ),
    Setting(
        name="x1", about="the service takes 5 polls/s", jobs=200, spread=0.0,
        limit=Limit(rate=5.0, burst=10.0, retry_after=2.0), hostile=True,
    ),
    Setting(
        name="x2", about="jobs that never end or go back, errors", jobs=200, spread=600.0, never_share=0.03,
        requeue_share=0.05, error_share=0.03, give_up_after=1800.0, hostile=True,
    ),
]  # fmt: skip
WORLDS = {setting.name: setting for setting in _ALL}

TARGETS = {
    "a": 1.20, "a2": 1.45, "a4": 1.10, "b": 1.15, "c": 1.40, "d": 1.30, "s": 1.60, "g": 1.25, "o": 1.30, "f": 1.55,
    "e1": 1.50, "e2": 1.55, "e3": 1.60, "e4": 4.0, "u": 2.0, "x1": 2.0, "x2": 1.55,
}  # fmt: skip
"""Cost as a multiple of the lower bound, cold start, mean of five seeds: at most this."""
WARM = {"a": 0.9 * 1.20, "f": 0.9 * 1.55, "u": 0.9 * 2.0}
"""The same with the timing of an earlier run."""
INDEPENDENT = ("a", "a2", "a4", "b", "d", "g", "o")
LINES = ("e1", "e2", "e3")
