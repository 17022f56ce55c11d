"""The structure of HEIC and AVIF images: ISO/IEC 14496-12 boxes, ISO/IEC 23008-12 properties."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..picture import BrokenImageError, Format, PictureFacts
from ..signatures import CUT_SHORT


def read_boxed(data: bytes, kind: Format) -> PictureFacts:
    """The facts of one. *Raises* `BrokenImageError`, and `struct.error` where it is cut short."""
    top = {name: (start, end) for name, start, end in _boxes(data, 0, len(data))}
    if b"meta" not in top and b"moov" not in top:
        raise BrokenImageError(CUT_SHORT)
    inner = _children(data, top.get(b"meta"))
    if b"mdat" not in top and b"idat" not in inner:
        raise BrokenImageError(f"{CUT_SHORT}, the pixels are missing")
    width, height = max(_extents(data, inner), key=lambda size: size[0] * size[1], default=(0, 0))
    return PictureFacts(format=kind, width=width, height=height, is_animated=b"moov" in top)


def _children(data: bytes, meta: tuple[int, int] | None) -> dict[bytes, tuple[int, int]]:
    if meta is None:
        return {}
    version_bytes = 4
    return {name: (start, end) for name, start, end in _boxes(data, meta[0] + version_bytes, meta[1])}


def _extents(data: bytes, inner: dict[bytes, tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The size of every picture inside: of the tiles of a large one, and of the whole."""
    if b"iprp" not in inner:
        return
    for name, start, end in _boxes(data, *inner[b"iprp"]):
        if name == b"ipco":
            for inner_name, inner_start, _ in _boxes(data, start, end):
                if inner_name == b"ispe":
                    width, height = struct.unpack_from(">II", data, inner_start + 4)
                    yield width, height


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start < end:
        size, name = struct.unpack_from(">I4s", data, start)
        head_bytes = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head_bytes = 16
        elif size == 0:
            size = end - start
        if size < head_bytes or start + size > end:
            raise BrokenImageError(f"{CUT_SHORT} within {name.decode('latin-1')!r}")
        yield name, start + head_bytes, start + size
        start += size
