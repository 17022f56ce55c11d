"""What a storage answer means for a download that holds the first bytes already."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixverse_async._core.transfer import (
    Complete,
    DownloadLimits,
    Expired,
    GiveUp,
    MinimumSpeed,
    Received,
    StartOver,
    Take,
    TryAgain,
    Verdict,
    is_page,
    judge,
    quote_head,
    read_hashes,
    read_validator,
    request_headers,
)
from pixverse_async._core.wire import Reply

LIMITS = DownloadLimits()
RECEIVED = Received(received_bytes=70, validator='"v1"')
BY_GENERATION = Received(received_bytes=70, validator="1700000000000001")


def verdict(status: int, received: Received = RECEIVED, body: bytes = b"", **headers: str) -> Verdict:
    """The judgement of an answer; an underscore in a header's name is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Reply(status=status, headers=named, body=body), received, LIMITS, now_utc=0.0)


@pytest.mark.parametrize(
    ("received", "headers"),
    [
        (Received(), {}),
        (Received(received_bytes=70), {}),
        (Received(validator='"v1"'), {}),
        (RECEIVED, {"Range": "bytes=70-", "If-Range": '"v1"'}),
        (BY_GENERATION, {"Range": "bytes=70-"}),
    ],
)
def test_a_range_is_asked_only_of_a_known_version(received: Received, headers: Mapping[str, str]) -> None:
    """Bytes of an unknown version are not added to, and nothing else is ever sent."""
    assert headers == request_headers(received)


def test_a_whole_answer_is_taken_from_its_first_byte() -> None:
    """Length, version and hashes are those of the headers, whatever was received."""
    taken = verdict(200, content_length="100", etag='"v2"', x_goog_hash="md5=XUFAKrxLKna5cZ2REBfFkg==")
    md5 = bytes.fromhex("5d41402abc4b2a76b9719d911017c592")
    assert taken == Take(offset=0, expected_bytes=100, validator='"v2"', hashes={"md5": md5})


def test_a_range_is_taken_from_where_it_was_asked() -> None:
    """The length is that of the whole file."""
    taken = verdict(206, content_range="bytes 70-99/100", etag='"v1"')
    assert taken == Take(offset=70, expected_bytes=100, validator='"v1"')
    assert verdict(
        206, BY_GENERATION, content_range="bytes 70-99/*", x_goog_generation="1700000000000001"
    ) == Take(offset=70, validator="1700000000000001")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_range": "bytes 0-99/100"},
        {"content_range": "bytes 71-99/100"},
        {"content_range": "bytes 70-99"},
        {"content_range": "bytes 70-69/100"},
        {"content_range": "bytes 70-100/100"},
        {"content_range": "bytes */100"},
        {"content_range": "bytes 70-99/100", "etag": '"v2"'},
        {"content_range": "bytes 70-99/100", "etag": 'W/"v1"'},
    ],
)
def test_a_range_that_does_not_fit_starts_over(headers: Mapping[str, str]) -> None:
    """No byte is added from another place, or from another version."""
    assert isinstance(verdict(206, RECEIVED, b"", **headers), StartOver)


def test_a_range_of_another_generation_starts_over() -> None:
    """Without an ETag the generation must be the same, and must be told."""
    assert isinstance(verdict(206, BY_GENERATION, content_range="bytes 70-99/100"), StartOver)
    other = verdict(206, BY_GENERATION, content_range="bytes 70-99/100", x_goog_generation="1700000000000002")
    assert isinstance(other, StartOver)


def test_a_range_that_nobody_asked_for_starts_over() -> None:
    """A 206 to a request without a range is not a file."""
    assert isinstance(verdict(206, Received(), content_range="bytes 0-99/100"), StartOver)


