"""A folder under another account: nothing is bought in doubt, and nothing paid is looked for in vain."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from pixverse_async import BatchResult, Client, ConfigError, Job, forget_account, jobs_on_record
from pixverse_async._edge.record import JOURNAL_NAME
from tests.memory import Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio

OTHER = [{"api_key": "another"}, {"org_id": "acme"}, {"base_url": "https://elsewhere.example/apikey"}]


@attrs.frozen
class Elsewhere:
    """Another account's view of a service, over the folder of a scene."""

    scene: Scene
    settings: dict[str, str]

    def client(self) -> Client:
        """A client with these settings, which reaches another service than the scene's first one."""
        cloud, given = self.scene.cloud, self.settings
        return Client(
            given.get("api_key", cloud.api_key),
            base_url=given.get("base_url", cloud.base_url),
            org_id=given.get("org_id"),
            transport=self.scene.transport,
        )

    async def run(self, jobs: list[Job], **options: object) -> BatchResult:
        """`generate_many` as that account."""
        async with (
            self.client() as client,
            client.as_completed(jobs, output_dir=self.scene.folder, **options) as found,  # pyright: ignore[reportArgumentType]
        ):
            return BatchResult([one async for one in found])


@pytest.mark.parametrize("settings", OTHER, ids=lambda one: next(iter(one)))
async def test_an_unfinished_job_binds_the_folder_to_its_account(tmp_path: Path, settings: dict[str, str]) -> None:
    """A lost submit is not bought again in another account, whose list cannot show it: nothing at all is asked."""
    ours = Scene.set(tmp_path, "submit:drop_after_commit:nth=1")
    assert ["Unknown"] == kinds(await ours.run(some_jobs(1), on_unknown="hold"))
    theirs = Elsewhere(Scene.set(tmp_path), settings)
    before = (tmp_path / JOURNAL_NAME).read_bytes()
    with pytest.raises(ConfigError) as caught:
        await theirs.run(some_jobs(3), on_unknown="resubmit", resubmit_after=60.0)
    assert next(iter(settings)) == caught.value.setting
    assert str(tmp_path / JOURNAL_NAME) in caught.value.problem
    assert not theirs.scene.transport.calls
    assert before == (tmp_path / JOURNAL_NAME).read_bytes()
    assert ["Succeeded"] * 3 == kinds(await ours.run(some_jobs(3)))
    assert 3 == ours.submits == ours.charges


async def test_a_resume_as_another_account_is_refused(tmp_path: Path) -> None:
    """An accepted request is not asked for where it would not be found, though nothing would be sent."""
    ours = Scene.set(tmp_path)
    await ours.run(some_jobs(2), job_timeout=0.0)
    theirs = Elsewhere(Scene.set(tmp_path), {"api_key": "another"})
    async with theirs.client() as client:
        with pytest.raises(ConfigError, match="2 unfinished jobs"):
            async with client.resume(tmp_path):
                pass
    assert not theirs.scene.transport.calls


async def test_a_finished_folder_goes_on_as_anybody(tmp_path: Path) -> None:
    """Where all is saved or failed another account adds its own, and then both know theirs."""
    ours = Scene.set(tmp_path, "submit:high_load:nth=2")
    assert ["Succeeded", "Failed"] == kinds(await ours.run(some_jobs(2), max_in_flight=1))
    theirs = Elsewhere(Scene.set(tmp_path), {"api_key": "another"})
    batch = await theirs.run(some_jobs(3), retry_failed=True)
    assert ["Succeeded"] * 3 == kinds(batch)
    assert 2 == theirs.scene.submits
    accounts = {one.started_at_utc: one for one in jobs_on_record(tmp_path)}
    assert 3 == len(accounts)
    assert ["Succeeded"] * 3 == kinds(await ours.run(some_jobs(3)))


async def test_an_id_of_another_account_hides_no_lost_submit(tmp_path: Path) -> None:
    """A lost submit is found under an id that a finished job of another account has there: it is another request."""
    await Scene.set(tmp_path).run(some_jobs(1))
    theirs = Elsewhere(Scene.set(tmp_path, "submit:drop_after_commit:nth=1"), {"api_key": "another"})
    assert ["Succeeded"] == kinds(await theirs.run(some_jobs(2)[1:]))
    assert 1 == len({one.request_id for one in jobs_on_record(tmp_path)})


async def test_a_lost_file_of_another_account_is_neither_asked_for_nor_bought(tmp_path: Path) -> None:
    """A video that was removed can be fetched again as the account that made it, and until then it stays on record."""
    ours = Scene.set(tmp_path)
    first = await ours.run(some_jobs(2))
    Path(first.succeeded[0].path).unlink()
    theirs = Elsewhere(Scene.set(tmp_path), {"api_key": "another"})
    batch = await theirs.run(some_jobs(2))
    assert ["Failed", "Succeeded"] == sorted(kinds(batch))
    (failed,) = batch.failed
    assert "only the account that sent it" in str(failed.error)
    assert failed.error.may_be_billed
    assert not theirs.scene.transport.calls
    assert ["Succeeded"] * 2 == kinds(await ours.run(some_jobs(2)))
    assert 2 == ours.submits


async def test_one_word_lets_a_new_key_go_on(tmp_path: Path) -> None:
    """After `forget_account` the paid requests are fetched with the new key, and from then on they bind to it."""
    ours = Scene.set(tmp_path)
    await ours.run(some_jobs(2), job_timeout=0.0)
    renewed = Elsewhere(ours, {"api_key": "renewed"})
    with pytest.raises(ConfigError):
        await renewed.run(some_jobs(2))
    assert 2 == await forget_account(tmp_path)
    assert 0 == await forget_account(tmp_path)
    assert ["Succeeded"] * 2 == kinds(await renewed.run(some_jobs(2)))
    assert 2 == ours.submits


async def test_a_run_without_a_journal_asks_nobody_who_it_is(tmp_path: Path) -> None:
    """A journal of another account beside it binds no run that keeps none."""
    await Scene.set(tmp_path).run(some_jobs(1), job_timeout=0.0)
    theirs = Elsewhere(Scene.set(tmp_path), {"api_key": "another"})
    assert ["Succeeded"] == kinds(await theirs.run(some_jobs(1), journal=False))
