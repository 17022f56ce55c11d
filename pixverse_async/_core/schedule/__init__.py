"""When to look again: the poll schedule for all jobs in flight, as one object.

The rule in one sentence: *ask about a job as soon as the lateness that has probably gone unnoticed is worth a poll.*

    E[(t - T)+ | T > s] / sqrt(P(T > t | T > s))  >=  kappa

T is when the job ends, which nobody knows; s is when it was last known not to have ended; t is when to ask: the first
moment at which this holds. E[...] is the average lateness of the news at t: t - T for an end before t, nothing for one
after it, over all ends still possible after s, each counted by how probable it is. P(...) is the chance that the job
runs on past t; `rule` says why it stands there. kappa, your choice, is what one poll is worth to you in seconds of
lateness: at 0.5 you would send two to know one second sooner.

An example with kappa 0.5: a job ends within a minute, at any moment alike. After t seconds the average lateness is
t * t / 120, at 7.5 s 0.47 s; the chance that it runs on is 0.875, its root 0.94; 0.47 / 0.94 is 0.5: ask at 7.5 s.

Where it is departed from: answers that teach about many jobs and the last few jobs of a batch may cost less than kappa;
while a job may start at any moment, the interval comes from the chance that it does; a line is followed by one scout.
No job that was seen to run goes unasked for longer than the ceiling; one that waits may, for a twentieth of its age, or
until the line should reach it.

For a job that is as likely to end in the next second however long it has run this means a fixed interval; for one
that takes about a minute it means silence for most of the minute, then a few quick looks.

Everything else serves to know T, which is start + running time:

* `belief`: how long jobs run. A job's time is the service's pace, times what is usual for its class, times chance.
  All classes share the pace, so the first jobs to finish teach the rest (`typical`); jobs that still run teach too.
  What an answer says is reckoned in `evidence`; what is not known of chance and of changes is in `hypotheses`.
* `starts` and `line`: when a waiting job starts. Either any may start at any time, or they start in order;
  whichever predicts the answers better is believed. In a line one scout finds the front, and nobody behind it is
  asked.
* `curves` draws what `belief` holds as a curve: for each duration, the share of jobs that end within it.
* `forecast` puts both together for one job, `rule` solves the formula for t, `poll_budget` limits how many polls leave,
  `adaptive` keeps the jobs in a heap and hands out the next, `memory` carries what was learned to the next run.
* `scheduler`: what a schedule is. `policies`: the simple ones, which learn nothing. `pauses`: how long to leave a job
  alone after a failed poll.

A *weight*, wherever one stands, is a probability, or becomes one once it is divided by the sum of its fellows.

Read `rule` first, then `typical`, `evidence`, `hypotheses`, `belief` and `curves`, `starts` (on `waits` and `line`),
`forecast`, `adaptive` (on `poll_budget`); `scheduler`, `policies` and `memory` when you like.

Constants are of three kinds. *First guesses* (20 to 100 s a clip, from published figures; 20% spread and 10 s of
waiting, assumed) matter only until a few jobs have finished. *Memories* (100 jobs, 30 starts, 200 answers: what is so
old counts for a third) trade steadiness for speed in noticing change. *Limits* (0.25 s between two polls, a job that
runs asked within five minutes) bound the harm of a wrong belief. The reason stands beside each constant. "Chosen on the
worlds" means on those of benchmarks/polling.py, see the README there. "Within 2%" means that the mean cost moved by no
more over a fourfold range, which leaves nothing to offer the user.
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
