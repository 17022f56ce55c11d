"""A frame of each video as a small JPEG, with what the extra `emulator` brings, if it is there. A video that cannot be
read has none; nothing else depends on it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import av

WIDTH: Final = 400
"""Pixels: a card of the page on most screens. About 12 kB each."""
POSTERS: Final = 500
"""At most, so that a page of thousands opens at once: about 8 MB, and 20 s to make them."""


def posters(folder: Path, videos: Iterable[str]) -> dict[str, bytes]:
    """The pictures by the name of their video, of the first `POSTERS`."""
    try:
        from av.error import FFmpegError
        from PIL import Image
    except ImportError:
        return {}
    found: dict[str, bytes] = {}
    for name in videos:
        if len(found) == POSTERS:
            break
        try:
            frame = _first_frame(folder / name)
        except (FFmpegError, OSError, ValueError):
            continue
        if frame is not None:
            picture, file = Image.fromarray(frame.to_ndarray(format="rgb24")), io.BytesIO()
            picture.thumbnail((WIDTH, WIDTH))
            picture.save(file, "JPEG", quality=70)
            found[name] = file.getvalue()
    return found


def _first_frame(video: Path) -> av.VideoFrame | None:
    import av

    with av.open(video) as container:
        return next(container.decode(container.streams.video[0]), None) if container.streams.video else None
