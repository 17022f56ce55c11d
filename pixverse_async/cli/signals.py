"""Ctrl-C and SIGTERM: the first ends the batch in good order, the second ends the process.

In good order means: nothing more is sent, a submit under way is heard out (the library does that when it is
cancelled), and what is accepted goes on at the service. Where the loop takes no signal handlers (Windows) Ctrl-C is
Python's own `KeyboardInterrupt`, which cancels the batch in the same way.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import TracebackType
from typing import Final, Self

import anyio

from .say import tell

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Interrupts:
    """While it is entered, the first signal cancels `scope`; `signum` says which signal that was.

    `again`: the command to go on with, told when a second signal ends the process.
    """

    def __init__(self, scope: anyio.CancelScope, again: str) -> None:
        self.signum: int | None = None
        self._scope = scope
        self._again = again
        self._installed: list[signal.Signals] = []

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for one in SIGNALS:
            try:
                loop.add_signal_handler(one, self._take, one)
            except (NotImplementedError, RuntimeError, ValueError):
                continue
            self._installed.append(one)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for one in self._installed:
            asyncio.get_running_loop().remove_signal_handler(one)

    def _take(self, signum: signal.Signals) -> None:
        if self.signum is not None:
            _leave(signum, self._again)
        self.signum = signum
        self._scope.cancel()
        tell("Stopping: nothing more is sent; what is being sent is heard out. Once more leaves at once.")


def _leave(signum: signal.Signals, again: str) -> None:
    """End the process here and now. The journal holds everything: a submit not heard out is looked up later."""
    # Not through the live display: it keeps the code for itself, and draws its block once more below what is said.
    sys.stderr = sys.stderr if sys.__stderr__ is None else sys.__stderr__
    if sys.stderr.isatty():
        sys.stderr.write(f"{_SHOW_CURSOR}\n")
    tell(f"Left. Go on with\n  {again}")
    os._exit(128 + signum)
