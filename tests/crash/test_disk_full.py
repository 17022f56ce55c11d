"""Batches on a disk that is full, read-only or taken away: file systems of their own, really mounted.

The numbers are the rows of the fault matrix.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from pixverse_async import BatchResult, ConfigError, FixedPolling, Job, JobEvent, JournalError, generate_many
from pixverse_async._core.job_event import Observer
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async.emulator import Emulator, FilmOrder, Settings, tiny_film
from tests.memory import kinds, tiny_png
from tests.mp4_files import box

pytestmark = pytest.mark.anyio

QUICK = Settings(generation_median=2.0, generation_sigma=0.1, submit_latency=0.01, queue_wait_median=0.01)
SLOW = attrs.evolve(QUICK, generation_median=10.0)
Mount = Callable[[str], Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Generator[Mount]:
    """A folder with a file system of its own, mounted with the options given; again to change them."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a tmpfs is not permitted here")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount_again(folder: Path, options: str) -> None:
    """The same file system with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def large_film(order: FilmOrder) -> bytes:
    """A whole video of some 300 kB."""
    return tiny_film(order) + box(b"free", bytes(300_000))


async def run(
    emulator: Emulator,
    folder: Path,
    count: int = 5,
    *,
    journal: Path | None = None,
    on_event: Observer | None = None,
) -> BatchResult:
    return await generate_many(
        [Job(tiny_png(n), f"scene {n}", name=f"job-{n}", duration=1) for n in range(count)],
        output_dir=folder,
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        poll_policy=FixedPolling(0.05),
        polls_per_second=400.0,
        max_in_flight=2,
        journal=True if journal is None else journal,
        on_event=on_event,
    )


def paid_once(emulator: Emulator, count: int) -> bool:
    """As many jobs are charged, and none twice."""
    prompts = Counter(charge.prompt for charge in emulator.ledger.committed)
    return len(prompts) == count and set(prompts.values()) == {1}


@pytest.mark.fault(30)
async def test_30_videos_that_find_no_room_are_fetched_when_there_is_some(tmp_path: Path, mounted: Mount) -> None:
    """A full disk stops the sending, not the watching; what is paid is fetched later, and nothing is paid again."""
    folder = mounted("size=1m")
    async with Emulator(SLOW, speed=40.0, film=large_film) as emulator:
        first = await run(emulator, folder, 12, journal=tmp_path / JOURNAL_NAME)
        assert 12 == len(first)
        assert 2 <= len(first.succeeded) <= 3
        paid = [failed for failed in first.failed if failed.error.may_be_billed]
        assert len(paid) + len(first.succeeded) == emulator.ledger.submits < 12
        assert all("the disk is full (ENOSPC)" in str(failed.error) for failed in first.failed)
        mount_again(folder, "size=16m")
        assert ["Succeeded"] * 12 == kinds(await run(emulator, folder, 12, journal=tmp_path / JOURNAL_NAME))
        assert paid_once(emulator, 12)
    assert {f"job-{n}.mp4" for n in range(12)} == {path.name for path in folder.iterdir()}


@pytest.mark.fault(29, 30)
async def test_30_a_disk_that_fills_up_under_journal_and_videos_loses_nothing(mounted: Mount) -> None:
    """Whichever of the two notices first: the sending stops, and with room again the same call pays nothing twice."""
    folder = mounted("size=1m,nr_inodes=200")
    filler = folder / "somebody's"

    def fill(event: JobEvent) -> None:
        if type(event.event).__name__ == "SubmitAccepted" and not filler.exists():
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    async with Emulator(SLOW, speed=40.0, film=large_film) as emulator:
        with suppress(JournalError):
            assert "Succeeded" not in kinds(await run(emulator, folder, 20, on_event=fill))
        assert 1 <= emulator.ledger.submits < 20
        filler.unlink()
        mount_again(folder, "size=16m")
        assert ["Succeeded"] * 20 == kinds(await run(emulator, folder, 20))
        assert paid_once(emulator, 20)


@pytest.mark.fault(32)
async def test_32_a_folder_that_cannot_be_written_stops_the_batch_before_it_pays(mounted: Mount) -> None:
    """On a read-only file system ConfigError names the folder, and the service was not asked for anything."""
    folder = mounted("size=1m,ro")
    async with Emulator(QUICK, speed=40.0, film=tiny_film) as emulator:
        with pytest.raises(ConfigError, match="Read-only file system"):
            await run(emulator, folder)
        assert 0 == emulator.ledger.submits == emulator.storage.uploads


@pytest.mark.fault(32)
@pytest.mark.parametrize("misdeed", ["removed", "read-only"])
async def test_32_a_folder_that_is_lost_in_the_middle_loses_no_paid_video(
    tmp_path: Path, mounted: Mount, misdeed: str
) -> None:
    """Taken away after the second submit was accepted: the next run, with the folder back, pays nothing again."""
    folder = mounted("size=4m") / "out" if misdeed == "removed" else mounted("size=4m")
    accepted = 0

    def strike(event: JobEvent) -> None:
        nonlocal accepted
        accepted += type(event.event).__name__ == "SubmitAccepted"
        if accepted == 2 and type(event.event).__name__ == "SubmitAccepted":
            if misdeed == "removed":
                shutil.rmtree(folder)
            else:
                mount_again(folder, "ro")

    async with Emulator(QUICK, speed=40.0, film=tiny_film) as emulator:
        kept = tmp_path / JOURNAL_NAME
        first = await run(emulator, folder, journal=kept, on_event=strike)
        # A removed folder is made again for each video; one whose part was open in it is left to the next run.
        assert misdeed == "removed" or first.failed
        words = "No such file" if misdeed == "removed" else "Read-only file system"
        assert all(words in str(failed.error) for failed in first.failed)
        if misdeed == "read-only":
            mount_again(folder, "rw")
        assert ["Succeeded"] * 5 == kinds(await run(emulator, folder, journal=kept))
        assert paid_once(emulator, 5)
    assert [f"job-{n}.mp4" for n in range(5)] == sorted(path.name for path in folder.iterdir())


@pytest.mark.fault(32)
async def test_32_a_folder_that_takes_no_file_any_more_stops_the_sending(tmp_path: Path) -> None:
    """Moved away, and a file in its place; with the folder back, the same call finishes all and pays none twice."""
    folder, moved = tmp_path / "out", tmp_path / "moved"

    def strike(event: JobEvent) -> None:
        if event.outcome is not None and event.index == 0:
            folder.rename(moved)
            folder.touch()

    async with Emulator(QUICK, speed=40.0, film=tiny_film) as emulator:
        first = await run(emulator, folder, 40, journal=tmp_path / JOURNAL_NAME, on_event=strike)
        assert emulator.ledger.submits < 20
        assert any("not sent: " in failed.error.describe() for failed in first.failed)
        folder.unlink()
        moved.rename(folder)
        assert ["Succeeded"] * 40 == kinds(await run(emulator, folder, 40, journal=tmp_path / JOURNAL_NAME))
        assert paid_once(emulator, 40)


@pytest.mark.fault(32)
async def test_32_a_disk_that_turns_read_only_stops_the_sending(tmp_path: Path, mounted: Mount) -> None:
    """No video is paid for that could not be saved; with the disk back, the same call finishes all."""
    folder = mounted("size=4m")

    def strike(event: JobEvent) -> None:
        if event.outcome is not None and event.index == 0:
            mount_again(folder, "ro")

    async with Emulator(QUICK, speed=40.0, film=tiny_film) as emulator:
        await run(emulator, folder, 40, journal=tmp_path / JOURNAL_NAME, on_event=strike)
        assert emulator.ledger.submits < 20
        mount_again(folder, "rw")
        assert ["Succeeded"] * 40 == kinds(await run(emulator, folder, 40, journal=tmp_path / JOURNAL_NAME))
        assert paid_once(emulator, 40)
