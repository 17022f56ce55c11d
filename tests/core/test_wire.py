"""What the queue's replies are read as: every shape that was documented, seen or feared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixverse_async._core import replies, wire
from pixverse_async._core.errors import ProtocolError
from pixverse_async._core.job import Job, Stage
from pixverse_async._core.wire import Media, RateHint, Reply
from tests.core.replies import JSON, MP4, reply

JOB = Job("cat.jpg", "the cat yawns", duration=7, quality="720p", audio=True)
JPG = "https://storage.googleapis.com/b/thumb.jpg"
INPUT = "https://storage.googleapis.com/b/input.mp4"


def record(**fields: Any) -> wire.Status:
    return replies.read_record(reply({"request_id": "r-1", **fields}))


def succeeded(outcome: object, **fields: Any) -> wire.Status:
    return record(status="success", outcome=outcome, **fields)


# -- calls -------------------------------------------------------------------------------------------


def test_a_submit_holds_every_parameter_and_no_other() -> None:
    """The body of a submit is the model and the seven documented keys, each explicit."""
    call = wire.submit_call(wire.payload(JOB, "https://x.example/cat.jpg", 42))
    assert call.body is not None
    assert json.loads(call.body) == {
        "model": "pixverse-v6-i2v",
        "payload": {
            "prompt": "the cat yawns",
            "image": "https://x.example/cat.jpg",
            "duration": 7,
            "quality": "720p",
            "generate_audio_switch": True,
            "generate_multi_clip_switch": False,
            "seed": 42,
        },
    }


def test_a_submit_is_given_longer_than_the_service_was_seen_to_block() -> None:
    """A submit waits for more than the 144 seconds that were seen, since giving up early makes it unknown."""
    assert wire.submit_call({}).timeout > 144


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (wire.submit_call({}), "POST", "/requests"),
        (wire.status_call("8fbb88gd-cd78"), "GET", "/requests/8fbb88gd-cd78"),
        (wire.status_call("a/../b?c"), "GET", "/requests/a%2F..%2Fb%3Fc"),
        (wire.list_call(), "GET", "/requests?model_id=pixverse-v6-i2v"),
        (wire.grant_call("jpeg"), "POST", "/upload-url"),
        (wire.cancel_call("r-1"), "DELETE", "/requests/r-1"),
    ],
)
def test_a_call_goes_to_the_documented_path(call: wire.Call, method: str, path: str) -> None:
    """Each call has the method and path of the documents, and no id can leave its place in the path."""
    assert (method, path) == (call.method, call.path)


def test_a_grant_is_asked_for_by_the_file_type_alone() -> None:
    """The body of an upload grant's request is `file_type`."""
    assert wire.grant_call("png").body == b'{"file_type":"png"}'


def test_the_fingerprint_ignores_the_order_of_keys() -> None:
    """A payload echoed in another order has the same fingerprint, and one with another seed has not."""
    content = wire.payload(JOB, "https://x.example/cat.jpg", 42)
    turned = dict(reversed(content.items()))
    assert wire.payload_sha256(content) == wire.payload_sha256(turned)
    assert wire.payload_sha256(content) != wire.payload_sha256({**content, "seed": 43})


# -- statuses ----------------------------------------------------------------------------------------

WORDS = {
    Stage.QUEUED: ("created", "queued", "dispatched", "pending", "submitted"),
    Stage.PROCESSING: ("processing", "running", "in_progress"),
    Stage.SUCCEEDED: ("success", "completed", "succeeded", "done", "finished"),
    Stage.FAILED: ("failed", "error", "failure"),
    Stage.CANCELLED: ("cancelled", "canceled"),
}


@pytest.mark.parametrize(("stage", "word"), [(stage, word) for stage, words in WORDS.items() for word in words])
@pytest.mark.parametrize("change", [str, str.upper, str.title, " {} ".format])
def test_a_status_is_read_in_any_case(stage: Stage, word: str, change: Callable[[str], str]) -> None:
    """Each of the seven statuses and their aliases is understood, whatever its case."""
    assert stage is record(status=change(word)).stage


