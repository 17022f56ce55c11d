"""Files that are MP4s as far as their boxes tell, byte by byte."""

from __future__ import annotations

import hashlib


def box(kind: bytes, body: bytes) -> bytes:
    """One MP4 box."""
    return (len(body) + 8).to_bytes(4) + kind + body


def large_box(kind: bytes, body: bytes) -> bytes:
    """The same, with the size in the eight bytes that follow."""
    return (1).to_bytes(4) + kind + (len(body) + 16).to_bytes(8) + body


def mvhd(seconds: float, *, scale: int = 1000, version: int = 0) -> bytes:
    """The box that tells the duration."""
    ticks = round(seconds * scale)
    if version == 1:
        return box(b"mvhd", b"\1" + bytes(19) + scale.to_bytes(4) + ticks.to_bytes(8) + bytes(80))
    return box(b"mvhd", bytes(12) + scale.to_bytes(4) + ticks.to_bytes(4) + bytes(80))


def video(size_bytes: int = 5000, seconds: float = 5.042, *, salt: int = 0) -> bytes:
    """A file that is an MP4 as far as its boxes tell, laid out as the service's encoder does: moov last."""
    head = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + box(b"free", b"")
    tail = box(b"moov", mvhd(seconds) + box(b"trak", bytes(100)))
    body_bytes = size_bytes - len(head) - len(tail) - 8
    pattern = hashlib.sha256(salt.to_bytes(4)).digest()
    return head + box(b"mdat", (pattern * (body_bytes // 32 + 1))[:body_bytes]) + tail
