"""Any history of one output folder, judged by the service's own ledger: runs that end, are cancelled or are killed.

Between them jobs are added, the budget changes, and saved files are lost or damaged.  One virtual clock runs through
the whole history.  The ledger is the model: what it says of money is what the journal and the outcomes must agree to.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import anyio
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pixverse_async import (
    AdaptivePolling,
    BatchResult,
    DirectorySink,
    Job,
    JobEvent,
    Outcome,
    Unknown,
)
from pixverse_async._core.job_event import Observer
from pixverse_async._core.journal_format import read_journal
from pixverse_async._core.lifecycle import JobRecord, State
from pixverse_async._edge.batch import Batch
from pixverse_async._edge.images import ImageHost
from pixverse_async._edge.journal import Journal
from pixverse_async._edge.limits import Limits
from pixverse_async._edge.record import JOURNAL_NAME
from pixverse_async.emulator.settings import PRICES
from tests.edge.test_crash_points import Killed, MortalLog
from tests.memory import Scene, kinds, tiny_png
from tests.virtual_time import VirtualTimeLoop

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

SUBMIT_FAULTS = (
    "drop_after_commit", "hang_after_commit", "502_html_after_commit", "503_request_id", "200_without_request_id",
    "drop_before_commit", "hang_before_commit", "error_500_before_commit", "503_request_id_absent", "429",
    "429_bare", "slow", "slow_sync", "failed_on_post", "402", "moderation", "success_without_media",
)  # fmt: skip
OTHER_FAULTS = (
    "poll:500", "poll:drop", "poll:404", "poll:200_html", "list:405", "list:500", "list:drop", "media:404",
    "media:drop", "media:truncate", "media:zero_tail", "put:drop_after_commit", "upload_url:500",
)  # fmt: skip
NTH = st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True).map(lambda ns: ",".join(map(str, ns)))
SUBMIT_RULES = st.lists(
    st.builds("submit:{}:nth={}".format, st.sampled_from(SUBMIT_FAULTS), NTH), min_size=1, max_size=4
)
OTHER_RULES = st.lists(st.builds("{}:nth={}".format, st.sampled_from(OTHER_FAULTS), NTH), max_size=3)
SECONDS = st.sampled_from((0.0, 0.3, 0.7, 3.0, 20.0, 60.0, 90.0, 150.0)) | st.floats(0.0, 200.0)
LIST_LAG = 20.0
RESUBMIT_AFTER = 50.0
"""Longer than the list lags: resubmitting then is as safe as holding."""
LIMITS = st.builds(
    Limits,
    on_unknown=st.sampled_from(("reconcile", "hold", "resubmit")),
    max_in_flight=st.integers(1, 4),
    retry_before_utc=st.sampled_from((-math.inf, math.inf)),
    resubmit_after=st.just(RESUBMIT_AFTER),
)
LIMITS_USD = st.none() | st.integers(0, 40).map(lambda cents: Decimal(cents) / 100)
"""A job costs 3.5 to 10.5 cents."""
COUNTED = (State.SUBMITTING, State.UNKNOWN, State.QUEUED, State.READY, State.SAVED)
"""States in which the job's price is or may be charged."""


