"""The events that an observer sees: what `JobEvent.event` can be.

    def watch(told: JobEvent) -> None:
        match told.event:
            case events.SubmitAccepted(request_id=request_id): ...
            case events.Saved(path=path): ...

Each says what has happened, in the past tense; `pixverse_async.State` says where the job stands after it.
"""

from ._core.events import (
    ConfirmedAbsent,
    DownloadAbandoned,
    Event,
    GenerationFailed,
    GenerationSucceeded,
    LinkExpired,
    Reconciled,
    RequestLost,
    RetryRequested,
    Saved,
    SavedFileMissing,
    StatusSeen,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInterrupted,
    SubmitRejected,
    SubmitStarted,
)

__all__ = [
    "ConfirmedAbsent",
    "DownloadAbandoned",
    "Event",
    "GenerationFailed",
    "GenerationSucceeded",
    "LinkExpired",
    "Reconciled",
    "RequestLost",
    "RetryRequested",
    "Saved",
    "SavedFileMissing",
    "StatusSeen",
    "SubmitAccepted",
    "SubmitDeferred",
    "SubmitInterrupted",
    "SubmitRejected",
    "SubmitStarted",
]