@pytest.mark.parametrize("status", ["warming_up", "", None, 5, True, ["success"], {"status": "success"}])
def test_a_status_not_understood_is_in_flight(status: object) -> None:
    """A word that nobody has seen, or what is no word, means "not finished" and ends nothing."""
    assert Stage.QUEUED is record(status=status).stage


def test_a_record_without_a_status_is_in_flight() -> None:
    """A submit reply that names an id alone is an accepted job."""
    assert Stage.QUEUED is record().stage


@given(st.text(max_size=60))
def test_no_text_but_the_known_ends_a_job(word: str) -> None:
    """Only the known words can end a wait."""
    known = {one for stage, words in WORDS.items() if stage.is_final for one in words}
    assert record(status=word).stage.is_final == (word.strip().lower() in known)


def test_the_documented_submit_reply_is_read() -> None:
    """Both documented submit replies, and an id that is no UUID, are an accepted job."""
    brief = {"request_id": "8fbb88gd-cd78-5132-0g2c-07c4ge944225", "model": "m", "status": "queued"}
    assert replies.read_record(reply({**brief, "created_at": 1772184500})).created_at_utc == 1772184500.0
    assert replies.read_record(reply({**brief, "status": "dispatched"})).word == "dispatched"


def test_a_live_record_in_flight_has_neither_media_nor_reason() -> None:
    """The key set seen on the wire, with its null outcome, is a queued job and nothing more."""
    status = record(
        org_id="o", user_id="u", model="pixverse-v6-i2v", status="queued", is_public=False, payload={},
        outcome=None, created_at=1788584785, updated_at=1788584785, queued_at=1788584785, error="not yet",
    )  # fmt: skip
    assert (None, None, None, "pixverse-v6-i2v") == (status.media, status.reason, status.echo, status.model)


def test_a_post_may_answer_with_the_end() -> None:
    """The reply to a submit that blocked until the video was there is a success with its video."""
    assert Media(url=MP4) == succeeded({"media_urls": [{"id": "0", "url": MP4}]}, model="m").media


# -- ids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_id", ["r", "8fbb88gd-cd78-5132-0g2c-07c4ge944225", "a.b:c_d-e", "x" * 200, "..a"])
def test_an_id_needs_to_be_no_uuid(given_id: str) -> None:
    """Any plain word of up to 200 characters is an id."""
    assert given_id == replies.read_record(reply({"request_id": given_id})).request_id


def test_a_number_is_an_id() -> None:
    """An id given as a JSON number is read as its digits."""
    assert replies.read_record(reply({"request_id": 12})).request_id == "12"


BAD_IDS: list[object] = [
    None, "", "x" * 201, "a/b", "a b", "a\n", "a?b", "é", ".", "..", "...", True, 1.5, -10**250, [], {}, "\ud800",
]  # fmt: skip


@pytest.mark.fault(27)
@pytest.mark.parametrize("bad_id", BAD_IDS)
def test_what_cannot_be_an_id_is_refused(bad_id: object) -> None:
    """A record whose id could not be asked for again, or would be another path, is no record."""
    with pytest.raises(ProtocolError, match="request_id"):
        replies.read_record(reply({"request_id": bad_id, "status": "success"}))
    assert replies.read_named_id(reply({"request_id": bad_id}, 503)) is None


def test_the_vendors_own_id_is_not_ours() -> None:
    """`outcome.request_id` is the vendor's trace id: it is neither the record's id nor a named one."""
    assert succeeded({"request_id": "vendor", "media_urls": [MP4]}).request_id == "r-1"
    assert replies.read_named_id(reply({"outcome": {"request_id": "vendor"}}, 503)) is None


def test_an_error_reply_may_name_a_record() -> None:
    """The 503 that was seen on the wire names the id under which a record may exist."""
    body = {"error": "Upstream capacity temporarily exhausted; please retry later", "request_id": "c0577939-1"}
    assert replies.read_named_id(reply(body, 503)) == "c0577939-1"


