"""What a failure means, and above all: what may be sent again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixverse_async._core import retry
from pixverse_async._core.errors import (
    ApiError,
    AuthError,
    ConfigError,
    InsufficientCreditsError,
    ProtocolError,
    RateLimitedError,
    TransportError,
)
from pixverse_async._core.job import Stage
from pixverse_async._core.retry import (
    MAX_RETRY_AFTER,
    Accepted,
    Again,
    Ambiguous,
    Deferred,
    Denied,
    Gone,
    Rejected,
    Seen,
    judge_status,
    judge_submit,
)
from pixverse_async._core.wire import Listing, RateHint, Reply
from tests.core.replies import JSON, MP4, reply

NOW = 1_788_507_985.0  # DATE
DATE = "Fri, 04 Sep 2026 07:46:25 GMT"
LATER = "Fri, 04 Sep 2026 07:46:55 GMT"
EARLIER = "Fri, 04 Sep 2026 07:00:00 GMT"
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date"]),
    st.sampled_from([DATE, LATER, "0", "-5", "1e9", "9" * 400, "nan", "Mon, 99 Foo 99999 99:99:99 +9999"])
    | st.text(max_size=40),
)
TAKEN = reply({"request_id": "r", "status": "queued"}).body
BODIES = JSON.map(lambda body: reply(body).body) | st.binary(max_size=60) | st.just(TAKEN)


def replies(status: st.SearchStrategy[int]) -> st.SearchStrategy[Reply]:
    return st.builds(Reply, status=status, headers=HEADERS, body=BODIES)


# -- the paid call -----------------------------------------------------------------------------------


def test_a_submit_that_never_left_may_be_sent_again() -> None:
    """A connection that was never made is the one silence after which a submit is sent again."""
    error = TransportError("connection refused", sent=False)
    assert Deferred(error=error) == judge_submit(error, NOW)


@pytest.mark.parametrize("sent", [None, True])
def test_a_submit_whose_answer_was_lost_is_ambiguous(sent: bool | None) -> None:
    """Reset, timeout and disconnection after the request left say nothing of its fate."""
    assert Ambiguous(why="reset") == judge_submit(TransportError("reset", sent), NOW)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    ("word", "stage"), [("queued", Stage.QUEUED), ("success", Stage.SUCCEEDED), ("failed", Stage.FAILED)]
)
def test_any_2xx_with_an_id_is_accepted(status: int, word: str, stage: Stage) -> None:
    """A 2xx that names a request is an accepted job, even one that has already ended, well or badly."""
    verdict = judge_submit(reply({"request_id": "r", "status": word, "error": "boom"}, status), NOW)
    assert isinstance(verdict, Accepted)
    assert stage is verdict.status.stage


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"request_id": "r", "sta',
        b"{}",
        b"null",
        b'{"error": "rate limit"}',
        b'{"request_id": "/"}',
    ],
)
def test_a_2xx_without_an_id_is_ambiguous(body: bytes) -> None:
    """A success that cannot be read is neither a success nor a refusal."""
    assert isinstance(judge_submit(Reply(status=200, body=body), NOW), Ambiguous)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 408, 499, 500, 502, 503, 504, 520, 599, 100, 600])
def test_an_answer_that_is_no_refusal_is_ambiguous(status: int) -> None:
    """Redirects, gateway timeouts and every 5xx may come from behind a submit that was taken."""
    assert isinstance(judge_submit(reply({"error": "x"}, status, retry_after="1"), NOW), Ambiguous)
    assert isinstance(judge_submit(Reply(status=status, body=TAKEN), NOW), Ambiguous)


def test_the_disguised_400_is_ambiguous() -> None:
    """The 500 that says "Backend error (400)" is believed to be a 5xx, not to be what it says."""
    verdict = judge_submit(reply({"error": "Backend error (400). Please try again."}, 500), NOW)
    assert Ambiguous(why="the service answered 500: Backend error (400). Please try again.") == verdict


def test_an_ambiguous_answer_hands_on_the_id_that_it_names() -> None:
    """A 503 with a request id is settled by reading that id, so the verdict carries it."""
    verdict = judge_submit(reply({"error": "no capacity", "request_id": "c0577939"}, 503), NOW)
    assert isinstance(verdict, Ambiguous)
    assert verdict.request_id == "c0577939"


@pytest.mark.parametrize("status", [400, 404, 406, 409, 410, 413, 415, 418, 422, 431])
def test_a_refused_job_is_rejected(status: int) -> None:
    """A 4xx about the job says that nothing was done, and keeps the service's reason."""
    verdict = judge_submit(reply({"error": "image (Required parameter is missing)"}, status), NOW)
    assert isinstance(verdict, Rejected)
    assert (status, "image (Required parameter is missing)") == (verdict.error.status, verdict.error.reason)
    assert not verdict.error.may_be_billed


