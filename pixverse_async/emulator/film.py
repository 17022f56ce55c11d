"""The real film: an H.264 MP4 that travels slowly over the very picture that was uploaded.

Facts follow the one public file of this model: 24 frames a second, 24·d+1 frames, yuv420p, a keyframe about
every 30 frames, `ftyp` with isom, iso2, avc1 and mp41, and `moov` at the end. AAC sound, a soft chord, when it
was asked for. The picture is decoded as any decoder would: the EXIF rotation is *not* applied, so that an
upload which was not turned upright comes back sideways. A picture that is elsewhere or unreadable becomes a
placeholder.

The same order gives the same bytes. Only this file needs the extra `pixverse-async[emulator]`.
"""

# pyright: reportUnknownMemberType=false
# PyAV's stubs leave the types of keyword arguments and of arrays open.

from __future__ import annotations

import hashlib
import io
import math
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from threading import Lock
from typing import TYPE_CHECKING, Final, cast

import attrs

from .orders import FRAMES_PER_SECOND, LONG_SIDES, FilmOrder, frame_size

if TYPE_CHECKING:
    import av
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

_MARK: Final = "0" * 64
"""Stands in the file where the order's own digest goes, so a copy for another order needs no encoder."""
_KEYFRAME_EVERY: Final = 30
_MARGIN: Final = 1.2
"""How much larger the canvas is than the frame: room to travel."""
_SOUND_RATE: Final = 24_000
_CHORD: Final = (220.0, 277.18, 329.63)  # A major, in hertz
_MOTIONS: Final = 4
_FRAMES_ONE_WAY: Final = 5 * FRAMES_PER_SECOND


@attrs.define(eq=False)
class RealFilm:
    """A `Film` that encodes with PyAV and remembers its last encodings.

    Two requests that differ only in prompt or seed share an encoding, and differ in the digest that the file carries
    as its comment. Encodes one at a time: a second thread would only halve the first one's speed.
    """

    kept: int = 32
    """Encodings to remember; about 1 MB each at 360p and 5 s."""
    _masters: OrderedDict[tuple[object, ...], bytes] = attrs.field(factory=OrderedDict[tuple[object, ...], bytes])
    _lock: Lock = attrs.field(factory=Lock, repr=False)

    def __call__(self, order: FilmOrder) -> bytes:
        """The video. Blocks for some tenths of a second of CPU: call it in a thread."""
        motion = order.seed % _MOTIONS
        key = (order.picture_digest, order.duration, order.quality, order.audio, order.multi_clip, motion)
        with self._lock:
            if key not in self._masters:
                self._masters[key] = encode(order, motion)
                while len(self._masters) > self.kept:
                    self._masters.popitem(last=False)
            master = self._masters[key]
        return master.replace(_MARK.encode(), order.content_id.encode(), 1)


def require_film() -> None:
    """*Raises* `ImportError` that names the missing extra."""
    try:
        import av
        import numpy as np
        from PIL import Image
    except ImportError as problem:
        raise ImportError(
            "real videos need PyAV, numpy and Pillow. "
            "Install the extra emulator: pip install 'pixverse-async[emulator]'; "
            "tiny files do without: film=tiny_film, --tiny"
        ) from problem
    del av, np, Image


def encode(order: FilmOrder, motion: int = 0) -> bytes:
    """One encoding. *Raises* `ImportError` when the extra is not installed."""
    require_film()
    import av

    picture = _picture(order)
    width, height = frame_size(order.quality, *picture.size)
    canvas = _canvas(picture, width, height)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = _MARK
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.gop_size = _KEYFRAME_EVERY
        video.codec_context.thread_count = 2
        video.options = {"preset": "ultrafast", "crf": "24"}  # 0.95 Mb/s at 640x360, as the public file has
        sound = container.add_stream("aac", rate=_SOUND_RATE, layout="mono") if order.audio else None
        if sound is not None:
            sound.options = {"aac_coder": "fast"}
        for index in range(order.frames):
            shot = index * 2 // order.frames if order.multi_clip else 0
            frame = canvas.view(*_view(index, motion + shot, width, height), width, height)
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            for samples in _chord(order.frames / FRAMES_PER_SECOND):
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))
    return file.getvalue()


