"""The header of a BMP."""

from __future__ import annotations

import struct
from typing import Final

from ..picture import BrokenImageError, PictureFacts
from ..signatures import CUT_SHORT

_CORE_HEADER_BYTES: Final = 12


def read_bmp(data: bytes) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` where it is cut short."""
    size_bytes, _, _, header_bytes = struct.unpack_from("<IIII", data, 2)
    layout = "<HH" if header_bytes == _CORE_HEADER_BYTES else "<ii"
    width, height = struct.unpack_from(layout, data, 18)
    if size_bytes > len(data):
        raise BrokenImageError(f"{CUT_SHORT}, {len(data)} of {size_bytes} bytes")
    return PictureFacts(format="bmp", width=abs(width), height=abs(height))
