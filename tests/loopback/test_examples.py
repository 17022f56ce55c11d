"""Every example does what it says, against the emulator, in real time."""

from __future__ import annotations

import contextlib
import re
import runpy
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import anyio
import av
import httpx
import nbformat
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from nbclient import NotebookClient

from pixverse_async import FixedPolling, Job, generate_many, jobs_from_folder, jobs_on_record
from pixverse_async.emulator import Emulator, Rule, Settings, tiny_film
from pixverse_async.report import write_report
from tests.clock import long_after
from tests.memory import tiny_png

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
async def emulator(anyio_backend: object, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Emulator]:
    """A service in the environment, as an example finds it; its videos are tiny files."""
    async with Emulator(speed=200.0, film=tiny_film) as running:
        monkeypatch.setenv("GMI_BASE_URL", running.base_url)
        monkeypatch.setenv("GMI_API_KEY", running.api_key)
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the example runs, with three pictures in it."""
    monkeypatch.chdir(tmp_path)
    for n in range(3):
        (tmp_path / f"picture-{n}.png").write_bytes(tiny_png(n))
    return tmp_path


def quick_jobs(folder: Path) -> list[Job]:
    return jobs_from_folder(folder, prompt="it snows", duration=1, quality="360p")


def example(name: str) -> Callable[..., Any]:
    """The `main` of an example, without running it as a script."""
    return cast("Callable[..., Any]", runpy.run_path(str(EXAMPLES / name))["main"])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_read_at_a_glance(path: Path) -> None:
    """It has fewer than 45 lines, but for the script that draws the pictures, which is no example."""
    assert len(path.read_text(encoding="utf-8").splitlines()) < 45 or path.name == "make_images.py"


# -- the folder ----------------------------------------------------------------------------------------


async def run_there(*args: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return await run_example("batch_folder.py", *args, cwd=cwd)


async def run_example(name: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *args]
    return await anyio.run_process(command, cwd=cwd, check=False)


@pytest.mark.timeout(240)
async def test_without_a_key_a_folder_becomes_real_videos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that this is an emulation, makes a film of each image, keeps a journal, and so a page can be made."""
    monkeypatch.delenv("GMI_API_KEY", raising=False)
    ran = await run_there(".", cwd=folder)
    assert (0, 3) == (ran.returncode, len(list(folder.glob("videos/emulated/*.mp4")))), ran.stderr
    assert ran.stdout.startswith(b"No GMI_API_KEY is set: an emulator")
    assert b"3 succeeded" in ran.stdout
    for video in folder.glob("videos/emulated/*.mp4"):
        with av.open(video) as film:
            stream = film.streams.video[0]
            assert ("h264", 121) == (stream.codec_context.name, stream.frames)
    page = write_report("videos/emulated").read_text(encoding="utf-8")
    assert (3, 2) == (page.count("<video"), page.count('role="img"'))


