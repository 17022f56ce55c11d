"""What a journal's records tell people: each field from where it is, and money over all requests."""

from __future__ import annotations

from decimal import Decimal

import attrs

from pixverse_async._core.events import (
    ConfirmedAbsent,
    GenerationFailed,
    GenerationSucceeded,
    LinkExpired,
    Reconciled,
    RetryRequested,
    Saved,
    SavedFileMissing,
    SubmitAccepted,
    SubmitInterrupted,
)
from pixverse_async._core.outcome import Timings
from pixverse_async._core.record import on_record
from tests.submits import fold, started

SUBMIT = started(is_own_seed=False, multi_clip=True)
READY = (SUBMIT, SubmitAccepted(request_id="r-1"), GenerationSucceeded())
PAID_AND_FAILED = (*READY, LinkExpired(), GenerationFailed(reason="boom", kind="unknown"))
SAVED = Saved(path="cat-2.mp4", size_bytes=9, sha256="ef")
RENAMED = (SavedFileMissing(problem="gone", name="cat-2"), GenerationSucceeded(), SAVED)


def test_a_job_bought_twice_and_renamed_is_told_in_full() -> None:
    """Two submits and the price of both, the name of now, the file, and the seed that the user gave."""
    events = (*PAID_AND_FAILED, RetryRequested(), *READY, SAVED, *RENAMED)
    (told,) = on_record({"k": fold(events)})
    assert ("cat-2", 2, Decimal("0.300"), 1.5) == (told.name, told.submits, told.usd, told.started_at_utc)
    assert ("cat-2.mp4", 9, "ef", None) == (told.path, told.size_bytes, told.sha256, told.why)
    assert (7, True) == (told.job.seed, told.job.multi_clip)


def test_a_held_job_says_why() -> None:
    """The reason why its fate is unknown, and no more than one price."""
    (told,) = on_record({"k": fold((SUBMIT, SubmitInterrupted(why="reset")))})
    assert (True, "reset", Decimal("0.150")) == (told.is_held, told.why, told.usd)


def test_a_job_that_is_not_held_any_more_says_nothing_of_why() -> None:
    """Found by its user, or declared absent: that its reply was lost is over."""
    for end in (Reconciled(request_id="r-1"), ConfirmedAbsent(listings=0)):
        (told,) = on_record({"k": fold((SUBMIT, SubmitInterrupted(why="reset"), end))})
        assert (False, None) == (told.is_held, told.why)


def test_times_are_those_of_the_end_that_was_seen() -> None:
    """A saved job tells all four, a failed one has no download, and one under way tells none."""
    times = {"queued": 1.0, "generating": 2.0, "detected_late_by": 3.0}
    saved = Saved(path="cat.mp4", size_bytes=9, sha256="ef", downloading=4.0, **times)
    failed = GenerationFailed(reason="boom", kind="unknown", **times)
    histories = [(*READY, saved), (SUBMIT, SubmitAccepted(request_id="r-1"), failed), READY]
    told = on_record({str(n): fold(events) for n, events in enumerate(histories)})
    seen = Timings(queued=1.0, generating=2.0, detected_late_by=3.0)
    expected = [attrs.evolve(seen, downloading=4.0), seen, Timings()]
    assert expected == [job.timings for job in told]
