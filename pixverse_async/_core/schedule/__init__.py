"""When to look again: the poll schedule for all jobs in flight, as one object.

`policies` says what a schedule is and has the simple ones; `adaptive` has the one that learns, put
together from `belief` (how long things take), `starts` (when a waiting job starts), `rule` (when a
poll is worth its price) and `budget` (how many may leave).
"""

from .adaptive import AdaptivePolling
from .policies import (
    DEFAULT_POLLS_PER_SECOND,
    ExponentialPolling,
    FixedPolling,
    IntervalPolling,
    Look,
    PollPolicy,
    Scheduler,
)

__all__ = [
    "DEFAULT_POLLS_PER_SECOND",
    "AdaptivePolling",
    "ExponentialPolling",
    "FixedPolling",
    "IntervalPolling",
    "Look",
    "PollPolicy",
    "Scheduler",
]