async def test_with_a_key_a_folder_is_paid_once(
    folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken image fails alone, the exit code tells, and a second run pays for nothing."""
    (folder / "broken.png").write_bytes(b"no picture")
    shape = {"prompt": "it snows", "duration": 1, "quality": "360p"}
    for _ in range(2):
        assert 8 == await example("batch_folder.py")(folder, Path("videos"), {}, **shape)
    assert (3, 3) == (emulator.ledger.accepted, len(list(folder.glob("videos/*.mp4"))))
    assert "3 succeeded, 1 failed" in capsys.readouterr().out


async def test_a_wrong_input_ends_in_one_line(folder: Path) -> None:
    """A folder that is none is said, without a traceback."""
    ran = await run_there("nowhere", cwd=folder)
    assert (1, True) == (ran.returncode, b"'nowhere' is not a folder" in ran.stderr)
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("one_video.py", ["cat.jpg", "yawns"]),
        ("budget.py", [".", "2.50"]),
        ("own_polling.py", [".", "it snows"]),
        ("own_sink.py", [".", "videos.sqlite", "it snows"]),
        ("traced.py", [".", "it snows"]),
        ("settle.py", ["nowhere"]),
    ],
)
async def test_an_example_without_a_key_or_arguments_ends_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, args: list[str]
) -> None:
    """What is wrong is said in words, with an exit code: the way it is called, or what its arguments lead to."""
    monkeypatch.delenv("GMI_API_KEY", raising=False)
    for given, says in ((args, "journal" if name == "settle.py" else "GMI_API_KEY"), ([], f"examples/{name}")):
        ran = await run_example(name, *given, cwd=folder)
        said = ran.stderr.decode()
        assert (1, True, False) == (ran.returncode, says in said, "Traceback" in said), said


@pytest.mark.fault(35)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one child")
async def test_an_interrupted_folder_is_finished_by_the_same_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it in one line, and the same command picks up what was accepted and pays once."""
    async with Emulator(Settings(generation_median=40.0), speed=20.0, film=tiny_film) as emulator:
        monkeypatch.setenv("GMI_BASE_URL", emulator.base_url)
        monkeypatch.setenv("GMI_API_KEY", emulator.api_key)
        command = [sys.executable, str(EXAMPLES / "batch_folder.py"), "."]
        # A shell's `&` has it ignored, which a child would inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        async with await anyio.open_process(command) as process:
            while emulator.ledger.accepted < 3:  # noqa: ASYNC110  the ledger tells nobody
                await anyio.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            said = b"".join([piece async for piece in process.stderr]).decode()
            assert 1 == await process.wait(), said
        assert "Interrupted. The same line again goes on" in said
        assert "Traceback" not in said
        how: dict[str, Any] = {"poll_policy": FixedPolling(0.1)}
        prompt = "the scene comes to life while the camera moves in slowly"
        assert 0 == await example("batch_folder.py")(Path(), Path("videos"), how, prompt=prompt)
        assert 3 == emulator.ledger.accepted


# -- the small ones ------------------------------------------------------------------------------------


async def test_one_video(folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """A submit, a look and a save: one charge and one file."""
    await example("one_video.py")(quick_jobs(folder)[0], folder / "picture-0.mp4")
    assert (1, True) == (emulator.ledger.accepted, (folder / "picture-0.mp4").is_file())
    assert "is accepted, seed" in capsys.readouterr().out
    ran = await run_example("one_video.py", "picture-0.png", "it snows", cwd=folder)
    assert (1, 1) == (ran.returncode, emulator.ledger.accepted), (
        "a name that is taken is found before it is paid for"
    )
    assert b"picture-0.mp4 exists: move it away first. Nothing was sent." in ran.stderr


async def test_own_polling(folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy of the user's own drives a batch to its end."""
    await example("own_polling.py")(quick_jobs(folder))
    assert "3 succeeded" in capsys.readouterr().out


async def test_own_sink(folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The videos are rows of a database; a second run finds them there and pays for nothing."""
    main, database = example("own_sink.py"), folder / "videos.sqlite"
    for _ in range(2):
        await main(quick_jobs(folder), str(database))
    with contextlib.closing(sqlite3.connect(database)) as base:
        rows = base.execute("SELECT name, substr(data, 5, 4) FROM videos ORDER BY name").fetchall()
    assert [(f"picture-{n}.mp4", b"ftyp") for n in range(3)] == rows
    assert (3, 2) == (emulator.ledger.accepted, capsys.readouterr().out.count("3 succeeded"))


async def test_traced(folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """A batch with telemetry ends as one without."""
    await example("traced.py")(quick_jobs(folder))
    assert "3 succeeded" in capsys.readouterr().out


async def test_settle(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two replies are lost; one job is settled by its id and saved, one is declared absent and not sent unasked."""
    settings = Settings(
        rules=(Rule.parse("submit:drop_after_commit:nth=1"), Rule.parse("submit:drop_before_commit:nth=2"))
    )
    async with Emulator(settings, speed=200.0, film=tiny_film) as emulator:
        monkeypatch.setenv("GMI_BASE_URL", emulator.base_url)
        monkeypatch.setenv("GMI_API_KEY", emulator.api_key)
        await generate_many(quick_jobs(folder)[:2], on_unknown="hold", max_in_flight=1)
        accepted, lost = jobs_on_record("videos")
        (charge,) = emulator.ledger.committed
        answers = {accepted.key: charge.request_id, lost.key: "absent"}
        typed = iter(answers.values())  # the questions come in the order of the submits

        def answer(_: str) -> str:
            return next(typed)

        monkeypatch.setattr("builtins.input", answer)
        long_after(monkeypatch)
        names = runpy.run_path(str(EXAMPLES / "settle.py"))
        assert answers == names["ask"]("videos")
        await names["main"]("videos", answers)
        assert (1, 1) == (emulator.ledger.accepted, len(list(folder.glob("videos/*.mp4"))))
    assert "1 succeeded" in capsys.readouterr().out


async def test_budget(folder: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three videos fit, two are paid, and the third is named as not sent."""
    await example("budget.py")(quick_jobs(folder), Decimal("0.05"))
    assert (2, 2) == (emulator.ledger.accepted, len(list(folder.glob("videos/*.mp4"))))
    assert re.search(r"not sent: picture-\d; a budget that is \$0\.025 larger", capsys.readouterr().out)


async def test_a_fastapi_endpoint_makes_a_video(folder: Path, emulator: Emulator) -> None:
    """One endpoint answers with the video, one saves it in the background, and a wrong job is the caller's fault."""
    app = runpy.run_path(str(EXAMPLES / "fastapi_app.py"))["app"]
    answers: dict[str, httpx.Response] = {}

    async def post(path: str, duration: int) -> None:
        params = {"prompt": "snow", "duration": duration}
        answers[f"{path} {duration}"] = await client.post(path, params=params, content=tiny_png(len(path)))

    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60) as client,
        anyio.create_task_group() as calls,
    ):
        for path, duration in (("/videos", 1), ("/later", 1), ("/videos", 16)):
            calls.start_soon(post, path, duration)
    awaited, later, wrong = (answers[call] for call in ("/videos 1", "/later 1", "/videos 16"))
    assert (200, "video/mp4") == (awaited.status_code, awaited.headers["content-type"])
    assert (202, b"ftyp") == (later.status_code, awaited.content[4:8])
    assert 1 == len(list(Path(later.json()["folder"]).glob("*.mp4")))
    assert (422, True) == (wrong.status_code, "duration=16" in wrong.json()["error"])
    assert 2 == emulator.ledger.accepted


async def test_a_key_that_the_server_lacks_is_not_the_callers_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint answers 502, and not 422 as to a wrong job: the caller can mend nothing."""
    monkeypatch.delenv("GMI_API_KEY", raising=False)
    app = runpy.run_path(str(EXAMPLES / "fastapi_app.py"))["app"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        answer = await client.post("/videos", params={"prompt": "snow"}, content=tiny_png(1))
    assert (502, True) == (answer.status_code, "GMI_API_KEY" in answer.json()["error"])


async def test_an_aiohttp_handler_makes_a_video(folder: Path, emulator: Emulator) -> None:
    """The handler answers with the video, and with 422 to a wrong job."""
    app = cast("web.Application", runpy.run_path(str(EXAMPLES / "aiohttp_app.py"))["init"]([]))
    async with TestClient(TestServer(app)) as client:
        good = await client.post("/videos", params={"prompt": "snow", "duration": "1"}, data=tiny_png(1))
        assert (200, b"ftyp") == (good.status, (await good.read())[4:8])
        wrong = await client.post("/videos", params={"duration": "1"}, data=tiny_png(1))
        assert (422, True) == (wrong.status, "prompt" in await wrong.text())
        wrong = await client.post("/videos", params={"prompt": "snow"}, data=b"no image")
        assert (422, True) == (wrong.status, "image" in await wrong.text())
    assert 1 == emulator.ledger.accepted


async def test_a_notebook_cell_awaits_a_batch(folder: Path, emulator: Emulator) -> None:
    """Top-level await in a kernel: every cell runs, the video is made, and embedded to look at."""
    (folder / "images").mkdir()
    (folder / "picture-0.png").rename(folder / "images" / "picture.png")
    notebook = cast("Any", nbformat).read(EXAMPLES / "notebook.ipynb", as_version=4)
    await NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}}).async_execute()
    assert 1 == len(list(folder.glob("videos/picture.mp4"))) == emulator.ledger.accepted
    assert "1 succeeded" in str(notebook.cells[2].outputs)
    assert "<video" in str(notebook.cells[4].outputs)
