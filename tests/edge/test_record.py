"""The journal in the user's hands: shown, settled, repaired, and enough by itself to finish what was sent."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import (
    BatchResult,
    Client,
    ConfigError,
    Job,
    JournalError,
    State,
    SubmitUnknownError,
    jobs_on_record,
    repair_journal,
    resolve,
)
from pixverse_async._core.price import MOST_USD
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.record import JOURNAL_NAME
from tests.clock import long_after
from tests.memory import Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio


def spoil(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a folder's journal, as a failing disk might."""
    path = folder / JOURNAL_NAME
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def _lines(folder: Path) -> list[bytes]:
    return (folder / JOURNAL_NAME).read_bytes().splitlines()


async def resumed(scene: Scene, folder: Path | None = None) -> BatchResult:
    """What `resume` gives, over the scene's transport."""
    place = scene.folder if folder is None else folder
    async with scene.client() as client, client.resume(place) as outcomes:
        found = [outcome async for outcome in outcomes]
    return BatchResult(sorted(found, key=lambda outcome: outcome.index))


async def test_a_record_tells_what_was_asked_and_what_became_of_it(tmp_path: Path) -> None:
    """Every parameter, the price, the id, the place and the reason; in the order of the submits."""
    scene = Scene.set(tmp_path, "submit:413_html:nth=2")
    jobs = [Job("https://p.example/cat.jpg", "yawns", duration=8, quality="720p", audio=True), *some_jobs(1)]
    batch = await scene.run(jobs, max_in_flight=1)
    cat, other = jobs_on_record(tmp_path)
    assert attrs.evolve(jobs[0], name="cat") == cat.job
    assert (State.SAVED, str(tmp_path / "cat.mp4")) == (cat.state, cat.path)
    assert (batch[0].request_id, batch[0].usd, batch[0].seed) == (cat.request_id, cat.usd, cat.seed)
    assert (State.FAILED, Decimal(0), None) == (other.state, other.usd, other.path)
    assert other.why
    assert not cat.is_held
    assert jobs_on_record(tmp_path / JOURNAL_NAME) == (cat, other)


async def test_a_folder_without_a_journal_is_told_as_such(tmp_path: Path) -> None:
    """Reading, settling, repairing and resuming each name the missing file and say what to give."""
    scene = Scene.set(tmp_path)
    with pytest.raises(JournalError, match="Give the folder"):
        jobs_on_record(tmp_path)
    with pytest.raises(JournalError, match="no journal of a batch is there"):
        await resolve(tmp_path, "ab")
    with pytest.raises(JournalError, match="no journal of a batch is there"):
        await repair_journal(tmp_path)
    with pytest.raises(JournalError, match="no journal of a batch is there"):
        await resumed(scene)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [0.4, 5.0, 20.0, 40.0])
async def test_resume_finishes_what_was_sent_and_sends_nothing(tmp_path: Path, seconds: float) -> None:
    """From the journal alone: every accepted job is saved, lost replies are found, and no POST leaves."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=2")
    with anyio.move_on_after(seconds):
        await scene.run(some_jobs(6))
    sent, recorded = scene.submits, len(jobs_on_record(tmp_path))
    batch = await resumed(scene)
    assert ["Succeeded"] * recorded == kinds(batch)
    assert sent == scene.submits == recorded
    for outcome in batch.succeeded:
        assert scene.content_of(outcome) == Path(outcome.path).read_bytes()
    again = await scene.run(some_jobs(6))
    assert ["Succeeded"] * 6 == kinds(again)
    assert not scene.paid_twice()


@pytest.mark.parametrize("image", ["https://me:pw@p.example/cat.jpg", "https://eyJhbGciOiJIUzI1.example/cat.jpg"])
async def test_an_image_that_is_told_without_its_secret_hides_no_job(tmp_path: Path, image: str) -> None:
    """A link with a login, or a token for a host, is no link any more in the journal; its job is shown and resumed."""
    scene = Scene.set(tmp_path)
    await scene.run([Job(image, "yawns")], job_timeout=0)
    (told,) = jobs_on_record(tmp_path)
    assert (State.QUEUED, True) == (told.state, "[redacted]" in str(told.job.image))
    assert ["Succeeded"] == kinds(await resumed(scene))
    assert 1 == scene.submits


async def test_resume_sends_not_even_what_was_surely_refused(tmp_path: Path) -> None:
    """A job that is back at its start is reported as not sent; the original call sends it."""
    scene = Scene.set(tmp_path, "submit:429_retry_after:nth=2")
    with anyio.move_on_after(1.5):
        await scene.run(some_jobs(2))
    assert [State.QUEUED, State.NEW] == [job.state for job in jobs_on_record(tmp_path)]
    batch = await resumed(scene)
    assert ["Succeeded", "Failed"] == kinds(batch)
    assert (
        "not sent: resume sends nothing; the batch that it was given to sends it. Nothing was charged; run it again."
        == batch.failed[0].error.describe()
    )
    assert 2 == scene.submits
    assert ["Succeeded"] * 2 == kinds(await scene.run(some_jobs(2)))


async def test_a_held_job_is_settled_by_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the id from the console its video is saved; declared absent, the next run sends it again."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=1", "submit:drop_before_commit:nth=2")
    jobs = some_jobs(2)
    await scene.run(jobs, on_unknown="hold", max_in_flight=1)
    accepted, lost = jobs_on_record(tmp_path)
    assert (True, True) == (accepted.is_held, lost.is_held)
    (charge,) = scene.cloud.ledger.committed
    settled = await resolve(tmp_path, accepted.key, request_id=charge.request_id)
    assert (State.QUEUED, charge.request_id) == (settled.state, settled.request_id)
    long_after(monkeypatch)
    assert State.NEW is (await resolve(tmp_path, lost.key)).state
    assert ["Succeeded"] * 2 == kinds(await scene.run(jobs, on_unknown="hold"))
    assert not scene.paid_twice()
    assert 3 == scene.submits


async def test_nothing_but_a_held_job_can_be_settled(tmp_path: Path) -> None:
    """Each wrong answer is told before anything is written: no such key, not held, no id, another job's id."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=2")
    await scene.run(some_jobs(2), on_unknown="hold", max_in_flight=1)
    saved, held = jobs_on_record(tmp_path)
    before = (tmp_path / JOURNAL_NAME).read_bytes()
    with pytest.raises(ConfigError, match="not on record"):
        await resolve(tmp_path, "ab")
    with pytest.raises(ConfigError, match="saved, neither held nor queued"):
        await resolve(tmp_path, saved.key)
    with pytest.raises(ConfigError, match="no request id"):
        await resolve(tmp_path, held.key, request_id="../x y")
    with pytest.raises(ConfigError, match="the request of 'job-0'"):
        await resolve(tmp_path, held.key, request_id=saved.request_id)
    assert before == (tmp_path / JOURNAL_NAME).read_bytes()