def test_nothing_left_means_complete() -> None:
    """A 416 is the end only when the file is as long as what was received."""
    assert verdict(416, content_range="bytes */70") == Complete()
    assert isinstance(verdict(416, content_range="bytes */60"), StartOver)
    assert isinstance(verdict(416), StartOver)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b"", Expired),
        (404, b"", Expired),
        (410, b"", Expired),
        (400, b"<Code>ExpiredToken</Code>", Expired),
        (400, b"<Code>InvalidArgument</Code>", GiveUp),
        (401, b"", GiveUp),
        (301, b"", GiveUp),
        (307, b"", GiveUp),
        (204, b"", GiveUp),
        (408, b"", TryAgain),
        (429, b"", TryAgain),
        (500, b"", TryAgain),
        (502, b"", TryAgain),
        (599, b"", TryAgain),
        (412, b"", StartOver),
    ],
)
def test_each_status_has_its_meaning(status: int, body: bytes, kind: type[Verdict]) -> None:
    """Fresh link, again, start over, or give up."""
    assert kind is type(verdict(status, body=body))


def test_a_wait_that_storage_asks_for_is_kept() -> None:
    """Seconds, and no more than five minutes of them."""
    waits = [verdict(503, retry_after=text) for text in ("7", "1000000000", "soon")]
    assert [wait.wait for wait in waits if isinstance(wait, TryAgain)] == [7.0, 300.0, None]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "aws-chunked, GZIP"])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    """A small body could unpack to any size."""
    assert isinstance(verdict(200, content_encoding=encoding), GiveUp)


@pytest.mark.parametrize("encoding", ["", "identity", "aws-chunked", "utf-8", "binary"])
def test_a_word_that_is_no_packing_is_left_to_the_bytes(encoding: str) -> None:
    """Uploaders leave such words at an object; the file is served as it is."""
    assert isinstance(verdict(200, content_encoding=encoding), Take)


def test_what_storage_unpacked_is_not_compared_with_what_it_keeps() -> None:
    """Google's storage names length and hashes of the packed object, and sends the file without a length."""
    md5, size = "md5=XUFAKrxLKna5cZ2REBfFkg==", "70"
    found = [
        verdict(200, x_goog_stored_content_encoding=kept, x_goog_hash=md5, x_goog_stored_content_length=size)
        for kept in ("gzip", "identity")
    ]
    takes = [(take.expected_bytes, list(take.hashes)) for take in found if isinstance(take, Take)]
    assert [(None, []), (70, ["md5"])] == takes


def test_a_file_above_the_limit_is_refused_by_its_length() -> None:
    """Before a byte of it is read, from the start or from the middle."""
    assert isinstance(verdict(200, content_length=str(2**31 + 1)), GiveUp)
    assert isinstance(verdict(206, content_range=f"bytes 70-99/{2**31 + 1}"), GiveUp)
    assert isinstance(verdict(200, content_length=str(2**31)), Take)


@given(
    st.integers(0, 999),
    st.dictionaries(
        st.sampled_from(
            ["content-range", "content-length", "etag", "x-goog-hash", "x-goog-generation", "retry-after"]
        ),
        st.text(max_size=40),
    ),
    st.binary(max_size=40),
)
@example(503, {"retry-after": "0\x1f"}, b"")  # a space to `\s`, and none to `float`
def test_every_answer_has_a_verdict(status: int, headers: dict[str, str], body: bytes) -> None:
    """Nothing that a host sends raises."""
    judge(Reply(status=status, headers=headers, body=body), RECEIVED, LIMITS, now_utc=0.0)


@given(st.data())
def test_any_breaks_and_any_answers_give_the_same_file(draw: st.DataObject) -> None:
    """However often bodies break off, ranges are ignored and versions change, no file is mixed of two."""
    versions = {'"a"': bytes(range(40)), '"b"': bytes(range(100, 160))}
    received, have, etag = Received(), b"", '"a"'
    for _ in range(12):
        etag = draw.draw(st.sampled_from(sorted(versions)))
        reply, body = _serve(versions[etag], etag, request_headers(received), draw.draw(st.booleans()))
        match judge(reply, received, LIMITS, now_utc=0.0):
            case Take(offset=offset, validator=validator):
                have = have[:offset] + body[: draw.draw(st.integers(0, len(body)))]
                received = Received(received_bytes=len(have), validator=validator)
            case Complete():
                assert have == versions[received.validator or ""]
            case _:
                received, have = Received(), b""
        assert versions[received.validator][: len(have)] == have if received.validator else have == b""


