"""What became of a job: one of four outcomes, with what it cost and where its time went."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from .dollars import dollars
from .errors import PixverseError
from .frozen import frozen
from .job import Job

if TYPE_CHECKING:
    from .html import Row


@frozen
class Timings:
    """Where the time of one job went, in seconds. None: that part did not happen, or was not seen, in this run.

    >>> times = Timings(queued=4.0, generating=31.5, detected_late_by=1.2, polls=6)
    >>> times.queued, times.downloading
    (4.0, None)
    """

    queued: float | None = None
    """From acceptance to the last answer before `processing`."""
    generating: float | None = None
    """From there to the answer that told the end."""
    detected_late_by: float | None = None
    """At most this long the finished video went unnoticed: the time since the answer before."""
    downloading: float | None = None
    """From the first byte asked for until the video was saved, retries and fresh links included."""
    polls: int = 0
    """Status calls of this run about this job."""


@frozen
class _Common:
    job: Job
    index: int
    """The job's place in the input, from 0."""
    name: str
    """The stem of its file."""
    request_id: str | None = None
    seed: int | None = None
    usd: Decimal = Decimal(0)
    """What it cost, or in the case of `Unknown` and `Pending` what it may cost."""
    timings: Timings = Timings()

    def _repr_html_(self) -> str:
        from .html import table_html  # a notebook alone needs it

        return table_html([row_of(cast("Outcome", self))])


@frozen
class Succeeded(_Common):
    """The video is on the disk (or in the sink), whole and checked.

    >>> from pixverse_async import BatchResult
    >>> cat = Succeeded(
    ...     job=Job("cat.jpg", "yawns"), index=0, name="cat", usd=Decimal("0.175"),
    ...     path=Path("videos/cat.mp4"), size_bytes=900, sha256="9f2c",
    ... )
    >>> BatchResult([cat]).summary()
    '1 succeeded, 0 failed, 0 unknown, 0 pending, $0.175'
    """

    path: Path | str
    """Where it is: a path, or the sink's own name for the place."""
    size_bytes: int
    sha256: str
    notes: tuple[str, ...] = ()
    """What was done to the image on the way, such as a resize."""


@frozen
class Failed(_Common):
    """No video of it comes out of this run. `error.may_be_billed` says whether it may have cost something.

    >>> from pixverse_async import GenerationError
    >>> refused = GenerationError("forbidden", "moderation")
    >>> dog = Failed(job=Job("dog.jpg", "barks"), index=1, name="dog", error=refused)
    >>> dog.usd, dog.error.may_be_billed
    (Decimal('0'), False)
    """

    error: PixverseError


@frozen
class Unknown(_Common):
    """The submit left and its fate is unknown: held, counted as spent, never sent again unasked.

    >>> from pixverse_async import SubmitUnknownError
    >>> lost = SubmitUnknownError("the connection was reset", seed=77)
    >>> held = Unknown(job=Job("cat.jpg", "yawns"), index=0, name="cat", seed=77, usd=Decimal("0.175"), error=lost)
    >>> held.seed, held.usd
    (77, Decimal('0.175'))
    """

    error: PixverseError


@frozen
class Pending(_Common):
    """Accepted, and not seen to end before we stopped waiting; the next run picks it up.

    >>> from pixverse_async import DeadlineExceededError
    >>> late = DeadlineExceededError(1800, "processing")
    >>> left = Pending(job=Job("cat.jpg", "yawns"), index=0, name="cat", request_id="5a7a5466", error=late)
    >>> left.request_id
    '5a7a5466'
    """

    error: PixverseError


Outcome: TypeAlias = Succeeded | Failed | Unknown | Pending
"""What became of one job."""


def row_of(outcome: Outcome) -> Row:
    """The outcome in words, for a table."""
    from .html import Row

    made = outcome.timings.generating
    return Row(
        outcome=type(outcome).__name__.lower(),
        name=outcome.name,
        cost=dollars(outcome.usd),
        made_in="" if made is None else f"{made:.1f} s",
        said=str(outcome.path) if isinstance(outcome, Succeeded) else outcome.error.describe(),
    )
