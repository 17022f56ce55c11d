"""What a file is, from its bytes: `examine` reads the header of an image and walks its structure to the end.

It finds what must be found before anything is uploaded or paid: that a file is no image (and what it is instead),
that it was cut short, that a checksum fails, how it is turned.  It decodes no pixel, so a fault inside the
compressed data is for the decoder to find.  No bytes whatever make it raise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Final

from .formats.bmp import read_bmp
from .formats.boxed import read_boxed
from .formats.gif import read_gif
from .formats.jpeg import read_jpeg
from .formats.png import read_png
from .formats.webp import read_webp
from .picture import FORMAT_NAMES, BrokenImageError, Format, PictureFacts
from .signatures import CUT_SHORT, format_of, other_than_image


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


_READERS: Final[dict[Format, Callable[[bytes], PictureFacts]]] = {
    "jpeg": read_jpeg,
    "png": read_png,
    "webp": read_webp,
    "gif": read_gif,
    "bmp": read_bmp,
    "heic": partial(read_boxed, kind="heic"),
    "avif": partial(read_boxed, kind="avif"),
}
