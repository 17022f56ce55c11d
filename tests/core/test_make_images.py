"""The pictures of examples/images are what their script draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from examples import make_images
from pixverse_async._core.picture import preparation
from pixverse_async._core.sniff import examine

FOLDER = Path(make_images.__file__).with_name("images")


def test_the_folder_holds_what_the_script_draws() -> None:
    """No picture is missing, and none is there that the script does not know."""
    assert sorted(make_images.SCENES) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", make_images.SCENES)
def test_the_script_draws_the_picture_again(name: str) -> None:
    """Drawn now, a picture is the stored one, but for what lossy compression changes."""
    drawn = make_images.SCENES[name]().finished()
    stored = Image.open(FOLDER / name).convert("RGB")
    difference = ImageStat.Stat(ImageChops.difference(drawn, stored))
    assert drawn.size == stored.size
    assert max(difference.mean) < (0.5 if name.endswith(".png") else 4)


@pytest.mark.parametrize("name", make_images.SCENES)
def test_the_picture_is_small_and_whole(name: str) -> None:
    """Each picture weighs less than 120 kB, and only the WebP needs converting."""
    content = (FOLDER / name).read_bytes()
    facts = examine(content)
    assert len(content) < 120_000
    assert facts.problem is None
    assert preparation(facts, len(content)).steps == (("convert",) if name.endswith(".webp") else ())
