"""The structure of a PNG: W3C, Portable Network Graphics (Third Edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from ..picture import BrokenImageError, PictureFacts
from .exif import read_orientation

_SIXTEEN_BITS: Final = 16


def read_png(data: bytes) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` where it is cut short."""
    width, height, depth = struct.unpack_from(">IIB", data, 16)
    orientation, kinds = 1, set[bytes]()
    for kind, start, end in _chunks(data):
        kinds.add(kind)
        if kind == b"eXIf":
            orientation = read_orientation(data[start:end])
    if b"IHDR" not in kinds or b"IDAT" not in kinds:
        raise BrokenImageError("it holds no picture")
    return PictureFacts(
        format="png",
        width=width,
        height=height,
        orientation=orientation,
        oddity="16-bit" if depth == _SIXTEEN_BITS else None,
        is_animated=b"acTL" in kinds,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk up to IEND; the checksums of the critical ones must hold."""
    view, position, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        is_critical = kind[:1].isupper()
        if is_critical and zlib.crc32(view[position + 4 : end]) != checksum:
            raise BrokenImageError(f"the checksum of {kind.decode('latin-1')} does not hold")
        yield kind, position + 8, end
        position = end + 4
