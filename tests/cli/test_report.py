"""The page from the command line: made of what a run left in the folder, never in the place of somebody's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pixverse_async.emulator.film import encode
from pixverse_async.emulator.orders import FilmOrder
from pixverse_async.report import write_report
from tests.cli.conftest import QUICK, Command, Service
from tests.memory import tiny_png


def test_a_run_becomes_a_page(cli: Command, serve: Service, photos: Path) -> None:
    """With a player and the times of each video; made again from the same folder, and after it has moved."""
    emulator = serve()
    assert 0 == cli("run", "photos", "--prompt", "it <i>snows", *QUICK).code
    said = cli("report", "videos", "--json")
    assert [{"type": "report", "path": str(Path("videos/report.html"))}] == said.objects
    page = Path("videos/report.html").read_text(encoding="utf-8")
    assert ["./picture-0.mp4", "./picture-1.mp4", "./picture-2.mp4"] == [
        part.split('"')[0] for part in page.split('src="')[1:]
    ]
    assert (3, 0) == (page.count("it &lt;i&gt;snows"), page.count("<i>snows"))
    assert (2, 2) == (page.count("<figure>"), page.count('role="img"'))
    for secret in (emulator.api_key, "X-Goog", "http://127"):
        assert secret not in page
    Path("videos").rename("moved")
    Path("moved/picture-1.mp4").unlink()
    assert (0, "moved/report.html") == (cli("report", "moved").code, str(write_report("moved")))
    page = Path("moved/report.html").read_text(encoding="utf-8")
    assert (2, 1) == (page.count("<video"), page.count('data-outcome="missing"'))


def test_the_journal_alone_makes_a_page(cli: Command, serve: Service, photos: Path) -> None:
    """Without the table there are videos and their times, in a second run too that only finds them there."""
    serve()
    cli("run", "photos", "--prompt", "p", *QUICK)
    Path("videos/manifest.jsonl").unlink()
    page = write_report("videos").read_text(encoding="utf-8")
    assert (3, 2) == (page.count("<video"), page.count('role="img"'))


def test_a_run_can_end_with_a_page(cli: Command, serve: Service, photos: Path) -> None:
    """The page has the jobs that failed as well, and the exit code is the run's."""
    serve()
    (photos / "broken.png").write_bytes(b"no picture")
    said = cli("run", "photos", "--prompt", "p", "--report", *QUICK)
    page = Path("videos/report.html").read_text(encoding="utf-8")
    assert (8, 3, 1) == (said.code, page.count("<video"), page.count('data-outcome="failed"'))
    assert "To look at: videos/report.html" in said.err


def test_a_page_of_somebody_else_is_left_alone(cli: Command, serve: Service, photos: Path) -> None:
    """The verb refuses, and after a run it is an error of its own; the file stays as it was."""
    serve()
    Path("videos").mkdir()
    Path("videos/report.html").write_text("mine", encoding="utf-8")
    said = cli("run", "photos", "--prompt", "p", "--report", *QUICK)
    assert (1, True) == (said.code, "no page was made" in said.err)
    said = cli("report", "videos")
    assert (6, True) == (said.code, "Move it away" in said.err)
    assert "mine" == Path("videos/report.html").read_text(encoding="utf-8")


def test_a_folder_without_a_journal_has_no_page(cli: Command, tmp_path: Path) -> None:
    """One message, and nothing is written."""
    assert 6 == cli("report", tmp_path).code
    assert [] == list(tmp_path.iterdir())


def test_the_page_opens_in_the_browser(cli: Command, serve: Service, photos: Path) -> None:
    """The browser of the user's environment gets the page's address as a file."""
    serve()
    cli("run", "photos", "--prompt", "p", *QUICK)
    browser = Path("browser").resolve()
    browser.write_text(f'#!/bin/sh\necho "$1" > {browser}.opened\n', encoding="utf-8")
    browser.chmod(0o700)
    line = [sys.executable, "-m", "pixverse_async", "report", "videos", "--open"]
    subprocess.run(line, env=os.environ | {"BROWSER": f"{browser} %s"}, check=True, capture_output=True)
    opened = browser.with_suffix(".opened").read_text(encoding="utf-8").strip()
    assert Path("videos/report.html").resolve().as_uri() == opened


def test_a_real_video_has_a_poster(cli: Command, serve: Service, photos: Path) -> None:
    """Its first frame, as a JPEG of a card's width within the page; a file that is no video has none."""
    serve()
    cli("run", "photos", "--prompt", "p", *QUICK)
    Path("videos/picture-1.mp4").write_bytes(encode(FilmOrder(image=tiny_png(0), duration=1, quality="360p")))
    page = write_report("videos").read_text(encoding="utf-8")
    assert (1, 2) == (page.count('poster="data:image/jpeg;base64,/9j/'), page.count('preload="metadata"'))