async def test_a_folder_in_use_is_neither_settled_nor_repaired(tmp_path: Path) -> None:
    """The holder of the lock is named; reading needs no lock."""
    scene = Scene.set(tmp_path, "submit:drop_before_commit:nth=1")
    await scene.run(some_jobs(1), on_unknown="hold")
    journal = await Journal.open(tmp_path / JOURNAL_NAME)
    (held,) = jobs_on_record(tmp_path)
    with pytest.raises(JournalError, match="process"):
        await resolve(tmp_path, held.key)
    with pytest.raises(JournalError, match="process"):
        await repair_journal(tmp_path)
    await journal.aclose()


async def test_a_damaged_journal_is_refused_repaired_and_finished(tmp_path: Path) -> None:
    """A destroyed acceptance: the run is refused, the repair holds the job, its record is found, nothing paid twice."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(3))
    path = tmp_path / JOURNAL_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    hit = next(n for n, line in enumerate(lines) if b"SubmitAccepted" in line)
    damaged = b"".join([*lines[:hit], b"\0" * 40 + b"\n", *lines[hit + 1 :]])
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match=r"repair"):
        await scene.run(some_jobs(3))
    repair = await repair_journal(tmp_path)
    assert (1, 3, 1) == (repair.lost_lines, len(repair.jobs), sum(job.is_held for job in repair.jobs))
    assert repair.damaged is not None
    assert damaged == repair.damaged.read_bytes()
    assert ["Succeeded"] * 3 == kinds(await scene.run(some_jobs(3)))
    assert 3 == scene.submits
    sound = await repair_journal(tmp_path)
    assert (0, None) == (sound.lost_lines, sound.damaged)


async def test_a_job_whose_submit_is_lost_with_its_line_is_held(tmp_path: Path) -> None:
    """Nothing is known of it but that it may be paid: not even listings are asked, and it is not sent."""
    scene = Scene.set(tmp_path, "submit:503_plain:nth=1")
    jobs = some_jobs(1, seed=5)
    await scene.run(jobs, on_unknown="hold")
    spoil(tmp_path, lambda lines: [lines[0], b"###\n", *lines[2:]])
    await repair_journal(tmp_path)
    batch = await scene.run(jobs)
    assert ["Unknown"] == kinds(batch)
    assert 1 == scene.submits
    error = batch.unknown[0].error
    assert isinstance(error, SubmitUnknownError)
    assert 5 == error.seed
    assert "the service answered 503" in error.what
    (held,) = jobs_on_record(tmp_path)
    assert (True, None, MOST_USD) == (held.is_held, held.seed, held.usd)
    assert State.NEW is (await resolve(tmp_path, held.key)).state


async def test_a_request_whose_submit_is_lost_with_its_line_is_fetched_and_counted(tmp_path: Path) -> None:
    """Its id is known: it is shown, resumed, and counted as the dearest video there is, for nobody knows its price."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(1))
    spoil(tmp_path, lambda lines: [lines[0], b"###\n", *lines[2:]])
    repair = await repair_journal(tmp_path)
    assert [(State.QUEUED, repair.mended[0][:8])] == [(job.state, job.name) for job in repair.jobs]
    batch = await scene.run(some_jobs(2), budget_usd=MOST_USD, job_timeout=0)
    assert (["Pending", "Failed"], 1) == (kinds(batch), scene.charges)
    again = await resumed(scene)
    assert (["Succeeded"], MOST_USD) == (kinds(again), again.usd_spent)
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.charges)


