"""A process that appends to a journal as its parent asks, and says what became of each append.

Commands on stdin: `append KEY`, and `storm N` for N appends of 64 tasks at once.  None is waited for before
the next is read.  Answers on stdout: `open`, then `ok KEY` once an append has returned, or the error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import anyio

from pixverse_async._core.errors import JournalError
from pixverse_async._edge.journal import Journal
from tests.submits import STARTED


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


async def append(journal: Journal, keys: Iterable[str]) -> None:
    for key in keys:
        try:
            await journal.append(key, STARTED)
        except JournalError as problem:
            say(f"JournalError {problem}")
        else:
            say(f"ok {key}")


async def main(path: str) -> None:
    try:
        journal = await Journal.open(Path(path))
    except JournalError as problem:
        say(f"JournalError {problem}")
        return
    say("open")
    async with anyio.create_task_group() as tasks:
        while command := (await asyncio.to_thread(sys.stdin.readline)).split():
            keys = iter([command[1]] if command[0] == "append" else [f"s{n}" for n in range(int(command[1]))])
            for _ in range(64):
                tasks.start_soon(append, journal, keys)
    await journal.aclose()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
