"""The emulated storage as a pure value: grants, ranges, conditions, checksums, and every lie it can tell."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async.emulator import FAULTS, EmulatedCloud, FilmOrder, Request, Response, Rule, Settings, tiny_film
from pixverse_async.emulator.crc32c import crc32c
from tests.emulator_calls import accepted, call, poll, read

READY = 10_000.0
CONTENT = bytes(range(256)) * 4
PATH = "/gmi-video-assests-prod/object.mp4"


def bucket_with(*rules: str) -> EmulatedCloud:
    cloud = EmulatedCloud(Settings(rules=tuple(map(Rule.parse, rules))))
    cloud.bucket.store(PATH, CONTENT, "video/mp4", now=0.0)
    return cloud


def get(cloud: EmulatedCloud, *, method: str = "GET", path: str = PATH, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return cloud.call(method, cloud.bucket.origin + path, headers=named, now=READY)


def granted(cloud: EmulatedCloud, file_type: str, now: float = 0.0) -> tuple[str, str]:
    links = read(call(cloud, "POST", "/upload-url", {"file_type": file_type}, now=now))
    return str(links["upload_url"]), str(links["public_url"])


def put(cloud: EmulatedCloud, url: str, content_type: str | None, now: float = 0.0, **more: str) -> Response:
    headers = {**({} if content_type is None else {"Content-Type": content_type}), **more}
    return cloud.call("PUT", url, headers=headers, body=b"picture", now=now)


# -- uploads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_type", "content_type"),
    [
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpg"),
        ("png", "image/png"),
        ("mp4", "video/mp4"),
        ("mp3", "audio/mpeg"),
        ("wav", "audio/wav"),
    ],
)
def test_an_upload_with_the_signed_content_type_can_be_read_by_anyone(file_type: str, content_type: str) -> None:
    """PUT answers 200 and the public link gives the bytes and the type back."""
    cloud = EmulatedCloud()
    upload_url, public_url = granted(cloud, file_type)
    assert 200 == put(cloud, upload_url, content_type).status
    response = cloud.call("GET", public_url, headers={}, now=1.0)
    assert (200, b"picture", content_type) == (response.status, response.body, response.header_map["content-type"])


@pytest.mark.parametrize(
    ("file_type", "content_type", "status", "code"),
    [
        ("jpg", "image/jpeg", 403, "SignatureDoesNotMatch"),
        ("jpeg", "image/jpg", 403, "SignatureDoesNotMatch"),
        ("png", "image/png; charset=binary", 403, "SignatureDoesNotMatch"),
        ("png", None, 400, "MalformedSecurityHeader"),
    ],
)
def test_another_content_type_breaks_the_signature(
    file_type: str, content_type: str | None, status: int, code: str
) -> None:
    """The refusal is XML, and nothing is stored."""
    cloud = EmulatedCloud()
    upload_url, public_url = granted(cloud, file_type)
    response = put(cloud, upload_url, content_type)
    assert (status, True) == (response.status, f"<Code>{code}</Code>".encode() in response.body)
    assert 404 == cloud.call("GET", public_url, headers={}, now=1.0).status


@pytest.mark.parametrize(("after", "status"), [(898.0, 200), (899.0, 200), (900.1, 403)])
def test_a_grant_is_good_for_899_seconds(after: float, status: int) -> None:
    """It expires by the service's clock, one second of rounding included."""
    cloud = EmulatedCloud()
    upload_url, _ = granted(cloud, "png", now=50.0)
    assert "X-Goog-Expires=899" in upload_url
    assert status == put(cloud, upload_url, "image/png", now=50.0 + after).status


def test_a_link_that_was_tampered_with_is_refused() -> None:
    """Neither another path, nor a later date, nor no signature at all."""
    cloud = EmulatedCloud()
    upload_url, _ = granted(cloud, "png")
    tampered = [
        upload_url.replace("/uploads/", "/uploads/x"),
        upload_url.replace("X-Goog-Expires=899", "X-Goog-Expires=999999"),
        upload_url.replace("Signature=", "Signature=0"),
        upload_url.partition("?")[0],
    ]
    assert [403] * 4 == [put(cloud, url, "image/png").status for url in tampered]
    assert 403 == put(cloud, upload_url, "image/png", Host="elsewhere.example").status


