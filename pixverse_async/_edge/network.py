"""Whether a folder lies on a network file system, where a lock may not keep out another host."""

from __future__ import annotations

import os
from pathlib import Path

from .._core.mounts import network_file_system

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted; elsewhere nobody knows."""


def network_warning(folder: Path) -> str | None:
    """What to say of a folder on a network; None for any other, there or not."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    kind = network_file_system(mounts, os.path.realpath(folder))
    if kind is None:
        return None
    return (
        f"{folder} is on a network ({kind}), where the lock may not keep out another host: "
        "work on it from one at a time"
    )
