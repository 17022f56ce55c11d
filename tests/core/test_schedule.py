"""What every schedule promises, whatever the service answers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.worlds.catalogue import WORLDS
from benchmarks.worlds.model import build
from benchmarks.worlds.play import play
from pixverse_async._core.errors import ConfigError
from pixverse_async._core.job import JobClass, Stage
from pixverse_async._core.schedule import (
    AdaptivePolling,
    ExponentialPolling,
    FixedPolling,
    IntervalPolling,
    Look,
    PollPolicy,
    Scheduler,
)
from pixverse_async._core.schedule.forecast import Forecast, Watched
from pixverse_async._core.schedule.rule import Start

CLASSES = [JobClass("360p", 5, audio=False), JobClass("1080p", 8, audio=True)]
POLICIES: list[PollPolicy] = [
    AdaptivePolling(),
    AdaptivePolling(kappa=0.1, ceiling=60.0),
    FixedPolling(3.0),
    ExponentialPolling(),
    IntervalPolling(lambda look: 1.0 + look.age / 4),
]
each_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
answers = st.lists(
    st.sampled_from(["queued", "processing", "success", "failed", 429, 503, 0, "give up"]), max_size=60
)
LONGEST_PAUSE = 60.0


@attrs.define
class Service:
    """Plays the answers in turn, then ends every job; keeps a record of all that the scheduler did."""

    scheduler: Scheduler
    script: list[str | int]
    trip: float = 0.2
    polls: list[tuple[float, int]] = attrs.field(factory=lambda: list[tuple[float, int]]())
    flying: list[tuple[float, float, int]] = attrs.field(factory=lambda: list[tuple[float, float, int]]())
    alive: set[int] = attrs.field(factory=lambda: set[int]())
    wakeups: list[tuple[float, float]] = attrs.field(factory=lambda: list[tuple[float, float]]())

    def run(self, jobs: int, until: float = 1e6) -> float:
        for job in range(jobs):
            self.alive.add(job)
            self.scheduler.submitted(job, CLASSES[job % 2], 0.01 * job)
        now = 0.01 * jobs
        while self.alive and now < until:
            now = self.step(now)
        return now

    def step(self, now: float) -> float:
        wakeup = self.scheduler.next_wakeup()
        if wakeup is not None:
            self.wakeups.append((now, wakeup))
        landing = min(self.flying)[0] if self.flying else math.inf
        if wakeup is not None and wakeup <= landing:
            now = max(now, wakeup)
            job = self.scheduler.take(now)
            if job is not None:
                self.polls.append((now, job))
                assert job in self.alive, "a job that has ended was polled"
                assert job not in [f for _, _, f in self.flying], "a job was polled twice at once"
                self.flying.append((now + self.trip, now, job))
            elif (again := self.scheduler.next_wakeup()) is not None:
                assert again > now, "nothing to do now, and yet it asks to be woken now"
            return now
        assert self.flying, "jobs wait and nothing will happen"
        landed = min(self.flying)
        self.flying.remove(landed)
        received, sent, job = landed
        self._answer(job, self.script.pop(0) if self.script else "success", sent, received)
        return received

    def _answer(self, job: int, answer: str | int, sent: float, received: float) -> None:
        if answer == "give up":
            self.alive.discard(job)
            self.scheduler.abandoned(job, received)
        elif isinstance(answer, int):
            self.scheduler.error(job, answer, 2.0 if answer == 429 else None, sent, received)
        else:
            stage = Stage(answer)
            if stage.is_final:
                self.alive.discard(job)
            self.scheduler.observed(job, stage, sent, received)


@each_policy
@given(script=answers, jobs=st.integers(1, 12))
@settings(deadline=None, max_examples=25)
def test_every_job_is_seen_to_end_whatever_the_answers(
    policy: PollPolicy, script: list[str | int], jobs: int
) -> None:
    """No answers, refusals or lost jobs make the scheduler forget a job, poll an ended one or double a poll."""
    service = Service(policy.scheduler(polls_per_second=20.0, seed=1), script)
    service.run(jobs)
    assert not service.alive
    assert service.scheduler.take(1e7) is None
    assert service.scheduler.next_wakeup() is None
    assert service.scheduler.stalled(1e9) == ()


@each_policy
@given(script=answers, rate=st.floats(0.5, 20.0))
@settings(deadline=None, max_examples=15)
def test_the_budget_holds_in_every_window(policy: PollPolicy, script: list[str | int], rate: float) -> None:
    """Between any two polls there are at most a burst of half a second plus the rate times the time between them."""
    service = Service(policy.scheduler(polls_per_second=rate, seed=2), script)
    service.run(15)
    times = [at for at, _ in service.polls]
    burst = max(1.0, rate / 2)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + rate * (times[last] - times[first]) + 1e-3


@given(script=answers, ceiling=st.floats(60.0, 600.0))
@settings(deadline=None, max_examples=25)
def test_the_next_look_is_never_beyond_the_ceiling(script: list[str | int], ceiling: float) -> None:
    """While a job waits and none is being asked, the scheduler asks to be woken within the ceiling."""
    script = [*script, *["queued"] * 40]
    service = Service(AdaptivePolling(ceiling=ceiling).scheduler(polls_per_second=20.0, seed=3), script)
    service.run(5)
    assert all(wakeup <= now + max(ceiling, LONGEST_PAUSE) for now, wakeup in service.wakeups)


def test_a_running_job_is_asked_within_the_ceiling_for_ever() -> None:
    """A job that runs for ten hours is never left alone for longer than the ceiling."""
    service = Service(AdaptivePolling().scheduler(polls_per_second=20.0, seed=4), ["processing"] * 10_000)
    service.run(1, until=36_000.0)
    times = [at for at, _ in service.polls]
    assert max(b - a for a, b in pairwise(times)) <= 300.0 + 1.0


@each_policy
@given(script=answers)
@settings(deadline=None, max_examples=10)
def test_the_same_history_gives_the_same_polls(policy: PollPolicy, script: list[str | int]) -> None:
    """Two schedulers with one seed, told the same, decide the same."""
    runs = [Service(policy.scheduler(polls_per_second=5.0, seed=5), list(script)) for _ in range(2)]
    for service in runs:
        service.run(8)
    assert runs[0].polls == runs[1].polls


@each_policy
def test_two_processes_do_not_march_in_step(policy: PollPolicy) -> None:
    """Another seed moves the polls of the same job."""
    runs = [Service(policy.scheduler(polls_per_second=5.0, seed=seed), ["processing"] * 5) for seed in (1, 2)]
    for service in runs:
        service.run(1)
    assert runs[0].polls != runs[1].polls


def test_two_processes_do_not_march_in_step_at_the_ceiling() -> None:
    """A job that nobody expects to end is asked a little before the ceiling, by another seed at another time."""
    policy = AdaptivePolling(kappa=50.0, ceiling=40.0)
    runs = [Service(policy.scheduler(polls_per_second=5.0, seed=seed), ["processing"] * 5) for seed in range(4)]
    for service in runs:
        service.run(1)
    firsts = {service.polls[0][0] for service in runs}
    assert len(firsts) == 4
    assert max(firsts) <= 40.0


def test_a_refusal_silences_all_polls_for_as_long_as_the_service_asks() -> None:
    """After a 429 with Retry-After 7 no poll of any job leaves for seven seconds."""
    scheduler = FixedPolling(1.0).scheduler(polls_per_second=20.0, seed=6)
    for job in range(2):
        scheduler.submitted(job, CLASSES[0], 0.0)
    assert scheduler.take(2.0) is not None
    scheduler.error(0, 429, 7.0, 2.0, 2.1)
    assert scheduler.take(9.0) is None
    assert scheduler.take(9.2) is not None


def test_a_dearer_poll_means_fewer_polls() -> None:
    """Sixteen times the price of a poll more than halves their number."""
    polls: list[int] = []
    for kappa in (0.25, 4.0):
        policy = AdaptivePolling(kappa=kappa)
        service = Service(policy.scheduler(polls_per_second=20.0, seed=7), ["processing"] * 40)
        service.run(1, until=300.0)
        polls.append(len(service.polls))
    assert polls[1] < polls[0] / 2


def finish_after(
    seconds: float, jobs: int, scheduler: Scheduler, first: int = 0, start: float = 0.0
) -> list[float]:
    """Jobs one by one that each run for so long from submission; what each cost in polls and lateness."""
    cost: list[float] = []
    now = start
    for job in range(first, first + jobs):
        scheduler.submitted(job, CLASSES[0], now)
        end, done, polls = now + seconds, False, 0
        while not done:
            wakeup = scheduler.next_wakeup()
            assert wakeup is not None
            now = max(now, wakeup)
            if scheduler.take(now) is not None:
                polls += 1
                done = now >= end
                scheduler.observed(job, Stage.SUCCEEDED if done else Stage.PROCESSING, now, now + 0.1)
        cost.append(0.5 * polls + now - end)
    return cost


def test_it_learns_how_long_jobs_take() -> None:
    """Of forty jobs that take 150 seconds, six times the guess, the last ten cost less than the first three."""
    scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=8)
    cost = finish_after(150.0, 40, scheduler)
    assert sum(cost[-10:]) / 10 < 0.8 * sum(cost[:3]) / 3


def test_an_answer_about_one_job_moves_another() -> None:
    """When one job is seen to run for five minutes, the next one's first poll comes later than it would have."""
    firsts: list[float] = []
    for answered in (False, True):
        scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=13)
        if answered:
            service = Service(scheduler, ["processing"] * 500)
            service.run(1, until=300.0)
        else:
            scheduler.submitted(0, CLASSES[0], 0.0)
        scheduler.submitted(1, CLASSES[0], 300.0)
        now, job = 300.0, None
        while job != 1:
            now = max(now, scheduler.next_wakeup() or now)
            job = scheduler.take(now)
        firsts.append(now)
    assert firsts[1] > firsts[0] + 5.0