@pytest.mark.parametrize("body", [{"file_type": "webp"}, {"file_type": ".png"}, {"filename": "a.png"}, {}, None])
def test_only_the_six_file_types_are_granted(body: Mapping[str, str] | None) -> None:
    """Anything else is 400, also the field name of an old client."""
    assert 400 == call(EmulatedCloud(), "POST", "/upload-url", body).status


@pytest.mark.parametrize("header", ["Authorization", "X-Organization-ID", "Cookie"])
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_secret_that_reaches_storage_is_recorded_and_refused(method: str, header: str) -> None:
    """401, and the leak names header and path; without it the list of leaks stays empty."""
    cloud = bucket_with()
    get(cloud)
    assert [] == cloud.bucket.leaks
    response = cloud.call(method, cloud.bucket.origin + PATH, headers={header: "Bearer x"}, now=READY)
    assert 401 == response.status
    assert [(header.lower(), method, PATH)] == cloud.bucket.leaks


# -- reading ---------------------------------------------------------------------------------------------


def test_an_object_carries_the_documented_headers_with_true_checksums() -> None:
    """ETag and md5 are the md5, crc32c is the CRC-32C, each hash in a line of its own."""
    response = get(bucket_with())
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).digest()
    hashes = [value for name, value in response.headers if name == "x-goog-hash"]
    crc = base64.b64encode(crc32c(CONTENT).to_bytes(4, "big")).decode()
    assert [f"crc32c={crc}", f"md5={base64.b64encode(md5).decode()}"] == hashes
    headers = response.header_map
    assert (f'"{md5.hex()}"', "bytes", "video/mp4") == tuple(
        headers[name] for name in ("etag", "accept-ranges", "content-type")
    )
    assert (str(len(CONTENT)), str(len(CONTENT)), "UploadServer") == tuple(
        headers[name] for name in ("content-length", "x-goog-stored-content-length", "server")
    )
    assert {"last-modified", "cache-control", "x-goog-generation", "x-goog-storage-class"} <= headers.keys()


