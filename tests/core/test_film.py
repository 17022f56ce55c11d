"""The films are what a decoder says they are: read back with PyAV, frame by frame."""

# pyright: reportUnknownMemberType=false
# PyAV's stubs leave the types of arrays and of keyword arguments open.

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from typing import cast

import av
import pytest
from av.error import InvalidDataError
from PIL import Image

from pixverse_async.emulator import FilmOrder, tiny_film, tiny_mp4
from pixverse_async.emulator.film import RealFilm, encode
from pixverse_async.emulator.orders import frame_size


def picture(width: int = 320, height: int = 180, *, kind: str = "PNG", orientation: int | None = None) -> bytes:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    return file.getvalue()


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        yield kind, content[at + 8 : at + size]
        at += size


def frames(content: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(content), "r") as container:
        return list(container.decode(video=0))


def order(duration: int = 1, quality: str = "360p", *, image: bytes | None = None, **more: object) -> FilmOrder:
    content = picture() if image is None else image
    return FilmOrder(image=content, duration=duration, quality=quality, audio=more.get("audio") is True)


@pytest.mark.parametrize("duration", [1, 2, 5])
def test_a_film_has_24_frames_a_second_and_one_more(duration: int) -> None:
    """Decoded frames, not the header's promise; and a keyframe at least every 30 frames."""
    found = frames(encode(order(duration)))
    assert 24 * duration + 1 == len(found)
    assert list(range(0, len(found), 30)) == [n for n, frame in enumerate(found) if frame.key_frame]
    assert duration == found[-1].time


