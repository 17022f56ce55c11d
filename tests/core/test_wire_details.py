"""Replies to the letter: what an answer that cannot be read is called, and where a limit begins to be absurd."""

from __future__ import annotations

import hashlib

import pytest

from pixverse_async import ProtocolError, Stage
from pixverse_async._core import replies, wire
from pixverse_async._core.wire import Call, RateHint, Reply
from tests.core.replies import reply


def _told(problem: ProtocolError) -> tuple[str, str, str]:
    return problem.path, problem.expected, problem.got


@pytest.mark.parametrize("status", [199, 200, 299, 300])
def test_a_success_is_of_the_two_hundreds(status: int) -> None:
    """199 and 300 are none."""
    assert (status in (200, 299)) == Reply(status=status).is_success


@pytest.mark.parametrize(
    ("body", "got"), [(b"", "nothing"), (b"x" * 99, "x" * 59 + "…"), (b"<p>" + 77 * b" " + b"late", "<p>")]
)
def test_what_is_no_json_is_quoted_from_its_beginning(body: bytes, got: str) -> None:
    """Sixty characters of the first eighty bytes are shown, and that there was nothing when there was nothing."""
    with pytest.raises(ProtocolError) as caught:
        replies.read_record(Reply(status=200, body=body))
    assert ("body", "JSON", got) == _told(caught.value)


def test_what_is_no_list_is_shown() -> None:
    """In sixty characters."""
    with pytest.raises(ProtocolError) as caught:
        replies.read_listing(reply({"requests": "y" * 99}))
    assert ("requests", "a list", f"'{'y' * 58}…") == _told(caught.value)


@pytest.mark.parametrize("kind", [list, dict])
def test_nesting_is_seen_in_lists_and_in_records(kind: type) -> None:
    """More than thirty-two levels are no reply, of whatever they are made."""
    body: object = "x"
    for _ in range(40):
        body = [body] if kind is list else {"a": body}
    with pytest.raises(ProtocolError, match="at most 32 levels"):
        replies.read_record(reply({"request_id": "r-1", "more": body}))


def test_a_bad_entry_hides_none_that_follows() -> None:
    """An entry that cannot be read is counted, and those around it are read, without media and reasons."""
    good = {"request_id": "r-1", "status": "failed", "message": "boom"}
    done = {"request_id": "r-2", "status": "success", "outcome": {"video_url": "https://x.example/a.mp4"}}
    listing = replies.read_listing(reply({"requests": [good, {"request_id": ""}, done], "total": 3}))
    assert ["r-1", "r-2"] == [record.request_id for record in listing.records]
    assert [(None, None)] * 2 == [(record.media, record.reason) for record in listing.records]
    assert (1, False) == (listing.unreadable, listing.is_complete)


@pytest.mark.parametrize(
    ("limit", "interval", "is_hint"),
    [
        *((1, 60, True), (0.5, 60, False), (10**6, 60, True), (10**6 + 0.5, 60, False)),
        *((10, 0.5, True), (10, 0, False), (10, 86_400, True), (10, 86_400.5, False)),
    ],
)
def test_a_limit_from_one_in_a_day_to_a_million_at_once_is_a_hint(
    limit: float, interval: float, is_hint: bool
) -> None:
    """What is outside of these bounds is left alone."""
    body = {"rate_limit": {"limit": limit, "interval_seconds": interval}}
    expected = RateHint(limit=int(limit), interval=interval) if is_hint else None
    assert expected == replies.read_rate_hint(reply(body, 429))


def test_a_submit_is_sent_to_the_letter() -> None:
    """Method, path, the bytes of the body, where no letter is escaped, and the patience for an answer."""
    body = '{"model":"pixverse-v6-i2v","payload":{"prompt":"où","seed":7}}'.encode()
    expected = Call(method="POST", path="/requests", body=body, timeout=180.0)
    assert expected == wire.submit_call({"prompt": "où", "seed": 7})


@pytest.mark.parametrize(
    ("content", "canonical"),
    [
        ({"seed": 7, "prompt": "où"}, '{"prompt":"où","seed":7}'.encode()),
        ({"prompt": "\ud83d"}, b'{"prompt":"\xed\xa0\xbd"}'),
    ],
)
def test_a_fingerprint_is_that_of_older_journals(content: dict[str, object], canonical: bytes) -> None:
    """It is made of the same bytes for ever, of half a letter too: a lost submit is found again by it."""
    assert hashlib.sha256(canonical).hexdigest() == wire.payload_sha256(content)


def test_an_error_without_a_reason_is_quoted_as_it_is() -> None:
    """A hundred and twenty characters of its JSON, or of the words of a page, as they are written."""
    assert '{"code": "' + "é" * 109 + "…" == replies.read_error(reply({"code": "é" * 200}, 500))
    page = Reply(status=502, body=b"<html>" + b"x" * 200 + b"</html>")
    assert "x" * 119 + "…" == replies.read_error(page)


def test_a_long_list_is_not_a_deep_one() -> None:
    """A hundred requests are read, and brackets in a prompt are no nesting."""
    records = [{"request_id": f"r-{n}", "payload": {"prompt": "[" * 40, "seed": n}} for n in range(100)]
    assert replies.read_listing(reply({"requests": records, "total": 100})).is_complete


@pytest.mark.parametrize(("found", "got"), [("../x", "'../x'"), (None, "None"), ("y" * 201, f"'{'y' * 58}…")])
def test_what_is_no_id_is_shown(found: object, got: str) -> None:
    """A record without one says where it was looked for and what stands there, in sixty characters."""
    with pytest.raises(ProtocolError) as caught:
        replies.read_record(reply({"request_id": found}))
    assert ("request_id", "an id", got) == _told(caught.value)


def test_a_status_or_model_that_is_no_text_is_none() -> None:
    """It is read as a request in the queue, of which the service said nothing."""
    seen = replies.read_record(reply({"request_id": "r-1", "status": 7, "model": 7}))
    assert ("", Stage.QUEUED, None) == (seen.word, seen.stage, seen.model)


@pytest.mark.parametrize(("word", "shown"), [("z" * 99, "z" * 39 + "…"), (" Queued ", " Queued ")])
def test_an_unknown_word_is_cut_and_a_known_one_kept(word: str, shown: str) -> None:
    """It is text from outside, so no more than forty characters of it go on; what is known is harmless."""
    assert shown == replies.read_record(reply({"request_id": "r-1", "status": word})).word


@pytest.mark.parametrize("key", ["message", "detail", "details", "reason"])
def test_a_reason_is_found_inside_of_an_error(key: str) -> None:
    """Under each of the names that services give it."""
    assert "too dark" == replies.read_error(reply({"error": {"code": 7, key: "too dark"}}, 400))


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "true"])
def test_what_is_no_time_is_no_time(number: str) -> None:
    """Python reads these from JSON, and no age is reckoned with them."""
    body = f'{{"request_id": "r-1", "created_at": {number}}}'.encode()
    assert None is replies.read_record(Reply(status=200, body=body)).created_at_utc
