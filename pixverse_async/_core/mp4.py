"""Is this a whole MP4? A walk over its boxes that is fed the file as it arrives, in pieces of any size.

It keeps a few bytes and never the file, so it costs nothing beside a download and needs no second reading.
A whole file begins with `ftyp`, its boxes tile it to the last byte, it has `moov` and a `mdat` that is not
empty, and `mvhd` gives about the duration that was asked for.  Decoders check none of this: PyAV opens a file
that lacks its last byte without complaint.

It proves nothing about the bytes inside `mdat`: that is what a hash is for.  A file that is cut exactly
between two boxes is refused when `moov` or every `mdat` is lost, which is how encoders lay files out; of one in
fragments only a length or a hash can tell.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, NamedTuple, TypeAlias

Bytes: TypeAlias = "bytes | bytearray | memoryview"

DURATION_TOLERANCE: Final = 1.5
"""Seconds. A 5 s video has 24 x 5 + 1 frames and lasts 5.042 s (the one public pixverse-v6 file); a second more
leaves room for another frame rate, and less would refuse what was paid for."""
MIN_BOX_BYTES: Final = 8
"""Size and kind. A size of 1 means that the real one follows, in 8 more. Source: ISO/IEC 14496-12, 4.2."""
_MVHD_BYTES: Final = 32
"""Of the larger, version 1 form: flags 4, two times of 8, time scale 4, duration 8, and 4 that follow."""
_PRINTABLE: Final = frozenset(range(0x20, 0x7F))
_MARKED: Final = frozenset({b"ftyp", b"moov", b"mdat"})
"""Whether these were there is asked at the end; to keep the names of all would be memory that a file decides on."""
MAX_BOXES: Final = 100_000
"""In a file. A video in fragments of one frame has 2,000; to walk 2 GiB of empty boxes takes half an hour of CPU."""


class _Read(NamedTuple):
    size_bytes: int


class _Skip(NamedTuple):
    size_bytes: int


_Walk: TypeAlias = Generator[_Read | _Skip, bytes, None]


class _Box(NamedTuple):
    kind: bytes
    header_bytes: int
    body_bytes: int


class _NotMp4Error(Exception):
    """The boxes cannot be those of an MP4; the walk ends here."""


class BoxWalk:
    """Feed it a file from its first byte; then ask for its `problem`.

    >>> walk = BoxWalk()
    >>> walk.feed(b"<html><body>Sorry")
    >>> walk.problem(5)
    'it does not begin as an MP4 does'
    """

    def __init__(self) -> None:
        self.position = 0
        """Bytes fed so far."""
        self.duration: float | None = None
        """Seconds, by `mvhd`."""
        self.is_fragmented = False
        """Its frames follow `moov` in pieces, any number of which look like a whole file; `mvhd` may tell 0 s."""
        self._seen: set[bytes] = set()
        self._boxes_left = MAX_BOXES
        self._is_between_boxes = True
        self._broken: str | None = None
        self._kept = bytearray()
        """The beginning of a header, no more."""
        self._walk = self._boxes()
        self._want: _Read | _Skip = next(self._walk)

    def feed(self, data: Bytes) -> None:
        """The next bytes of the file. Nothing is raised for a broken file, nor copied of a whole one."""
        view = memoryview(data)
        self.position += len(view)
        try:
            while len(view) and self._broken is None:
                view = self._take(view)
        except _NotMp4Error as problem:
            self._broken = str(problem)

    @property
    def early_problem(self) -> str | None:
        """What is wrong already, before the end."""
        return self._broken

    def problem(self, duration: int | None) -> str | None:
        """What is wrong, now that all was fed; None for a whole video of `duration` seconds (None: of any)."""
        if self._broken is not None:
            return self._broken
        if not self._is_between_boxes or self._kept or not self._seen:
            return "it ends in the middle of a box"
        missing = [kind.decode() for kind in (b"moov", b"mdat") if kind not in self._seen]
        if missing:
            return f"it has no {' and no '.join(missing)} box"
        return self._wrong_duration(duration)

    def _wrong_duration(self, asked: int | None) -> str | None:
        if self.is_fragmented and not self.duration:
            return None
        if self.duration is None:
            return "its moov box does not tell a duration"
        if asked is not None and abs(self.duration - asked) > DURATION_TOLERANCE:
            return f"it lasts {self.duration:.3f} s where {asked} s were asked for"
        return None

    def _take(self, view: memoryview) -> memoryview:
        """One step of the walk; returns what is left of the bytes."""
        want = self._want
        if isinstance(want, _Skip):
            used = min(want.size_bytes, len(view))
            self._want = _Skip(want.size_bytes - used)
            if used == want.size_bytes:
                self._want = self._walk.send(b"")
            return view[used:]
        used = want.size_bytes - len(self._kept)
        self._kept += view[:used]
        if len(self._kept) == want.size_bytes:
            read = bytes(self._kept)
            self._kept.clear()
            self._want = self._walk.send(read)
        return view[used:]

    def _boxes(self) -> _Walk:
        while True:
            self._is_between_boxes = True
            box = yield from self._header()
            if not self._seen and box.kind != b"ftyp":
                raise _NotMp4Error("it does not begin as an MP4 does")
            if box.kind in _MARKED and (box.body_bytes or box.kind != b"mdat"):
                self._seen.add(box.kind)
            if box.kind == b"moov":
                yield from self._movie(box.body_bytes)
            elif box.body_bytes:
                yield _Skip(box.body_bytes)

    def _movie(self, left_bytes: int) -> _Walk:
        """Walk the children of `moov`, and read `mvhd` among them."""
        while left_bytes:
            box = yield from self._header()
            left_bytes -= box.header_bytes + box.body_bytes
            if left_bytes < 0:
                raise _NotMp4Error("its moov box holds a box that is larger than itself")
            skipped = box.body_bytes
            self.is_fragmented = self.is_fragmented or box.kind == b"mvex"
            if box.kind == b"mvhd" and skipped:
                head = yield _Read(min(skipped, _MVHD_BYTES))
                self.duration = _read_duration(head)
                skipped -= len(head)
            if skipped:
                yield _Skip(skipped)

    def _header(self) -> Generator[_Read | _Skip, bytes, _Box]:
        head = yield _Read(MIN_BOX_BYTES)
        self._is_between_boxes = False
        size_bytes, kind, header_bytes = int.from_bytes(head[:4]), head[4:], MIN_BOX_BYTES
        if size_bytes == 1:
            size_bytes = int.from_bytes((yield _Read(MIN_BOX_BYTES)))
            header_bytes = 2 * MIN_BOX_BYTES
        if not self._seen and kind != b"ftyp":
            return _Box(kind, header_bytes, 0)
        # A size of 0 means "to the end of the file": what an encoder leaves behind that did not finish.
        if size_bytes < header_bytes or not _PRINTABLE.issuperset(kind):
            raise _NotMp4Error("its boxes do not follow one another")
        self._boxes_left -= 1
        if not self._boxes_left:
            raise _NotMp4Error(f"it has {MAX_BOXES} boxes, far more than a video")
        return _Box(kind, header_bytes, size_bytes - header_bytes)


def _read_duration(head: bytes) -> float | None:
    """Seconds, of the first bytes of a `mvhd` box. Source: ISO/IEC 14496-12, 8.2.2."""
    if len(head) < 20 or (head[0] == 1 and len(head) < _MVHD_BYTES):
        return None
    scale, ticks = (head[20:24], head[24:32]) if head[0] == 1 else (head[12:16], head[16:20])
    is_unknown = all(byte == 0xFF for byte in ticks)
    if not any(scale) or is_unknown:
        return None
    return int.from_bytes(ticks) / int.from_bytes(scale)
