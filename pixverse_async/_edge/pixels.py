"""The pixels of an image: decoded to the last one as a check, or made anew as the service takes them.

The only file that needs Pillow, an extra: its importer must be ready for an `ImportError`.  Plain functions
that block: the caller puts them on a thread.  What a decoder cannot read is the user's image at fault, so its
failures become an `ImageFaultError`, which the caller turns into an `InvalidJobError` for its job.
"""

from __future__ import annotations

import io
import struct
from typing import Final

from PIL import Image, ImageCms

from .._core.picture import (
    MAX_BYTES,
    MAX_DECODED_PX,
    MAX_SIDE_PX,
    SAVE_AGAIN,
    FileType,
    Format,
    Made,
    PictureFacts,
    fit,
)
from .._core.redaction import redact

JPEG_QUALITY: Final = 95
"""Above it files grow and no eye sees a difference; the video model compresses far more."""
MAX_PROFILE_BYTES: Final = 4 * 2**20
"""Of a colour profile: those of printers with large tables have 3 MB. One above the limit of an image would leave
nothing to shrink."""
_SHRINK_MARGIN: Final = 0.95
"""Compressed size grows a little slower than area, so the plain square root would need a second round."""
_ORIENTATION_TAG: Final = 0x0112
_SIDEWAYS: Final = (5, 6, 7, 8)
HEIC_REMEDY: Final = "Install the extra heic: pip install 'pixverse-async[heic]'."
_DECODER_FAULTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    Warning,
)
"""Pillow's decoders raise all of these on damaged files, SyntaxError for a broken PNG among them; a Warning where
the application runs with warnings as errors."""
_PILLOW_NAMES: Final[dict[Format, tuple[str, ...]]] = {
    "jpeg": ("JPEG",),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "gif": ("GIF",),
    "bmp": ("BMP",),
    "avif": ("AVIF",),
}


class ImageFaultError(Exception):
    """The image cannot be used; `problem` says why, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def check(data: bytes, facts: PictureFacts) -> None:
    """Decode every pixel. *Raises* `ImageFaultError` when that fails."""
    _decoded(data, facts, side_px=None)  # no draft: every coefficient is read


def remake(data: bytes, facts: PictureFacts) -> Made:
    """The image upright, within the limits, as PNG when it is transparent and as JPEG otherwise.

    *Raises* `ImageFaultError` when it cannot be decoded.
    """
    image, upright_size = _upright(data, facts)
    plain, profile = _plain(image)
    if profile is not None and len(profile) > MAX_PROFILE_BYTES:
        profile = None
    plain = _resized(plain, fit(*plain.size))
    file_type: FileType = "png" if plain.mode == "RGBA" else "jpeg"
    body = _encoded(plain, file_type, profile)
    while len(body) > MAX_BYTES:
        scale = _SHRINK_MARGIN * (MAX_BYTES / len(body)) ** 0.5
        plain = _resized(plain, fit(*plain.size, side_px=int(max(plain.size) * scale)))
        body = _encoded(plain, file_type, profile)
    return Made(file_type=file_type, body=body, size=plain.size, upright_size=upright_size)


def _upright(data: bytes, facts: PictureFacts) -> tuple[Image.Image, tuple[int, int]]:
    """The decoded image turned upright, and the size that its file has when upright."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    image, (width, height) = _decoded(data, facts, side_px=MAX_SIDE_PX)
    orientation = image.getexif().get(_ORIENTATION_TAG, 1) if facts.format == "avif" else facts.orientation
    turn = turns.get(orientation)
    if turn is None:
        return image, (width, height)
    return image.transpose(turn), (height, width) if orientation in _SIDEWAYS else (width, height)


def _decoded(data: bytes, facts: PictureFacts, *, side_px: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """The first frame and its size; a JPEG much larger than `side_px` is decoded at a fraction of its size."""
    _check_area(facts.width, facts.height)
    try:
        image = _opened(data, facts)
        size = image.size
        _check_area(*size)
        if side_px is not None:
            image.draft(None, fit(*size, side_px=side_px))
        image.load()
    except (*_DECODER_FAULTS, Image.DecompressionBombError) as problem:
        what = redact(str(problem), 100) or type(problem).__name__
        raise ImageFaultError(f"its pixels cannot be decoded ({what})", SAVE_AGAIN) from problem
    return image, size


def _opened(data: bytes, facts: PictureFacts) -> Image.Image:
    if facts.format == "heic":
        try:
            import pillow_heif
        except ImportError as missing:
            raise ImageFaultError("a HEIC file, which Pillow alone cannot read", HEIC_REMEDY) from missing
        opened = pillow_heif.open_heif(io.BytesIO(data))  # pyright: ignore[reportUnknownMemberType]  not annotated
        return opened.to_pillow()
    names = _PILLOW_NAMES[facts.format] if facts.format is not None else ()
    return Image.open(io.BytesIO(data), formats=names)


def _check_area(width: int, height: int) -> None:
    if width * height > MAX_DECODED_PX:
        problem = f"{width}x{height} is more than {MAX_DECODED_PX // 10**6} megapixels"
        raise ImageFaultError(problem, f"Scale it down to {MAX_SIDE_PX} px a side.")


def _plain(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """The image as L, RGB or RGBA, and its colour profile if that still fits."""
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK":
        return _from_cmyk(image, profile), None
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L"), profile
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        is_opaque = clear.getchannel("A").getextrema() == (255, 255)
        return (clear.convert("RGB") if is_opaque else clear), profile
    return image if image.mode in ("L", "RGB") else image.convert("RGB"), profile


def _from_cmyk(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Through the print profile where there is one: the plain formula gives garish colours."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  not annotated
            turned = ImageCms.profileToProfile(image, source, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            turned = None
        if turned is not None:
            return turned
    return image.convert("RGB")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, file_type: FileType, profile: bytes | None) -> bytes:
    # No EXIF goes along: the orientation is applied, and where a photograph was taken is nobody's business.
    out = io.BytesIO()
    if file_type == "png":
        image.save(out, "PNG", icc_profile=profile)
    else:
        image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=profile)
    return out.getvalue()
