"""When to look again: the poll schedule for all jobs in flight, as one object.

The rule in one sentence: *ask about a job as soon as the delay that has probably gone unnoticed is worth a poll.*

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

At time t, with T the unknown end of the job and s the time of the last answer, the left side is the expected delay
of the news so far; kappa is what one poll is worth to you, in seconds of delay. For a job that may end at any
moment this means a fixed interval; for one that takes about a minute it means silence for most of the minute, then
a few quick looks.

Everything else serves to know T, which is start + running time:

* `belief`: how long jobs run. A job's time is the service's pace, times what is usual for its class, times chance.
  All classes share the pace, so the first jobs to finish teach the rest; jobs that still run teach too.
* `starts` and `line`: when a waiting job starts. Either any may start at any time, or they start in order;
  whichever predicts the answers better is believed. In a line one scout finds the front, and nobody behind it is
  asked.
* `forecast` puts both together for one job, `rule` solves the formula for t, `budget` limits how many polls leave,
  `adaptive` keeps the jobs in a heap and hands out the next, `memory` carries what was learned to the next run.
* `policies`: what a schedule is, and the simple ones that learn nothing.

Constants are of three kinds, each explained where it stands. *First guesses* (20 to 100 s a clip, 30% spread, 10 s
of waiting) are from published figures and matter only until a few jobs have finished. *Memories* (100 jobs, 30
starts, 200 answers) trade steadiness for speed in noticing change. *Limits* (0.25 s between two polls, a look
within five minutes) bound the harm of a wrong belief. Most were halved and doubled in benchmarks/polling.py: the
cost moves by about 2%, so none of them is offered to the user.
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
