"""A child that was forked meanwhile, as a pool of processes does, holds open what its parent had open."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixverse_async._edge.journal_file import open_journal
from pixverse_async._edge.part_file import open_part

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")


@contextmanager
def _forked_child() -> Generator[None]:
    """A child that does nothing until the end of the block."""
    its_end, our_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(our_end)
        os.read(its_end, 1)
        os._exit(0)
    os.close(its_end)
    try:
        yield
    finally:
        os.close(our_end)
        os.waitpid(child, 0)


def test_a_journal_is_free_when_its_run_has_ended(tmp_path: Path) -> None:
    """Whoever of its children lives on."""
    file, _ = open_journal(tmp_path / "journal")
    with _forked_child():
        file.close()
        open_journal(tmp_path / "journal")[0].close()


def test_a_part_is_free_when_its_download_has_ended(tmp_path: Path) -> None:
    """Cut off, and taken up again by the next."""
    part = open_part(tmp_path / "cat.mp4")
    part.write(b"half a video")
    with _forked_child():
        part.close()
        open_part(tmp_path / "cat.mp4").remove()


def test_a_child_that_closes_a_part_leaves_its_parent_the_lock(tmp_path: Path) -> None:
    """Its garbage collector may do so at any time."""
    part = open_part(tmp_path / "cat.mp4")
    child = os.fork()
    if child == 0:
        part.close()
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(OSError, match="another download"):
        open_part(tmp_path / "cat.mp4")
    part.remove()
