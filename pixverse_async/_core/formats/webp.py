"""The structure of a WebP: RFC 9649."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from ..picture import BrokenImageError, PictureFacts
from ..signatures import CUT_SHORT
from .exif import read_orientation

_ANIMATION_FLAG: Final = 0x02


def read_webp(data: bytes) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` or `IndexError` where it is cut short."""
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if riff_size + 8 > len(data):
        raise BrokenImageError(f"{CUT_SHORT}, {len(data)} of {riff_size + 8} bytes")
    size, orientation, is_animated = (0, 0), 1, False
    for kind, start, end in _riff_chunks(data, riff_size + 8):
        if size == (0, 0):
            size = _webp_size(kind, data, start)
        if kind == b"VP8X":
            is_animated = bool(data[start] & _ANIMATION_FLAG)
        elif kind == b"EXIF":
            orientation = read_orientation(data[start:end].removeprefix(b"Exif\0\0"))
    width, height = size
    return PictureFacts(
        format="webp", width=width, height=height, orientation=orientation, is_animated=is_animated
    )


def _riff_chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise BrokenImageError(f"{CUT_SHORT} within {kind.decode('latin-1')!r}")
        yield kind, position + 8, position + 8 + length
        position += 8 + length + length % 2


def _webp_size(kind: bytes, data: bytes, start: int) -> tuple[int, int]:
    if kind == b"VP8X":
        less_one = (data[start + 4 : start + 7], data[start + 7 : start + 10])
        width, height = (1 + int.from_bytes(side, "little") for side in less_one)
        return width, height
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, start + 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return 0, 0