def _picture(order: FilmOrder) -> Image.Image:
    """The picture in RGB, at most as large as the film can show."""
    from PIL import Image, UnidentifiedImageError

    if order.image is None:
        return _placeholder(order)
    try:
        with Image.open(io.BytesIO(order.image)) as opened:
            # A large JPEG is decoded at half or a quarter of its size, whatever still exceeds what is shown.
            enough = LONG_SIDES[order.quality] * 2
            opened.draft("RGB", (enough, enough))
            return _flat(opened)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return _placeholder(order)


def _flat(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def _placeholder(order: FilmOrder) -> Image.Image:
    """A 16:9 gradient in two colours of the order's own: the picture is not here to be shown."""
    from PIL import Image

    digest = hashlib.sha256(order.picture_digest.encode()).digest()
    size = (LONG_SIDES[order.quality], LONG_SIDES[order.quality] * 9 // 16)
    one, other = (
        Image.new("RGB", size, cast("tuple[int, int, int]", tuple(digest[at : at + 3]))) for at in (0, 3)
    )
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(one, other, mask)


@attrs.frozen
class _Canvas:
    """The picture, somewhat larger than the frame, in the encoder's own planes: converted once for all frames."""

    luma: npt.NDArray[np.uint8]
    blue: npt.NDArray[np.uint8]
    red: npt.NDArray[np.uint8]

    def view(self, left: int, top: int, width: int, height: int) -> av.VideoFrame:
        """The part that is seen. Cutting out is 12 times cheaper than scaling by fractions of a pixel (measured)."""
        import av
        import numpy as np

        half = np.s_[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        parts = (self.luma[top : top + height, left : left + width], self.blue[half], self.red[half])
        pixels = np.concatenate([part.ravel() for part in parts])
        return av.VideoFrame.from_ndarray(pixels.reshape(height * 3 // 2, width), format="yuv420p")


def _canvas(picture: Image.Image, width: int, height: int) -> _Canvas:
    import av
    import numpy as np
    from PIL import Image

    across, down = (math.ceil(side * _MARGIN / 2) * 2 for side in (width, height))
    large = picture.resize((across, down), Image.Resampling.BICUBIC)
    raw = np.asarray(
        av.VideoFrame.from_image(large).reformat(format="yuv420p").to_ndarray(), dtype=np.uint8
    ).ravel()
    luma, chroma = across * down, across * down // 4
    half = (down // 2, across // 2)
    return _Canvas(
        raw[:luma].reshape(down, across),
        raw[luma : luma + chroma].reshape(half),
        raw[luma + chroma :].reshape(half),
    )


def _view(index: int, motion: int, width: int, height: int) -> tuple[int, int]:
    """Left and top of what frame `index` shows: a slow way over the canvas and back, to one of four sides."""
    slack = (_MARGIN - 1) * (width if motion % 2 else height)
    way = slack * (1 - abs(1 - index / _FRAMES_ONE_WAY % 2))
    along = int(way if motion // 2 % 2 else slack - way)
    middle = int((_MARGIN - 1) * (height if motion % 2 else width) / 2)
    return (along, middle) if motion % 2 else (middle, along)


def _chord(seconds: float) -> Iterator[av.AudioFrame]:
    """A soft chord that swells and fades, in the pieces of 1024 samples that AAC wants."""
    import av
    import numpy as np

    count = round(seconds * _SOUND_RATE)
    at = np.arange(count, dtype=np.float32) / _SOUND_RATE
    envelope: npt.NDArray[np.float32] = np.sin(np.pi * at / seconds)
    tone = sum(np.sin(2 * np.pi * hertz * at) for hertz in _CHORD)
    wave = (0.06 * envelope * tone).astype(np.float32)
    for start in range(0, count, 1024):
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        yield frame
