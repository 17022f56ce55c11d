"""`report`: the page of a folder, from what lies in it."""

from __future__ import annotations

import webbrowser
from argparse import Namespace
from pathlib import Path

from pixverse_async import PixverseError
from pixverse_async.report import write_report

from .codes import Exit
from .say import answer, answer_json, tell


def report(options: Namespace) -> int:
    """Make the page; with `--open`, show it."""
    path = write_report(options.folder)
    if options.json:
        answer_json({"type": "report", "path": str(path)})
    else:
        answer(str(path))
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        tell("No browser could be started: open the page by hand.")
    return Exit.OK


def report_at_end(folder: Path) -> bool:
    """Make the page after a run, and say where it is or why it is not; the run's own exit code goes before."""
    try:
        tell(f"To look at: {write_report(folder)}")
    except PixverseError as error:
        tell(f"error: no page was made: {error}")
        return False
    except OSError as problem:
        tell(f"error: no page was made: {problem.strerror or problem}")
        return False
    return True
