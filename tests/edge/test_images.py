"""From a job's image to a URL: what is uploaded, what is refused before, and what happens when the service stumbles."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms

from pixverse_async._core.errors import InvalidJobError
from pixverse_async._core.job import Job
from pixverse_async._edge.images import HostedImage, identify
from pixverse_async._edge.pixels import MAX_PROFILE_BYTES

from .image_storage import JPEG, PNG, SECRET, MemoryStorage, encoded, host_on, hosted, picture

pytestmark = pytest.mark.anyio

UPRIGHT = ["red", "green", "blue", "white"]


def quarters(image: Image.Image) -> list[str]:
    """The colour of each quarter, row by row."""
    names = {(220, 30, 30): "red", (30, 160, 40): "green", (40, 60, 220): "blue", (250, 250, 250): "white"}
    found: list[str] = []
    for y in (image.height // 4, image.height * 3 // 4):
        for x in (image.width // 4, image.width * 3 // 4):
            seen = image.convert("RGB").getpixel((x, y))
            assert isinstance(seen, tuple)
            distance = {sum(abs(a - b) for a, b in zip(seen, hue, strict=True)): hue for hue in names}
            assert min(distance) < 40
            found.append(names[distance[min(distance)]])
    return found


async def sent(image: str | os.PathLike[str] | bytes) -> tuple[Image.Image, str, HostedImage]:
    storage = MemoryStorage()
    found = await hosted(host_on(storage), image)
    ((_, content_type, body),) = storage.puts
    uploaded = Image.open(io.BytesIO(body))
    uploaded.load()
    assert f"image/{(uploaded.format or '').lower()}" == content_type
    assert [content_type.removeprefix("image/")] == [file_type for file_type, _ in storage.grants]
    return uploaded, content_type, found


# -- what it is ----------------------------------------------------------------------------------


async def test_a_path_bytes_and_a_data_uri_of_one_content_are_one_image(tmp_path: Path) -> None:
    """The identity is the SHA-256 of the content, whichever way it is given."""
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    found = {await identify(Job(image, "x")) for image in (path, str(path), PNG, uri)}
    assert {hashlib.sha256(PNG).hexdigest()} == found


async def test_a_link_signed_anew_is_the_same_image() -> None:
    """A URL is identified without its signature, and nothing is fetched."""
    first = await identify(Job("https://b.example/cat.jpg?X-Amz-Signature=1&X-Amz-Expires=9", "x"))
    assert first == await identify(Job("https://b.example/cat.jpg?X-Amz-Signature=2&X-Amz-Expires=7", "x"))


def folder(tmp_path: Path) -> Path:
    return tmp_path


def missing(tmp_path: Path) -> Path:
    return tmp_path / "cat.jpg"


def below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(PNG)
    return tmp_path / "file" / "cat.jpg"


def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty.jpg").touch()
    return tmp_path / "empty.jpg"


def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path / "pipe.jpg"


def endless(tmp_path: Path) -> Path:
    return Path("/dev/zero")


def huge(tmp_path: Path) -> Path:
    with (tmp_path / "disk.img").open("wb") as file:
        file.truncate(2**40)
    return tmp_path / "disk.img"


def long_named(tmp_path: Path) -> Path:
    return tmp_path / ("x" * 5000)


def circular(tmp_path: Path) -> Path:
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    return tmp_path / "loop.jpg"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (folder, "folder"),
        (missing, "no such file"),
        (below_a_file, "no such file"),
        (empty, "empty"),
        (pipe, "not a regular file"),
        (endless, "not a regular file"),
        (huge, "bytes"),
        (long_named, "cannot be read"),
        (circular, "cannot be read"),
    ],
)
async def test_what_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], Path], problem: str) -> None:
    """Each unreadable path gives an error of its own that names field, path and remedy, without waiting for ever."""
    path = make(tmp_path)
    with pytest.raises(InvalidJobError, match=problem) as caught:
        await identify(Job(path, "x"))
    assert caught.value.field == "image"
    assert str(path)[:200] in caught.value.value
    assert caught.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_forbidden_file_is_named(tmp_path: Path) -> None:
    """A file without read permission gives an error that says so."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(JPEG)
    path.chmod(0)
    with pytest.raises(InvalidJobError, match="permission"):
        await identify(Job(path, "x"))


