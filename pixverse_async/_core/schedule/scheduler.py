"""What a poll schedule is.

A `Scheduler` is told what was submitted, observed and refused, with the time; it is asked whom to poll now and when
to ask again.  It owns no timer, task, clock or random number.  A `PollPolicy` is the frozen value that a user passes
and that makes one scheduler for a run.
"""

from __future__ import annotations

from typing import Protocol

from ..job import JobClass, Stage


class Scheduler(Protocol):
    """Decides for every job in flight when its next poll is due. All times are loop seconds.

    >>> from pixverse_async import FixedPolling
    >>> scheduler: Scheduler = FixedPolling(10.0).scheduler(polls_per_second=20, seed=0)
    >>> scheduler.submitted(0, JobClass("540p", 5, False), sent_at=0.0)
    >>> scheduler.take(now=1.0), scheduler.take(now=11.0)
    (None, 0)
    >>> scheduler.observed(0, Stage.SUCCEEDED, sent=11.0, received=11.2)
    >>> print(scheduler.next_wakeup())
    None
    """

    def submitted(self, job: int, job_class: JobClass, sent_at: float) -> None:
        """The service accepted the job, whose submit left at `sent_at`; replies may come in another order."""
        ...

    def take(self, now: float) -> int | None:
        """A job to poll right now, or None. The job is not offered again before its answer."""
        ...

    def next_wakeup(self) -> float | None:
        """When `take` should be asked again; None while nothing waits."""
        ...

    def observed(self, job: int, stage: Stage, sent: float, received: float) -> None:
        """A status answer. A final stage removes the job."""
        ...

    def error(self, job: int, status: int, retry_after: float | None, sent: float, received: float) -> None:
        """No usable answer: HTTP `status`, or 0 when there was none."""
        ...

    def abandoned(self, job: int, now: float) -> None:
        """We stopped waiting for the job."""
        ...

    def stalled(self, now: float) -> tuple[int, ...]:
        """Jobs that ought to have ended long ago. They are reported and still polled, never resubmitted."""
        ...

    def learned(self) -> str | None:
        """What the next run may start from, as a few hundred bytes of JSON; None when nothing was learned."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be told, such as that the timing of an earlier run was of no use."""
        ...


class PollPolicy(Protocol):
    """A frozen value that makes the scheduler of one run.

    >>> from pixverse_async import FixedPolling
    >>> class Hasty:
    ...     def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
    ...         return FixedPolling(0.5).scheduler(polls_per_second=polls_per_second, seed=seed)
    >>> policy: PollPolicy = Hasty()
    """

    def scheduler(self, *, polls_per_second: float, seed: int, learned: str | None = None) -> Scheduler:
        """A fresh scheduler that sends at most `polls_per_second`; `seed` decides its jitter.

        `learned` is what an earlier run's scheduler told; what does not fit is ignored.
        """
        ...
