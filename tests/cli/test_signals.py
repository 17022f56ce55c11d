"""Ctrl-C and SIGTERM, sent to a real process: the first ends it in good order, the second at once, and it goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixverse_async.emulator import Rule, Settings
from tests.cli.conftest import QUICK, Command, Service


@contextmanager
def running(*argv: str) -> Generator[subprocess.Popen[str]]:
    """The command line as a process of its own."""
    command = [sys.executable, "-m", "pixverse_async", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """What is said on stderr up to the line with the words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it ended without saying {words!r}: {said}")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_in_good_order_and_resume_goes_on(
    cli: Command, serve: Service, photos: Path, signum: signal.Signals, code: int
) -> None:
    """It says how to go on, leaves tables that tell what is unfinished, and the line it prints pays nothing twice."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="stuck_queued", nth=(3,)),)))
    with running("run", "photos", "--prompt", "p", "--out", "my videos", *QUICK) as process:
        wait_for(process, "[2/3]")
        process.send_signal(signum)
        said = wait_for(process, "resume 'my videos'")
        assert code == process.wait(20)
    assert "Stopping: nothing more is sent" in said
    assert "Interrupted. 1 job is at the service, and is not paid again; go on with" in said
    outcomes = [line.split(",")[2] for line in Path("my videos/manifest.csv").read_text().splitlines()[1:]]
    assert ["interrupted", "succeeded", "succeeded"] == sorted(outcomes)
    again = cli("resume", "my videos", "--job-timeout", "1")
    assert (8, 3) == (again.code, emulator.service.ledger.submits), again
    shown = cli("status", "my videos", "--json").objects[-1]
    assert (2, 1, 0) == (shown["saved"], shown["queued"], shown["held"])


def test_a_run_that_was_killed_has_told_what_it_was_to_send(cli: Command, serve: Service, photos: Path) -> None:
    """Without a chance to write its tables: `status` names the jobs that were never sent, and `resume` sends them."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="stuck_queued", nth=(1,)),)))
    with running("run", "photos", "--prompt", "p", "--max-in-flight", "1", *QUICK) as process:
        while not emulator.service.calls.get("poll"):
            assert process.poll() is None
    said = cli("status", "videos", "--json").objects[-1]
    assert (1, 2) == (said["queued"], said["unsent"])
    assert "Never sent: 2 jobs" in cli("status", "videos").out


def test_a_signal_before_the_beginning_leaves_nothing(cli: Command, serve: Service, photos: Path) -> None:
    """While the service is still being asked whether it is there, nothing is in the folder, and so it is said."""
    emulator = serve(Settings(rules=(Rule(on="list", fault="hang"),)))
    with running("run", "photos", "--prompt", "p", *QUICK) as process:
        while not emulator.service.calls.get("list"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        wait_for(process, "Interrupted before anything was sent")
        assert 130 == process.wait(5)
    assert not Path("videos").exists()


def test_a_run_that_sent_nothing_says_so(cli: Command, serve: Service, photos: Path) -> None:
    """Interrupted while the first image is uploaded, it does not speak of requests that go on."""
    emulator = serve(Settings(rules=(Rule(on="upload_url", fault="hang"),)))
    with running("run", "photos", "--prompt", "p", *QUICK) as process:
        while not emulator.service.calls.get("upload_url"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        wait_for(process, "Interrupted. Nothing is left at the service; 3 not sent; go on with")
        assert 130 == process.wait(10)


def test_the_second_signal_leaves_at_once(cli: Command, serve: Service, photos: Path) -> None:
    """While a submit is heard out, another signal ends the process there and then; the submit's fate is on record."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="hang_after_commit", nth=(1,)),)))
    with running("run", "photos", "--prompt", "p", *QUICK) as process:
        wait_for(process, "at most")
        while not emulator.service.ledger.submits:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        wait_for(process, "Once more leaves at once")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "resume videos")
        assert 143 == process.wait(5)
    shown = cli("status", "videos", "--json").objects[-1]
    assert (1, 0.025, 2) == (shown["held"], shown["usd_reserved"], shown["unsent"])