def test_in_a_line_the_front_is_asked_and_nobody_far_behind() -> None:
    """Of eighty jobs served one by one, each is polled a few times, never twice at once, and none known very late."""
    scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=14)
    flying: list[tuple[float, int]] = []
    polls, late, now = [0] * 80, [-1.0] * 80, 0.0
    for job in range(80):
        scheduler.submitted(job, CLASSES[0], 0.0)
    while min(late) < 0.0:
        wakeup = scheduler.next_wakeup()
        if flying and (wakeup is None or flying[0][0] <= wakeup):
            now, job = flying.pop(0)
            sent, end = now - 3.0, 12.0 * (job + 1)
            stage = Stage.SUCCEEDED if sent >= end else Stage.PROCESSING if sent >= end - 12.0 else Stage.QUEUED
            late[job] = now - end if stage.is_final else -1.0
            scheduler.observed(job, stage, sent, now)
            continue
        assert wakeup is not None
        now = max(now, wakeup)
        taken = scheduler.take(now)
        if taken is not None:
            assert taken not in [job for _, job in flying]
            flying.append((now + 3.0, taken))
            polls[taken] += 1
    assert sum(polls) / 80 < 10
    assert max(late) < 25.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_when_a_line_proves_to_be_none_nobody_in_it_is_forgotten(seed: int) -> None:
    """Of 150 jobs of which ten run in order and then any, none is known more than two minutes late."""
    world = build(attrs.evolve(WORLDS["e4"], jobs=150), seed)
    played = play(world, AdaptivePolling().scheduler(polls_per_second=20.0, seed=seed))
    assert max(played.lateness) < 120.0


