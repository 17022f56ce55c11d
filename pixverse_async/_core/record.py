"""What a journal tells of each job, for people: enough to show it, to find its video and to settle it.

The job itself is rebuilt from what its submit asked for; its image is there by name only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import attrs

from .events import GenerationFailed, Saved, SubmitRejected, SubmitStarted
from .frozen import frozen
from .job import Job, image_words
from .lifecycle import HELD, UNFINISHED, JobRecord, State
from .outcome import Timings
from .redaction import redact
from .rows import unchecked_job

_PARAMETERS: Final = ("image", "prompt", "duration", "quality", "audio", "multi_clip", "name")
_NAME_CHARS: Final = 8
"""Of the key, where it has to do as a name."""


@frozen
class RecordedJob:
    """One job of an output folder, as its journal knows it.

    `job.image` is a description: a path or link as it was given, without signature, or the count of its bytes.

    >>> job = RecordedJob(
    ...     key="3f2a91c0" * 4, name="cat", job=Job("cat.jpg", "yawns"), state=State.UNKNOWN, request_id=None, seed=77,
    ...     usd=Decimal("0.175"), submits=1, started_at_utc=0.0, path=None, size_bytes=None, sha256=None, why="reset",
    ... )
    >>> job.is_held
    True
    """

    key: str
    """32 hex digits, the job's identity: what `resolve` asks for."""
    name: str
    """The stem of its file."""
    job: Job
    state: State
    request_id: str | None
    seed: int | None
    """None when a repair found the line of its submit lost; then what was asked is not known either."""
    usd: Decimal
    """What it cost or may cost, all its requests together."""
    submits: int
    """How many times a paid POST was about to leave; more than one only after sure refusals or at your wish."""
    started_at_utc: float | None
    """When the latest of them was, epoch seconds; None as for `seed`."""
    path: str | None
    """Where the video was saved."""
    size_bytes: int | None
    """The video's, when it was saved."""
    sha256: str | None
    """The video's, in hex."""
    why: str | None
    """The reason of a failure, or why the fate of the submit is unknown."""
    timings: Timings = attrs.field(factory=Timings)
    """Where its time went, as far as a run saw it; without `polls`, which nobody writes down."""

    @property
    def is_held(self) -> bool:
        """It may be billed, and only the service's list, or you, can tell: see `resolve`."""
        return self.state in HELD


def on_record(records: Mapping[str, JobRecord]) -> tuple[RecordedJob, ...]:
    """The jobs of a journal that were sent at least once, in the order of their first submits."""
    return tuple(recorded(key, record) for key, record in records.items() if was_sent(record))


def was_sent(record: JobRecord) -> bool:
    """Whether it was sent at least once, as far as the journal tells."""
    return record.started is not None or record.state is not State.NEW


def recorded(key: str, record: JobRecord) -> RecordedJob:
    """The job of one record."""
    started, saved = record.started, _saved(record)
    job = job_on_record(key, record)
    return RecordedJob(
        key=key,
        name=record.name or job.stem,
        job=job,
        state=record.state,
        request_id=record.request_id,
        seed=None if started is None else started.seed,
        usd=record.usd + record.sunk_usd,
        submits=record.attempts,
        started_at_utc=None if started is None else started.at_utc,
        path=None if saved is None else saved.path,
        size_bytes=None if saved is None else saved.size_bytes,
        sha256=None if saved is None else saved.sha256,
        why=_why(record),
        timings=_timings(record),
    )


def job_on_record(key: str, record: JobRecord) -> Job:
    """The job that was sent; its image is a description, which need not be an image's any more.

    One that is only there to be shown when a repair found the line of its submit lost.
    """
    started = record.started
    if started is None:
        return unchecked_job({"image": "?", "prompt": "?", "name": key[:_NAME_CHARS]})
    asked = {name: getattr(started, name) for name in _PARAMETERS}
    return unchecked_job({**asked, "seed": _seed_asked(started)})


def unsaved(records: Iterable[JobRecord], job: Job) -> list[JobRecord]:
    """What was sent for a job like this one, and is not saved.

    They are compared by what was asked: without the image, which is gone, the job has no key.
    """
    wanted = _asked(job, image_words(job), job.seed)
    return [
        record
        for record in records
        if record.state in UNFINISHED
        and (sent := record.started) is not None
        and _asked(sent, sent.image, _seed_asked(sent)) == wanted
    ]


def _asked(asked: Job | SubmitStarted, image: str, seed: int | None) -> tuple[object, ...]:
    """Of the prompt what the journal keeps."""
    return image, redact(asked.prompt), asked.duration, asked.quality, asked.audio, asked.multi_clip, seed


def _seed_asked(started: SubmitStarted) -> int | None:
    return None if started.is_own_seed else started.seed


def _saved(record: JobRecord) -> Saved | None:
    """Nothing for a file that is gone, and is not back yet."""
    return record.saved if record.state is State.SAVED else None


def _why(record: JobRecord) -> str | None:
    match record.ending:
        case SubmitRejected(reason=reason) | GenerationFailed(reason=reason):
            return reason
        case None:
            return record.why if record.state in HELD else None


def _timings(record: JobRecord) -> Timings:
    match _saved(record) or record.ending:
        case Saved() as end:
            downloading = end.downloading
        case GenerationFailed() as end:
            downloading = None
        case _:
            return Timings()
    return Timings(
        queued=end.queued,
        generating=end.generating,
        detected_late_by=end.detected_late_by,
        downloading=downloading,
    )
