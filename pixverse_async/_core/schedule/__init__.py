"""When to look again: the poll schedule for all jobs in flight, as one object.

The rule in one sentence: *ask about a job as soon as the lateness that has probably gone unnoticed is worth a poll.*

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

T is when the job ends, which nobody knows; s is when it was last known not to have ended; t is when to ask: the first
moment at which this holds. The bar reads "given that". E[...] is the average lateness of the news at t: t - T if the
job ends before t, nothing if later (that is the +), each T after s counted by how probable it is. P(...) is the chance
that the job still runs at t; `rule` says why its root stands there. kappa, your choice, is the price of one poll in
seconds of lateness: at 0.5 you would send two polls to know one second sooner.

An example with kappa 0.5: a job that starts now ends within a minute, at any moment alike. By t it has ended with
chance t / 60, on average t / 2 ago: t * t / 120 s of lateness on average, 0.47 s at t = 7.5. It still runs with chance
0.875, and the root of that is 0.94. 0.47 / 0.94 is 0.5: ask at 7.5 s.

Exceptions: a poll may cost less than kappa if its answer teaches about many jobs, or if the job is among the last of a
batch. For a job that may start at any moment the interval follows from the chance that it does. If jobs start in order,
as a *line*, one poll now and then, the *scout*, finds how far the line has come. A job that was seen to run is asked
after the ceiling at the latest; a waiting one may be left alone longer: a twentieth of its age, or until the line
should reach it.

If a job is always equally likely to end in the next second, however long it has run, the rule gives a fixed interval.
If jobs take about a minute, it gives silence for most of the minute, then a few quick polls.

Everything else estimates T, which is start + running time:

* `belief`: how long jobs run: the service's pace, times what is usual for the job's class, times chance. All classes
  share the pace, so the first jobs to finish teach the rest (`typical`); jobs that still run teach too. `evidence`
  weighs one answer; `hypotheses` holds how much chance scatters durations, and whether the service has changed.
* `starts`, `waits` and `line`: when a waiting job starts. Either each starts at any time (`waits`), or all start in
  order (`line`); whichever predicts the answers better is believed. Behind the front of a line nobody is asked.
* `curves` draws what `belief` holds as a curve: for each duration, the share of jobs that end within it.
* `forecast` puts both together for one job, `rule` solves the formula for t, `poll_budget` limits how many polls leave,
  `adaptive` keeps the jobs in a heap and hands out the next, `memory` carries what was learned to the next run.
* `scheduler`: what a schedule is. `policies`: the simple ones, which learn nothing. `pauses`: how long to leave a job
  alone after a failed poll.

A *weight* is a probability, or becomes one when divided by the sum of all the weights beside it.

Read `rule` first, then `typical`, `evidence`, `hypotheses`, `belief` and `curves`, `starts` (on `waits` and `line`),
`forecast`, `adaptive` (on `poll_budget`); `scheduler`, `policies` and `memory` when you like.

Constants are of three kinds. *First guesses* (20 to 100 s a clip, from published figures; 20% spread and 10 s of
waiting, assumed) matter only until a few jobs have finished. *Memories* (100 jobs, 30 starts, 200 answers: what is so
old counts for a third) trade steadiness for speed in noticing change. *Limits* (0.25 s between two polls, a job that
runs asked within five minutes) bound the harm of a wrong belief. The reason stands beside each constant. *Cost* is
kappa x polls + seconds of lateness, for the average job. *Worlds* are the services that benchmarks/polling.py plays,
each known by a letter, see the README there; a constant "chosen on the worlds" was tried there at half and at twice its
value. "The same within 2%" says that the cost moved by no more, so that there is nothing to offer the user.
"""

from .adaptive import AdaptivePolling
from .policies import ExponentialPolling, FixedPolling, IntervalPolling, Look
from .poll_budget import DEFAULT_POLLS_PER_SECOND
from .scheduler import PollPolicy, Scheduler

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