@pytest.mark.parametrize("seed", [3, 6])
def test_the_last_jobs_that_were_overtaken_are_asked_in_time(seed: int) -> None:
    """Where workers pick any job the last news of 300 comes within 20 seconds of the last end."""
    world = build(attrs.evolve(WORLDS["e4"], jobs=300), seed)
    played = play(world, AdaptivePolling().scheduler(polls_per_second=20.0, seed=seed))
    assert played.overhead < 20.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_any_job_may_start_the_unlucky_ones_do_not_wait_long(seed: int) -> None:
    """Workers pick any job: one in twenty is known more than 2.7 times as late as the mean, no more of them."""
    world = build(attrs.evolve(WORLDS["e4"], jobs=200), seed)
    played = play(world, AdaptivePolling().scheduler(polls_per_second=20.0, seed=seed))
    assert played.p95 <= 2.7 * played.mean


def test_what_a_job_said_in_its_first_run_is_not_taken_back_in_its_second() -> None:
    """It ran 60 s, was sent back to the queue and runs again: it is still thought that jobs take long."""
    forecast = Forecast(0.5, 300.0)
    job = Watched(0, CLASSES[0], forecast.starts.place(0, 0.0), 0.5)
    forecast.answered(job, Stage.PROCESSING, 0.5, 0.7)
    forecast.answered(job, Stage.PROCESSING, 60.0, 60.2)
    unit = forecast.outlook(job).unit
    forecast.answered(job, Stage.QUEUED, 61.0, 61.2)
    forecast.answered(job, Stage.PROCESSING, 62.0, 62.2)
    assert forecast.outlook(job).unit > 0.9 * unit


