"""A file passes as a video exactly when its boxes are whole."""

from __future__ import annotations

import tracemalloc
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.mp4 import MAX_BOXES, BoxWalk
from tests.mp4_files import box, large_box, mvhd, video

FTYP = box(b"ftyp", b"isom\0\0\2\0isom")
MOOV = box(b"moov", mvhd(5.042) + box(b"trak", bytes(40)) + box(b"udta", b""))
MDAT = box(b"mdat", bytes(range(200)))
LAYOUTS = {
    "moov last": FTYP + box(b"free", b"") + MDAT + MOOV,
    "moov first": FTYP + MOOV + MDAT,
    "large mdat": FTYP + large_box(b"mdat", bytes(100)) + MOOV,
    "version 1 mvhd": FTYP + MDAT + box(b"moov", box(b"iods", b"x") + mvhd(5.042, version=1)),
    "large moov": FTYP + MDAT + large_box(b"moov", mvhd(5.042)),
}


def problem(*pieces: bytes, duration: int | None = 5) -> str | None:
    """What the walk says of a file that comes in these pieces."""
    walk = BoxWalk()
    for piece in pieces:
        walk.feed(piece)
    return walk.problem(duration)


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_whole_file_passes(data: bytes) -> None:
    """Each layout that encoders write is accepted."""
    assert problem(data) is None


@pytest.mark.fault(19)
@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_any_truncation_is_refused(data: bytes) -> None:
    """No beginning of a file, however long, is taken for the file."""
    assert [n for n in range(len(data)) if problem(data[:n]) is None] == []


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_anything_appended_is_refused(data: bytes) -> None:
    """Up to seven bytes after the last box are noticed, zeros and a page's end alike."""
    assert [tail for tail in (b"\0", b"\0" * 8, b"</html>", b"\xff" * 9) if problem(data + tail) is None] == []


@given(st.data(), st.sampled_from(sorted(LAYOUTS)))
def test_chunking_changes_nothing(draw: st.DataObject, layout: str) -> None:
    """A file and each of its truncations are judged alike in whatever pieces they come."""
    whole = LAYOUTS[layout]
    data = whole[: draw.draw(st.integers(0, len(whole)))]
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert problem(data) == problem(*pieces)


@given(st.binary(max_size=400), st.booleans())
def test_foreign_bytes_are_refused(data: bytes, has_ftyp: bool) -> None:
    """Bytes that nobody encoded are no video, and raise nothing."""
    assert problem(FTYP + data if has_ftyp else data) is not None


@given(st.integers(0, len(video()) - 1), st.integers(1, 255))
def test_a_flipped_byte_raises_nothing(at: int, flip: int) -> None:
    """One changed byte leads to a verdict, whatever it is."""
    data = bytearray(video())
    data[at] ^= flip
    problem(bytes(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html></html>", "does not begin"),
        (b"", "middle of a box"),
        (FTYP, "no moov and no mdat"),
        (FTYP + MOOV, "no mdat"),
        (FTYP + box(b"mdat", b"") + MOOV, "no mdat"),
        (FTYP + MDAT, "no moov"),
        (FTYP + MDAT + box(b"moov", b""), "duration"),
        (FTYP + MDAT + box(b"moov", box(b"mvhd", b"")), "duration"),
        (FTYP + MDAT + box(b"moov", mvhd(5, scale=0)), "duration"),
        (FTYP + b"\0\0\0\0mdat" + bytes(90), "follow"),
        (FTYP + box(b"moov", bytes(4) + b"trak" + bytes(9)), "follow"),
        (FTYP + box(b"moov", (99).to_bytes(4) + b"trak"), "larger than itself"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, words: str) -> None:
    """The problem says which box, so that a reader knows whether the line or the service is at fault."""
    assert words in (problem(data) or "nothing")


@pytest.mark.parametrize(
    ("seconds", "asked", "is_taken"),
    [(5.042, 5, True), (6.4, 5, True), (6.6, 5, False), (3.4, 5, False), (8.0, None, True)],
)
def test_the_duration_is_the_one_asked(seconds: float, asked: int | None, is_taken: bool) -> None:
    """One second and a half more or less is taken; an unknown wish takes any."""
    assert is_taken == (problem(video(seconds=seconds), duration=asked) is None)


def test_memory_is_flat() -> None:
    """The walk keeps no more than one header, however large the file: a moov of a MiB included."""
    data = FTYP + box(b"mdat", bytes(2**20)) + box(b"moov", mvhd(5) + box(b"trak", bytes(2**20)))
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    walk = BoxWalk()
    tracemalloc.start()
    try:
        for piece in pieces:
            walk.feed(piece)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 10_000
    assert walk.problem(5) is None


def test_a_file_of_empty_boxes_costs_neither_memory_nor_time() -> None:
    """Each box with a name of its own: none is remembered, and long before the end it is no video any more."""
    letters = range(0x41, 0x61)
    pieces = [b"".join(box(bytes(kind), b"") for kind in product(*[letters] * 3, [last])) for last in letters]
    walk = BoxWalk()
    walk.feed(FTYP)
    tracemalloc.start()
    try:
        for piece in pieces:
            walk.feed(piece)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 10_000
    assert f"{MAX_BOXES} boxes" in (walk.early_problem or "")


def test_a_video_in_many_fragments_is_not_too_many_boxes() -> None:
    """Fifteen seconds of 60 frames, each in a fragment of its own with all that may stand in one."""
    fragment = box(b"moof", bytes(80)) + MDAT + box(b"sidx", b"") + box(b"prft", b"") + box(b"emsg", b"")
    assert problem(FTYP, MOOV, fragment * 900) is None