def test_a_refused_field_is_named() -> None:
    """FastAPI's 422 lists what is wrong with which field: that is what the user reads, without what was sent."""
    wrong = {"loc": ["body", "payload", "duration"], "msg": "Input should be at most 15", "input": "s3cret"}
    verdict = judge_submit(
        reply({"detail": [{"type": "less_than_equal", **wrong}, {**wrong, "loc": 7}]}, 422), NOW
    )
    assert isinstance(verdict, Rejected)
    assert (
        "the service answered 422: body.payload.duration: Input should be at most 15; Input should be at most 15. "
        "Nothing was charged. Correct the job; the same one would be refused again."
    ) == str(verdict.error)


@pytest.mark.parametrize(
    ("status", "kind", "is_final"),
    [
        (401, AuthError, True),
        (402, InsufficientCreditsError, True),
        (403, AuthError, True),
        (405, ConfigError, True),
        (429, RateLimitedError, False),
    ],
)
def test_a_refusal_that_is_not_the_jobs_fault_leaves_it_new(status: int, kind: type[Any], is_final: bool) -> None:
    """Keys, credits, hosts and rates refuse without work done; only a rate is worth another try in this run."""
    verdict = judge_submit(reply({"error": "no"}, status), NOW)
    assert isinstance(verdict, Deferred)
    assert kind is type(verdict.error)
    assert is_final == verdict.is_final


def test_the_live_429_hands_on_its_wait_and_its_limit() -> None:
    """A refusal by rate teaches the pacer how long to wait and what the limit is."""
    body = {"error": "Rate limit", "rate_limit": {"limit": 2, "interval_seconds": 60, "retry_after_ms": 29970}}
    verdict = judge_submit(reply(body, 429), NOW)
    assert isinstance(verdict, Deferred)
    assert (29.97, RateHint(limit=2, interval=60.0)) == (verdict.wait, verdict.hint)


def test_an_html_429_is_still_a_refusal_by_rate() -> None:
    """A gateway's own 429 page is a refusal without a hint."""
    verdict = judge_submit(Reply(status=429, body=b"<html>Too Many Requests</html>"), NOW)
    assert isinstance(verdict, Deferred)
    assert (None, None) == (verdict.wait, verdict.hint)


FATE_UNKNOWN = st.integers(500, 999) | st.integers(300, 399) | st.integers(0, 199) | st.sampled_from([408, 499])


@pytest.mark.fault(6)
@given(replies(FATE_UNKNOWN) | st.builds(TransportError, st.text(max_size=20), st.sampled_from([None, True])))
@example(reply({"error": "Rate limit exceeded"}, 503, retry_after="1"))
@example(Reply(status=307, body=TAKEN))
def test_nothing_of_unknown_fate_is_ever_sendable_again(answer: Reply | TransportError) -> None:
    """No 5xx, 3xx, 408 or 499, whatever is in it, and no lost answer is `Deferred`, `Rejected` or `Accepted`."""
    assert isinstance(judge_submit(answer, NOW), Ambiguous)


@pytest.mark.fault(8)
@given(replies(st.integers(200, 299)))
def test_no_2xx_is_ever_sendable_again(answer: Reply) -> None:
    """A success that can be read is accepted, and one that cannot is ambiguous."""
    assert isinstance(judge_submit(answer, NOW), Accepted | Ambiguous)


@given(replies(st.integers(0, 999)))
@example(reply({}, 429, date="Mon, 01 Jan 0001 00:00:00 +2359", retry_after="Mon, 01 Jan 0001 00:00:00 -2359"))
def test_every_answer_has_a_verdict(answer: Reply) -> None:
    """No answer of any status, body and headers raises, and every wait is one that can be waited."""
    verdict = judge_submit(answer, NOW)
    if isinstance(verdict, Deferred) and verdict.wait is not None:
        assert 0 <= verdict.wait <= MAX_RETRY_AFTER
    judged = judge_status(answer, "r", NOW)
    if isinstance(judged, Again) and judged.wait is not None:
        assert 0 <= judged.wait <= MAX_RETRY_AFTER
    retry.server_time_utc(answer)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"requests": [], "total": 0}), Listing),
        (reply({"requests": {}}), ProtocolError),
        (Reply(status=200, body=b"<html>"), ProtocolError),
        (reply({}, 401), AuthError),
        (reply({}, 404), ConfigError),
        (reply({}, 405), ConfigError),
        (reply({}, 429), RateLimitedError),
        (reply({}, 503), ApiError),
    ],
)
def test_only_a_list_says_that_the_queue_is_there(answer: Reply, kind: type[Any]) -> None:
    """What is no list has the error that says what to do: of a 404 that is the address, not an id."""
    judged = retry.judge_list(answer, NOW)
    assert kind is type(judged)


