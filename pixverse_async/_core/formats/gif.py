"""The structure of a GIF: CompuServe, GIF89a."""

from __future__ import annotations

import struct

from ..picture import BrokenImageError, PictureFacts

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def read_gif(data: bytes) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` or `IndexError` where it is cut short."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, frames = 13 + _colour_table_bytes(flags), 0
    while data[position] != _TRAILER:
        if data[position] == _IMAGE:
            position = _after_blocks(data, position + 11 + _colour_table_bytes(data[position + 9]))
            frames += 1
        elif data[position] == _EXTENSION:
            position = _after_blocks(data, position + 2)
        else:
            raise BrokenImageError("something unknown between its blocks")
    if not frames:
        raise BrokenImageError("it holds no picture")
    return PictureFacts(format="gif", width=width, height=height, is_animated=frames > 1)


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1
