"""What the page shows of each job: the journal's word on it, and what the table of the last run adds.

Where the two differ the journal is right: a table may be older. A row counts for a job of the journal when it speaks
of the same request. Jobs that the journal does not know were never sent; they are shown as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePath
from typing import Final

import attrs

from pixverse_async import RecordedJob, State, Timings

from .rows import Row


class Standing(StrEnum):
    """How a job stands, in the order in which they are shown."""

    SUCCEEDED = "succeeded"
    MISSING = "missing"
    """Saved once, and its file is not there any more."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    PENDING = "pending"
    UNSENT = "not-sent"


@attrs.frozen(kw_only=True)
class Card:
    """One job of the page."""

    name: str
    standing: Standing
    image: str
    prompt: str
    parameters: str
    seed: int | None
    usd: Decimal
    """What it cost or may cost."""
    is_at_stake: bool = False
    """It may yet be billed, or not."""
    has_ended_at_service: bool = False
    """The service took it and failed it: only `retry_failed` sends it again."""
    key: str | None = None
    request_id: str | None = None
    submits: int = 0
    sent_at_utc: float | None = None
    video: str | None = None
    """The file's name in the folder, when it is there."""
    place: str | None = None
    """Where the video was saved, when that is no file of the folder."""
    size_bytes: int | None = None
    timings: Timings = attrs.field(factory=Timings)
    reason: str | None = None
    notes: str | None = None
    metadata: str | None = None

    @property
    def was_watched(self) -> bool:
        """A run saw the end of its generation, so that its other times have a meaning."""
        return self.timings.generating is not None and self.timings.detected_late_by is not None


def cards_of(jobs: Sequence[RecordedJob], rows: Sequence[Row], files: Collection[str]) -> list[Card]:
    """The cards in the order of the last run's jobs, then the others of the journal. `files`: names in the folder."""
    by_row = {id(row): job for job, row in _pairs(jobs, rows)}
    cards = [_of_job(by_row[id(row)], row, files) if id(row) in by_row else _of_row(row) for row in rows]
    paired = {job.key for job in by_row.values()}
    return cards + [_of_job(job, None, files) for job in jobs if job.key not in paired]


def _pairs(jobs: Sequence[RecordedJob], rows: Sequence[Row]) -> Iterator[tuple[RecordedJob, Row]]:
    by_request = {row.request_id: row for row in rows if row.request_id is not None}
    by_name = {row.name: row for row in rows}
    taken: set[int] = set()
    for job in jobs:
        row = by_request.get(job.request_id or "", by_name.get(job.name))
        if row is not None and id(row) not in taken:
            taken.add(id(row))
            yield job, row


def _of_job(job: RecordedJob, row: Row | None, files: Collection[str]) -> Card:
    asked = job.job
    same = row if row is not None and row.request_id in (None, job.request_id) else None
    standing, video, place = _standing(job, same, files)
    return Card(
        name=job.name,
        standing=standing,
        image=str(asked.image),
        prompt=asked.prompt,
        parameters=_parameters(asked.duration, asked.quality, audio=asked.audio, multi_clip=asked.multi_clip),
        seed=job.seed,
        usd=job.usd,
        is_at_stake=job.is_held or job.state is State.QUEUED,
        has_ended_at_service=job.state is State.FAILED,
        key=job.key,
        request_id=job.request_id,
        submits=job.submits,
        sent_at_utc=job.started_at_utc,
        video=video,
        place=place,
        size_bytes=job.size_bytes,
        timings=_timings(job, same),
        reason=None if job.state is State.SAVED else _reason(job, same, standing),
        notes=None if same is None else same.notes,
        metadata=None if row is None else row.metadata,
    )


def _timings(job: RecordedJob, row: Row | None) -> Timings:
    """The journal's, which outlive any run; a journal from before it had them leaves it to the table."""
    if job.timings.generating is not None:
        return job.timings
    return Timings() if row is None else row.timings


def _standing(
    job: RecordedJob, row: Row | None, files: Collection[str]
) -> tuple[Standing, str | None, str | None]:
    """How it stands; its file in the folder, or its place elsewhere."""
    if job.state is State.SAVED:
        path = job.path or ""
        if "://" in path:
            return Standing.SUCCEEDED, None, path
        # The folder may have moved since: only the name counts.
        name = PurePath(path).name
        return (Standing.SUCCEEDED, name, None) if name in files else (Standing.MISSING, None, None)
    if job.is_held:
        return Standing.UNKNOWN, None, None
    if job.state in (State.QUEUED, State.READY):
        return Standing.PENDING, None, None
    has_failed = job.state is State.FAILED or (row is not None and row.outcome == "failed")
    return (Standing.FAILED if has_failed else Standing.UNSENT), None, None


def _reason(job: RecordedJob, row: Row | None, standing: Standing) -> str | None:
    """The run's own words have the remedy too, as long as it stands as they say; the journal has the bare reason."""
    if row is None or row.error is None or row.outcome not in _OUTCOMES.get(standing, ()):
        return job.why
    return row.error


_OUTCOMES: Final[Mapping[Standing, tuple[str, ...]]] = {
    Standing.FAILED: ("failed",),
    Standing.UNKNOWN: ("unknown",),
    Standing.PENDING: ("pending", "failed"),  # a video that was made, and could not be saved
}
"""What a table calls a job that stands so. One that was settled since stands otherwise than its last run said."""


def _of_row(row: Row) -> Card:
    return Card(
        name=row.name,
        standing=Standing.FAILED if row.outcome == "failed" else Standing.UNSENT,
        image=row.image,
        prompt=row.prompt,
        parameters=_parameters(row.duration, row.quality, audio=row.audio, multi_clip=row.multi_clip),
        seed=row.seed,
        usd=Decimal(0),
        reason=row.error,
        metadata=row.metadata,
    )


def _parameters(duration: int | None, quality: str | None, *, audio: bool, multi_clip: bool) -> str:
    parts = ["" if duration is None else f"{duration} s", quality or ""]
    parts += ["audio" if audio else "", "multi-clip" if multi_clip else ""]
    return ", ".join(part for part in parts if part)


def counts(cards: Sequence[Card]) -> Mapping[Standing, int]:
    """How many there are of each kind, of those that there are."""
    found = [card.standing for card in cards]
    return {kind: found.count(kind) for kind in Standing if kind in found}


def spent(cards: Sequence[Card]) -> Decimal:
    """What was surely billed."""
    return sum((card.usd for card in cards if not card.is_at_stake), Decimal(0))


def at_stake(cards: Sequence[Card]) -> Decimal:
    """What may yet be billed."""
    return sum((card.usd for card in cards if card.is_at_stake), Decimal(0))
