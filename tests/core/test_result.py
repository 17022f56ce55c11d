"""What a batch came to, summed up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

from pixverse_async._core.errors import DeadlineExceededError, GenerationError, SubmitUnknownError
from pixverse_async._core.job import Job
from pixverse_async._core.outcome import Failed, Outcome, Pending, Succeeded, Unknown
from pixverse_async._core.result import BatchResult

JOB = Job("cat.jpg", "yawns")
SAVED = Succeeded(job=JOB, index=0, name="a", usd=Decimal("0.1"), path="a.mp4", size_bytes=1, sha256="ab")
FAILED = Failed(job=JOB, index=1, name="b", error=GenerationError("boom"))
UNKNOWN = Unknown(job=JOB, index=2, name="c", usd=Decimal("0.2"), error=SubmitUnknownError("reset", 7))
PENDING = Pending(job=JOB, index=3, name="d", usd=Decimal("0.3"), error=DeadlineExceededError(1.0, "queued"))
ALL: tuple[Outcome, ...] = (SAVED, FAILED, UNKNOWN, PENDING)


def test_a_batch_is_a_sequence_of_its_outcomes() -> None:
    """Length, order, indexes and slices are those of the outcomes."""
    batch = BatchResult(iter(ALL))
    assert ALL == tuple(batch) == batch[:]
    assert (4, SAVED, PENDING, (FAILED, UNKNOWN)) == (len(batch), batch[0], batch[-1], batch[1:3])
    with pytest.raises(IndexError):
        _ = batch[4]


def test_outcomes_are_sorted_by_kind() -> None:
    """Each outcome is in the one list of its kind."""
    batch = BatchResult(ALL)
    assert ((SAVED,), (FAILED,), (UNKNOWN,), (PENDING,)) == (
        batch.succeeded,
        batch.failed,
        batch.unknown,
        batch.pending,
    )


def test_the_money_of_unknown_and_pending_jobs_counts() -> None:
    """What may have been spent is counted to the cent, and shown."""
    batch = BatchResult(ALL)
    assert Decimal("0.6") == batch.usd_spent
    assert batch.summary() == "1 succeeded, 1 failed, 1 unknown, 1 pending, $0.60"
    assert batch.summary() in repr(batch)


def test_failures_are_raised_together() -> None:
    """Every job that did not succeed is in the group, and none that did."""
    with pytest.raises(ExceptionGroup) as caught:
        BatchResult(ALL).raise_for_failures()
    assert (FAILED.error, UNKNOWN.error, PENDING.error) == caught.value.exceptions


@pytest.mark.parametrize("outcomes", [(), (SAVED,)])
def test_nothing_is_raised_when_all_succeeded(outcomes: tuple[Outcome, ...]) -> None:
    """A batch without a failure, the empty one included, raises nothing."""
    BatchResult(outcomes).raise_for_failures()


def html_of(shown: object) -> str:
    """What a notebook asks for."""
    return cast("Any", shown)._repr_html_()


def test_a_notebook_shows_a_batch_as_a_table() -> None:
    """What has no video comes first, of many a part is shown, and nothing from outside becomes markup."""
    many = [
        Succeeded(job=JOB, index=n, name=f"<i>{n}", path="a.mp4", size_bytes=1, sha256="ab") for n in range(30)
    ]
    shown = html_of(BatchResult([*many, FAILED]))
    assert shown.index("failed") < shown.index("&lt;i&gt;0")
    assert (20, 0, True) == (shown.count("<tr><td"), shown.count("<i>"), "... and 11 more" in shown)
    assert "<table" not in html_of(BatchResult([]))


@pytest.mark.parametrize("outcome", ALL, ids=lambda one: type(one).__name__)
def test_a_notebook_shows_an_outcome(outcome: Outcome) -> None:
    """In one row, with what became of it; a link in it has lost its signature."""
    shown = html_of(outcome)
    assert (1, True) == (shown.count("<tr><td"), type(outcome).__name__.lower() in shown)
    link = attrs.evolve(FAILED, error=GenerationError("see https://x.example/a?X-Goog-Signature=5ec2e7"))
    assert "5ec2e7" not in html_of(link)