def test_a_service_that_tells_starts_after_all_is_believed() -> None:
    """Five ends of jobs that were never said to run make it a service that tells no starts; one start unmakes it."""
    forecast = Forecast(0.5, 300.0)
    jobs = [Watched(k, CLASSES[0], forecast.starts.place(k, 0.0), 0.5) for k in range(12)]
    for job in jobs[:10]:
        forecast.answered(job, Stage.QUEUED, 1.0, 1.2)
    for job in jobs[:5]:
        forecast.answered(job, Stage.SUCCEEDED, 30.0, 30.2)
    assert forecast.starts.opaque
    forecast.answered(jobs[11], Stage.PROCESSING, 31.0, 31.2)
    assert not forecast.starts.opaque


def test_jobs_that_never_end_are_not_polled_to_death() -> None:
    """Of 40 jobs of 20 s one runs for an hour more: it is asked less than once in 18 seconds."""
    scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=16)
    finish_after(20.0, 40, scheduler)
    scheduler.submitted(40, CLASSES[0], 1000.0)
    service = Service(scheduler, ["processing"] * 10_000, alive={40})
    now = 1000.0
    while now < 4600.0:
        now = service.step(now)
    assert len(service.polls) < 3600.0 / 18


def test_after_a_burst_single_jobs_cost_what_they_did_before() -> None:
    """The last of a batch may be asked more often; a job that is alone later is no last of that batch."""
    fresh, used = (AdaptivePolling().scheduler(polls_per_second=20.0, seed=16) for _ in range(2))
    finish_after(60.0, 45, fresh)
    for job in range(40):
        used.submitted(job, CLASSES[0], 0.0)
    now, left = 0.0, set(range(40))
    while left:
        wakeup = used.next_wakeup()
        assert wakeup is not None
        now = max(now, wakeup)
        job = used.take(now)
        if job is not None:
            is_over = now >= 60.0
            used.observed(job, Stage.SUCCEEDED if is_over else Stage.PROCESSING, now, now + 0.1)
            left -= {job} if is_over else set()
    before = sum(finish_after(60.0, 10, fresh, first=100, start=5000.0))
    assert sum(finish_after(60.0, 10, used, first=100, start=5000.0)) < 1.5 * before


def test_a_few_early_refusals_do_not_hide_the_starts() -> None:
    """Five jobs that are refused at once say nothing of whether the service tells starts."""
    forecast = Forecast(0.5, 300.0)
    jobs = [Watched(k, CLASSES[0], forecast.starts.place(k, 0.0), 0.5) for k in range(35)]
    for job in jobs[5:]:
        forecast.answered(job, Stage.QUEUED, 1.0, 1.2)
    for job in jobs[:5]:
        forecast.answered(job, Stage.FAILED, 2.0, 2.2)
    assert not forecast.starts.opaque


def test_no_ceiling_is_refused() -> None:
    """Without one a job that outlives all that is believed would never be asked again."""
    with pytest.raises(ValueError, match="ceiling"):
        AdaptivePolling(ceiling=math.inf)


def test_learned_timing_is_a_few_hundred_bytes_and_makes_the_next_run_sharper() -> None:
    """A scheduler that starts from an earlier run's timing pays less for its first three jobs, from under 800 bytes."""
    first = AdaptivePolling().scheduler(polls_per_second=20.0, seed=9)
    cold = finish_after(200.0, 30, first)
    learned = first.learned()
    assert learned is not None
    assert len(learned) < 800
    second = AdaptivePolling().scheduler(polls_per_second=20.0, seed=9, learned=learned)
    assert second.notes == ()
    assert sum(finish_after(200.0, 3, second)) < sum(cold[:3])