# -- the video ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome",
    [
        {"media_urls": [{"id": "0", "url": MP4}]},
        {"media_urls": [MP4]},
        {"media_urls": MP4},
        {"media_urls": {"url": MP4}},
        {"media_urls": [{"url": None}, 7, None, {"url": MP4}]},
        {"medias": [{"url": MP4, "type": "video"}]},
        {"media_urls": [], "medias": [MP4]},
        {"video_url": MP4},
        {"videoUrl": MP4},
        {"video_url": MP4, "thumbnail_image_url": INPUT},
        {"thumbnail_image_url": INPUT, "media_urls": [{"url": MP4}]},
        {"media_urls": [{"url": JPG}, {"url": MP4}]},
        {"media_urls": [{"url": JPG}], "video_url": MP4},
        {"media_urls": [{"url": "ftp://x/video.mp4"}, {"url": MP4}]},
        {"media_urls": [{"url": "https://[::1/video.mp4"}, {"url": MP4}]},
        {"media_urls": [{"url": MP4}], "error": "a warning"},
    ],
)
def test_the_video_is_found_in_every_place(outcome: object) -> None:
    """Wherever a result has been seen, the video is found there, and never the thumbnail."""
    assert Media(url=MP4) == succeeded(outcome, payload={"image": INPUT}).media


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        {},
        [],
        "https://x.example/video.mp4",
        {"media_urls": []},
        {"media_urls": None},
        {"media_urls": [{"url": ""}, {"url": 5}, {}]},
        {
            "media_urls": [
                {"url": "/video.mp4"},
                {"url": "file:///etc/passwd"},
                {"url": "data:video/mp4;base64,AA"},
            ]
        },
        {"thumbnail_image_url": MP4},
        {"image_url": MP4},
    ],
)
def test_a_success_without_a_video_has_no_media(outcome: object) -> None:
    """No thumbnail, no foreign scheme and no echoed input image is ever taken for the video."""
    assert succeeded(outcome, payload={"image": INPUT}, video_url=MP4, media_urls=[MP4]).media is None


@pytest.mark.parametrize("status", ["queued", "processing", "failed", "cancelled", "new_word"])
def test_only_a_success_has_media(status: str) -> None:
    """A record that is not a success hands out no link, even if it holds one."""
    assert record(status=status, outcome={"media_urls": [MP4]}).media is None


def test_a_signed_link_is_not_shown() -> None:
    """Neither the repr of a status nor that of a grant shows a link that may be signed."""
    grant = replies.read_grant(reply({"upload_url": MP4 + "?X-Goog-Signature=1f", "public_url": MP4}))
    status = succeeded({"media_urls": [MP4 + "?X-Goog-Signature=1f"]})
    assert "1f" not in repr(status) + repr(grant)


# -- reasons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": {"error": "boom"}},
        {"outcome": {"error": {"message": "boom"}}},
        {"outcome": {"error": {"code": 7, "detail": "boom"}}},
        {"outcome": {"message": "boom"}},
        {"outcome": {"error_message": "boom"}},
        {"outcome": {"fail_reason": "boom"}},
        {"outcome": {"error": "", "fail_reason": "boom"}},
        {"error": "boom"},
        {"error": {"message": "boom"}},
        {"error": {"detail": "boom"}},
        {"error": {"message": {"detail": "boom"}}},
        {"error_message": "boom"},
        {"message": "boom"},
        {"reason": "boom"},
        {"detail": "boom"},
        {"detail": [{"msg": "boom", "loc": None}]},
        {"outcome": {"error": "boom"}, "error": "a wrapper"},
        {"outcome": {"error": ["x"]}, "reason": "boom"},
    ],
)
def test_a_reason_is_found_in_every_place(fields: dict[str, Any]) -> None:
    """Wherever a reason for a failure has been seen, it is found there; the outcome's own comes first."""
    assert record(status="failed", **fields).reason == "boom"
    assert replies.read_error(reply(fields, 500)) == "boom"


