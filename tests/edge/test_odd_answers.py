"""Answers that belong to somebody else, and transports that raise what none should."""

from __future__ import annotations

import json
import math
from pathlib import Path

import anyio
import attrs
import pytest

from pixverse_async import AuthError
from pixverse_async._core import retry
from pixverse_async._core.wire import Call, Listing, Reply
from tests.memory import MemoryTransport, Scene, kinds, some_jobs

pytestmark = pytest.mark.anyio


def _is_submit(call: Call) -> bool:
    return (call.method, call.path) == ("POST", "/requests")


@attrs.define(eq=False)
class Repeating(MemoryTransport):
    """A cache on the way answers every submit as it answered the first: the ids are the same."""

    first: Reply | None = None

    async def call(self, call: Call) -> Reply:
        reply = await MemoryTransport.call(self, call)
        if not _is_submit(call):
            return reply
        self.first = self.first or reply
        return self.first


@attrs.define(eq=False)
class Refusing(MemoryTransport):
    """The service refuses the first request to whoever asks for it; the key is good, unless it is revoked."""

    first: str = ""
    revoked_at: float = math.inf

    async def call(self, call: Call) -> Reply:
        if self.now >= self.revoked_at:
            return Reply(status=403)
        reply = await MemoryTransport.call(self, call)
        if _is_submit(call):
            self.first = self.first or json.loads(reply.body)["request_id"]
        is_first = call.method == "GET" and call.path == f"/requests/{self.first}"
        return Reply(status=403) if is_first else reply


@attrs.define(eq=False)
class Raising(MemoryTransport):
    """Raises a bug's error, once, in one kind of call, after the service has answered."""

    kind: str = ""
    has_raised: bool = False

    async def call(self, call: Call) -> Reply:
        reply = await MemoryTransport.call(self, call)
        kind = "submit" if _is_submit(call) else "list" if "?" in call.path else "poll"
        if kind == self.kind and not self.has_raised:
            self.has_raised = True
            raise RuntimeError("cannot start a thread for https://u:p@example.com/?sig=c0ffee")
        return reply


async def test_a_request_that_is_another_jobs_is_no_success(tmp_path: Path) -> None:
    """When all replies name one request, each job is still given its own video, by what the list shows."""
    scene = Scene.set(tmp_path)
    scene.transport = Repeating(scene.cloud)
    batch = await scene.run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(batch)
    prompts = {charge.request_id: charge.prompt for charge in scene.cloud.ledger.committed}
    assert [job.prompt for job in some_jobs(3)] == [prompts[outcome.request_id or ""] for outcome in batch]
    assert 3 == scene.charges


async def test_a_request_of_an_earlier_run_is_no_success(tmp_path: Path) -> None:
    """The cache remembers longer than the process."""
    scene = Scene.set(tmp_path)
    scene.transport = Repeating(scene.cloud)
    await scene.run(some_jobs(1))
    batch = await scene.run(some_jobs(2), on_unknown="hold")
    assert ["Succeeded", "Unknown"] == kinds(batch)
    assert "the request of another job" in str(batch.unknown[0].error)


@pytest.mark.fault(11)
async def test_11_one_request_that_is_refused_is_no_refused_key(tmp_path: Path) -> None:
    """It is left, and may be billed; all others are sent, made and saved. A key that is refused ends the batch."""
    scene = Scene.set(tmp_path / "one")
    scene.transport = Refusing(scene.cloud)
    batch = await scene.run(some_jobs(4), max_in_flight=2)
    assert ["Pending", "Succeeded", "Succeeded", "Succeeded"] == sorted(kinds(batch))
    assert batch.pending[0].error.may_be_billed
    scene = Scene.set(tmp_path / "all")
    scene.transport = Refusing(scene.cloud, started_at=(now := anyio.current_time()), revoked_at=30.0)
    with pytest.raises(AuthError):
        await scene.run(some_jobs(4), max_in_flight=2)
    assert anyio.current_time() - now < 600.0


@pytest.mark.parametrize("kind", ["submit", "poll", "list"])
async def test_an_unexpected_error_of_the_transport_is_a_lost_reply(tmp_path: Path, kind: str) -> None:
    """It ends no batch, and costs no job its video: it is looked for, or asked again."""
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=2")
    scene.transport = Raising(scene.cloud, kind=kind)
    batch = await scene.run(some_jobs(3))
    assert ["Succeeded"] * 3 == kinds(batch)
    assert 3 == scene.charges


async def test_an_unexpected_error_tells_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it says is redacted like anything else from outside."""
    scene = Scene.set(tmp_path)
    scene.transport = Raising(scene.cloud, kind="submit")
    (held,) = await scene.run(some_jobs(1), on_unknown="hold")
    assert "unexpected RuntimeError: cannot start a thread" in str(getattr(held, "error", ""))
    told = json.dumps(
        [str(getattr(held, "error", "")), caplog.text, (tmp_path / "pixverse-journal.jsonl").read_text()]
    )
    assert "c0ffee" not in told
    assert "u:p" not in told


async def test_a_list_that_there_is_no_memory_for_ends_no_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows nothing: what was lost is held, and all others have their videos."""

    def too_many(_: Reply, _now_utc: float) -> Listing:
        raise MemoryError

    monkeypatch.setattr(retry, "judge_list", too_many)
    scene = Scene.set(tmp_path, "submit:drop_after_commit:nth=2")
    assert ["Succeeded", "Succeeded", "Unknown"] == sorted(kinds(await scene.run(some_jobs(3))))