def test_a_service_that_tells_no_starts_is_known_again() -> None:
    """What was learned there is the time from submission to end: the next run does not add a wait to it."""
    first = AdaptivePolling().scheduler(polls_per_second=20.0, seed=9)
    for job in range(12):
        first.submitted(job, CLASSES[0], 0.0)
        first.observed(job, Stage.QUEUED, 1.0, 1.2)
    for job in range(12):
        first.observed(job, Stage.QUEUED, 70.0 + job, 70.2 + job)
        first.observed(job, Stage.SUCCEEDED, 100.0 + job, 100.2 + job)
    learned = first.learned()
    assert learned is not None
    forecast = Forecast(0.5, 300.0)
    assert forecast.recall(learned) is None
    watched = Watched(0, CLASSES[0], forecast.starts.place(0, 0.0), 0.5)
    forecast.set_due(watched)
    assert forecast.starts.to_come(watched.place, 1.0) == [Start(0.0, 1.0)]
    assert 40.0 < watched.due < 110.0


def timing(pace: str = "0.1", offset: str = "0.1", spreads: str = "0.1,0.1,0.2,0.2,0.2,0.1,0.1") -> str:
    """What an earlier run may have left, and what a disk may have made of it."""
    head = f'{{"version":5,"pace":{pace},"spreads":[{spreads}],"early":0.01,"opaque":false,"wait":[10,8]'
    return f'{head},"classes":{{"360p/5/0":[{offset},0.01]}}}}'


DAMAGED = [
    *(
        "",
        "{",
        "[]",
        '{"version": 99}',
        '{"version": 1}',
        '{"version":1,"pace":"x"}',
        "\x00",
        "1e999",
        "[" * 60_000,
    ),
    *(timing(pace=pace) for pace in ("800", "-800", "NaN", "1" * 400)),
    *(timing(offset="1e4"), timing(spreads="0.5,0.5", pace="2.0"), timing(spreads=",".join(["1e308"] * 7))),
]


def test_whole_timing_is_used() -> None:
    """The text that the next test damages is one that is taken."""
    assert () == AdaptivePolling().scheduler(polls_per_second=5.0, seed=10, learned=timing()).notes


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:60])
def test_foreign_timing_is_ignored_with_a_note(text: str) -> None:
    """What is not ours changes no decision and is mentioned once."""
    plain = Service(AdaptivePolling().scheduler(polls_per_second=5.0, seed=10), ["processing"] * 5)
    foreign = Service(AdaptivePolling().scheduler(polls_per_second=5.0, seed=10, learned=text), ["processing"] * 5)
    plain.run(2)
    foreign.run(2)
    assert len(foreign.scheduler.notes) == 1
    assert foreign.scheduler.notes[0].startswith("learned timing ignored")
    assert foreign.polls == plain.polls


def test_a_stalled_job_is_reported_and_still_polled() -> None:
    """A job that runs ten times too long is named, and goes on being asked."""
    scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=11)
    finish_after(20.0, 5, scheduler)
    service = Service(scheduler, ["processing"] * 1000)
    scheduler.submitted(99, CLASSES[0], 200.0)
    service.alive.add(99)
    now = 200.0
    while now < 400.0:
        now = service.step(now)
    assert scheduler.stalled(now) == ()
    assert scheduler.stalled(200.0 + 599.0) == ()
    assert scheduler.stalled(200.0 + 700.0) == (99,)
    while now < 3000.0:
        now = service.step(now)
    assert scheduler.stalled(now) == (99,)
    assert service.polls[-1][0] > 2500.0


def test_a_stall_needs_no_other_job_to_compare_with() -> None:
    """A single job that runs for more than ten minutes is named though none has ever ended; one that waits is not."""
    for answer, stalled in (("processing", (0,)), ("queued", ())):
        scheduler = AdaptivePolling().scheduler(polls_per_second=20.0, seed=15)
        now = Service(scheduler, [answer] * 1000).run(1, until=700.0)
        assert stalled == scheduler.stalled(now)


def test_a_policy_of_ones_own_is_a_function() -> None:
    """The interval is asked with what is known of the job, and obeyed within a twentieth."""
    seen: list[Look] = []

    def interval(look: Look) -> float:
        seen.append(look)
        return 10.0 if look.stage is Stage.QUEUED else 2.0

    service = Service(IntervalPolling(interval).scheduler(polls_per_second=5.0, seed=12), ["queued", "processing"])
    service.run(1)
    assert [Stage.QUEUED, Stage.QUEUED, Stage.PROCESSING] == [look.stage for look in seen]
    assert [0, 1, 2] == [look.answers for look in seen]
    waits = [b - a - service.trip for (a, _), (b, _) in pairwise(service.polls)]
    assert waits == pytest.approx([10.0, 2.0], rel=0.05)


