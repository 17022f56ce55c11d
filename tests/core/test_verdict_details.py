"""What the verdicts carry along, and the edges of their ranges: what a mutation run found to be untested."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pixverse_async._core.breaker import FEWEST_CALLS, FIRST_PAUSE, WINDOW, Breaker
from pixverse_async._core.errors import ApiError, JournalError, ProtocolError, RateLimitedError, TransportError
from pixverse_async._core.events import GenerationFailed, RetryRequested, SubmitAccepted
from pixverse_async._core.journal_format import _RESTORE, compacted, read_journal  # pyright: ignore[reportPrivateUsage]
from pixverse_async._core.price import estimate
from pixverse_async._core.retry import (
    Again,
    Ambiguous,
    Deferred,
    Denied,
    Gone,
    judge_status,
    judge_submit,
    server_time_utc,
)
from pixverse_async._core.wire import DEFAULT_BASE_URL
from tests.core.replies import reply
from tests.core.test_journal_format import LINES, resealed
from tests.submits import STARTED, fold

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT."""
RECORD = {"request_id": "r-1", "status": "success"}


def test_300_is_no_success() -> None:
    """A 300 that holds a whole record is neither an accepted job nor a status."""
    assert isinstance(judge_submit(reply(RECORD, 300), NOW), Ambiguous)
    assert isinstance(judge_status(reply(RECORD, 300), "r-1", NOW), Again)


def test_an_unreadable_success_says_what_could_not_be_read() -> None:
    """The reason of an ambiguous submit names the field that was missing."""
    verdict = judge_submit(reply({"status": "queued"}), NOW)
    assert isinstance(verdict, Ambiguous)
    assert "request_id" in verdict.why


def test_a_405_names_the_setting_and_the_base_that_is_right() -> None:
    """The host of the language models answers so; the error says what to change, and to what."""
    verdict = judge_submit(reply({}, 405), NOW)
    assert isinstance(verdict, Deferred)
    words = str(verdict.error)
    assert words.startswith("base_url (GMI_BASE_URL)")
    assert ": the service answers 405: this is not the queue. " in words
    assert DEFAULT_BASE_URL in words


@pytest.mark.parametrize("status", [429, 503])
def test_a_dated_wait_for_a_status_is_measured_by_our_clock(status: int) -> None:
    """A status call that is put off until a date is put off by as long as our clock says, by the error too."""
    verdict = judge_status(reply({}, status, retry_after="Sun, 06 Nov 1994 08:50:07 GMT"), "r-1", NOW)
    assert isinstance(verdict, Again)
    assert 30.0 == verdict.wait
    assert not isinstance(verdict.error, RateLimitedError) or 30.0 == verdict.error.retry_after


@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_a_refused_submit_tells_status_and_reason(status: int) -> None:
    """The error of a refusal is the service's own answer, and not an empty one."""
    verdict = judge_submit(reply({"error": "so it is"}, status), NOW)
    assert isinstance(verdict, Deferred)
    assert isinstance(verdict.error, ApiError)
    assert (status, "so it is") == (verdict.error.status, verdict.error.reason)


def test_a_dated_wait_without_a_date_is_measured_by_our_clock() -> None:
    """A 429 that says until when, but not what time it is, is waited for as long as our clock says."""
    verdict = judge_submit(reply({}, 429, retry_after="Sun, 06 Nov 1994 08:50:07 GMT"), NOW)
    assert isinstance(verdict, Deferred)
    assert 30.0 == verdict.wait


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Gone), (410, Gone), (401, Denied), (403, Denied), (500, Again)]
)
def test_a_failed_status_tells_status_and_reason(status: int, kind: type[object]) -> None:
    """Each verdict on a status call carries what the service said."""
    verdict = judge_status(reply({"error": "so it is"}, status), "r-1", NOW)
    assert isinstance(verdict, Gone | Denied | Again)
    assert kind is type(verdict)
    error = verdict.error
    assert isinstance(error, ApiError)
    assert (status, "so it is") == (error.status, error.reason)


