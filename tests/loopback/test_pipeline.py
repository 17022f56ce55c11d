"""The whole pipeline over real sockets: the emulator's shell, aiohttp, the disk."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections import Counter
from pathlib import Path

import anyio
import pytest

from pixverse_async import (
    ApiError,
    AuthError,
    BatchResult,
    Client,
    ConfigError,
    DownloadError,
    FixedPolling,
    Job,
    PixverseError,
    SubmitUnknownError,
    Succeeded,
    TransportError,
    generate_many,
)
from pixverse_async._edge.limits import OnUnknown
from pixverse_async.emulator import Emulator, Rule, Settings, tiny_film
from pixverse_async.emulator.objects import StoredObject
from tests.memory import kinds, tiny_png

pytestmark = pytest.mark.anyio

SUBMIT_FAULTS = (
    "drop_after_commit", "error_500_after_commit", "502_html_after_commit", "504_html_after_commit",
    "503_request_id", "503_request_id_absent", "drop_before_commit", "200_html", "200_truncated_json",
    "200_without_request_id",
)  # fmt: skip
MEDIA_FAULTS = (
    "truncate", "reset_mid_body", "truncate_unframed", "truncate_chunked", "truncate_by_one", "zero_tail", "corrupt",
    "404", "403", "503", "drop", "ignore_range", "changed_etag", "html_200", "no_hashes",
)  # fmt: skip


def _jobs(count: int) -> list[Job]:
    return [Job(tiny_png(n), f"scene {n}", name=f"job-{n}", duration=1) for n in range(count)]


async def _batch(
    emulator: Emulator, folder: Path, jobs: list[Job], on_unknown: OnUnknown = "reconcile"
) -> BatchResult:
    return await generate_many(
        jobs,
        output_dir=folder,
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        poll_policy=FixedPolling(0.3),
        polls_per_second=400.0,
        on_unknown=on_unknown,
        resubmit_after=4.0,
    )


def _film_of(stored: StoredObject) -> bytes:
    assert stored.order is not None
    return tiny_film(stored.order)


@pytest.mark.fault(26)
@pytest.mark.timeout(300)
async def test_two_hundred_jobs_under_every_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All ambiguity and storage faults at once: nothing escapes or is paid twice, no file is wrong, no key shows."""
    caplog.set_level(logging.DEBUG)
    rules = [Rule(on="submit", fault=fault, probability=0.02) for fault in SUBMIT_FAULTS]
    rules += [Rule(on="media", fault=fault, probability=0.02) for fault in MEDIA_FAULTS]
    rules += [Rule(on="poll", fault=fault, probability=0.02) for fault in ("500", "502_html", "drop", "200_html")]
    rules += [
        Rule(on="put", fault="403_expired", probability=0.02),
        Rule(on="upload_url", fault="500", probability=0.02),
    ]
    settings = Settings(rules=tuple(rules), list_lag=20.0, generation_median=40.0)
    async with Emulator(settings, speed=40.0, film=tiny_film) as emulator:
        # The list lags half a real second: four are long enough to know, and spare the test a minute of looking.
        batch = await _batch(emulator, tmp_path, _jobs(200), on_unknown="resubmit")
        # A quarter of all downloads go wrong: one in a thousand does so five times in a row, and is the next run's.
        assert {DownloadError} >= {type(failed.error) for failed in batch.failed}
        for _ in range(2):
            batch = await _batch(emulator, tmp_path, _jobs(200), on_unknown="resubmit")
        assert [] == [str(one.error) for one in batch if not isinstance(one, Succeeded)]
        assert 200 == len(batch)
        prompts = Counter(charge.prompt for charge in emulator.ledger.committed)
        assert {} == {prompt: times for prompt, times in prompts.items() if times > 1}
        held = {
            stored.request_id: hashlib.sha256(stored.content or _film_of(stored)).hexdigest()
            for stored in emulator.storage.objects.values()
            if stored.request_id
        }
        for outcome in batch.succeeded:
            assert held[outcome.request_id or ""] == outcome.sha256
            assert outcome.sha256 == hashlib.sha256(Path(outcome.path).read_bytes()).hexdigest()
        assert not emulator.storage.leaks
        secret = emulator.api_key
    texts = [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
    texts += [caplog.text, repr(batch[:]), batch.summary()]
    for text in texts:
        assert secret not in text
        assert "X-Goog-Signature" not in text


@pytest.mark.fault(35)
async def test_nothing_is_left_open(tmp_path: Path) -> None:
    """After a cancelled batch no task of ours runs, and no part file lies about without a journal entry."""
    async with Emulator(speed=20.0, film=tiny_film) as emulator:
        with anyio.move_on_after(1.0):
            await _batch(emulator, tmp_path, _jobs(10))
        ours = ("poll", "submit", "download", "reconcile", "batch", "post")
        assert [] == [task.name for task in anyio.get_running_tasks() if (task.name or "").startswith(ours)]
        batch = await _batch(emulator, tmp_path, _jobs(10))
        assert ["Succeeded"] * 10 == kinds(batch)
        assert 10 == emulator.ledger.submits
    assert [] == list(tmp_path.glob("*.part*"))


@pytest.mark.fault(35)
async def test_asyncio_timeout_ends_a_batch_and_loses_nothing(tmp_path: Path) -> None:
    """`asyncio.timeout` around a batch raises TimeoutError in time; the same call afterwards pays nothing again."""
    async with Emulator(speed=20.0, film=tiny_film) as emulator:
        started_at = anyio.current_time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await _batch(emulator, tmp_path, _jobs(4))
        assert anyio.current_time() - started_at < 10.0
        accepted = emulator.ledger.accepted
        assert ["Succeeded"] * 4 == kinds(await _batch(emulator, tmp_path, _jobs(4)))
        assert 4 == emulator.ledger.submits >= accepted


async def test_one_job_by_hand(tmp_path: Path) -> None:
    """Submit, look, wait, save; and the handle made again from its id saves the same bytes."""
    async with Emulator(speed=200.0, film=tiny_film) as emulator:
        async with Client(emulator.api_key, base_url=emulator.base_url) as client:
            handle = await client.submit(_jobs(1)[0])
            assert not (await handle.status()).stage.is_final
            saved = await handle.save(tmp_path / "one.mp4", poll_policy=FixedPolling(0.1))
            again = await client.attach(handle.request_id).save(tmp_path / "two.mp4")
            assert saved.sha256 == again.sha256
            outcome = await client.generate(_jobs(2)[1], tmp_path / "three.mp4")
            assert isinstance(outcome, Succeeded)
            assert tmp_path / "three.mp4" == outcome.path
        assert 2 == len(emulator.ledger.committed)


async def test_a_handle_says_what_is_wrong_with_it() -> None:
    """An id that the service does not know, and a client that is closed."""
    async with Emulator(film=tiny_film) as emulator:
        async with Client(emulator.api_key, base_url=emulator.base_url) as client:
            stray = client.attach("5a7a5466-0000-4000-8000-000000000000")
            with pytest.raises(ApiError, match="request belongs to the key and organisation"):
                await stray.status()
            for timeout, fault in ((math.nan, "out of range"), (-1.0, "out of range"), ("60", "no number")):
                with pytest.raises(ConfigError, match=rf"timeout: .* is {fault}"):
                    await stray.result(timeout)  # pyright: ignore[reportArgumentType]
            with pytest.raises(ConfigError, match="path: 5 is no path"):
                await stray.save(5)  # pyright: ignore[reportArgumentType]
        with pytest.raises(ConfigError, match="Client: closed"):
            await stray.status()


async def test_one_lost_reply_by_hand_is_found() -> None:
    """A submit by hand whose reply is lost is found in the list; one that is not found raises and is not sent again."""
    rules = (Rule(on="submit", fault="drop_after_commit", nth=(1,)),)
    async with Emulator(Settings(rules=rules), film=tiny_film) as emulator:
        async with Client(emulator.api_key, base_url=emulator.base_url) as client:
            handle = await client.submit(_jobs(1)[0])
        assert {handle.request_id} == {charge.request_id for charge in emulator.ledger.committed}
        assert 1 == emulator.ledger.submits


async def test_a_wrong_key_raises_before_anything_is_paid(tmp_path: Path) -> None:
    """AuthError names the variable to look at and does not show the key."""
    async with Emulator(film=tiny_film) as emulator:
        with pytest.raises(AuthError, match="GMI_API_KEY") as caught:
            await generate_many(
                _jobs(2), output_dir=tmp_path, api_key="wrong-key-4711", base_url=emulator.base_url
            )
        assert "4711" not in str(caught.value)
        assert 0 == len(emulator.ledger.committed)


async def test_a_check_says_what_is_wrong_and_costs_nothing() -> None:
    """A good key passes; a wrong key, another kind of service and a silent port are told apart."""
    async with Emulator(film=tiny_film) as emulator:
        good, base = emulator.api_key, emulator.base_url
        wrong: list[tuple[str, str, type[PixverseError]]] = [
            ("wrong-key", base, AuthError),
            (good, base + "/elsewhere", ConfigError),
            (good, base.replace("requestqueue/apikey", "v1x"), ConfigError),
            (good, "http://127.0.0.1:1/queue", TransportError),
        ]
        async with Client(good, base_url=base) as client:
            await client.check()
        for key, url, kind in wrong:
            async with Client(key, base_url=url) as client:
                with pytest.raises(kind):
                    await client.check()
        assert 0 == emulator.ledger.submits


def test_unknown_is_an_error_of_its_own() -> None:
    """Who holds a submit of unknown fate can tell it from every refusal."""
    assert SubmitUnknownError("no answer", 5).describe() != ""
