"""What a file claims to be, by its first bytes: an image of some format, or something else, in words."""

from __future__ import annotations

from typing import Final

from .picture import Format

CUT_SHORT: Final = "the file is cut short"


def format_of(data: bytes) -> Format | None:
    """The format that the first bytes claim, None where they claim none that is known."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return "bmp"
    return _brand(data) if data[4:8] == b"ftyp" else None


def _brand(data: bytes) -> Format | None:
    length = int.from_bytes(data[:4])
    brands = {data[at : at + 4] for at in (8, *range(16, min(length, 256), 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    # Source: ISO/IEC 23008-12, the brands of HEVC images and of the container itself.
    return "heic" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"} else None


_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"II*\0", "a TIFF or camera raw file"),
    (b"MM\0*", "a TIFF or camera raw file"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"\xffO\xffQ", "a JPEG 2000 file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"version https://git-lfs", "a Git LFS pointer whose content was not fetched"),
)
_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF87a", b"GIF89a", b"BM")


def other_than_image(data: bytes) -> str:
    """What bytes of no known format are, in words: an empty file, a PDF, a video."""
    if not data:
        return "an empty file"
    if len(data) < 16 and any(data.startswith(start) or start.startswith(data) for start in _SIGNATURES):
        return f"not an image, or {CUT_SHORT}"
    if not data[:64].strip(b"\0"):
        return "not an image but zeros, as a failed copy leaves behind"
    name = next((name for start, name in _OTHERS if data.startswith(start)), None)
    if name is None and data[4:8] == b"ftyp":
        name = "a video"
    if name is None and data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        name = "an HTML, SVG or XML document"
    return f"not an image but {name}" if name else "not an image of a known kind"
