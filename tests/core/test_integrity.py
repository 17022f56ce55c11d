"""The check knows a file by its hashes, whichever of them storage names."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.integrity import Check, Flaw, find_crc32c, find_flaw
from pixverse_async._core.mp4 import Bytes
from pixverse_async._core.transfer import GiveUp, StartOver, TryAgain
from tests.mp4_files import box, mvhd, video

DATA = video(500)
MD5 = hashlib.md5(DATA).digest()


def crc32c(data: Bytes, crc: int = 0) -> int:
    """Castagnoli's CRC, a bit at a time."""
    crc ^= 0xFFFFFFFF
    for byte in bytes(data):
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@given(st.lists(st.integers(0, len(DATA)), max_size=5))
def test_hashes_do_not_depend_on_the_pieces(cuts: list[int]) -> None:
    """sha256, md5 and crc32c of the pieces are those of the whole."""
    edges = [0, *sorted(cuts), len(DATA)]
    check = Check({"md5": MD5}, None)
    crc = Check({"crc32c": crc32c(DATA).to_bytes(4)}, crc32c)
    for start, stop in itertools.pairwise(edges):
        check.feed(DATA[start:stop])
        crc.feed(memoryview(DATA)[start:stop])
    assert check.sha256 == hashlib.sha256(DATA).hexdigest() == crc.sha256
    assert (check.wrong_hash(), crc.wrong_hash()) == (None, None)
    assert check.received_bytes == len(DATA)


def test_a_wrong_byte_has_a_wrong_hash() -> None:
    """Whichever hash is compared, one changed byte is noticed and the hash is named."""
    md5, crc = Check({"md5": MD5}, None), Check({"crc32c": crc32c(DATA).to_bytes(4)}, crc32c)
    for check in (md5, crc):
        check.feed(b"\1" + DATA[1:])
    assert (md5.wrong_hash(), crc.wrong_hash()) == ("md5", "crc32c")


def test_the_cheaper_hash_is_preferred() -> None:
    """With a crc32c at hand md5 is not compared; without one it is; with neither named, nothing is."""
    wrong_md5 = {"md5": bytes(16), "crc32c": crc32c(DATA).to_bytes(4)}
    with_crc, without = Check(wrong_md5, crc32c), Check(wrong_md5, None)
    unnamed = Check({}, crc32c)
    for check in (with_crc, without, unnamed):
        check.feed(DATA)
    assert [check.wrong_hash() for check in (with_crc, without, unnamed)] == [None, "md5", None]
    assert [check.is_named for check in (with_crc, without, unnamed)] == [True, True, False]


def test_an_installed_crc32c_is_castagnolis() -> None:
    """A library that is found gives the checksum of the standard's test vector, also in two steps."""
    found = find_crc32c()
    if found is None:
        pytest.skip("neither crc32c nor google-crc32c is installed")
    assert found(b"123456789", 0) == 0xE3069283 == found(memoryview(b"56789"), found(b"1234", 0))


def judged(
    data: bytes, expected_bytes: int | None, *, md5: bytes | None = None, is_versioned: bool = True
) -> Flaw | None:
    """The verdict on a file of five seconds."""
    check = Check({} if md5 is None else {"md5": md5}, None)
    check.feed(data)
    return find_flaw(check, expected_bytes, 5, is_versioned=is_versioned)


def test_a_whole_file_has_no_flaw() -> None:
    """With a length and a hash, or with neither."""
    assert judged(DATA, len(DATA), md5=MD5) is None
    assert judged(DATA, None, is_versioned=False) is None


def test_a_short_body_is_continued_and_a_long_one_is_not() -> None:
    """Lengths are told, and are looked at before anything else."""
    assert judged(DATA[:-1], len(DATA), md5=MD5) == TryAgain(why="the transfer broke off")
    assert isinstance(judged(DATA + b"?", len(DATA), md5=MD5), StartOver)


def test_without_a_length_the_boxes_tell_that_the_rest_is_missing() -> None:
    """The rest is asked for only of a known version, and only where the bytes that came are an MP4's."""
    assert isinstance(judged(DATA[:-1], None), TryAgain)
    assert isinstance(judged(DATA[:-1], None, is_versioned=False), StartOver)
    assert isinstance(judged(DATA[:-1], len(DATA) - 1), StartOver)
    assert isinstance(judged(DATA[:4] + b"junk" + DATA[8:], None), StartOver)


@pytest.mark.parametrize("seconds", [0, 5.042])
def test_how_many_fragments_make_the_video_is_told_by_storage_alone(seconds: float) -> None:
    """With its length or hash it is taken, though it may tell no duration; cut between two, it looks no different."""
    start = box(b"ftyp", b"isom\0\0\2\0iso5") + box(b"moov", mvhd(seconds) + box(b"mvex", bytes(32)))
    fragment = box(b"moof", bytes(50)) + box(b"mdat", bytes(100))
    data = start + fragment * 3
    assert judged(data, len(data)) is None
    assert judged(data, None, md5=hashlib.md5(data).digest()) is None
    assert isinstance(judged(start + fragment, None), TryAgain)
    assert isinstance(judged(start + fragment, None, is_versioned=False), StartOver)
    assert isinstance(judged(start + fragment, len(data)), TryAgain)


def test_only_a_file_that_is_what_storage_has_is_given_up() -> None:
    """With the named hash it is no transfer's fault; with another it is."""
    cut = DATA[:-1]
    assert isinstance(judged(cut, len(cut), md5=hashlib.md5(cut).digest()), GiveUp)
    assert isinstance(judged(cut, len(cut), md5=MD5), StartOver)
