"""Every public name, taken from where it is at home. `pixverse_async` hands them out, and loads this file when asked.

Loading it takes as long as loading aiohttp, attrs and anyio and building our classes: near a second. Help on the
command line, and a leaf that does without these names, do not wait for it.
"""

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
    NoJournalError,
    NoSuchRequestError,
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
from ._core.job_event import JobEvent, Observer
from ._core.lifecycle import State
from ._core.outcome import Failed, Outcome, Pending, Succeeded, Timings, Unknown
from ._core.price import Estimate, estimate
from ._core.record import RecordedJob
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
from ._edge.client import Client
from ._edge.directory import DirectorySink
from ._edge.handle import Handle
from ._edge.inputs import jobs_from_folder, jobs_from_images
from ._edge.many import generate_many, resume
from ._edge.one_piece import OnePieceSink
from ._edge.preflight import check_image
from ._edge.record import JournalRepair, forget_account, jobs_on_record, repair_journal, resolve
from ._edge.sinks import Part, Sink

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
    "JournalRepair",
    "Look",
    "Media",
    "NoJournalError",
    "NoSuchRequestError",
    "Observer",
    "OnePieceSink",
    "Outcome",
    "Part",
    "Pending",
    "PixverseError",
    "PollPolicy",
    "ProtocolError",
    "Quality",
    "RateLimitedError",
    "RecordedJob",
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
    "check_image",
    "estimate",
    "forget_account",
    "generate_many",
    "jobs_from_folder",
    "jobs_from_images",
    "jobs_on_record",
    "repair_journal",
    "resolve",
    "resume",
]