def test_a_failure_may_have_no_reason() -> None:
    """A failed record that says nothing has no reason, rather than an invented one."""
    assert record(status="failed", outcome=None, error="").reason is None


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b"", ""),
        (b'{"code": 7}', '{"code": 7}'),
        (b"[1, 2]", "[1, 2]"),
        (b'{"error": "key eyJhbGciOiJIUzI1NiJ9.abc.def refused"}', "key [redacted] refused"),
        (b'{"u": "https:\\/\\/s.example\\/a?X-Goog-Signature=1f', '{"u": "https:\\/\\/s.example\\/a?[redacted]'),
    ],
)
def test_an_error_page_is_quoted_without_its_secrets(body: bytes, shown: str) -> None:
    """Of an error reply of any shape the reason or its beginning is shown, and no key or signature."""
    assert shown == replies.read_error(Reply(status=502, body=body))


# -- echoes and lists --------------------------------------------------------------------------------


def test_an_echo_is_the_fingerprint_of_what_was_sent() -> None:
    """A payload that comes back as it was sent has the fingerprint that the journal holds."""
    content = wire.payload(JOB, "https://x.example/cat.jpg", 42)
    echo = record(payload=content).echo
    assert echo is not None
    assert wire.payload_sha256(content) == echo.payload_sha256
    assert (42, "the cat yawns", 7, "720p") == (echo.seed, echo.prompt, echo.duration, echo.quality)


@pytest.mark.parametrize("content", [{}, None, [], "x", {"prompt": "p"}, {"seed": "42"}, {"seed": True}])
def test_an_echo_without_a_seed_is_none(content: object) -> None:
    """The empty echo that was seen, and any without a whole number as its seed, recognises nothing."""
    assert record(payload=content).echo is None


def listing(requests: object, total: object) -> wire.Listing:
    return replies.read_listing(reply({"requests": requests, "total": total}))


ONE = {"request_id": "a", "status": "queued"}


LISTS: list[tuple[object, object, list[str], bool, int]] = [
    ([ONE], 1, ["a"], True, 0),
    ([], 0, [], True, 0),
    ([ONE], 2, ["a"], False, 0),
    ([ONE], None, ["a"], False, 0),
    ([ONE], "1", ["a"], False, 0),
    ([ONE], True, ["a"], False, 0),
    ([ONE, {"request_id": ""}], 2, ["a"], False, 1),
    ([ONE, 5, None, []], 4, ["a"], False, 3),
    ([ONE, 5], 1, ["a"], False, 1),
    ([ONE, ONE], 1, ["a", "a"], False, 0),
]


@pytest.mark.parametrize(("requests", "total", "ids", "is_complete", "unreadable"), LISTS)
def test_a_list_knows_what_it_lacks(
    requests: object, total: object, ids: list[str], is_complete: bool, unreadable: int
) -> None:
    """A list is complete only when the service's own count of it was read, whole and every entry."""
    found = listing(requests, total)
    assert ids == [one.request_id for one in found.records]
    assert (is_complete, unreadable) == (found.is_complete, found.unreadable)


@pytest.mark.parametrize("requests", [None, {}, "x", 0])
def test_what_is_no_list_is_refused(requests: object) -> None:
    """A reply without a list of requests is not an empty list."""
    with pytest.raises(ProtocolError, match="requests"):
        listing(requests, 0)


@pytest.mark.parametrize("name", ["upload_url", "public_url"])
@pytest.mark.parametrize("link", [None, "", 5, "ftp://x/y", "https://", "https://[::1/y", "/y"])
def test_a_grant_needs_both_links(name: str, link: object) -> None:
    """A grant that lacks a link is refused by the name of the link, without quoting the other."""
    links = {"upload_url": "https://s.example/secret", "public_url": "https://s.example/secret", name: link}
    with pytest.raises(ProtocolError, match=name) as caught:
        replies.read_grant(reply(links))
    assert "secret" not in str(caught.value)


# -- hints -------------------------------------------------------------------------------------------

LIVE_429 = {
    "error": "Rate limit exceeded for model seedream-5.0-lite: 2 requests per 60 seconds. Retry in 29970 ms.",
    "rate_limit": {"limit_type": "RPM", "limit": 2, "interval_seconds": 60, "retry_after_ms": 29970},
}


