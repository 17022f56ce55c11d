"""What a file is, and what must be done to it; the pictures are made by Pillow, which reads nothing here."""

from __future__ import annotations

import io
import struct
import zlib
from typing import cast

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixverse_async._core.formats.jpeg import MAX_SCANS
from pixverse_async._core.picture import (
    MAX_BYTES,
    Format,
    Made,
    PictureFacts,
    describe,
    fit,
    preparation,
)
from pixverse_async._core.sniff import examine

FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "gif", "bmp", "heic", "avif")
EXIF = Image.Exif()
EXIF[0x0112] = 6


def drawn(mode: str = "RGB") -> Image.Image:
    """Something that no compressor turns into almost nothing."""
    noise = Image.effect_noise((24, 16), 90).resize((72, 64), Image.Resampling.BICUBIC)
    return Image.merge(
        "RGB", (noise, noise.rotate(180), noise.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    ).convert(mode)


def encoded(kind: Format, image: Image.Image | None = None, *, exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    picture = image if image is not None else drawn()
    tags = exif.tobytes() if exif is not None else b""
    if kind == "heic":
        pillow_heif.from_pillow(picture).save(out)  # pyright: ignore[reportUnknownMemberType]  not annotated
    elif kind == "gif":
        picture.save(out, "GIF")
    else:
        picture.save(out, kind.upper(), exif=tags)
    return out.getvalue()


WHOLE = {kind: encoded(kind) for kind in FORMATS}
PREVIEW = encoded("jpeg", drawn().resize((8, 8)))
WITH_THUMBNAIL = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(PREVIEW) + 2) + PREVIEW + WHOLE["jpeg"][2:]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_file_is_recognised(kind: Format) -> None:
    """Each format is named with its size, and nothing is held against a whole file."""
    facts = examine(WHOLE[kind])
    assert (kind, 72, 64, 1, None) == (facts.format, facts.width, facts.height, facts.orientation, facts.problem)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_cut_goes_unnoticed(kind: Format) -> None:
    """A file is refused wherever it is cut, be it before its last byte."""
    whole = WHOLE[kind]
    passed = [end for end in range(len(whole)) if examine(whole[:end]).problem is None]
    assert passed == []


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture() -> None:
    """A JPEG cut after the end marker of the preview in its header is refused, wherever it is cut."""
    assert examine(WITH_THUMBNAIL).problem is None
    passed = [end for end in range(len(WITH_THUMBNAIL)) if examine(WITH_THUMBNAIL[:end]).problem is None]
    assert passed == []


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp"])
def test_what_follows_the_picture_is_nobodys_business(kind: Format) -> None:
    """Cameras append to their files: that is no damage."""
    assert examine(WHOLE[kind] + b"\0\1trailer\xff").problem is None


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read(kind: Format, order: str, orientation: int) -> None:
    """All eight orientations are read in both byte orders, wherever the format keeps them."""
    mark = "<" if order == "II" else ">"
    tiff = order.encode() + struct.pack(f"{mark}HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    out = io.BytesIO()
    drawn().save(out, kind.upper(), exif=b"Exif\0\0" + tiff)
    assert orientation == examine(out.getvalue()).orientation


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_a_nonsense_orientation_is_upright(value: int) -> None:
    """Numbers that EXIF does not define turn nothing."""
    tiff = b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, value, 0, 0)
    out = io.BytesIO()
    drawn().save(out, "JPEG", exif=b"Exif\0\0" + tiff)
    assert examine(out.getvalue()).orientation == 1


@pytest.mark.parametrize(
    ("kind", "mode", "oddity"),
    [
        ("jpeg", "CMYK", "CMYK"),
        ("jpeg", "L", None),
        ("png", "I;16", "16-bit"),
        ("png", "P", None),
        ("png", "LA", None),
    ],
)
def test_oddities_are_named(kind: Format, mode: str, oddity: str | None) -> None:
    """CMYK and 16 bits are odd; grey, palettes and transparency are not."""
    image = Image.new("I;16", (8, 8), 4000) if mode == "I;16" else drawn(mode)
    assert oddity == examine(encoded(kind, image)).oddity


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_an_animation_is_recognised(kind: Format) -> None:
    """Two frames make an animation."""
    out = io.BytesIO()
    drawn().save(out, kind.upper(), save_all=True, append_images=[drawn("L").convert("RGB")])
    facts = examine(out.getvalue())
    assert facts.is_animated
    assert facts.problem is None


def test_a_flipped_bit_in_a_png_is_seen() -> None:
    """The checksums of a PNG guard every byte of its critical chunks, in places spread over the whole file."""
    whole = WHOLE["png"]
    end = whole.rindex(b"IEND")
    for place in range(12, end - 8, 97):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        assert examine(bytes(damaged)).problem is not None, place


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"   <!DOCTYPE html><title>404", "HTML"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"II*\0\x08\0\0\0" + b"x" * 60, "TIFF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"\0" * 5000, "zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"\xff\xd8\xff\xd9", "damaged JPEG"),
        (b"RIFF", "cut short"),
        (b"hello, world, this is a text", "not an image"),
    ],
)
def test_what_is_no_image_is_named(content: bytes, word: str) -> None:
    """The problem says what the file is instead, as far as its first bytes tell."""
    facts = examine(content)
    assert facts.problem is not None
    assert word in facts.problem


