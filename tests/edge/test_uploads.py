"""Links that pass, uploads when the service stumbles, and many jobs that want the same image."""

from __future__ import annotations

import base64
from pathlib import Path

import anyio
import pytest

from pixverse_async._core.errors import (
    ApiError,
    AuthError,
    ConfigError,
    DownloadError,
    InsufficientCreditsError,
    InvalidJobError,
    PixverseError,
    ProtocolError,
    RateLimitedError,
    TransportError,
)
from pixverse_async._core.job import Job
from pixverse_async._core.wire import Reply
from pixverse_async._edge.images import MAX_AT_ONCE, identify

from .image_storage import JPEG, PNG, SECRET, Answer, MemoryStorage, encoded, host_on, hosted, picture, refusal

pytestmark = pytest.mark.anyio
LOST = TransportError("connection reset", None)


# -- links ---------------------------------------------------------------------------------------


async def test_an_https_link_passes_through() -> None:
    """A public link reaches the service letter for letter, and nothing is uploaded."""
    storage, link = MemoryStorage(), "https://Images.example:8443/a%20b.jpg?v=1&X-Amz-Signature=1f#top"
    assert link == (await hosted(host_on(storage), link)).url
    assert storage.grants == []


@pytest.mark.parametrize(
    "link",
    [
        "https://localhost/cat.jpg",
        "https://127.0.0.1/cat.jpg",
        "https://[::1]/cat.jpg",
        "https://192.168.1.20:8443/cat.jpg",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/cat.jpg",
        "https://nas.local/cat.jpg",
        "https://nas/cat.jpg",
        "https://files.corp./cat.jpg",
        "http://images.example/cat.jpg",
        "http://127.0.0.1/cat.jpg",
    ],
)
async def test_a_link_that_the_service_cannot_fetch_is_refused(link: str) -> None:
    """Plain http and addresses of this machine or network are refused with a remedy."""
    with pytest.raises(InvalidJobError, match="path") as caught:
        await hosted(host_on(MemoryStorage()), link)
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:8080/cat.jpg", "http://localhost/a.png", "https://10.0.0.1/cat.jpg"]
)
async def test_a_service_on_this_machine_may_fetch_from_it(link: str) -> None:
    """With a service on loopback the same links pass, except plain http to elsewhere."""
    host = host_on(MemoryStorage(), allow_loopback=True)
    assert link == (await hosted(host, link)).url
    with pytest.raises(InvalidJobError):
        await hosted(host, "http://images.example/cat.jpg")


async def test_a_data_uri_is_uploaded_unless_asked_otherwise() -> None:
    """By default the content of a data: URI is uploaded; inline it goes as it is, and bytes go as a data: URI."""
    uri = "data:image/png;name=cat;base64," + base64.b64encode(PNG).decode()
    storage = MemoryStorage()
    assert (await hosted(host_on(storage), uri)).url == "https://storage.example/1"
    assert storage.puts[0][1:] == ("image/png", PNG)

    storage = MemoryStorage()
    inline = host_on(storage, inline=True)
    assert uri == (await hosted(inline, uri)).url
    jpeg = "data:image/jpeg;base64,"
    assert jpeg + base64.b64encode(JPEG).decode() == (await hosted(inline, JPEG)).url
    found = await hosted(inline, encoded(picture(), "WEBP"))
    assert found.url.startswith(jpeg)
    assert found.notes == ("converted from WebP to JPEG",)
    assert storage.grants == []


# -- when the service stumbles -------------------------------------------------------------------

PASSING: list[Answer] = [
    LOST,
    TransportError("no route", False),
    refusal(429, error="Rate limit exceeded"),
    refusal(500, error="boom"),
    refusal(503, error="Upstream capacity temporarily exhausted"),
    refusal(408, error="timeout"),
]


@pytest.mark.parametrize("answer", PASSING)
async def test_what_may_pass_is_tried_again(answer: Answer) -> None:
    """A lost connection, a 429 and a 5xx are tried again, on the grant as on the upload, without a second grant."""
    storage = MemoryStorage(grant_script=[answer], put_script=[answer])
    await hosted(host_on(storage), PNG)
    assert (len(storage.grants), len(storage.puts)) == (2, 2)


