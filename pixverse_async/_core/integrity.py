"""Whether the bytes that came are the file: hashes and boxes, fed in order as the bytes arrive.

One `Check` is fed each byte of a file once, on a worker thread beside the write.  sha256 is always computed,
for the outcome.  Of the hashes that storage names, one is compared: crc32c when a C library for it is
installed (0.07 s a GB), else md5 (2 s a GB); computed in Python, crc32c would take minutes.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, cast

from .mp4 import BoxWalk, Bytes
from .transfer import GiveUp, StartOver, TryAgain

Crc: TypeAlias = "Callable[[Bytes, int], int]"
Flaw: TypeAlias = TryAgain | StartOver | GiveUp
"""Why the bytes are not the video, and what to do: ask for the rest, for all, or for nothing more."""
HOLE_BYTES: Final = 512
"""A sector of what a power cut leaves in a file of the right length, where pages had not reached the disk. In H.264 and
HEVC three bytes of zeros never follow one another; a file that has so many all the same is fetched anew, and taken."""


def find_crc32c() -> Crc | None:
    """A fast crc32c, if one is installed: the `crc32c` or the `google-crc32c` package."""
    for module_name, wrap in (("crc32c", _of_crc32c), ("google_crc32c", _of_google)):
        try:
            found = importlib.import_module(module_name)
        except ImportError:
            continue
        crc = wrap(vars(found))
        if crc is not None:
            return crc
    return None


def _of_crc32c(module: Mapping[str, object]) -> Crc | None:
    return cast("Crc | None", module.get("crc32c"))


def _of_google(module: Mapping[str, object]) -> Crc | None:
    if module.get("implementation") != "c":
        return None
    extend = cast("Callable[[int, bytes], int]", module["extend"])
    # It takes bytes only; the copy costs a tenth of the sha256 beside it.
    return lambda data, crc: extend(crc, bytes(data))


_CRC32C: Final = find_crc32c()


class Check:
    """Feed it a file from its first byte; then ask for its `problem`. *Not* for use by two threads at once."""

    def __init__(self, named: Mapping[str, bytes], crc32c: Crc | None = _CRC32C) -> None:
        self.boxes = BoxWalk()
        self.has_hole = False
        """What an earlier process left holds zeros where no video has any."""
        self._named = named
        self._sha256 = hashlib.sha256()
        self._crc32c = crc32c if "crc32c" in named else None
        self._crc = 0
        needs_md5 = "md5" in named and self._crc32c is None
        self._md5 = hashlib.md5(usedforsecurity=False) if needs_md5 else None

    @property
    def received_bytes(self) -> int:
        """Bytes fed so far."""
        return self.boxes.position

    @property
    def sha256(self) -> str:
        """Of the bytes fed so far, in hex."""
        return self._sha256.hexdigest()

    def feed(self, data: Bytes) -> None:
        """The next bytes. Milliseconds for each MiB: call it on a worker thread."""
        self._sha256.update(data)
        if self._md5 is not None:
            self._md5.update(data)
        if self._crc32c is not None:
            self._crc = self._crc32c(data, self._crc)
        self.boxes.feed(data)

    def feed_earlier(self, data: Bytes) -> None:
        """The same for bytes that an earlier process wrote: between it and this one the power may have been cut."""
        self.has_hole = self.has_hole or bytes(HOLE_BYTES) in bytes(data)
        self.feed(data)

    @property
    def is_named(self) -> bool:
        """True when there is a hash to compare with."""
        return self._crc32c is not None or self._md5 is not None

    def wrong_hash(self) -> str | None:
        """The name of a hash that storage named and that the bytes do not have."""
        if self._crc32c is not None:
            return "crc32c" if self._crc.to_bytes(4) != self._named["crc32c"] else None
        if self._md5 is not None:
            return "md5" if self._md5.digest() != self._named["md5"] else None
        return None


def find_flaw(
    check: Check, expected_bytes: int | None, duration: int | None, *, is_versioned: bool
) -> Flaw | None:
    """Judge a file that came to its end; None when it is whole.

    `expected_bytes`: what storage named; None when it named nothing. `duration`: the seconds that the service was
    asked for; None when unknown. `is_versioned`: the version of the bytes is known, so that the rest can be asked for.
    """
    if expected_bytes is not None and check.received_bytes < expected_bytes:
        return TryAgain(why="the transfer broke off")
    if expected_bytes is not None and check.received_bytes > expected_bytes:
        return StartOver(why="more bytes came than the file has")
    wrong = check.wrong_hash()
    if wrong is not None:
        return StartOver(why=f"the bytes that came do not have the {wrong} that storage names")
    if check.has_hole and not check.is_named:
        return StartOver(why="an earlier run left zeros, as after a power cut, and storage names no hash")
    problem = check.boxes.problem(duration)
    if problem is None and check.boxes.is_fragmented and expected_bytes is None and not check.is_named:
        problem = "it is in fragments, and neither a length nor a hash tells how many"
    if problem is None:
        return None
    if check.is_named:
        # It is what storage has, to the bit; to fetch it again would bring the same.
        return GiveUp(why=f"what the service made is not the video that was asked for: {problem}")
    why = f"what came is not the whole video: {problem}"
    # Without a length, a body that breaks off looks like one that ends.
    is_cut = expected_bytes is None and check.boxes.early_problem is None
    return TryAgain(why=why) if is_cut and is_versioned else StartOver(why=why)
