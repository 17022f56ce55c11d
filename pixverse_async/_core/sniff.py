"""What a file is, from its bytes: `examine` reads the header of an image and walks its structure to the end.

It finds what must be found before anything is uploaded or paid: that a file is no image (and what it is instead),
that it was cut short, that a checksum fails, how it is turned.  It decodes no pixel, so a fault inside the
compressed data is for the decoder to find.  No bytes whatever make it raise.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from .boxed_picture import read_boxed
from .picture import FORMAT_NAMES, BrokenImageError, Format, PictureFacts
from .signatures import CUT_SHORT, format_of, other_than_image

_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
"""EXIF's number for the type of a 16-bit value."""


def examine(data: bytes) -> PictureFacts:
    """The facts of an image; `problem` is set when it is none, or not whole. Never raises.

    >>> examine(b"<!DOCTYPE html><html>").problem
    'not an image but an HTML, SVG or XML document'
    """
    kind = format_of(data)
    if kind is None:
        return PictureFacts(problem=other_than_image(data))
    try:
        facts = _READERS[kind](data)
    except BrokenImageError as broken:
        return PictureFacts(format=kind, problem=f"damaged {FORMAT_NAMES[kind]}: {broken}")
    except (struct.error, IndexError):
        return PictureFacts(format=kind, problem=f"damaged {FORMAT_NAMES[kind]}: {CUT_SHORT}")
    if facts.format in ("heic", "avif") or (facts.width > 0 and facts.height > 0):
        return facts
    return PictureFacts(format=kind, problem=f"damaged {FORMAT_NAMES[kind]}: no pixels")


# -- JPEG: ITU-T T.81, annex B -------------------------------------------------------------------

_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""Within the entropy-coded data 0xff is followed by a zero or is one of the eight restart markers."""
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _APP1, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xE1, 0x01
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MAX_SCANS: Final = 200
"""In a JPEG: encoders write a dozen. Each is a pass over all pixels, 0.1 s of CPU, for a hundred bytes of the file."""
_COMMON_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_CMYK_COMPONENTS: Final = 4


def _jpeg(data: bytes) -> PictureFacts:
    frame: tuple[int, int, int, int, int] | None = None
    orientation, scans = 1, 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES and frame is None:
            depth, height, width, components = struct.unpack_from(">BHHB", data, start)
            frame = marker, depth, height, width, components
        elif marker == _APP1 and data.startswith(b"Exif\0\0", start):
            orientation = _orientation(data[start + 6 : end])
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


def _orientation(tiff: bytes) -> int:
    """EXIF's orientation, 1 where it is missing or makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION_TAG and kind == _SHORT:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


# -- PNG: W3C, Portable Network Graphics (Third Edition) -------------------------------------------

_SIXTEEN_BITS: Final = 16


def _png(data: bytes) -> PictureFacts:
    width, height, depth = struct.unpack_from(">IIB", data, 16)
    orientation, kinds = 1, set[bytes]()
    for kind, start, end in _chunks(data):
        kinds.add(kind)
        if kind == b"eXIf":
            orientation = _orientation(data[start:end])
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


# -- WebP: RFC 9649 ------------------------------------------------------------------------------

_ANIMATION_FLAG: Final = 0x02


def _webp(data: bytes) -> PictureFacts:
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
            orientation = _orientation(data[start:end].removeprefix(b"Exif\0\0"))
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


# -- GIF: CompuServe, GIF89a ----------------------------------------------------------------------

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def _gif(data: bytes) -> PictureFacts:
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


# -- BMP ------------------------------------------------------------------------------------------

_CORE_HEADER_BYTES: Final = 12


def _bmp(data: bytes) -> PictureFacts:
    size_bytes, _, _, header_bytes = struct.unpack_from("<IIII", data, 2)
    layout = "<HH" if header_bytes == _CORE_HEADER_BYTES else "<ii"
    width, height = struct.unpack_from(layout, data, 18)
    if size_bytes > len(data):
        raise BrokenImageError(f"{CUT_SHORT}, {len(data)} of {size_bytes} bytes")
    return PictureFacts(format="bmp", width=abs(width), height=abs(height))


_READERS: Final[dict[Format, Callable[[bytes], PictureFacts]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "bmp": _bmp,
    "heic": partial(read_boxed, kind="heic"),
    "avif": partial(read_boxed, kind="avif"),
}
