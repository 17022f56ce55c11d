"""The emulator's shell on real sockets: what the pure service decides really happens to the connection."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from threading import Event
from typing import cast

import aiohttp
import anyio
import pytest

from pixverse_async.emulator import EmulatedCloud, Emulator, Film, FilmOrder, Rule, Settings, tiny_film, tiny_mp4
from pixverse_async.emulator.cli import main
from pixverse_async.emulator.fixture import emulator, emulator_film, emulator_settings
from tests.emulator_calls import MODEL, payload

pytestmark = pytest.mark.anyio
__all__ = ["emulator", "emulator_film", "emulator_settings"]

PATIENCE = 10.0
"""Real seconds after which a hanging test has failed; nothing takes one."""


@asynccontextmanager
async def running(
    *rules: str, film: Film | None = tiny_film, speed: float = 2000.0, storage_host: str | None = None
) -> AsyncGenerator[tuple[Emulator, aiohttp.ClientSession]]:
    settings = Settings(rules=tuple(map(Rule.parse, rules)))
    server = Emulator(settings, speed=speed, film=film, storage_host=storage_host)
    with anyio.fail_after(PATIENCE):
        async with server as emulator, aiohttp.ClientSession() as session:
            yield emulator, session


async def ask(
    emulator: Emulator, session: aiohttp.ClientSession, method: str, path: str, body: object = None
) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with session.request(method, emulator.base_url + path, headers=headers, json=body) as response:
        assert 200 == response.status, await response.text()
        return cast("dict[str, object]", await response.json())


async def submitted(emulator: Emulator, session: aiohttp.ClientSession, **changes: object) -> str:
    body = {"model": MODEL, "payload": payload(**changes)}
    return str((await ask(emulator, session, "POST", "/requests", body))["request_id"])


async def finished(emulator: Emulator, session: aiohttp.ClientSession, request_id: str) -> str:
    """The link of the video, once the request succeeded."""
    while True:
        record = await ask(emulator, session, "GET", f"/requests/{request_id}")
        if record["status"] == "success":
            return str(cast("dict[str, list[dict[str, str]]]", record["outcome"])["media_urls"][0]["url"])
        await anyio.sleep(0.01)


async def placed(emulator: Emulator, content: bytes = b"x" * 100_000) -> str:
    """The link of an object that needs no generation."""
    return emulator.storage_url + emulator.storage.store("/v.mp4", content, "video/mp4", now=0.0).path


async def test_a_job_goes_from_upload_to_a_real_video() -> None:
    """Grant, PUT, submit, poll and download over two origins; the checksum holds and one success is charged."""
    async with running(film=None) as (emulator, session):
        grant = await ask(emulator, session, "POST", "/upload-url", {"file_type": "png"})
        picture = tiny_mp4(1)  # no picture at all: the film shows a placeholder
        async with session.put(
            str(grant["upload_url"]), data=picture, headers={"Content-Type": "image/png"}
        ) as response:
            assert 200 == response.status
        request_id = await submitted(emulator, session, image=grant["public_url"], duration=1)
        link = await finished(emulator, session, request_id)
        async with session.get(link) as response:
            video = await response.read()
        assert f'"{hashlib.md5(video, usedforsecurity=False).hexdigest()}"' == response.headers["ETag"]
        assert 2 == len(response.headers.getall("x-goog-hash"))
        assert (b"ftyp", True) == (video[4:8], len(video) > 2 * len(picture))
        assert ([request_id], []) == ([one.request_id for one in emulator.ledger.charges], emulator.storage.leaks)
        async with session.head(link) as response:
            assert str(len(video)) == response.headers["Content-Length"]


async def test_time_runs_as_many_times_faster_as_was_asked() -> None:
    """A reply that takes 20 service seconds takes a fiftieth of a second at speed 1000, and the date moves along."""
    async with running("poll:slow", speed=1000.0) as (emulator, session):
        before = emulator.now
        await ask(emulator, session, "GET", f"/requests/{await submitted(emulator, session)}")
        assert 20.0 < emulator.now - before < 2000.0


@pytest.mark.parametrize("rule", ["submit:drop_after_commit", "submit:drop_before_commit"])
async def test_a_drop_ends_the_connection_without_a_byte(rule: str) -> None:
    """The client sees a lost connection; only the ledger knows whether the request exists."""
    async with running(rule) as (emulator, session):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await submitted(emulator, session)
        assert (rule == "submit:drop_after_commit") == (1 == emulator.ledger.accepted)


async def test_an_answer_that_hangs_ends_when_its_client_has_left() -> None:
    """No task of the server outlives the connection it would answer."""
    async with running("submit:hang_after_commit") as (emulator, _):
        tasks_before = len(asyncio.all_tasks())
        async with aiohttp.ClientSession() as leaver:
            with pytest.raises(TimeoutError), anyio.fail_after(0.1):
                await submitted(emulator, leaver)
        with anyio.fail_after(PATIENCE / 2):
            while len(asyncio.all_tasks()) > tasks_before:  # noqa: ASYNC110  tasks end without an event
                await anyio.sleep(0.001)


async def test_a_hang_lasts_until_the_client_leaves_and_does_not_delay_the_end() -> None:
    """No answer within the patience of the client; the emulator closes at once all the same."""
    async with running("submit:hang_after_commit") as (emulator, session):
        with pytest.raises(TimeoutError), anyio.fail_after(0.1):
            await submitted(emulator, session)
        stopped_at = 0.0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect_a_drop, emulator, session)
            while emulator.ledger.accepted < 2:  # noqa: ASYNC110  the server tells nobody what it has read
                await anyio.sleep(0.001)
            stopped_at = anyio.current_time()
            emulator.stop()
        assert anyio.current_time() - stopped_at < 1.0


async def _expect_a_drop(emulator: Emulator, session: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await submitted(emulator, session)


@pytest.mark.parametrize(("fault", "is_reset"), [("truncate", False), ("reset_mid_body", True)])
async def test_a_cut_body_is_noticed_by_its_length_or_by_the_reset(fault: str, is_reset: bool) -> None:
    """Half of the bytes arrive, then the client library raises: an early end, or a connection reset by its peer."""
    async with running(f"media:{fault}:nth=1") as (emulator, session):
        link = await placed(emulator)
        got = bytearray()
        async with session.get(link) as response:
            assert "100000" == response.headers["Content-Length"]
            with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)) as raised:
                await _collect(response, got)
        assert is_reset == ("reset by peer" in repr(raised.value))
        assert 50_000 == len(got)
        async with session.get(link) as response:
            assert 100_000 == len(await response.read())


async def _collect(response: aiohttp.ClientResponse, got: bytearray) -> None:
    async for piece in response.content.iter_any():
        got += piece


@pytest.mark.parametrize(
    ("fault", "length"),
    [
        ("truncate_unframed", 50_000),
        ("truncate_chunked", 50_000),
        ("truncate_by_one", 99_999),
        ("no_length", 100_000),
        ("close_delimited", 100_000),
        ("zero_tail", 100_000),
    ],
)
async def test_a_silent_lie_looks_complete_to_the_client_library(fault: str, length: int) -> None:
    """No exception, status 200, and that many bytes."""
    async with running(f"media:{fault}") as (emulator, session), session.get(await placed(emulator)) as response:
        assert (200, length) == (response.status, len(await response.read()))
        assert (fault in ("truncate_by_one", "zero_tail")) == ("Content-Length" in response.headers)


async def test_a_range_is_answered_in_part() -> None:
    """206, the right bytes, and the end of the file."""
    async with running() as (emulator, session):
        link = await placed(emulator, bytes(range(256)))
        async with session.get(link, headers={"Range": "bytes=250-"}) as response:
            assert (206, bytes(range(250, 256))) == (response.status, await response.read())
            assert "bytes 250-255/256" == response.headers["Content-Range"]


async def test_a_drip_and_an_endless_body_can_be_left() -> None:
    """A client that stops reading leaves no trace and no warning."""
    async with running("media:endless:nth=1", "media:drip:nth=2") as (emulator, session):
        link = await placed(emulator)
        async with session.get(link) as response:
            got = 0
            async for piece in response.content.iter_any():
                got += len(piece)
                if got > 500_000:
                    break
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            async with session.get(link) as response:
                await response.read()


async def test_one_film_is_made_for_many_readers_and_the_loop_goes_on() -> None:
    """Ten downloads of one video call the film once, and polls are answered while it is being made."""
    made: list[FilmOrder] = []
    answered = Event()

    def film(order: FilmOrder) -> bytes:
        made.append(order)
        assert answered.wait(PATIENCE)
        return tiny_mp4(1)

    async with running(film=film) as (emulator, session):
        link = await finished(emulator, session, await submitted(emulator, session))

        async def read() -> None:
            async with session.get(link) as response:
                assert tiny_mp4(1) == await response.read()

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(read)
            await ask(emulator, session, "GET", "/models")
            answered.set()
        assert 1 == len(made)


async def test_the_origins_can_lie_on_different_addresses() -> None:
    """Queue on 127.0.0.1, storage on 127.0.0.2: a client that pins one host is found out."""
    async with running(storage_host="127.0.0.2") as (emulator, session):
        grant = await ask(emulator, session, "POST", "/upload-url", {"file_type": "png"})
        assert str(grant["upload_url"]).startswith("http://127.0.0.2:")
        assert emulator.base_url.startswith("http://127.0.0.1:")


async def test_a_body_beyond_the_limit_meets_the_gateway() -> None:
    """413 with an HTML page, and no request."""
    async with (
        Emulator(Settings(max_body_bytes=1000), film=tiny_film) as emulator,
        aiohttp.ClientSession() as session,
    ):
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        async with session.post(emulator.base_url + "/requests", headers=headers, data=b"x" * 5000) as response:
            assert (413, "text/html", 0) == (response.status, response.content_type, emulator.ledger.accepted)


async def test_the_users_own_error_leaves_the_block_as_it_is() -> None:
    """Not wrapped in an exception group, and the port is free again."""
    ports: list[int] = []

    async def fail() -> None:
        async with Emulator(film=tiny_film) as emulator:
            ports.append(int(emulator.base_url.split(":")[2].split("/")[0]))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    socket.create_server(("127.0.0.1", ports[0])).close()


async def test_a_cancelled_block_ends_cleanly() -> None:
    """Cancellation passes through and both servers close."""
    with anyio.move_on_after(0.05) as scope:
        async with Emulator(film=tiny_film):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_shell_and_memory_give_the_same_answers(emulator: Emulator) -> None:
    """The same calls to the fixture's server and to a pure cloud with the same seed get the same JSON."""
    cloud = EmulatedCloud(emulator.cloud.settings, api_origin="http://q", storage_origin=emulator.storage_url)
    body = {"model": MODEL, "payload": payload()}
    async with aiohttp.ClientSession() as session:
        reply = await ask(emulator, session, "POST", "/requests", body)
        async with session.get(emulator.base_url.partition("/api")[0] + "/emulator/ledger") as response:
            assert 1 == cast("Mapping[str, object]", await response.json())["accepted"]
    headers = {"Authorization": f"Bearer {cloud.api_key}"}
    pure = cloud.call(
        "POST", cloud.base_url + "/requests", headers=headers, body=json.dumps(body).encode(), now=0.0
    )
    expected = cast("dict[str, object]", json.loads(pure.body))
    assert [expected[key] for key in ("request_id", "status", "model")] == [
        reply[key] for key in ("request_id", "status", "model")
    ]


