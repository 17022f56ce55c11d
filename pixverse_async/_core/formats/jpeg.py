"""The structure of a JPEG: ITU-T T.81, annex B."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from ..picture import BrokenImageError, PictureFacts
from ..signatures import CUT_SHORT
from .exif import read_orientation

_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""Within the entropy-coded data 0xff is followed by a zero or is one of the eight restart markers."""
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _APP1, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xE1, 0x01
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MAX_SCANS: Final = 200
"""In a JPEG: encoders write a dozen. Each is a pass over all pixels, 0.1 s of CPU, for a hundred bytes of the file."""
_COMMON_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_CMYK_COMPONENTS: Final = 4


def read_jpeg(data: bytes) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` where it is cut short."""
    frame: tuple[int, int, int, int, int] | None = None
    orientation, scans = 1, 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES and frame is None:
            depth, height, width, components = struct.unpack_from(">BHHB", data, start)
            frame = marker, depth, height, width, components
        elif marker == _APP1 and data.startswith(b"Exif\0\0", start):
            orientation = read_orientation(data[start + 6 : end])
        scans += marker == _START_OF_SCAN
    if frame is None or not scans:
        raise BrokenImageError("no picture between its first and its last marker")
    if scans > MAX_SCANS:
        raise BrokenImageError(f"{scans} scans, where a dozen make a picture")
    kind, depth, height, width, components = frame
    oddity = _jpeg_oddity(kind, depth, components)
    return PictureFacts(format="jpeg", width=width, height=height, orientation=orientation, oddity=oddity)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the end marker, over whatever lies between."""
    position = 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            return
        if marker in (_START_OF_IMAGE, _TEMPORARY):
            continue
        (length,) = struct.unpack_from(">H", data, position)
        yield marker, position + 2, position + length
        position += max(2, length)
    raise BrokenImageError(f"{CUT_SHORT}, the end marker is missing")


def _jpeg_oddity(kind: int, depth: int, components: int) -> str | None:
    if components == _CMYK_COMPONENTS:
        return "CMYK"
    if depth != 8:
        return f"{depth}-bit"
    return None if kind in _COMMON_FRAMES else "lossless or arithmetic-coded"
