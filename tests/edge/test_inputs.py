"""A folder of images as jobs: which files count, what their sidecars may say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pixverse_async import ConfigError, InvalidJobError, Job, PixverseError, jobs_from_folder, jobs_from_images


def photos(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"an image, for all we look at")
    return folder


def test_a_folder_gives_a_job_for_each_image_and_nothing_else(tmp_path: Path) -> None:
    """Images come in the order of their names; hidden files, other files and folders are left alone."""
    photos(tmp_path, "b.PNG", "a.jpg", ".c.jpg", "notes.txt", "d.pdf")
    (tmp_path / "e.jpg").mkdir()
    jobs = jobs_from_folder(tmp_path, prompt="it snows", duration=2, seed=7)
    expected = [Job(tmp_path / name, "it snows", duration=2, seed=7) for name in ("a.jpg", "b.PNG")]
    assert expected == jobs


def test_a_sidecar_goes_before_what_is_given_for_all(tmp_path: Path) -> None:
    """A text beside an image is its prompt, a JSON object any of its parameters, and the object has the last word."""
    photos(tmp_path, "cat.jpg", "dog.jpg", "owl.jpg")
    (tmp_path / "cat.txt").write_text("\ufeffthe cat yawns\n", encoding="utf-8")
    (tmp_path / "dog.txt").write_text("not this", encoding="utf-8")
    own = {"prompt": "the dog barks", "duration": 9, "audio": True, "name": "rex", "metadata": {"row": 3}}
    (tmp_path / "dog.json").write_text(json.dumps(own), encoding="utf-8")
    cat, dog, owl = jobs_from_images(
        [tmp_path / name for name in ("cat.jpg", "dog.jpg", "owl.jpg")], prompt="it snows", quality="720p"
    )
    assert Job(tmp_path / "cat.jpg", "the cat yawns", quality="720p") == cat
    assert Job(tmp_path / "dog.jpg", "the dog barks", quality="720p", duration=9, audio=True, name="rex") == dog
    assert {"row": 3} == dog.metadata
    assert Job(tmp_path / "owl.jpg", "it snows", quality="720p") == owl


@pytest.mark.parametrize(
    ("sidecar", "content", "says"),
    [
        ("cat.txt", b"\xff\xfe\x00", "cat.txt': not UTF-8 text. It holds the prompt"),
        ("cat.json", b"\xff", "cat.json': not UTF-8 text. It holds parameters"),
        ("cat.json", b"{", "cat.json': not JSON"),
        ("cat.json", b"[1]", "cat.json': no JSON object"),
        ("cat.json", b'{"image": "dog.jpg"}', "cat.json': it names an image of its own"),
        (
            "cat.json",
            b'{"prompt": "p", "colour": 1}',
            "job 'cat': colour=1: no such parameter (in cat.json). Use image, prompt",
        ),
        (
            "cat.json",
            b'{"prompt": "p", "duration": 99}',
            "job 'cat': duration=99: not a whole number of seconds from 1 to 15 (in cat.json). Use 1 to 15.",
        ),
        ("cat.txt", b"p" * 5001, "…: 5001 characters long (in cat.txt). Shorten it to 5000 characters."),
        (
            "dog.txt",
            b"a prompt of nobody",
            "prompt: none given for cat.jpg. Give one for all, or write one into cat.txt",
        ),
    ],
)
def test_a_wrong_sidecar_is_named(tmp_path: Path, sidecar: str, content: bytes, says: str) -> None:
    """What is wrong beside an image is said with its file and the remedy, before anything is paid."""
    (photos(tmp_path, "cat.jpg") / sidecar).write_bytes(content)
    with pytest.raises(PixverseError) as caught:
        jobs_from_folder(tmp_path)
    assert says in str(caught.value)
    assert isinstance(caught.value, ConfigError | InvalidJobError)


def test_all_that_is_wrong_beside_the_images_is_told_at_once(tmp_path: Path) -> None:
    """Thirty mistakes are mended after one call: each is named with its image, field, value, file and remedy."""
    photos(tmp_path, "cat.jpg", "dog.jpg", "emu.jpg", "owl.jpg", "rat.jpg")
    (tmp_path / "cat.json").write_text('{"prompt": "p", "duration": 99}', encoding="utf-8")
    (tmp_path / "dog.json").write_text("{", encoding="utf-8")
    (tmp_path / "emu.txt").write_text("the emu runs", encoding="utf-8")
    (tmp_path / "owl.txt").write_text("p" * 5001, encoding="utf-8")
    with pytest.raises(InvalidJobError) as caught:
        jobs_from_folder(tmp_path)
    head, cat, dog, owl, rat = str(caught.value).splitlines()
    assert "images: 4 of 5 make no job. Correct each:" == head
    assert cat.startswith(
        "  job 'cat': duration=99: not a whole number of seconds from 1 to 15 (in cat.json). Use"
    )
    assert dog.startswith(f"  job 'dog': sidecar='{tmp_path}/dog.json': not JSON (")
    assert owl.endswith("5001 characters long (in owl.txt). Shorten it to 5000 characters.")
    assert "  job 'rat': prompt: none given for rat.jpg. Give one for all, or write one into rat.txt." == rat


def test_a_parameter_that_no_sidecar_holds_is_laid_to_none(tmp_path: Path) -> None:
    """What was given for all images is wrong in the call, whatever else the sidecar says."""
    (photos(tmp_path, "cat.jpg") / "cat.json").write_text('{"prompt": "p", "audio": true}', encoding="utf-8")
    with pytest.raises(InvalidJobError) as caught:
        jobs_from_folder(tmp_path, duration=99)
    assert "job 'cat': duration=99: not a whole number of seconds from 1 to 15. Use 1 to 15." == str(caught.value)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        ("cat.jpg", "a single str instead of several files"),
        (Path("cat.jpg"), f"a single {type(Path()).__name__} instead of several files"),
        (["https://h.example/cat.jpg"], "'https://h.example/cat.jpg' is a link, not a file"),
        ([7], "7 is no path"),
    ],
)
def test_what_is_no_list_of_files_is_named(images: Any, says: str) -> None:
    """A str was taken for a list of its letters, and a link for a file of nearly its name."""
    with pytest.raises(ConfigError, match=f"^images: {says}"):
        jobs_from_images(images, prompt="it snows")


def test_a_place_without_images_is_named(tmp_path: Path) -> None:
    """No folder, a file in its place, and a folder without images are three plain sentences."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for name in ("nowhere", "file"):
        with pytest.raises(ConfigError, match=f"{name}' is not a folder"):
            jobs_from_folder(tmp_path / name)
    with pytest.raises(ConfigError, match="no image in"):
        jobs_from_folder(tmp_path)
