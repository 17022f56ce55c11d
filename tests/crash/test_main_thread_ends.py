"""A batch in a thread of its own, whose main thread does not wait for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from pixverse_async._core.journal_format import read_journal
from pixverse_async._core.lifecycle import State
from tests.submits import STARTED

PROGRAM: Final = """\
import asyncio, sys, threading
from pathlib import Path
from pixverse_async import JournalError
from pixverse_async._edge.journal import Journal
from tests.submits import STARTED

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    await journal.append("first", STARTED)
    is_open.set()
    try:
        for n in range(10**6):
            await journal.append(f"k{n}", STARTED)
    except JournalError as error:
        print(error.problem)
    await journal.aclose()

is_open = threading.Event()
threading.Thread(target=lambda: asyncio.run(main())).start()
is_open.wait()
"""


def test_a_journal_says_that_the_program_ends_instead_of_waiting_for_ever(tmp_path: Path) -> None:
    """When no worker thread may start any more, an append raises and closing returns; the process ends."""
    path = tmp_path / "j"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "the program is ending" in done.stdout
    assert "nothing more is sent" in done.stdout
    assert "" == done.stderr
    records = read_journal(path.read_bytes(), "j").records
    assert State.SUBMITTING == records["first"].state
    assert STARTED == records["first"].started