# -- the free call -----------------------------------------------------------------------------------


def test_a_readable_status_is_seen() -> None:
    """A record under the id that was asked for is taken in."""
    verdict = judge_status(
        reply({"request_id": "r", "status": "success", "outcome": {"video_url": MP4}}), "r", NOW
    )
    assert isinstance(verdict, Seen)
    assert Stage.SUCCEEDED is verdict.status.stage


def test_a_record_of_another_request_is_not_believed() -> None:
    """A mixed-up answer ends no job: its video would be another's."""
    verdict = judge_status(reply({"request_id": "other", "status": "success"}), "r", NOW)
    assert isinstance(verdict, Again)


@pytest.mark.parametrize("status", [200, 302, 400, 402, 408, 409, 429, 500, 502, 503])
def test_an_answer_that_says_nothing_is_asked_for_again(status: int) -> None:
    """No unreadable or failing answer ends the wait for a paid video."""
    verdict = judge_status(Reply(status=status, body=b"<html>"), "r", NOW)
    assert isinstance(verdict, Again)
    assert status == verdict.http_status


@pytest.mark.parametrize("sent", [None, False, True])
def test_a_lost_status_is_asked_for_again(sent: bool | None) -> None:
    """A status call that broke off, wherever, ends nothing."""
    error = TransportError("reset", sent)
    assert Again(error=error) == judge_status(error, "r", NOW)


def test_a_throttled_status_hands_on_its_wait() -> None:
    """A 429 and a 503 on a status call put the next look off for as long as they say."""
    for status in (429, 503):
        verdict = judge_status(reply({}, status, retry_after="7"), "r", NOW)
        assert isinstance(verdict, Again)
        assert verdict.wait == 7.0


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Gone), (410, Gone), (401, Denied), (403, Denied), (405, Denied)]
)
def test_a_status_may_be_refused(status: int, kind: type[Any]) -> None:
    """An unknown request is gone, and a refused key denied: neither is a broken answer."""
    assert kind is type(judge_status(reply({"error": "no"}, status), "r", NOW))


# -- waits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        (0, 0.0),
        (1500, 1.5),
        (10**9, 300.0),
        (10**400, None),
        (-1, None),
        (float("nan"), None),
        (True, None),
        ("5", None),
    ],
)
def test_the_queues_own_hint_is_clamped(milliseconds: object, seconds: float | None) -> None:
    """A wait within reason is obeyed, a huge one cut to five minutes, and one that makes no sense ignored."""
    body = {"rate_limit": {"retry_after_ms": milliseconds}}
    assert seconds == retry.retry_after(reply(body, 429), NOW)


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "1000000000"}, 300.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": LATER, "date": DATE}, 30.0),
        ({"retry-after": EARLIER, "date": DATE}, 0.0),
        ({"retry-after": LATER, "date": EARLIER}, 300.0),
        ({"retry-after": LATER, "date": "nonsense"}, 30.0),
        ({"retry-after": LATER}, 30.0),
    ],
)
def test_a_retry_after_is_clamped(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and dates are read, a date against the reply's own clock, and none makes us wait for ever."""
    assert seconds == retry.retry_after(Reply(status=429, headers=headers), NOW)


def test_a_date_is_not_measured_by_our_clock() -> None:
    """A clock of ours that is a day wrong changes nothing about a dated wait."""
    one = Reply(status=429, headers={"retry-after": LATER, "date": DATE})
    assert retry.retry_after(one, NOW - 86_400) == 30.0 == retry.retry_after(one, NOW + 86_400)


def test_the_queues_own_hint_comes_before_the_header() -> None:
    """The attested hint in the body wins over a header that no one has seen."""
    body = {"rate_limit": {"retry_after_ms": 5000}}
    assert retry.retry_after(reply(body, 429, retry_after="99"), NOW) == 5.0


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_backoff_has_a_floor_and_a_ceiling(attempt: int, u: float) -> None:
    """However many tries failed, the pause is neither none nor longer than its ceiling, and half of it is certain."""
    whole = min(20.0, 2.0 ** min(attempt, 30))
    assert whole / 2 <= retry.backoff(attempt, u) <= whole


def test_a_reply_that_names_another_jobs_request_tells_nothing() -> None:
    """Such as a cached one: taken for an acceptance, one video would be two jobs' and another be forgotten."""
    verdict = judge_submit(Reply(status=200, body=TAKEN), NOW, {"r"})
    assert Ambiguous(why="the reply names r, the request of another job") == verdict
    assert isinstance(judge_submit(Reply(status=200, body=TAKEN), NOW, {"s"}), Accepted)