@pytest.mark.parametrize("uri", ["data:image/png;base64,%%%", "data:image/png;base64,", "data:image/png"])
async def test_a_broken_data_uri_is_named(uri: str) -> None:
    """A data: URI without readable content is refused."""
    with pytest.raises(InvalidJobError, match=r"data: URI|empty"):
        await identify(Job(uri, "x"))


# -- what is uploaded ----------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "kind"), [(JPEG, "jpeg"), (PNG, "png")])
async def test_a_good_file_goes_out_byte_for_byte(tmp_path: Path, content: bytes, kind: str) -> None:
    """An upright JPEG or PNG is uploaded as it is, under its own type, whatever its file is called."""
    storage, path = MemoryStorage(), tmp_path / "cat.jpg"
    path.write_bytes(content)
    found = await hosted(host_on(storage), path)
    assert storage.puts == [(f"https://storage.example/1?{SECRET}", f"image/{kind}", content)]
    assert found == HostedImage(url="https://storage.example/1", notes=())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    """All eight EXIF orientations reach the service upright: the pixels are where a viewer shows them."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture().transpose(back[orientation]) if orientation in back else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    uploaded, _, found = await sent(encoded(stored, kind, exif=exif.tobytes()))
    assert uploaded.size == (60, 40)
    assert quarters(uploaded) == UPRIGHT
    assert uploaded.getexif().get(0x0112, 1) == 1
    assert any("rotated upright" in note for note in found.notes) == (orientation != 1)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "AVIF"])
async def test_other_formats_become_jpeg(kind: str) -> None:
    """A format without a grant is converted, keeps its size and its colours, and a note says so."""
    uploaded, content_type, found = await sent(encoded(picture(), kind))
    assert (content_type, (60, 40), UPRIGHT) == ("image/jpeg", uploaded.size, quarters(uploaded))
    assert len(found.notes) == 1
    assert found.notes[0].endswith("to JPEG")


async def test_heic_becomes_jpeg() -> None:
    """A phone's HEIC is converted."""
    out = io.BytesIO()
    pillow_heif.from_pillow(picture(128, 64)).save(out)  # pyright: ignore[reportUnknownMemberType]  not annotated
    uploaded, content_type, found = await sent(out.getvalue())
    assert (content_type, (128, 64), UPRIGHT) == ("image/jpeg", uploaded.size, quarters(uploaded))
    assert found.notes == ("converted from HEIC to JPEG",)


async def test_transparency_is_kept() -> None:
    """A transparent WebP becomes a PNG with the same transparency; an opaque one with an alpha channel a JPEG."""
    clear = picture(mode="RGBA")
    clear.putpixel((0, 0), (1, 2, 3, 0))
    uploaded, content_type, _ = await sent(encoded(clear, "WEBP", lossless=True, exact=True))
    assert (content_type, (1, 2, 3, 0)) == ("image/png", uploaded.getpixel((0, 0)))
    _, content_type, _ = await sent(encoded(picture(mode="RGBA"), "WEBP", lossless=True))
    assert content_type == "image/jpeg"


async def test_cmyk_becomes_rgb() -> None:
    """A printer's JPEG reaches the service in colours that a screen shows."""
    uploaded, content_type, found = await sent(encoded(picture(mode="CMYK"), "JPEG", quality=95))
    assert (content_type, "RGB", UPRIGHT) == ("image/jpeg", uploaded.mode, quarters(uploaded))
    assert found.notes == ("converted from CMYK JPEG to JPEG",)


async def test_sixteen_bits_become_eight() -> None:
    """The greys of a 16-bit PNG keep their places instead of turning white."""
    image = Image.new("I;16", (64, 64), 0x8000)
    uploaded, _, found = await sent(encoded(image, "PNG"))
    assert uploaded.getpixel((32, 32)) in (127, 128, 129)
    assert found.notes == ("converted from 16-bit PNG to JPEG",)