@given(data=st.binary(max_size=400))
def test_crc32c_is_the_remainder_that_its_polynomial_defines(data: bytes) -> None:
    """The table agrees with division bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert state ^ 0xFFFFFFFF == crc32c(data)


@pytest.mark.parametrize("size", [65_536, 65_537, 200_003])
def test_the_fast_crc32c_of_long_inputs_agrees_with_the_slow_one(size: int) -> None:
    """Appending in one piece gives what appending in short pieces gives."""
    data = hashlib.shake_128(b"x").digest(size)
    # A checksum of data and its own complement, appended little-endian, is a known constant of the code.
    assert 0x48674BC7 == crc32c(data + crc32c(data).to_bytes(4, "little"))
    assert crc32c(data) != crc32c(data[:-1] + b"\0")


@given(first=st.integers(0, 1100), last=st.none() | st.integers(0, 1200))
def test_a_range_gives_exactly_its_bytes(first: int, last: int | None) -> None:
    """206 with a true Content-Range, or 416 beyond the end; hashes describe the whole object."""
    response = get(bucket_with(), range=f"bytes={first}-{'' if last is None else last}")
    expected = CONTENT[first : None if last is None else last + 1]
    if first >= len(CONTENT) or (last is not None and last < first):
        assert (416, f"bytes */{len(CONTENT)}") == (response.status, response.header_map["content-range"])
        return
    assert (206, expected) == (response.status, response.body)
    told = f"bytes {first}-{first + len(expected) - 1}/{len(CONTENT)}"
    assert (told, str(len(expected))) == tuple(response.header_map[n] for n in ("content-range", "content-length"))
    assert get(bucket_with()).header_map["x-goog-hash"] == response.header_map["x-goog-hash"]


def test_a_suffix_range_counts_from_the_end() -> None:
    """The last ten bytes."""
    assert CONTENT[-10:] == get(bucket_with(), range="bytes=-10").body


def test_conditions_are_honoured() -> None:
    """If-Match and the generation guard a resume, If-None-Match saves a download, If-Range falls back to all."""
    cloud = bucket_with()
    headers = get(cloud).header_map
    etag, generation = headers["etag"], headers["x-goog-generation"]
    asked: list[tuple[dict[str, str], int]] = [
        ({"If-Match": etag}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"x-goog-if-generation-match": generation}, 200),
        ({"x-goog-if-generation-match": "1"}, 412),
        ({"Range": "bytes=5-", "If-Range": etag}, 206),
        ({"Range": "bytes=5-", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=5-", "If-Match": '"other"'}, 412),
    ]
    answers = [cloud.call("GET", cloud.bucket.origin + PATH, headers=sent, now=1.0).status for sent, _ in asked]
    assert [status for _, status in asked] == answers


def test_head_tells_the_length_and_sends_nothing() -> None:
    """Same headers as GET, no body."""
    cloud = bucket_with()
    head = get(cloud, method="HEAD")
    assert (b"", get(cloud).headers) == (head.body, head.headers)


def test_what_is_not_there_is_404_in_xml() -> None:
    """NoSuchKey."""
    response = get(bucket_with(), path="/gmi-video-assests-prod/nothing")
    assert (404, True) == (response.status, b"<Code>NoSuchKey</Code>" in response.body)


# -- films -----------------------------------------------------------------------------------------------


def link_of(cloud: EmulatedCloud, request_id: str) -> str:
    outcome = poll(cloud, request_id, READY)["outcome"]
    return str(outcome).split("'url': '")[1].split("'")[0]


def test_a_video_is_made_when_it_is_first_read_and_not_before() -> None:
    """A hundred requests make no film; one reader makes one, twice reading makes it once."""
    made: list[FilmOrder] = []

    def film(order: FilmOrder) -> bytes:
        made.append(order)
        return tiny_film(order)

    cloud = EmulatedCloud(film=film)
    ids = [accepted(cloud, seed=number) for number in range(100)]
    assert [] == made
    bodies = {cloud.call("GET", link_of(cloud, ids[9]), headers={}, now=READY).body for _ in range(2)}
    assert ([9], 1) == ([order.seed for order in made], len(bodies))


def test_a_video_is_not_there_before_its_request_succeeds() -> None:
    """Its link answers 404 until then, should anyone guess it."""
    cloud = EmulatedCloud()
    link = link_of(cloud, accepted(cloud))
    answers = [cloud.call("GET", link, headers={}, now=at).status for at in (0.0, READY)]
    assert [404, 200] == answers


def test_a_forgotten_video_is_made_again_the_same() -> None:
    """With room for one, the first video's bytes and checksums are the same after the second was read."""
    cloud = EmulatedCloud(Settings(media_cache_bytes=1))
    links = [link_of(cloud, accepted(cloud, seed=number)) for number in (1, 2)]
    answers = [cloud.call("GET", link, headers={}, now=READY) for link in (*links, *links)]
    assert [(one.body, one.headers) for one in answers[:2]] == [(one.body, one.headers) for one in answers[2:]]
    assert answers[0].body != answers[1].body


def test_a_shell_can_make_the_film_elsewhere() -> None:
    """What `owed` names and `deliver` brings is what is read, and the film callable is never asked."""

    def never(order: FilmOrder) -> bytes:
        raise AssertionError(order)

    cloud = EmulatedCloud(film=never)
    link = link_of(cloud, accepted(cloud))
    path = link.removeprefix(cloud.bucket.origin)
    request = _plain(path)
    order = cloud.bucket.owed(request, READY)
    assert order is not None
    cloud.bucket.deliver(path, tiny_film(order))
    assert (None, tiny_film(order)) == (cloud.bucket.owed(request, READY), cloud.storage(request, READY).body)


def _plain(path: str) -> Request:
    return Request(method="GET", path=path)


# -- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [one for one in FAULTS["media"] if one not in ("wrong_content_range", "ignore_range")]
)
def test_every_media_fault_changes_the_answer(fault: str) -> None:
    """None leaves the honest 200 as it was, and the next read without a rule is honest again."""
    cloud = bucket_with(f"media:{fault}:nth=1")
    honest = get(bucket_with())
    assert honest != get(cloud)
    assert fault == "changed_etag" or honest.body == get(cloud).body


@pytest.mark.parametrize("fault", ["wrong_content_range", "ignore_range"])
def test_every_range_fault_changes_a_partial_answer(fault: str) -> None:
    """They leave a whole answer alone."""
    assert get(bucket_with()) == get(bucket_with(f"media:{fault}"))
    partial = [get(cloud, range="bytes=10-") for cloud in (bucket_with(), bucket_with(f"media:{fault}"))]
    assert partial[0] != partial[1]


