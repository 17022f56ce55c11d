"""The library's log on the command line: on stderr if asked for; else only what nothing but the log would tell.

What happens to jobs is in their outcomes as well. A warning about the folder is about no job, so it is told once.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from typing import Final

from .say import tell

LIBRARY: Final = "pixverse_async"
FOLDER: Final = "pixverse_async.folder"
"""Where the library logs what is the matter with the folder itself."""


class _Teller(logging.Handler):
    """Tells each message once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self._told:
            self._told.add(text)
            tell(f"warning: {text}")


@contextlib.contextmanager
def logged(*, is_verbose: bool) -> Generator[None]:
    """While it is entered, the log goes to stderr, or what is told of it does."""
    library = logging.getLogger(LIBRARY)
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    added = (
        [(library, shown)]
        if is_verbose
        else [(library, logging.NullHandler()), (logging.getLogger(FOLDER), _Teller())]
    )
    before = library.level, library.propagate
    for logger, handler in added:
        logger.addHandler(handler)
    library.propagate = False
    if is_verbose:
        library.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, handler in added:
            logger.removeHandler(handler)
        library.level, library.propagate = before