async def test_the_colour_profile_goes_along() -> None:
    """A converted image keeps its ICC profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  not annotated
    uploaded, _, _ = await sent(encoded(picture(), "WEBP", icc_profile=profile))
    assert uploaded.info["icc_profile"] == profile


async def test_a_profile_that_is_none_is_left_behind() -> None:
    """One larger than any printer's stays here; one above the limit of an image was tried to shrink for ever."""
    stuffed = encoded(picture(), "WEBP", icc_profile=bytes(MAX_PROFILE_BYTES + 1))
    uploaded, _, _ = await sent(stuffed)
    assert "icc_profile" not in uploaded.info


async def test_where_a_photograph_was_taken_stays_here() -> None:
    """A converted image carries no EXIF."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"
    uploaded, _, _ = await sent(encoded(picture(), "JPEG", exif=exif.tobytes()))
    assert dict(uploaded.getexif()) == {}


async def test_a_large_image_is_resized_with_a_note() -> None:
    """Over 4000 px a side the image is scaled down, and the note names both sizes, as they are when upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    uploaded, _, found = await sent(encoded(picture(6000, 4000), "JPEG", exif=exif.tobytes()))
    assert uploaded.size == (2667, 4000)
    assert "resized from 4000x6000 to 2667x4000" in found.notes[1]


async def test_too_many_bytes_are_compressed() -> None:
    """An opaque image over 20 MB keeps its size and goes out as a JPEG, and the note names both weights."""
    content = encoded(picture(2700, 2500), "PNG", compress_level=0)
    assert len(content) > 20_000_000
    uploaded, content_type, found = await sent(content)
    assert (content_type, uploaded.size, quarters(uploaded)) == ("image/jpeg", (2700, 2500), UPRIGHT)
    assert "compressed from 20.3 MB to" in found.notes[1]


async def test_what_cannot_be_compressed_is_resized() -> None:
    """A transparent image over 20 MB is scaled down until it fits, and the note names both sizes."""
    noise = Image.frombytes("RGBA", (2280, 2280), random.Random(1).randbytes(2280 * 2280 * 4))
    storage = MemoryStorage()
    found = await hosted(host_on(storage), encoded(noise, "PNG", compress_level=0))
    ((_, content_type, body),) = storage.puts
    assert content_type == "image/png"
    assert 15_000_000 < len(body) <= 20_000_000
    assert "resized from 2280x2280 to" in found.notes[0]


# -- what is refused before anything is sent -----------------------------------------------------


def bomb() -> bytes:
    return encoded(Image.new("1", (30_000, 30_000)), "PNG")


def scrambled() -> bytes:
    """A JPEG whole in its structure, whose Huffman table means nothing."""
    table = JPEG.index(b"\xff\xc4") + 5
    return JPEG[:table] + b"\xff" * 16 + JPEG[table + 16 :]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (JPEG[:-2], "cut short"),
        (PNG[:-20], "cut short"),
        (b"%PDF-1.4", "a PDF"),
        (b"<html>not found</html>", "HTML"),
        (b"nothing", "not an image"),
        (scrambled(), "cannot be decoded"),
        (bomb(), "megapixels"),
    ],
)
async def test_what_cannot_serve_is_refused_before_the_upload(content: bytes, problem: str) -> None:
    """Damage, other files and decompression bombs are refused with a remedy, and nothing is asked of the service."""
    storage = MemoryStorage()
    with pytest.raises(InvalidJobError, match=problem) as caught:
        await hosted(host_on(storage), content)
    assert caught.value.remedy
    assert (storage.grants, storage.puts) == ([], [])


@pytest.mark.fault(41)
async def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    """A file rewritten between plan and upload is not sent under the identity of the old one."""
    path, storage = tmp_path / "cat.png", MemoryStorage()
    path.write_bytes(PNG)
    job = Job(path, "x")
    identity = await identify(job)
    path.write_bytes(JPEG)
    with pytest.raises(InvalidJobError, match="changed"):
        await host_on(storage).url_for(job, identity)
    path.unlink()
    with pytest.raises(InvalidJobError, match="no such file"):
        await host_on(storage).url_for(job, identity)
    assert storage.grants == []