def test_an_answer_that_is_not_ours_is_named() -> None:
    """An unreadable record and another request's are errors that say what was expected, with their HTTP status."""
    unreadable = judge_status(reply({"status": "queued"}), "r-1", NOW)
    mixed_up = judge_status(reply({**RECORD, "request_id": "r-2"}), "r-1", NOW)
    lost = judge_status(TransportError("reset", None), "r-1", NOW)
    assert isinstance(unreadable, Again)
    assert isinstance(mixed_up, Again)
    assert isinstance(lost, Again)
    assert isinstance(unreadable.error, ProtocolError)
    assert isinstance(mixed_up.error, ProtocolError)
    assert ("request_id", "r-1", "r-2") == (mixed_up.error.path, mixed_up.error.expected, mixed_up.error.got)
    assert [200, 200, 0] == [unreadable.http_status, mixed_up.http_status, lost.http_status]


@pytest.mark.parametrize(
    ("headers", "at_utc"), [({"date": "Sun, 06 Nov 1994 08:49:37 GMT"}, NOW), ({"date": "noon"}, None), ({}, None)]
)
def test_the_services_clock_is_in_its_date(headers: dict[str, Any], at_utc: float | None) -> None:
    """Epoch seconds of the Date header, or nothing."""
    assert at_utc == server_time_utc(reply({}, **headers))


def test_a_failure_as_old_as_the_window_is_forgotten() -> None:
    """Failures of exactly `WINDOW` seconds ago do not count with one of now."""
    breaker = Breaker()
    for _ in range(FEWEST_CALLS - 1):
        breaker.heard(0.0, is_failure=True)
    breaker.heard(WINDOW, is_failure=True)
    assert WINDOW == breaker.closed_at(WINDOW)


def test_an_outage_after_a_recovery_begins_with_the_first_pause() -> None:
    """A trial that succeeded forgets how long the last outage was."""
    breaker = Breaker()
    for start in (0.0, 1000.0):
        for _ in range(FEWEST_CALLS):
            breaker.heard(start, is_failure=True)
        assert start + FIRST_PAUSE == breaker.closed_at(start)
        breaker.heard_read(start + FIRST_PAUSE, is_failure=False)
        breaker.heard(start + FIRST_PAUSE, is_failure=False)


def test_no_jobs_cost_exact_money() -> None:
    """The estimate of nothing is a Decimal like every other."""
    assert isinstance(estimate([]).total_usd, Decimal)


@pytest.mark.parametrize(
    ("data", "line", "remedy"),
    [
        (b"name,usd\ncat,0.15\n", 1, "Nothing was sent. Move this file away, or name another journal."),
        (b'{"v":12,"other":"layout"}\n', 1, "Nothing was sent. Run the version that wrote it, or a later one."),
        (LINES[0] + LINES[2] + LINES[3], 2, f"Nothing was sent. {_RESTORE}."),
        (LINES[0] + LINES[1] + b"\n" + LINES[2], 3, f"Nothing was sent. {_RESTORE}."),
        (LINES[0] + LINES[1] + resealed(LINES[1], seq=2), 3, f"Nothing was sent. {_RESTORE}."),
        (LINES[0] + resealed(LINES[1], event="Teleported"), 2, f"Nothing was sent. {_RESTORE}."),
        (
            LINES[0] + resealed(LINES[1], v=2),
            2,
            "Nothing was sent. Run the version that wrote it, or a later one.",
        ),
        (resealed(LINES[0], model="m"), 1, "Nothing was sent. Give each model an output folder of its own."),
    ],
)
def test_a_refused_journal_says_where_and_what_to_do(data: bytes, line: int, remedy: str) -> None:
    """The error has the path that was given, the line, and the remedy in full."""
    with pytest.raises(JournalError) as caught:
        read_journal(data, "videos/journal")
    assert ("videos/journal", line, remedy) == (caught.value.path, caught.value.line, caught.value.remedy)


def test_a_job_that_failed_many_times_survives_compaction() -> None:
    """Every id that was given up is in the line that is left of the job."""
    tries = [
        (STARTED, SubmitAccepted(request_id=f"r-{n}"), GenerationFailed(reason="", kind="x"), RetryRequested())
        for n in range(3)
    ]
    record = fold(event for one in tries for event in one)
    assert ("r-0", "r-1", "r-2") == record.past_ids
    assert {"k": record} == read_journal(compacted({"k": record}, 3.0), "j").records


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"name,usd\ncat,0.15\n", "this is not a journal of pixverse_async"),
        (LINES[0] + b"\n" + LINES[1], "the line is not as it was written (its checksum is wrong)"),
    ],
)
def test_a_refused_journal_says_why(data: bytes, problem: str) -> None:
    """What is wrong with the file is told in a sentence of its own."""
    with pytest.raises(JournalError) as caught:
        read_journal(data, "videos/journal")
    assert problem == caught.value.problem