@pytest.mark.parametrize("answer", PASSING)
async def test_the_fifth_failure_is_the_last(answer: Answer) -> None:
    """After five tries the last error is raised, within a minute, and a 429 keeps its name."""
    storage = MemoryStorage(grant_script=[answer] * 9)
    with pytest.raises((ApiError, TransportError)) as caught:
        await hosted(host_on(storage), PNG)
    assert len(storage.grants) == 5
    assert anyio.current_time() < 60
    if isinstance(answer, Reply) and answer.status == 429:
        assert isinstance(caught.value, RateLimitedError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_an_expired_grant_is_asked_for_anew(status: int) -> None:
    """When storage does not accept the signature, the next try has a fresh one."""
    storage = MemoryStorage(put_script=[Reply(status=status, body=b"<Error><Code>ExpiredToken</Code></Error>")])
    found = await hosted(host_on(storage), PNG)
    assert found.url == "https://storage.example/2"
    assert [url.split("?")[0] for url, _, _ in storage.puts] == [f"https://storage.example/{n}" for n in (1, 2)]


@pytest.mark.parametrize(
    ("asked_ms", "least", "most"),
    [(8000, 8.0, 9.2), (10**15, 60.0, 61.2), (-5, 0.0, 1.2), (float("nan"), 0.0, 1.2)],
)
async def test_the_services_own_hint_is_heard_within_reason(asked_ms: float, least: float, most: float) -> None:
    """The wait is what the service asks for, from none to a minute, and a little more that differs."""
    answer = refusal(429, rate_limit={"retry_after_ms": asked_ms})
    waits: list[float] = []
    for seed in range(3):
        storage = MemoryStorage(grant_script=[answer], latency=0)
        await hosted(host_on(storage, seed=seed), PNG)
        (_, first), (_, second) = storage.grants
        waits.append(second - first)
    assert all(least <= wait <= most for wait in waits)
    assert len(set(waits)) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(401, error="invalid token"), AuthError),
        (refusal(403, error="forbidden"), AuthError),
        (refusal(402, error="Insufficient credits"), InsufficientCreditsError),
        (refusal(404, error="no such thing"), ApiError),
        (refusal(405), ConfigError),
        (Reply(status=200, body=b"<html>"), ProtocolError),
        (refusal(200, upload_url="ftp://x/y", public_url="https://x/y"), ProtocolError),
        (refusal(200, upload_url=f"http://x.example/y?{SECRET}", public_url="https://x/y"), ProtocolError),
    ],
)
async def test_a_refused_grant_is_final(answer: Reply, error: type[PixverseError]) -> None:
    """What will not pass is not tried again, and each refusal has the error that says what to do."""
    storage = MemoryStorage(grant_script=[answer])
    with pytest.raises(error) as caught:
        await hosted(host_on(storage), PNG)
    assert len(storage.grants) == 1
    assert "5ec4e7" not in str(caught.value)
    if isinstance(caught.value, ConfigError):
        assert "base_url" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=403, body=f"<Error><Code>SignatureDoesNotMatch</Code><X>/1?{SECRET}</X></Error>".encode()),
        Reply(status=413, body=SECRET.encode()),
        Reply(status=307, body=SECRET.encode()),
        Reply(status=500, body=SECRET.encode()),
        TransportError("no answer from https://storage.example/1?[redacted]", None),
        DownloadError("the service gave a link that is not https"),
    ],
)
async def test_no_upload_link_gets_into_an_error(answer: Answer) -> None:
    """Whatever storage answers, the signed link is not in the error, and a refusal by storage is not a bad key."""
    storage = MemoryStorage(put_script=[answer] * 9)
    with pytest.raises(PixverseError) as caught:
        await hosted(host_on(storage), PNG)
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "5ec4e7" not in shown
    assert not isinstance(caught.value, AuthError | DownloadError)


async def test_a_hosted_image_hides_its_link() -> None:
    """The link of the user's own image may be signed: it is not in the repr."""
    assert "5ec4e7" not in repr(await hosted(host_on(MemoryStorage()), f"https://b.example/cat.jpg?{SECRET}"))