def _serve(data: bytes, etag: str, asked: Mapping[str, str], ignores_range: bool) -> tuple[Reply, bytes]:
    """What a correct host, or one that knows no ranges, answers."""
    headers = {"etag": etag, "content-length": str(len(data))}
    if "Range" not in asked or asked.get("If-Range") != etag or ignores_range:
        return Reply(status=200, headers=headers), data
    start = int(asked["Range"].removeprefix("bytes=").removesuffix("-"))
    if start >= len(data):
        return Reply(status=416, headers={"content-range": f"bytes */{len(data)}"}), b""
    span = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return Reply(status=206, headers={"etag": etag, "content-range": span}), data[start:]


@pytest.mark.parametrize("etag", ['W/"1"', "", '"', '""', "1", '"\x01"', '"é"'])
def test_only_a_strong_etag_vouches(etag: str) -> None:
    """A weak, empty, broken or unprintable one names no version; the generation then does."""
    assert read_validator({"etag": etag}) is None
    assert read_validator({"etag": etag, "x-goog-generation": "17"}) == "17"


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
def test_hashes_are_read_in_either_order(crc: bytes, md5: bytes) -> None:
    """Storage sends two headers, which arrive joined by a comma."""
    parts = [f"crc32c={base64.b64encode(crc).decode()}", f"md5={base64.b64encode(md5).decode()}"]
    assert read_hashes({"x-goog-hash": ",".join(parts)}) == {"crc32c": crc, "md5": md5}
    assert read_hashes({"x-goog-hash": ", ".join(reversed(parts))}) == {"crc32c": crc, "md5": md5}


@pytest.mark.parametrize("text", ["", "md5=", "md5=abc", "md5=yZRlqg==", "sha1=XUFAKrxLKna5cZ2REBfFkg=="])
def test_a_hash_that_cannot_be_read_is_none(text: str) -> None:
    """It is left out instead of refusing the file."""
    assert read_hashes({"x-goog-hash": text}) == {}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("video/mp4", False),
        ("application/octet-stream", False),
        ("", False),
        ("binary/octet-stream", False),
        ("text/html; charset=utf-8", True),
        ("application/xml", True),
        ("application/problem+json", True),
        ("TEXT/PLAIN", True),
    ],
)
def test_pages_are_told_by_their_type(kind: str, expected: bool) -> None:
    """Texts are pages; what is unknown may be a video, and its bytes will tell."""
    assert expected is is_page({"content-type": kind})


def test_a_quoted_body_is_safe_to_show() -> None:
    """No control character, no signature, and no more than two lines of a terminal."""
    shown = quote_head(b"\x1b[31m<a href='https://s.example/a?X-Goog-Signature=c0ffee'>\n" + b"x" * 5000)
    assert "c0ffee" not in shown
    assert shown.isprintable()
    assert len(shown) <= 200


def test_a_trickle_has_a_deadline_and_progress_moves_it() -> None:
    """60 KiB within a minute move it to a minute from then; one byte less does not, nor do less than a second."""
    speed = MinimumSpeed(60.0, 1024.0, started_at=100.0)
    assert speed.deadline == 160.0
    assert speed.progressed(61_439, now=130.0) == 160.0
    assert speed.progressed(61_440, now=100.9) == 160.0
    assert speed.progressed(61_440, now=140.0) == 200.0
    assert speed.progressed(61_440 + 61_439, now=199.0) == 200.0


@given(st.lists(st.tuples(st.floats(0.001, 30), st.integers(0, 200_000)), max_size=60))
def test_the_deadline_is_a_window_that_brought_too_little(steps: list[tuple[float, int]]) -> None:
    """It is the minimum's bytes away from its last move by less, and by exactly one window of time."""
    speed, now, received = MinimumSpeed(60.0, 1024.0, started_at=0.0), 0.0, 0
    moved_at, received_then = 0.0, 0
    for pause, size_bytes in steps:
        now, received = now + pause, received + size_bytes
        deadline = speed.progressed(received, now)
        if now - moved_at >= 1.0 and received - received_then >= 60 * 1024:
            moved_at, received_then = now, received
        assert deadline == moved_at + 60.0