def test_the_live_refusal_is_read() -> None:
    """The 429 seen on the wire tells its limit and its wait, in its fields or in its text alone."""
    assert RateHint(limit=2, interval=60.0) == replies.read_rate_hint(reply(LIVE_429, 429))
    assert replies.read_retry_after_ms(reply(LIVE_429, 429)) == 29970.0
    assert replies.read_retry_after_ms(reply({"error": LIVE_429["error"]}, 429)) == 29970.0


@pytest.mark.parametrize("limit", [0, -1, 0.5, 1e7, 10**400, "2", None, True, float("nan"), float("inf")])
def test_an_absurd_limit_is_no_hint(limit: object) -> None:
    """A limit that would stop everything or nothing is not obeyed."""
    assert replies.read_rate_hint(reply({"rate_limit": {"limit": limit, "interval_seconds": 60}}, 429)) is None


@pytest.mark.parametrize("interval", [0, -60, 1e9, 10**400, "60", None, float("nan")])
def test_an_absurd_interval_is_no_hint(interval: object) -> None:
    """A window of no length, or of more than a day, is not obeyed."""
    assert replies.read_rate_hint(reply({"rate_limit": {"limit": 2, "interval_seconds": interval}}, 429)) is None


# -- anything ----------------------------------------------------------------------------------------

READERS: list[Callable[[Reply], object]] = [
    replies.read_record, replies.read_listing, replies.read_grant, replies.read_error, replies.read_named_id,
    replies.read_rate_hint, replies.read_retry_after_ms,
]  # fmt: skip


def check_all(one: Reply) -> None:
    for read in READERS:
        try:
            read(one)
        except ProtocolError as error:
            # The message is printed, logged and journaled: it must be text that can be encoded.
            str(error).encode()


@pytest.mark.fault(13)
@given(st.binary(max_size=200), st.sampled_from([200, 429, 503]))
@example(b'{"request_id": 1' + b"0" * 5000 + b"}", 200)
@example(b'{"error": "\xff\xfe', 200)
@example(b"\xef\xbb\xbf{}", 200)
@example(b'{"request_id": "a", "created_at": NaN, "payload": {"seed": 1, "x": Infinity}}', 200)
def test_no_bytes_raise_anything_else(body: bytes, status: int) -> None:
    """Whatever bytes come, a reader returns or raises `ProtocolError`."""
    check_all(Reply(status=status, body=body))


@pytest.mark.fault(13)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_a_body_that_is_not_utf_8_is_no_record(encoding: str) -> None:
    """JSON is sent in UTF-8; anything else is an answer to be asked for again, and a byte order mark is no harm."""
    record = '{"request_id": "abc", "status": "queued", "x": "é"}'
    assert replies.read_record(Reply(status=200, body=b"\xef\xbb\xbf" + record.encode())).request_id == "abc"
    with pytest.raises(ProtocolError):
        replies.read_record(Reply(status=200, body=record.encode(encoding)))


@pytest.mark.fault(13)
@given(JSON)
@example({"error": "\ud800", "request_id": "\ud800"})
@example({"request_id": "a", "status": "failed", "payload": {"seed": 10**4000, "prompt": "\ud800"}})
def test_no_json_raises_anything_else(body: object) -> None:
    """Whatever JSON comes, a reader returns or raises `ProtocolError`."""
    check_all(reply(body))


@pytest.mark.parametrize("depth", [20, 31, 40, 150, 330, 500, 960, 990, 5000, 200_000])
@pytest.mark.parametrize(
    "shape",
    [
        '{"error":%s}',
        '{"request_id":"a","status":"failed","outcome":{"error":%s}}',
        '{"request_id":"a","payload":{"seed":1,"x":%s}}',
        '{"requests":%s}',
        '{"request_id":%s}',
    ],
)
def test_no_nesting_overflows_a_reader(shape: str, depth: int) -> None:
    """A hostile nesting is an unreadable answer, not an overflow that nobody expects."""
    nested = '{"message":' * depth + "1" + "}" * depth
    check_all(Reply(status=200, body=(shape % nested).encode()))


def test_a_huge_hostile_error_is_read_at_once() -> None:
    """A megabyte that is made to be slow to redact is read in less than the time of a call."""
    assert len(replies.read_error(reply({"error": "https://a@" * 100_000}, 500))) <= 300