def test_the_command_prints_the_exports_and_stops_at_ctrl_c() -> None:
    """Two export lines; after an interrupt the bill, and exit status 0."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pixverse_async",
        "emulator",
        "--tiny",
        "--fault",
        "submit:429:nth=1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(3)]
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=PATIENCE)
    assert ["export GMI_BASE_URL=http://127.0.0.1:", "export GMI_API_KEY=eyJ"] == [lines[0][:37], lines[1][:22]]
    assert ("", 0, True) == (errors, child.returncode, "0 accepted of 0 submits" in rest)


def test_each_start_of_the_command_gives_out_ids_of_its_own() -> None:
    """A folder that knows the ids of an earlier one would hold every job of a later; `--seed` repeats one."""
    seeds = [_seed_told_by(*arguments) for arguments in ((), (), ("--seed", "7"))]
    assert (3, "7") == (len(set(seeds)), seeds[-1])


def _seed_told_by(*arguments: str) -> str:
    command = [sys.executable, "-m", "pixverse_async", "emulator", "--tiny", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(3)]
        child.terminate()
        child.communicate(timeout=PATIENCE)
    return lines[-1].rpartition("seed ")[-1].strip()


@pytest.mark.parametrize(
    ("argument", "value", "says"),
    [
        ("--fault", "submit:oops", "knows no 'oops'"),
        ("--speed", "0", "'0' is not a positive number"),
        ("--speed", "fast", "'fast' is not a positive number"),
        ("--credits", "much", "'much' is no amount of money"),
        ("--credits", "nan", "'nan' is no amount of money"),
        ("--port", "65536", "'65536' is not a whole number from 0 to 65535"),
        ("--workers", "0", "'0' is not a whole number from 1"),
        ("--rpm", "many", "'many' is not a whole number from 1"),
    ],
)
def test_a_wrong_argument_is_refused_with_status_2(
    argument: str, value: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the message names the argument and what is wrong with it."""
    with pytest.raises(SystemExit) as exit_:
        main([argument, value])
    told = capsys.readouterr().err
    assert (2, True, True) == (exit_.value.code, argument in told, says in told)


def test_the_faults_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, with its place."""
    assert 0 == main(["--list-faults"])
    assert "submit:drop_after_commit" in capsys.readouterr().out


def test_an_address_that_is_taken_is_an_error_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1, and one line that says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert 1 == main(["--tiny", "--port", str(port)])
    said = f"cannot listen on 127.0.0.1:{port}: Address already in use. Choose another --host or --port.\n"
    assert said == capsys.readouterr().err
