"""A folder of images as jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .._core.errors import ConfigError
from .._core.job import Job, Quality

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".avif"})


def jobs_from_folder(
    folder: str | os.PathLike[str],
    *,
    prompt: str | None = None,
    duration: int = 5,
    quality: Quality = "540p",
    audio: bool = False,
    multi_clip: bool = False,
    seed: int | None = None,
) -> list[Job]:
    """A job for every image in the folder, in the order of their names; folders within it are left alone.

    `cat.txt` beside `cat.jpg` holds that image's own prompt. Files that are no images by their suffix are ignored.
    *Charges* nothing. *Raises* `ConfigError` when there is no such folder, no image in it, or an image without
    a prompt; `InvalidJobError` for a parameter out of range.
    """
    directory = Path(folder)
    if not directory.is_dir():
        raise ConfigError(
            "folder", f"{str(directory)!r} is not a folder", "Give the folder that holds the images."
        )
    images = sorted(path for path in directory.iterdir() if _is_image(path))
    if not images:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise ConfigError("folder", f"no image in {str(directory)!r}", f"Put images into it: {kinds}.")
    return [
        Job(
            image,
            _prompt_for(image, prompt),
            duration=duration,
            quality=quality,
            audio=audio,
            multi_clip=multi_clip,
            seed=seed,
        )
        for image in images
    ]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _prompt_for(image: Path, prompt: str | None) -> str:
    sidecar = image.with_suffix(".txt")
    if sidecar.is_file():
        return sidecar.read_text(encoding="utf-8-sig").strip()
    if prompt is None:
        remedy = f"Give prompt=, or write one into {sidecar.name}."
        raise ConfigError("prompt", f"none given for {image.name}", remedy)
    return prompt
