"""A small file put in the place of another: whole and durable, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, text: str, *, is_private: bool = False) -> None:
    """Write the text as UTF-8; a private file is for its owner's eyes alone.

    *Raises* `OSError`, which names the file; then nothing of the try is left.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with open(draft, "xb", opener=_private if is_private else None) as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        draft.unlink(missing_ok=True)
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