async def test_a_seed_that_is_lost_with_its_line_is_not_absent_from_the_list(tmp_path: Path) -> None:
    """The submit before was refused; the paid one is listed with a seed that nobody knows, and is not sent again."""
    scene = Scene.set(tmp_path, "submit:429:nth=1:value=1")
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(1))
    spoil(tmp_path, lambda lines: [*lines[:3], b"\0" * 40 + b"\n", b"\0" * 40 + b"\n"])
    await repair_journal(tmp_path)
    batch = await scene.run(some_jobs(1), on_unknown="resubmit", resubmit_after=30.0)
    assert (["Unknown"], 1) == (kinds(batch), scene.charges)


async def _retry_once(scene: Scene, jobs: list[Job]) -> None:
    """A run that is cancelled when its retries are accepted, and draws other seeds than the one before."""
    client = Client(
        scene.cloud.api_key, base_url=scene.cloud.base_url, transport=scene.transport, rng=random.Random(8)
    )
    with anyio.move_on_after(5.0):
        async with (
            client,
            client.as_completed(jobs, output_dir=scene.folder, retry_failed=True) as outcomes,
        ):
            assert [] == [outcome async for outcome in outcomes]


@pytest.mark.parametrize("lines_left", [0, 1])
async def test_a_retry_that_is_lost_with_its_lines_is_not_bought_again(tmp_path: Path, lines_left: int) -> None:
    """The request that is on record failed, and the job was sent again: a further retry waits for its user."""
    scene = Scene.set(tmp_path, "submit:moderation:nth=1")
    assert ["Failed"] == kinds(await scene.run(some_jobs(1)))
    await _retry_once(scene, some_jobs(1))
    (paid,) = scene.cloud.ledger.committed
    failed = next(n for n, line in enumerate(_lines(tmp_path)) if b"GenerationFailed" in line)
    spoil(tmp_path, lambda lines: [*lines[:failed], *[b"###\n"] * 4, *lines[failed + 4 :][:lines_left]])
    await repair_journal(tmp_path)
    batch = await scene.run(some_jobs(1), retry_failed=True)
    assert (["Unknown"], 2) == (kinds(batch), scene.submits)
    assert ["Unknown"] == kinds(await scene.run(some_jobs(1), retry_failed=True))
    (held,) = jobs_on_record(tmp_path)
    async with scene.client() as client:
        await client.resolve(tmp_path, held.key, request_id=paid.request_id)
    assert (["Succeeded"], 2) == (kinds(await scene.run(some_jobs(1))), scene.submits)


async def test_a_request_that_goes_on_is_believed_however_many_lines_are_lost(tmp_path: Path) -> None:
    """Nobody retries what has not failed: it is read, taken up and saved."""
    scene = Scene.set(tmp_path)
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(1))
    spoil(tmp_path, lambda lines: [*lines[:3], *[b"###\n"] * 4])
    (held,) = (await repair_journal(tmp_path)).jobs
    assert held.is_held
    assert (["Succeeded"], 1) == (kinds(await resumed(scene)), scene.submits)


async def test_a_saved_video_whose_id_is_lost_is_awaited_when_it_is_gone(tmp_path: Path) -> None:
    """It cannot be fetched without its id: that is said, nothing is asked or paid, and it may be put back."""
    scene = Scene.set(tmp_path)
    (saved,) = (await scene.run(some_jobs(1))).succeeded
    spoil(tmp_path, lambda lines: [*lines[:2], b"###\n", *lines[3:]])
    await repair_journal(tmp_path)
    away = Path(saved.path).rename(tmp_path / "away.mp4")
    batch = await scene.run(some_jobs(1))
    assert "a repair found the line with its request's id lost" in str(batch.failed[0].error)
    assert batch.failed[0].error.may_be_billed
    away.rename(saved.path)
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.submits)


async def test_a_line_that_was_copied_buys_nothing_again(tmp_path: Path) -> None:
    """A journal whose refusal stands a second time behind the acceptance is repaired, and what is paid is saved."""
    scene = Scene.set(tmp_path, "submit:429:nth=1:value=1")
    with anyio.move_on_after(5.0):
        await scene.run(some_jobs(1))
    spoil(tmp_path, lambda lines: [*lines, lines[2]])
    assert 0 == (await repair_journal(tmp_path)).lost_lines
    assert (["Succeeded"], 1) == (kinds(await scene.run(some_jobs(1))), scene.charges)


async def test_a_foreign_file_is_not_repaired(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / JOURNAL_NAME
    path.write_bytes(b"name,usd\n")
    with pytest.raises(JournalError, match="Nothing was changed"):
        await repair_journal(tmp_path)
    assert b"name,usd\n" == path.read_bytes()
