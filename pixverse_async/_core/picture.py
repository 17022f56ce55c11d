"""What must be done to an image before the service may have it: nothing, or which steps, and why.

`PictureFacts` is what `sniff.examine` reads from the bytes; `preparation` decides; `describe` tells the user afterwards
what became of the image.  Upright JPEG and PNG files within the limits go out byte for byte, so that what the
user made is what the service sees.  Nothing here decodes a pixel, opens a file or knows Pillow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from .frozen import frozen

Format = Literal["jpeg", "png", "webp", "gif", "bmp", "heic", "avif"]
FileType = Literal["jpeg", "png"]
"""The two kinds of image that the service grants an upload for. Source: every type probed live, 2026-09-06
(minimax-week-interdimensional-cable); there is no grant for WebP."""

MAX_BYTES = 20_000_000
"""Source: PixVerse's error 500030, "20 MB"; read as the smaller of the two meanings of MB."""
MAX_SIDE_PX = 4000
"""Source: PixVerse's error 500030, "4000 x 4000"; a reseller quotes 10000, the smaller is safe."""
MAX_DECODED_PX = 2**30 // 3 // 4
"""A quarter GiB of RGB for each CPU; above it Pillow, too, suspects a decompression bomb."""

SAVE_AGAIN = "Open it in an image viewer, and save or export it again."
"""The remedy for a damaged image."""

FORMAT_NAMES: dict[Format, str] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "gif": "GIF",
    "bmp": "BMP",
    "heic": "HEIC",
    "avif": "AVIF",
}

Step: TypeAlias = Literal["convert", "rotate", "resize"]


class BrokenImageError(Exception):
    """The structure does not hold; the message says where."""


@frozen
class PictureFacts:
    """What the header and the structure of a file tell, without decoding it."""

    format: Format | None = None
    """None when it is no image that we know."""
    width: int = 0
    """Pixels as stored, before any rotation; 0 where the header does not tell."""
    height: int = 0
    orientation: int = 1
    """EXIF's number, 1 (upright) to 8."""
    oddity: str | None = None
    """A kind of JPEG or PNG that many decoders refuse, such as "CMYK"."""
    is_animated: bool = False
    problem: str | None = None
    """Why the file cannot be used, in words that follow a colon."""


@frozen
class Preparation:
    """What must be done before the upload. No steps: the bytes go out as they are."""

    steps: tuple[Step, ...] = ()
    why: str = ""
    """The steps' reasons in words that follow "it is", for the error of one who cannot take them."""


@frozen
class Made:
    """An image made anew: its kind, its size, and the upright size it was made from."""

    file_type: FileType
    body: bytes = attrs.field(repr=False)
    size: tuple[int, int]
    upright_size: tuple[int, int]


def preparation(facts: PictureFacts, size_bytes: int) -> Preparation:
    """The steps that make an image of these facts and this size acceptable.

    >>> preparation(PictureFacts(format="jpeg", width=640, height=480), 90_000).steps
    ()
    >>> preparation(PictureFacts(format="webp", width=6000, height=480), 90_000)
    Preparation(steps=('convert', 'resize'), why='a WebP file, 6000x480 (at most 4000 px a side)')
    """
    found = list(_needs(facts, size_bytes))
    return Preparation(steps=tuple(step for step, _ in found), why=", ".join(reason for _, reason in found))


def _needs(facts: PictureFacts, size_bytes: int) -> Iterator[tuple[Step, str]]:
    if facts.format not in ("jpeg", "png") or facts.oddity is not None:
        yield "convert", f"a {_kind(facts)} file"
    if facts.orientation != 1:
        yield "rotate", f"stored turned (EXIF orientation {facts.orientation})"
    if max(facts.width, facts.height) > MAX_SIDE_PX:
        yield "resize", f"{facts.width}x{facts.height} (at most {MAX_SIDE_PX} px a side)"
    elif size_bytes > MAX_BYTES:
        yield "resize", f"{_megabytes(size_bytes)} (at most {_megabytes(MAX_BYTES)})"


def describe(facts: PictureFacts, size_bytes: int, made: Made) -> tuple[str, ...]:
    """What was done to an image, one note for each change that the user may care about."""
    return tuple(_changes(facts, size_bytes, made))


def _changes(facts: PictureFacts, size_bytes: int, made: Made) -> Iterator[str]:
    if facts.is_animated:
        yield "only the first frame of the animation is used"
    if facts.format != made.file_type or facts.oddity is not None:
        yield f"converted from {_kind(facts)} to {FORMAT_NAMES[made.file_type]}"
    if facts.orientation != 1:
        yield f"rotated upright (EXIF orientation {facts.orientation})"
    if made.size != made.upright_size:
        old, new = ("{}x{}".format(*size) for size in (made.upright_size, made.size))
        limits = f"at most {MAX_SIDE_PX} px a side and {_megabytes(MAX_BYTES)}"
        yield f"resized from {old} to {new} (the service takes {limits})"
    elif size_bytes > MAX_BYTES:
        yield f"compressed from {_megabytes(size_bytes)} to {_megabytes(len(made.body))}"


def _kind(facts: PictureFacts) -> str:
    name = FORMAT_NAMES[facts.format] if facts.format is not None else "unknown"
    return name if facts.oddity is None else f"{facts.oddity} {name}"


def fit(width: int, height: int, side_px: int = MAX_SIDE_PX) -> tuple[int, int]:
    """The largest size of the same shape whose sides are at most `side_px`.

    >>> fit(6000, 4000), fit(640, 480), fit(9000, 1)
    ((4000, 2667), (640, 480), (4000, 1))
    """
    longest = max(width, height)
    if longest <= side_px:
        return width, height
    return max(1, round(width * side_px / longest)), max(1, round(height * side_px / longest))


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.3g} MB"
