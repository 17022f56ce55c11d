"""What still works where Pillow is not installed: a child process in which it cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pillow_heif
import pytest

from .image_storage import JPEG, encoded, picture

WITHOUT = """
import sys
for name in {absent!r}: sys.modules[name] = None
import random, anyio
from pixverse_async._core.errors import InvalidJobError
from pixverse_async._core.job import Job
from pixverse_async._core.wire import Reply
from pixverse_async._edge.images import ImageHost, identify

class Storage:
    async def call(self, call):
        return Reply(status=200, body=b'{{"upload_url": "https://s.example/u", "public_url": "https://s.example/p"}}')
    async def put(self, url, body, content_type):
        return Reply(status=200)

async def main():
    host = ImageHost(Storage(), rng=random.Random(1))
    for path in sys.argv[1:]:
        job = Job(path, "x")
        try:
            print((await host.url_for(job, await identify(job))).url)
        except InvalidJobError as problem:
            print(problem)

anyio.run(main)
"""


CROWDED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pixverse_async._core.job import Job
from pixverse_async._edge import image_files

def is_loading(frame):
    while frame is not None and frame.f_code.co_name != "_find_and_load":
        frame = frame.f_back
    return frame is not None

class NoPillow:
    together = 0
    def find_spec(self, name, path=None, target=None):
        if name == "PIL":
            self.together = max(self.together, sum(map(is_loading, sys._current_frames().values())))
            raise ModuleNotFoundError(name=name)

def prepare(_):
    return image_files.prepare(Job(data, "x"), None).file_type

absent = NoPillow()
sys.meta_path.insert(0, absent)
sys.setswitchinterval(1e-5)
data = open(sys.argv[1], "rb").read()
with ThreadPoolExecutor(16) as threads:
    print(*set(threads.map(prepare, range(300))), absent.together)
"""


def run_without(absent: tuple[str, ...], *paths: Path) -> list[str]:
    code = WITHOUT.format(absent=absent)
    command = [sys.executable, "-c", code, *map(str, paths)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(picture(64, 64)).save(path)  # pyright: ignore[reportUnknownMemberType]  not annotated
    return path


def test_without_pillow_good_files_are_uploaded_and_the_rest_names_the_extra(tmp_path: Path, heic: Path) -> None:
    """Where Pillow is missing a JPEG still passes, damage is still found, and a WebP's error names the extra."""
    good, webp, cut = tmp_path / "a.jpg", tmp_path / "b.webp", tmp_path / "c.jpg"
    good.write_bytes(JPEG)
    webp.write_bytes(encoded(picture(), "WEBP"))
    cut.write_bytes(JPEG[:-9])
    said = run_without(("PIL", "pillow_heif"), good, webp, heic, cut)
    assert said[0] == "https://s.example/p"
    assert "a WebP file, and Pillow is not installed" in said[1]
    assert "Install the extra images: pip install 'pixverse-async[images]'" in said[1]
    assert "Install the extra heic: pip install 'pixverse-async[heic]'" in said[2]
    assert "cut short" in said[3]


def test_without_pillow_heif_a_heic_names_the_extra(tmp_path: Path, heic: Path) -> None:
    """Where only the HEIC reader is missing, the error names it, and a WebP is still converted."""
    webp = tmp_path / "b.webp"
    webp.write_bytes(encoded(picture(), "WEBP"))
    said = run_without(("pillow_heif",), heic, webp)
    assert "Install the extra heic: pip install 'pixverse-async[heic]'" in said[0]
    assert said[1] == "https://s.example/p"


def test_without_pillow_one_thread_at_a_time_finds_that_out(tmp_path: Path) -> None:
    """A failing import is never met by another thread, which could be handed the module without its contents."""
    good = tmp_path / "a.jpg"
    good.write_bytes(JPEG)
    command = [sys.executable, "-c", CROWDED, str(good)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["jpeg", "1"]