@pytest.mark.parametrize(
    ("fault", "sent", "told", "framing", "fate"),
    [
        ("truncate", 512, "1024", "length", "truncate"),
        ("truncate:value=0.25", 256, "1024", "length", "truncate"),
        ("reset_mid_body", 512, "1024", "length", "reset_mid_body"),
        ("truncate_unframed", 512, None, "close", "answer"),
        ("truncate_chunked", 512, None, "chunked", "answer"),
        ("truncate_by_one", 1023, "1023", "length", "answer"),
        ("no_length", 1024, None, "chunked", "answer"),
        ("close_delimited", 1024, None, "close", "answer"),
        ("zero_tail", 1024, "1024", "length", "answer"),
        ("corrupt", 1024, "1024", "length", "answer"),
        ("empty_200", 0, "0", "length", "answer"),
    ],
)
def test_a_cut_answer_sends_and_tells_what_its_name_says(
    fault: str, sent: int, told: str | None, framing: str, fate: str
) -> None:
    """Bytes sent, Content-Length, framing and fate."""
    response = get(bucket_with(f"media:{fault}"))
    assert (sent, told, framing, fate) == (
        len(b"".join(response.pieces())),
        response.header_map.get("content-length"),
        response.framing,
        response.fate,
    )


def test_a_corrupt_body_can_be_found_only_by_its_checksum() -> None:
    """Same length, same headers, other md5."""
    honest, corrupt = get(bucket_with()), get(bucket_with("media:corrupt"))
    assert honest.headers == corrupt.headers
    assert 1 == sum(one != other for one, other in zip(honest.body, corrupt.body, strict=True))


def test_an_overwritten_object_has_another_etag_and_generation() -> None:
    """A resume guarded by If-Match is refused after it, and the new bytes have true checksums."""
    cloud = bucket_with("media:changed_etag:nth=2")
    before = get(cloud).header_map
    assert 412 == get(cloud, if_match=before["etag"], range="bytes=10-").status
    after = get(cloud)
    assert before["x-goog-generation"] != after.header_map["x-goog-generation"]
    md5 = hashlib.md5(after.body, usedforsecurity=False).hexdigest()
    assert f'"{md5}"' == after.header_map["etag"] != before["etag"]


def test_a_stale_404_is_followed_by_the_object() -> None:
    """The first read of each object fails, the second does not."""
    cloud = bucket_with("media:404:nth=1:per_item")
    cloud.bucket.store("/other", b"x", "video/mp4", now=0.0)
    assert [404, 404, 200, 200] == [get(cloud, path=path).status for path in (PATH, "/other", PATH, "/other")]


def test_an_endless_body_never_ends_and_a_drip_is_slow() -> None:
    """More pieces than the object has; pieces of 64 bytes with a pause."""
    endless = get(bucket_with("media:endless")).pieces()
    assert [len(CONTENT)] * 5 == [len(next(endless)) for _ in range(5)]
    drip = get(bucket_with("media:drip:value=2"))
    assert ([64] * 16, 2.0) == ([len(piece) for piece in drip.pieces()], drip.piece_delay_s)


def test_an_error_page_may_pretend_to_be_a_video() -> None:
    """200 and video/mp4, but HTML."""
    response = get(bucket_with("media:html_200"))
    assert (200, "video/mp4", True) == (
        response.status,
        response.header_map["content-type"],
        b"<html" in response.body,
    )


@pytest.mark.parametrize("fault", FAULTS["put"])
def test_an_upload_fault_stores_only_when_it_says_so(fault: str) -> None:
    """`drop_after_commit` and `slow` store the object, no other fault does."""
    cloud = EmulatedCloud(Settings(rules=(Rule(on="put", fault=fault),)))
    upload_url, public_url = granted(cloud, "png")
    response = put(cloud, upload_url, "image/png")
    stored = cloud.call("GET", public_url, headers={}, now=1.0).status == 200
    assert (fault in ("drop_after_commit", "slow")) == stored == (1 == cloud.bucket.uploads)
    assert (fault == "slow") == (response.status == 200)
