"""The cheapest file that is still an MP4: boxes in the order of the real thing, made in microseconds.

For tests with thousands of videos.  ftyp, mdat, moov, with one H.264 track whose tables describe 24·d+1 samples
and whose duration is right; the samples themselves are noise drawn from the seed, so two different orders never
give the same bytes, and no decoder will find a picture.  Needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import struct
from functools import cache

from .orders import FRAMES_PER_SECOND, FilmOrder, frame_size

_TIMESCALE = 24_000
_SAMPLE_BYTES = 1
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# A baseline SPS and PPS of the smallest kind, so that parsers of avcC find what they look for.
_AVC_CONFIG = bytes.fromhex("0142c01effe100096742c01ed900a0047c01000468ce3c80")


def tiny_film(order: FilmOrder) -> bytes:
    """A `Film`: the tiny MP4 of an order, different for each different order."""
    return tiny_mp4(order.duration, seed=order.content_id, quality=order.quality)


def tiny_mp4(duration: int, *, seed: int | str = 0, quality: str = "360p") -> bytes:
    """A structurally valid MP4 of this many seconds, under 1 kB at 5 s.

    >>> tiny_mp4(5)[4:12], tiny_mp4(5) == tiny_mp4(5), tiny_mp4(5) == tiny_mp4(5, seed=1)
    (b'ftypisom', True, False)
    """
    head, tail, noise_bytes = _frame(duration, quality)
    return head + hashlib.shake_128(str(seed).encode()).digest(noise_bytes) + tail


@cache
def _frame(duration: int, quality: str) -> tuple[bytes, bytes, int]:
    samples = FRAMES_PER_SECOND * duration + 1
    noise_bytes = samples * _SAMPLE_BYTES
    ftyp = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    free = _box(b"free")
    mdat_head = struct.pack(">I4s", noise_bytes + 8, b"mdat")
    head = ftyp + free + mdat_head
    return head, _moov(samples, first_at=len(head), size=frame_size(quality, 16, 9)), noise_bytes


def _moov(samples: int, *, first_at: int, size: tuple[int, int]) -> bytes:
    length = samples * _TIMESCALE // FRAMES_PER_SECOND
    times = struct.pack(">4I", 0, 0, _TIMESCALE, length)
    rate = struct.pack(">IHH8x", 0x10000, 0x100, 0)
    mvhd = _full(b"mvhd", times, rate, _MATRIX, bytes(24), struct.pack(">I", 2))
    tkhd = _box(
        b"tkhd",
        struct.pack(">I", 3),  # enabled, in the movie
        struct.pack(">3I4xI", 0, 0, 1, length),
        bytes(16),
        _MATRIX,
        struct.pack(">2I", size[0] << 16, size[1] << 16),
    )
    mdhd = _full(b"mdhd", times, struct.pack(">HH", 0x55C4, 0))
    hdlr = _full(b"hdlr", bytes(4), b"vide", bytes(12), b"VideoHandler\0")
    minf = _box(b"minf", _full(b"vmhd", bytes(8)), _data_here(), _tables(samples, first_at, size))
    return _box(b"moov", mvhd, _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf)))


def _data_here() -> bytes:
    url = _box(b"url ", struct.pack(">I", 1))
    return _box(b"dinf", _full(b"dref", struct.pack(">I", 1), url))


def _tables(samples: int, first_at: int, size: tuple[int, int]) -> bytes:
    avc1 = _box(
        b"avc1",
        struct.pack(">6xH16x2H", 1, *size),
        struct.pack(">2I4xH32xHh", 0x480000, 0x480000, 1, 24, -1),
        _box(b"avcC", _AVC_CONFIG),
    )
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), avc1),
        _full(b"stts", struct.pack(">3I", 1, samples, _TIMESCALE // FRAMES_PER_SECOND)),
        _full(b"stsc", struct.pack(">4I", 1, 1, samples, 1)),
        _full(b"stsz", struct.pack(">2I", _SAMPLE_BYTES, samples)),
        _full(b"stco", struct.pack(">2I", 1, first_at)),
    )


def _box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def _full(kind: bytes, *parts: bytes) -> bytes:
    """A box with a version and flags, both zero."""
    return _box(kind, bytes(4), *parts)