STARTS = [whole[:n] for whole in WHOLE.values() for n in (4, 12, 16, 40, 200, len(whole))]


@given(st.sampled_from(STARTS), st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_it(start: bytes, rest: bytes) -> None:
    """Whatever follows a plausible beginning, an answer comes."""
    examine(start + rest)
    examine(rest)


@given(st.sampled_from(FORMATS), st.data())
@settings(max_examples=200, deadline=None)
def test_no_damage_crashes_it(kind: Format, data: st.DataObject) -> None:
    """A file with some of its bytes changed gets an answer, and one without pixels never passes."""
    damaged = bytearray(WHOLE[kind])
    places = st.integers(0, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    facts = examine(bytes(damaged))
    assert facts.problem is not None or facts.format in ("heic", "avif") or facts.width * facts.height > 0


def test_a_hostile_png_of_empty_chunks_ends() -> None:
    """Chunks without content are walked once each, to a verdict."""
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    assert examine(head + chunk(b"IDAT", b"") * 1000).problem is not None
    assert examine(head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")).problem is None


def test_a_hostile_jpeg_of_many_scans_is_refused() -> None:
    """Each scan would be a pass over all pixels: a file of 20 MB could keep a decoder busy for hours."""
    out = io.BytesIO()
    drawn().save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    scans = whole.count(b"\xff\xda")
    assert examine(whole[:-2] + last_scan * (MAX_SCANS - scans) + whole[-2:]).problem is None
    many = examine(whole[:-2] + last_scan * (MAX_SCANS - scans + 1) + whole[-2:])
    assert f"{MAX_SCANS + 1} scans" in (many.problem or "")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    ("facts", "size_bytes", "steps"),
    [
        (PictureFacts(format="jpeg", width=4000, height=4000), MAX_BYTES, ()),
        (PictureFacts(format="png", width=10, height=10), 1, ()),
        (PictureFacts(format="jpeg", width=4001, height=10), 1, ("resize",)),
        (PictureFacts(format="png", width=10, height=10), MAX_BYTES + 1, ("resize",)),
        (PictureFacts(format="jpeg", width=10, height=10, orientation=6), 1, ("rotate",)),
        (PictureFacts(format="webp", width=10, height=10), 1, ("convert",)),
        (PictureFacts(format="jpeg", width=10, height=10, oddity="CMYK"), 1, ("convert",)),
        (PictureFacts(format="heic", width=8064, height=10, orientation=3), 1, ("convert", "rotate", "resize")),
    ],
)
def test_the_preparation(facts: PictureFacts, size_bytes: int, steps: tuple[str, ...]) -> None:
    """Only what exceeds a limit, lies turned or has no grant is touched."""
    found = preparation(facts, size_bytes)
    assert steps == found.steps
    assert bool(steps) == bool(found.why)


def test_a_resize_is_told_with_both_sizes() -> None:
    """The note of a resize names the old size, the new one and the limit."""
    made = Made(file_type="jpeg", body=b"x", size=(4000, 2667), upright_size=(6000, 4000))
    (note,) = describe(PictureFacts(format="jpeg", width=6000, height=4000), 9_000_000, made)
    assert "resized from 6000x4000 to 4000x2667" in note
    assert "4000 px" in note


def test_a_compression_is_told_with_both_sizes() -> None:
    """An image that only had too many bytes is said to have been compressed, from how much to how much."""
    made = Made(file_type="jpeg", body=b"x" * 2_000_000, size=(3000, 3000), upright_size=(3000, 3000))
    notes = describe(PictureFacts(format="png", width=3000, height=3000), 31_200_000, made)
    assert notes == ("converted from PNG to JPEG", "compressed from 31.2 MB to 2 MB")


@given(st.integers(1, 200_000), st.integers(1, 200_000))
def test_what_fits_keeps_its_shape(width: int, height: int) -> None:
    """No side is longer than allowed or vanishes, and the shape is off by less than a pixel."""
    new_width, new_height = fit(width, height)
    assert 1 <= new_width <= 4000
    assert 1 <= new_height <= 4000
    scale = min(1.0, 4000 / max(width, height))
    assert abs(new_width - width * scale) < 1
    assert abs(new_height - height * scale) < 1


def test_pillow_agrees_on_the_examples() -> None:
    """The sizes that the sniffer reads are the sizes that Pillow reads."""
    for kind in ("jpeg", "png", "webp", "gif", "bmp", "avif"):
        facts = examine(WHOLE[cast("Format", kind)])
        assert Image.open(io.BytesIO(WHOLE[cast("Format", kind)])).size == (facts.width, facts.height)
