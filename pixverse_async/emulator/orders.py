"""What a video shall be: the order that a finished request leaves for whoever makes its film.

Pure facts of the one public file of this model: 24 frames a second, 24·d+1 frames, and a frame size that follows
the input's aspect ratio.  A film is any callable from an order to the bytes of an MP4; it must give the same bytes
for the same order, because storage forgets big files and asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeAlias

import attrs

FRAMES_PER_SECOND: Final = 24
LONG_SIDES: Final = {"360p": 640, "540p": 960, "720p": 1280, "1080p": 1920}
"""The long side of a 16:9 frame of that quality. Source: a 1:1 input at 360p gave 640x640 (claimscene, 2026)."""
_SHORTEST_SIDE: Final = 32
"""Below it encoders refuse; only panoramas of more than 20:1 get there."""


@attrs.frozen(kw_only=True, slots=False)
class FilmOrder:
    """One video to make."""

    image: bytes | None = attrs.field(default=None, repr=False)
    """The uploaded picture; None when it lies at a foreign address."""
    image_url: str = attrs.field(default="", repr=False)
    prompt: str = ""
    duration: int = 5
    quality: str = "540p"
    audio: bool = False
    multi_clip: bool = False
    seed: int = 0
    picture_id: str = ""
    """A digest of the picture, or of its address, from whoever has it already."""

    @cached_property
    def picture_digest(self) -> str:
        """Equal for equal pictures."""
        if self.picture_id:
            return self.picture_id
        return hashlib.sha256(self.image if self.image is not None else self.image_url.encode()).hexdigest()

    @property
    def frames(self) -> int:
        """One more than 24 a second, as the public file has."""
        return FRAMES_PER_SECOND * self.duration + 1

    @cached_property
    def content_id(self) -> str:
        """Equal for orders that ask for the same video, 64 hex digits."""
        shape = (self.duration, self.quality, self.audio, self.multi_clip)
        parts = (self.picture_digest, self.prompt, *shape, self.seed)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


Film: TypeAlias = Callable[[FilmOrder], bytes]


def frame_size(quality: str, width: int, height: int) -> tuple[int, int]:
    """The video's size for a picture of this size: even numbers, the long side that of a 16:9 frame.

    >>> frame_size("360p", 2048, 2048), frame_size("360p", 1600, 900), frame_size("360p", 900, 1600)
    ((640, 640), (640, 360), (360, 640))
    """
    long_side = LONG_SIDES[quality]
    short_side = max(round(long_side * min(width, height) / max(width, height) / 2) * 2, _SHORTEST_SIDE)
    return (long_side, short_side) if width >= height else (short_side, long_side)