class InlineLoop(VirtualTimeLoop):
    """Worker threads' work is done on the spot: a history that is played again takes the same course."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        future: asyncio.Future[_T] = self.create_future()
        try:
            future.set_result(func(*args))
        except OSError as problem:
            future.set_exception(problem)
        return future


class LedgerMachine(RuleBasedStateMachine):
    """One folder, one service, and whatever may come between them."""

    @initialize(
        submit_rules=SUBMIT_RULES,
        other_rules=OTHER_RULES,
        list_lag=st.sampled_from((0.0, LIST_LAG)),
        seed=st.integers(0, 9),
        limit_usd=LIMITS_USD,
    )
    def begin(
        self,
        submit_rules: list[str],
        other_rules: list[str],
        list_lag: float,
        seed: int,
        limit_usd: Decimal | None,
    ) -> None:
        """A service with these faults and an empty folder."""
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        self.runner = asyncio.Runner(loop_factory=InlineLoop)
        self.scene = Scene.set(self.folder, *submit_rules, *other_rules, seed=seed, list_lag=list_lag)
        self.limit_usd = limit_usd
        self.jobs: list[Job] = []
        self.saved: dict[str, Path] = {}
        self.overdrafts: list[str] = []
        self.runs = 0
        self.add_jobs(3)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()
            self.home.cleanup()

    # -- what happens ------------------------------------------------------------------------------

    @rule(count=st.integers(1, 3))
    @precondition(lambda self: len(self.jobs) < 7)
    def add_jobs(self, count: int) -> None:
        """Jobs that differ in image, prompt and price."""
        for n in range(len(self.jobs), len(self.jobs) + count):
            self.jobs.append(Job(tiny_png(n), f"scene {n}", name=f"job-{n}", duration=1 + n % 3))

    @rule(limit_usd=LIMITS_USD)
    def change_budget(self, limit_usd: Decimal | None) -> None:
        self.limit_usd = limit_usd

    @rule(limits=LIMITS)
    def run_to_the_end(self, limits: Limits) -> None:
        """Every job has one outcome, and exactly those that are Unknown are unknown to the journal."""
        batch = self.run_batch(limits)
        assert list(range(len(self.jobs))) == [outcome.index for outcome in batch]
        records = self.records()
        unknown = {record.name for record in records.values() if record.state is State.UNKNOWN}
        assert unknown == {outcome.name for outcome in batch if isinstance(outcome, Unknown)}
        assert State.SUBMITTING not in {record.state for record in records.values()}

    @rule(limits=LIMITS, seconds=SECONDS)
    def run_and_cancel(self, limits: Limits, seconds: float) -> None:
        self.run_batch(limits, seconds=seconds)

    @rule(limits=LIMITS, last=st.integers(1, 24), dies_before=st.booleans())
    def run_and_kill(self, limits: Limits, last: int, dies_before: bool) -> None:
        self.run_batch(limits, last=last, dies_before=dies_before)

    @rule(n=st.integers(0, 6), damage=st.none() | st.binary(max_size=3))
    def lose_a_file(self, n: int, damage: bytes | None) -> None:
        """A video is removed, or somebody writes over it."""
        path = self.saved.pop(f"job-{n}", None)
        if path is None:
            return
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self.runner.run(anyio.sleep(seconds))

    @rule()
    def finish_everything(self) -> None:
        """Enough runs without a budget finish every job: nothing accepted stays held, nothing paid stays unsaved."""
        limit_usd, self.limit_usd = self.limit_usd, None
        states, batch = set[State](), BatchResult([])
        for _ in range(12):
            batch = self.run_batch(Limits(on_unknown="resubmit", resubmit_after=RESUBMIT_AFTER))
            states = {record.state for record in self.records().values()}
            if len(self.records()) == len(self.jobs) and states <= {State.SAVED, State.FAILED}:
                break
        self.limit_usd = limit_usd
        assert states <= {State.SAVED, State.FAILED}
        assert self.scene.cloud.ledger.committed_usd == sum(outcome.usd for outcome in batch)
        assert set(kinds(batch)) <= {"Succeeded", "Failed"}

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """The service was given a job once, and once more for each time that the user asked to retry it."""
        lines = [json.loads(line) for line in self.journal().splitlines()]
        retries = Counter(line["key"] for line in lines if line.get("event") == "RetryRequested")
        allowed = {record.name: 1 + retries[key] for key, record in self.records().items()}
        names = {job.prompt: job.name for job in self.jobs}
        requests = self.scene.cloud.service.queue.requests.values()
        for prompt, times in Counter(one.prompt for one in requests).items():
            assert times <= allowed[names[prompt]]

    @invariant()
    def nothing_paid_is_lost(self) -> None:
        """The journal on the disk holds the id of every charge, or says that the submit's fate is unknown."""
        content = self.journal()
        open_seeds = {
            record.started.seed
            for record in self.records().values()
            if record.state in (State.SUBMITTING, State.UNKNOWN) and record.started is not None
        }
        for charge in self.scene.cloud.ledger.committed:
            assert charge.request_id.encode() in content or charge.seed in open_seeds

    @invariant()
    def the_budget_holds(self) -> None:
        """At no event was more charged or promised than the budget, or than what had been before it was lowered."""
        assert [] == self.overdrafts

    @invariant()
    def no_file_is_half(self) -> None:
        assert [] == list(self.folder.glob("*.part*"))

    # -- how it is done ----------------------------------------------------------------------------

    def journal(self) -> bytes:
        """What is on the disk."""
        path = self.folder / JOURNAL_NAME
        return path.read_bytes() if path.exists() else b""

    def records(self) -> Mapping[str, JobRecord]:
        """What the journal says, read as the next run would."""
        return read_journal(self.journal(), JOURNAL_NAME).records

    def run_batch(
        self,
        limits: Limits,
        *,
        last: int = sys.maxsize,
        dies_before: bool = False,
        seconds: float = math.inf,
    ) -> BatchResult:
        """Run all jobs until the end, the time given, or the append given; the outcomes until then."""
        self.runs += 1
        found: list[Outcome] = []

        async def run() -> None:
            log = MortalLog(await Journal.open(self.folder / JOURNAL_NAME), last, dies_before)
            rng = random.Random(self.runs)
            batch = Batch(
                transport=self.scene.transport,
                log=log,
                sink=DirectorySink(self.folder),
                limits=limits,
                budget_usd=self.limit_usd,
                images=ImageHost(self.scene.transport, rng=rng),
                scheduler=AdaptivePolling().scheduler(polls_per_second=10.0, seed=self.runs),
                rng=rng,
                deliver=deliver,
                on_event=self.watch(log),
            )
            try:
                with anyio.move_on_after(seconds):
                    await batch.run(self.jobs)
            finally:
                await log.aclose()

        async def deliver(outcome: Outcome) -> None:
            found.append(outcome)

        try:
            self.runner.run(run())
        except Killed:
            assert last < sys.maxsize
        batch = BatchResult(sorted(found, key=lambda outcome: outcome.index))
        for outcome in batch.succeeded:
            path = self.saved[outcome.name] = Path(outcome.path)
            assert self.scene.content_of(outcome) == path.read_bytes()
        return batch

    def watch(self, log: MortalLog) -> Observer:
        """An observer that notes when more is charged or promised than the budget allows."""
        ledger, limit = self.scene.cloud.ledger, self.limit_usd
        before = max(ledger.committed_usd, self.promised_usd(log.records))

        def watch(told: JobEvent) -> None:
            if limit is None:
                return
            for what, usd in ("charged", ledger.committed_usd), ("promised", self.promised_usd(log.records)):
                if usd > max(limit, before):
                    self.overdrafts.append(f"{usd} {what} of {limit} when {told.name} came to {told.event}")

        return watch

    def promised_usd(self, records: Mapping[str, JobRecord]) -> Decimal:
        """What the journal says is spent, or may be, at the service's own prices."""
        prices = {job.name: PRICES[job.quality][job.audio] * job.duration for job in self.jobs}
        counted = (one for one in records.values() if one.state in COUNTED or one.is_billed_failure)
        return sum(
            (prices[one.name] for one in counted), sum((one.sunk_usd for one in records.values()), Decimal(0))
        )


@pytest.mark.fault(43)
@pytest.mark.timeout(180)
def test_no_history_pays_twice_or_loses_what_was_paid() -> None:
    """No sequence of runs, cancellations, kills, budgets, faults and lost files breaks one of the invariants."""
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),  # eight steps can be read as they are; shrinking takes minutes
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        ),
    )