@pytest.mark.parametrize("factor", [1.0, 1.5, 1e6, 1e300])
def test_a_backoff_ends_at_its_ceiling_however_fast_it_grows(factor: float) -> None:
    """After a hundred answers the interval is the ceiling, or the first one if it does not grow."""
    policy = ExponentialPolling(first=2.0, factor=factor, ceiling=30.0)
    service = Service(policy.scheduler(polls_per_second=20.0, seed=1), ["processing"] * 100)
    service.run(1)
    times = [at for at, _ in service.polls]
    expected = 30.0 if factor > 1.0 else 2.0
    assert times[-1] - times[-2] - service.trip == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AdaptivePolling(kappa=0.0),
        lambda: AdaptivePolling(ceiling=0.0),
        lambda: FixedPolling(0.0),
        lambda: FixedPolling(math.nan),
        lambda: FixedPolling(math.inf),
        lambda: AdaptivePolling(kappa=math.inf),
        lambda: ExponentialPolling(first=math.inf, ceiling=math.inf),
        lambda: ExponentialPolling(factor=math.inf),
        lambda: ExponentialPolling(factor=0.5),
    ],
)
def test_a_policy_that_makes_no_sense_cannot_be_made(make: Callable[[], PollPolicy]) -> None:
    """A price or an interval of zero, a shrinking backoff, or a poll that never comes, is refused at once."""
    with pytest.raises(ConfigError, match="is out of range"):
        make()


@pytest.mark.parametrize("interval", ["5", Decimal(5), None])
def test_an_interval_that_is_no_number_is_called_so(interval: Any) -> None:
    """In the words in which other settings say it: text has no range that it could be out of."""
    with pytest.raises(ConfigError, match=r"^interval: .* is no number\. Use a finite number above 0\.$"):
        FixedPolling(interval)


def test_an_exponential_policy_that_begins_above_its_ceiling_cannot_be_made() -> None:
    """The ceiling alone would count, and each job be asked sooner than was wished; to begin at it is allowed."""
    with pytest.raises(ConfigError, match=r"^ceiling: 5 is below first, which is 10\. Use 10 or more\.$"):
        ExponentialPolling(first=10, ceiling=5)
    assert 10.0 == ExponentialPolling(first=10.0, ceiling=10.0).ceiling


def test_the_last_to_wait_is_asked_before_a_short_job_could_end() -> None:
    """Jobs may start at any time and run 30 s: a cheap poll is due within a quarter of that, a usual one after half."""
    waits = list[float]()
    for kappa in (0.5, 0.5 / 64):
        forecast, chance = Forecast(0.5, 300.0), random.Random(1)
        jobs = [Watched(job, CLASSES[0], forecast.starts.place(job, 0.0), kappa) for job in range(40)]
        for start in sorted(chance.uniform(10.0, 6000.0) for _ in jobs):  # lots are drawn; each runs for 30 s
            watched = jobs.pop(chance.randrange(len(jobs)))
            forecast.answered(watched, Stage.QUEUED, start - 1.0, start - 0.9)
            forecast.answered(watched, Stage.PROCESSING, start + 1.0, start + 1.1)
            forecast.answered(watched, Stage.SUCCEEDED, start + 29.9, start + 30.0)
        watched = Watched(40, CLASSES[0], forecast.starts.place(40, 7000.0), kappa)
        forecast.set_due(watched)
        waits.append(watched.due - watched.last)
    assert waits[1] < 30.0 / 4 < 30.0 / 2 < waits[0]


async def _later(_: Look) -> float:
    return 5.0


@pytest.mark.parametrize("interval", [5.0, None, _later], ids=["a number", "nothing", "a coroutine function"])
def test_an_interval_that_cannot_be_asked_is_refused_at_once(interval: object) -> None:
    """It would be noticed at the first answer, when all jobs are paid."""
    with pytest.raises(ConfigError, match=r"^interval: .* FixedPolling"):
        IntervalPolling(interval)  # pyright: ignore[reportArgumentType]