def test_moov_comes_last_and_the_brands_are_those_of_the_public_file() -> None:
    """So a truncated file is unplayable, as the real one is."""
    content = encode(order(audio=True))
    found = list(boxes(content))
    assert [b"ftyp", b"free", b"mdat", b"moov"] == [kind for kind, _ in found]
    assert b"isom\x00\x00\x02\x00isomiso2avc1mp41" == found[0][1]
    with pytest.raises(InvalidDataError):
        av.open(io.BytesIO(content[: len(content) // 2]), "r")


@pytest.mark.parametrize("audio", [False, True])
def test_there_is_sound_only_when_it_was_asked(audio: bool) -> None:
    """H.264 in yuv420p always; AAC as long as the picture and not silent when asked."""
    with av.open(io.BytesIO(encode(order(audio=audio))), "r") as container:
        assert ["video", "audio"][: 1 + audio] == [stream.type for stream in container.streams]
        video = container.streams.video[0].codec_context
        assert ("h264", "yuv420p") == (video.name, video.pix_fmt)
        if audio:
            sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
            assert "aac" == container.streams.audio[0].codec_context.name
            assert 0.01 < max(float(abs(one).max()) for one in sound) < 0.5


@pytest.mark.parametrize(
    ("quality", "width", "height", "expected"),
    [
        ("360p", 2048, 2048, (640, 640)),
        ("360p", 1920, 1080, (640, 360)),
        ("360p", 1080, 1920, (360, 640)),
        ("540p", 1600, 900, (960, 540)),
        ("720p", 1600, 900, (1280, 720)),
        ("1080p", 1600, 900, (1920, 1080)),
        ("360p", 601, 401, (640, 428)),
        ("360p", 10_000, 10, (640, 32)),
    ],
)
def test_the_frame_follows_the_shape_of_the_picture(
    quality: str, width: int, height: int, expected: tuple[int, int]
) -> None:
    """The long side is that of a 16:9 frame of the quality, and both sides are even."""
    assert expected == frame_size(quality, width, height)


@pytest.mark.parametrize(("width", "height"), [(180, 320), (301, 201), (200, 200), (900, 30)])
def test_the_encoded_size_is_the_computed_one(width: int, height: int) -> None:
    """Odd, square, tall and very wide pictures all encode."""
    first = frames(encode(order(image=picture(width, height))))[0]
    assert frame_size("360p", width, height) == (first.width, first.height)


def test_the_film_shows_the_picture_and_moves() -> None:
    """Red to the left, blue to the right in every frame, and no two frames half a second apart are equal."""
    found = frames(encode(order()))
    for frame in found[::12]:
        shown = picture_of(frame)
        left, right = (_colour(shown, x) for x in (60, shown.width - 60))
        assert (left[0] > 180, left[2] < 90, right[0] < 90, right[2] > 180) == (True,) * 4
    # The border between the colours travels when the motion is sideways.
    sideways = [picture_of(frame) for frame in frames(encode(order(), motion=1))]
    assert _border(sideways[0]) != _border(sideways[-1])


def picture_of(frame: av.VideoFrame) -> Image.Image:
    return cast("Image.Image", frame.to_image())


def _colour(image: Image.Image, x: int) -> tuple[int, ...]:
    pixel = image.getpixel((x, image.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


def _border(image: Image.Image) -> int:
    return next(x for x in range(image.width) if _colour(image, x)[2] > 128)


def test_an_upload_that_was_not_turned_upright_comes_back_sideways() -> None:
    """The EXIF orientation is not applied: that is the client's duty."""
    turned = encode(order(image=picture(320, 180, kind="JPEG", orientation=6)))
    assert (640, 360) == (frames(turned)[0].width, frames(turned)[0].height)


@pytest.mark.parametrize("image", [None, b"", b"not a picture", picture()[:100]])
def test_a_picture_that_cannot_be_read_becomes_a_placeholder(image: bytes | None) -> None:
    """16:9, still 24·d+1 frames, and different for different addresses."""
    films = [
        encode(FilmOrder(image=image, image_url=f"https://{name}.example/x.png", duration=1, quality="360p"))
        for name in ("a", "b")
    ]
    found = frames(films[0])
    assert (25, 640, 360) == (len(found), found[0].width, found[0].height)
    assert image is not None or films[0] != films[1]


def test_the_same_order_gives_the_same_bytes_and_another_order_others() -> None:
    """Also across encoders, since storage forgets and asks again."""
    one, same = RealFilm()(order()), RealFilm()(order())
    assert hashlib.sha256(one).digest() == hashlib.sha256(same).digest()
    film = RealFilm()
    versions = {film(FilmOrder(image=picture(), duration=1, prompt=str(n))) for n in range(5)}
    assert (5, 1) == (len(versions), len({len(one) for one in versions}))
    assert 25 == len(frames(versions.pop()))


def test_an_audible_difference_is_a_different_encoding() -> None:
    """Sound, length, quality and motion are never taken from the wrong memory."""
    film = RealFilm()
    variants = [
        FilmOrder(image=picture(), duration=1, quality="360p"),
        FilmOrder(image=picture(), duration=2, quality="360p"),
        FilmOrder(image=picture(), duration=1, quality="540p"),
        FilmOrder(image=picture(), duration=1, quality="360p", audio=True),
        FilmOrder(image=picture(), duration=1, quality="360p", seed=1),
    ]
    # Without the digest, which differs anyway.
    assert 5 == len({film(one).replace(one.content_id.encode(), b"") for one in variants})


@pytest.mark.parametrize("duration", [1, 5, 15])
def test_the_tiny_file_is_an_mp4_of_the_right_length(duration: int) -> None:
    """PyAV opens it and reads size, rate, frame count and duration; moov is last."""
    content = tiny_mp4(duration)
    assert [b"ftyp", b"free", b"mdat", b"moov"] == [kind for kind, _ in boxes(content)]
    with av.open(io.BytesIO(content), "r") as container:
        video = container.streams.video[0]
        assert (24 * duration + 1, 24, 640, 360) == (video.frames, video.average_rate, video.width, video.height)
        assert pytest.approx(duration + 1 / 24, abs=0.001) == (container.duration or 0) / av.time_base


def test_tiny_films_differ_exactly_when_their_orders_do() -> None:
    """Seed, prompt and picture all show in the bytes."""
    orders = [
        FilmOrder(seed=1),
        FilmOrder(seed=2),
        FilmOrder(prompt="x"),
        FilmOrder(image=b"x"),
        FilmOrder(duration=6),
    ]
    assert 5 == len({tiny_film(one) for one in orders})
    assert tiny_film(FilmOrder(seed=1)) == tiny_film(FilmOrder(seed=1))
