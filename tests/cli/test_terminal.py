"""Ctrl-C as a hand presses it: a character into a terminal, which sends the signal to all that run in it."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from pixverse_async.emulator import Rule, Settings
from tests.cli.conftest import QUICK, Command, Service

pty = pytest.importorskip("pty")

CTRL_C = b"\x03"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
PATIENCE = 15.0
"""Seconds for a machine that is busy; nothing is waited for that is not coming."""


@attrs.define(eq=False)
class Terminal:
    """A process in a terminal of its own, whose leader it is."""

    pid: int
    fd: int
    shown: str = ""

    def read_until(self, words: str) -> None:
        """Read what is shown up to the words."""
        while words not in self.shown:
            assert self._read(), f"it ended without showing {words!r}: {self.shown}"

    def code(self) -> int:
        """Read to the end; how the process ended."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def press(self, keys: bytes) -> None:
        """As a hand would."""
        os.write(self.fd, keys)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], PATIENCE)
        assert ready, f"nothing more is shown: {self.shown}"
        try:
            piece = os.read(self.fd, 2**16)
        except OSError:  # how Linux says that nobody holds the other end any more
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def terminal(*argv: str) -> Generator[Terminal]:
    """The command line in a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "pixverse_async", *argv])
    try:
        yield Terminal(pid, fd)
    finally:
        os.close(fd)
        try:
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # it was seen to its end


def test_ctrl_c_twice_leaves_at_once_and_nothing_is_lost(cli: Command, serve: Service, photos: Path) -> None:
    """The second leaves while a submit is heard out, gives the cursor back, and resume finds the submit, unpaid."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="hang_after_commit", nth=(1,)),)))
    with terminal("run", "photos", "--prompt", "p", *QUICK) as process:
        process.read_until("$0.025 reserved")
        process.press(CTRL_C)
        process.read_until("leaves at once.")
        process.press(CTRL_C)
        assert 130 == process.code()
    assert "Interrupted" not in process.shown, "which is said when a submit was heard out"
    last = process.shown.rpartition("Left. Go on with")
    assert HIDE_CURSOR in last[0]
    assert last[0].endswith(f"{SHOW_CURSOR}\r\n"), "and the message stands on lines of its own"
    assert "resume videos\r\n" == last[2].rpartition("pixverse_async ")[2]
    assert (1, 1) == (emulator.service.ledger.submits, cli("status", "videos", "--json").objects[-1]["held"])
    assert 0 == cli("resume", "videos").code
    assert 3 == emulator.service.ledger.submits == len(list(Path("videos").glob("*.mp4")))


def test_ctrl_c_once_ends_in_good_order(cli: Command, serve: Service, photos: Path) -> None:
    """The first stops the sending, keeps what is accepted on record, gives the cursor back and says how to go on."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="stuck_queued", nth=(1,)),)))
    with terminal("run", "photos", "--prompt", "p", "--max-in-flight", "1", *QUICK) as process:
        process.read_until("1 queued")
        process.press(CTRL_C)
        assert 130 == process.code()
    assert process.shown.rindex(SHOW_CURSOR) > process.shown.rindex(HIDE_CURSOR)
    assert "Interrupted. 1 job is at the service, and is not paid again; 2 not sent; go on" in process.shown
    assert 1 == emulator.service.ledger.submits
    assert (1, 0) == tuple(cli("status", "videos", "--json").objects[-1][one] for one in ("queued", "held"))
