"""The way in: arguments to verb, and whatever goes wrong to a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from .arguments import build_parser
from .codes import Exit

PASSED_ON = {"emulator": "pixverse_async.emulator.cli"}
"""Verbs that read their own arguments: the module whose `main` takes them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    code: int = Exit.OK
    _open_what_is_closed()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left. What still waits in the buffer is not to end as a traceback at exit.
        _forget_the_rest()
        return Exit.GENERAL
    except OSError:
        # The disk below stdout is full, which `guarded` has said.
        _forget_the_rest()
        return code or Exit.GENERAL
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return code


def _open_what_is_closed() -> None:
    """Python has no stream where the caller closed one, as `2>&-` does: then what is said there is for nobody."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  it is open to the end
            setattr(sys, name, nowhere)


def _forget_the_rest() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    if words and words[0] in PASSED_ON:
        return _passed_on(words)
    parser = build_parser()
    try:
        options = parser.parse_args(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.GENERAL
    verb = cast("Callable[[object], int]", getattr(import_module(f".{options.module}", __package__), options.verb))
    from .failures import guarded
    from .log import logged

    with logged(is_verbose="verbose" in options and options.verbose):
        return guarded(lambda: verb(options), as_json="json" in options and options.json)


def _passed_on(words: list[str]) -> int:
    verb = cast("Callable[[list[str]], int]", import_module(PASSED_ON[words[0]]).main)
    try:
        return verb(words[1:])
    except SystemExit as end:
        # argparse's own code for a wrong argument is 2, which is another thing here.
        return Exit.INVALID if end.code == 2 else Exit.OK
