"""Thousands of image-to-video generations on GMI Cloud's queue, in asyncio, without paying twice.

    from pixverse_async import Job, generate_many

    batch = await generate_many([Job("cat.jpg", "the cat yawns")], output_dir="videos", budget_usd=5)
    print(batch.summary())

The map of the house
--------------------
A job is a value; what happens to it is a sequence of events.  `_core` decides the next step from them (no clock, no
network, no disk, no randomness of its own); `_edge` carries it out and reports a new event.  One stream of events has
three readers: the state machine advances on it, the journal stores it, observers watch it.  Resuming after a crash is
the journal read back through the same state machine.

    Job ──▶ upload ──▶ submit ───────────▶ poll ──────────────▶ download ────────▶ Outcome
                       under a semaphore   one scheduler for    bounded pipeline   Succeeded | Failed
                       paced, budgeted     all jobs in flight   verify, rename     | Unknown | Pending

Read `_core/lifecycle.py` for the states, `_core/retry.py` for what is safe to send again, `_core/schedule` for when to
look, `_edge/submit.py` for the paid call, and `_edge/batch.py` for the whole.

What is promised
----------------
* A submit is never sent again after an outcome that cannot be known: reply lost, reset, timeout, any 5xx.
* The intent is on disk before the POST leaves, the request id before anything else happens.
* A file has its final name only when it is whole and checked.
* One job's failure is that job's outcome, and nobody else's.
* No key and no signed link is in any log, error, repr or journal.
"""

from ._core.budget import Estimate, estimate
from ._core.errors import (
    ApiError,
    AuthError,
    BudgetExceededError,
    ConfigError,
    DeadlineExceededError,
    DownloadError,
    GenerationError,
    InsufficientCreditsError,
    InvalidJobError,
    JournalError,
    PixverseError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    StoppedError,
    SubmitUnknownError,
    TransportError,
    UnexpectedError,
)
from ._core.job import Job, JobClass, Quality, Stage
from ._core.lifecycle import State
from ._core.outcome import Failed, Outcome, Pending, Succeeded, Timings, Unknown
from ._core.result import BatchResult
from ._core.schedule import (
    AdaptivePolling,
    ExponentialPolling,
    FixedPolling,
    IntervalPolling,
    Look,
    PollPolicy,
    Scheduler,
)
from ._core.wire import Media, Status
from ._edge.client import Client, generate_many
from ._edge.flight import JobEvent, Observer
from ._edge.handle import Handle
from ._edge.inputs import jobs_from_folder
from ._edge.sinks import DirectorySink, Part, Sink

__all__ = [
    "AdaptivePolling",
    "ApiError",
    "AuthError",
    "BatchResult",
    "BudgetExceededError",
    "Client",
    "ConfigError",
    "DeadlineExceededError",
    "DirectorySink",
    "DownloadError",
    "Estimate",
    "ExponentialPolling",
    "Failed",
    "FixedPolling",
    "GenerationError",
    "Handle",
    "InsufficientCreditsError",
    "IntervalPolling",
    "InvalidJobError",
    "Job",
    "JobClass",
    "JobEvent",
    "JournalError",
    "Look",
    "Media",
    "Observer",
    "Outcome",
    "Part",
    "Pending",
    "PixverseError",
    "PollPolicy",
    "ProtocolError",
    "Quality",
    "RateLimitedError",
    "RejectedError",
    "Scheduler",
    "Sink",
    "Stage",
    "State",
    "Status",
    "StoppedError",
    "SubmitUnknownError",
    "Succeeded",
    "Timings",
    "TransportError",
    "UnexpectedError",
    "Unknown",
    "estimate",
    "generate_many",
    "jobs_from_folder",
]
