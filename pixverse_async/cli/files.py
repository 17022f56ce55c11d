"""A small file put in the place of another: whole and durable, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Write the text as UTF-8. *Raises* `OSError`, which names the file; then nothing of the try is left."""
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        draft.unlink(missing_ok=True)
        raise OSError(problem.errno, problem.strerror, str(path)) from problem