# -- when many want the same ---------------------------------------------------------------------


async def test_each_content_is_uploaded_once(tmp_path: Path) -> None:
    """A hundred jobs with two contents under many names make two uploads, at the same time and later."""
    storage = MemoryStorage()
    host = host_on(storage)
    urls: set[str] = set()

    async def one(n: int) -> None:
        path = tmp_path / f"{n}.png"
        path.write_bytes(PNG if n % 2 else JPEG)
        urls.add((await hosted(host, path)).url)

    async with anyio.create_task_group() as group:
        for n in range(100):
            group.start_soon(one, n)
    assert (len(storage.puts), len(urls)) == (2, 2)
    assert (await hosted(host, PNG)).url in urls
    assert len(storage.puts) == 2


async def test_a_failed_upload_is_told_to_all_and_kept_for_none() -> None:
    """Those who wait share the failure, each in an error of its own; whoever asks after it tries anew."""
    storage = MemoryStorage(grant_script=[refusal(404, error="not today")])
    host, job = host_on(storage), Job(PNG, "x")
    identity = await identify(job)
    errors: list[ApiError] = []
    urls: list[str] = []

    async def one() -> None:
        with pytest.raises(ApiError) as caught:
            await host.url_for(job, identity)
        errors.append(caught.value)
        urls.append((await host.url_for(job, identity)).url)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(one)
    assert len({id(error) for error in errors}) == 5
    assert {error.reason for error in errors} == {"not today"}
    assert (urls, len(storage.grants)) == (["https://storage.example/2"] * 5, 2)


async def test_a_cancelled_upload_is_taken_over() -> None:
    """When the job that uploads is cancelled, the next one that waits uploads, and the rest share its URL."""
    storage = MemoryStorage(latency=10)
    host = host_on(storage)
    urls: list[str] = []

    async def one(patience: float) -> None:
        with anyio.move_on_after(patience):
            urls.append((await hosted(host, PNG)).url)

    async with anyio.create_task_group() as group:
        group.start_soon(one, 15)
        for _ in range(4):
            group.start_soon(one, 1000)
    assert urls == ["https://storage.example/2"] * 4
    assert len(storage.puts) == 1


@pytest.mark.parametrize("patience", [0.0, 0.05, 0.15, 0.5, 1.5, 4.0])
async def test_a_cancelled_waiter_holds_nobody_up(patience: float) -> None:
    """Whenever the first of two leaves, the second is served, and the slots are free afterwards."""
    storage = MemoryStorage(grant_script=[LOST, LOST], put_script=[LOST])
    host = host_on(storage)

    async def first() -> None:
        with anyio.move_on_after(patience):
            await hosted(host, PNG)

    for _ in range(MAX_AT_ONCE + 1):
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            group.start_soon(hosted, host, PNG)
    assert (storage.put_script, len(storage.puts)) == ([], 2)


async def test_a_file_that_vanished_spoils_only_its_own_job(tmp_path: Path) -> None:
    """Of two files with one content the second is uploaded though the first is gone."""
    storage = MemoryStorage()
    host = host_on(storage)
    gone, kept = tmp_path / "a.png", tmp_path / "b.png"
    kept.write_bytes(PNG)
    identity = await identify(Job(kept, "x"))
    problems: list[PixverseError] = []

    async def one(job: Job) -> None:
        try:
            await host.url_for(job, identity)
        except InvalidJobError as problem:
            problems.append(problem)

    async with anyio.create_task_group() as group:
        for path in (gone, kept):
            group.start_soon(one, Job(path, "x"))
    assert [str(problem).split(": ")[1].split(".")[0] for problem in problems] == ["no such file"]
    assert len(storage.puts) == 1


async def test_few_images_are_in_memory_at_once() -> None:
    """However many jobs there are, no more than a fixed number of uploads are under way."""
    storage = MemoryStorage(latency=1)
    host = host_on(storage)
    async with anyio.create_task_group() as group:
        for n in range(60):
            group.start_soon(hosted, host, encoded(picture(8 + n, 8), "PNG"))
    assert (len(storage.puts), storage.most_busy) == (60, MAX_AT_ONCE)
