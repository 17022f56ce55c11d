"""The arithmetic under the poll schedule: belief, waits, line, budget and the rule."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixverse_async._core.job import JobClass, Stage
from pixverse_async._core.schedule.belief import Belief, Said
from pixverse_async._core.schedule.curves import Curves
from pixverse_async._core.schedule.evidence import ended
from pixverse_async._core.schedule.line import Line, Place
from pixverse_async._core.schedule.poll_budget import PollBudget
from pixverse_async._core.schedule.rule import Curve, Outlook, Start, X
from pixverse_async._core.schedule.starts import Starts
from pixverse_async._core.schedule.typical import Typical
from pixverse_async._core.schedule.waits import Waits

SMALL, LARGE = JobClass("360p", 5, audio=False), JobClass("1080p", 5, audio=False)
EXPONENTIAL = Curve([-math.expm1(-x) for x in X])


def guess(job_class: JobClass) -> float:
    return math.log(20.0 if job_class is SMALL else 80.0)


def finish(belief: Belief, job_class: JobClass, seconds: float, now: float) -> None:
    belief.finished(job_class, [Start(now - seconds, 1.0)], now - 1.0, now + 1.0)


def test_the_first_finished_job_teaches_every_class() -> None:
    """A small job that takes twice its guess moves the large class's expectation most of the way to double."""
    belief = Belief(guess)
    before = belief.unit(LARGE)
    finish(belief, SMALL, 40.0, 100.0)
    assert 1.5 < belief.unit(LARGE) / before < 2.1


def test_a_class_that_differs_is_told_apart() -> None:
    """Thirty jobs of each class bring both expectations within a tenth of the truth, whatever the guess said."""
    belief = Belief(guess)
    for k in range(30):
        finish(belief, SMALL, 30.0, 100.0 + 10 * k)
        finish(belief, LARGE, 90.0, 105.0 + 10 * k)
    for job_class, truth in ((SMALL, 30.0), (LARGE, 90.0)):
        curve, unit, *_ = belief.curve(job_class)
        median = next(x for x, share in zip(X, curve.share, strict=True) if share >= 0.5) * unit
        assert median == pytest.approx(truth, rel=0.1)


def test_a_job_that_goes_on_running_makes_all_seem_slower() -> None:
    """Each answer "still running" beyond the guess raises the expectation, without any job having ended."""
    belief = Belief(guess)
    units, said = [belief.unit(SMALL)], None
    for at in (20.0, 30.0, 40.0):
        said = belief.survived(SMALL, [Start(0.0, 1.0)], at, said)
        units.append(belief.unit(SMALL))
    assert units == sorted(units)
    assert units[-1] > 1.5 * units[0]


def test_a_sudden_change_is_believed_after_a_few_jobs() -> None:
    """After fifty jobs of 20 s, six of 60 s are enough to expect 60 s within a quarter."""
    belief = Belief(guess)
    for k in range(50):
        finish(belief, SMALL, 20.0, 100.0 + 10 * k)
    for k in range(6):
        finish(belief, SMALL, 60.0, 700.0 + 10 * k)
    assert belief.unit(SMALL) == pytest.approx(60.0, rel=0.25)


def test_jobs_that_end_at_once_do_not_make_the_others_seem_fast() -> None:
    """When every fourth job ends within four seconds, the others are still expected at their own time."""
    belief = Belief(guess)
    for k in range(40):
        finish(belief, LARGE, 3.0 if k % 4 == 0 else 80.0, 100.0 + 20 * k)
    assert belief.unit(LARGE) == pytest.approx(80.0, rel=0.15)
    assert 0.1 < belief.endings.early < 0.3


@given(st.lists(st.tuples(st.floats(0.1, 5000.0), st.floats(0.0, 500.0), st.booleans()), max_size=30))
@settings(deadline=None, max_examples=30)
def test_a_belief_is_always_a_distribution(jobs: list[tuple[float, float, bool]]) -> None:
    """Whatever durations are seen, every curve rises from at least 0 to at most 1 and its unit is finite."""
    belief, now = Belief(guess), 10_000.0
    for seconds, passed, ends in jobs:
        now += passed
        if ends:
            finish(belief, SMALL, seconds, now)
        else:
            belief.survived(SMALL, [Start(now - seconds, 1.0)], now)
        curve, unit, *_ = belief.curve(SMALL)
        assert 0.0 < unit < math.inf
        assert -1e-9 <= curve.share[0]
        assert curve.share[-1] <= 1.0 + 1e-9
        assert all(a <= b + 1e-9 for a, b in zip(curve.share, curve.share[1:], strict=False))


def test_asking_twice_as_often_teaches_no_more() -> None:
    """A job asked at 10, 20, ... 60 s says of its class what one asked at 60 s alone says, within a few percent."""
    beliefs = list[tuple[float, float]]()
    for ages in ([60.0], [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]):
        belief, said = Belief(guess), None
        for age in ages:
            said = belief.survived(SMALL, [Start(1000.0, 1.0)], 1000.0 + age, said)
        beliefs.append(belief.typical.of(SMALL))
    (once, once_var), (often, often_var) = beliefs
    assert often == pytest.approx(once, abs=0.1)
    assert often_var == pytest.approx(once_var, rel=0.3)


def test_the_answer_that_shows_a_change_is_not_taken_back_from_what_follows() -> None:
    """Twenty jobs, asked every 20 s, run ten times as long as was guessed: at most five times their age is expected."""
    belief, said = Belief(lambda _: math.log(30.0)), dict[int, Said]()
    for age in range(20, 300, 20):
        for job in range(20):
            said[job] = belief.survived(SMALL, [Start(0.0, 1.0)], age + 1.0 * job, said.get(job))
            assert belief.unit(SMALL) < 5.0 * (age + job)


def test_what_the_clock_says_at_first_is_no_silence() -> None:
    """A loop's clock tells for how long the computer is up: at zero and after days the same is learned."""
    found = list[tuple[float, float]]()
    for up in (0.0, 1e6):
        belief = Belief(guess)
        belief.finished(SMALL, [Start(up + 1.0, 1.0)], up + 20.0, up + 22.0)
        found.append((belief.unit(SMALL), belief.hypotheses.calm))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_the_example_of_the_docstring_is_true() -> None:
    """What is expected of both classes after a job of 100 s that was asked at 60 and 80 s, or not at all."""
    fast, slow = JobClass("720p", 5, audio=False), JobClass("1080p", 5, audio=False)
    asked, alone = (Belief(lambda c: math.log(50.0 if c == fast else 90.0)) for _ in range(2))
    start, expected, said = [Start(0.0, 1.0)], list[tuple[int, int]](), None
    for at in (60.0, 80.0):
        said = asked.survived(fast, start, at, said)
        expected.append((round(asked.unit(fast)), round(asked.unit(slow))))
    assert expected == [(92, 159), (108, 184)]
    asked.finished(fast, start, 99.0, 101.0, said)
    alone.finished(fast, start, 99.0, 101.0)
    for belief in (asked, alone):
        assert (91, 157) == (round(belief.unit(fast)), round(belief.unit(slow)))
    assert [0.30, 0.39] == [round(math.sqrt(asked.typical.of(c)[1]), 2) for c in (fast, slow)]


def test_the_spread_of_chance_is_learned() -> None:
    """Of two hundred durations spread by 10% or by 45% the spread is told within a quarter, wherever it began."""
    for spread in (0.1, 0.45):
        belief = Belief(guess)
        for k in range(200):
            z = (k * 73 % 200 - 99.5) / 200 * math.sqrt(12.0)
            finish(belief, LARGE, 80.0 * math.exp(spread * z), 100.0 + 10.0 * k)
        assert belief.spread == pytest.approx(spread, rel=0.25)


def test_stragglers_that_end_make_endless_ones_less_likely() -> None:
    """After ten jobs that took twenty times as long as usual and ended, few are believed never to end."""
    belief = Belief(guess)
    before = belief.endings.never
    for k in range(60):
        finish(belief, SMALL, 400.0 if k % 6 == 0 else 20.0, 1000.0 * k)
    assert belief.endings.never < 0.3 * before


def test_a_change_is_weighed_before_it_is_made() -> None:
    """One slow job among fifty is a straggler; that all are slow is believed when the next ones are slow too."""
    belief = Belief(guess)
    for k in range(50):
        finish(belief, SMALL, 20.0, 100.0 + 10 * k)
    finish(belief, SMALL, 60.0, 700.0)
    assert belief.hypotheses.calm > 0.5
    assert belief.unit(SMALL) == pytest.approx(20.0, rel=0.1)


@given(st.lists(st.sampled_from([0.4, 1.0, 1.2, 2.5]), min_size=1, max_size=25))
def test_a_curve_shows_what_is_believed(factors: list[float]) -> None:
    """One that is kept, for little has changed, hardly differs from one drawn now, even when a change is suspected."""
    belief = Belief(guess)
    for k, factor in enumerate(factors):
        finish(belief, SMALL, 20.0 * factor, 1000.0 + 30 * k)
        kept = belief.curve(SMALL)
        drawn = Curves(belief.typical, belief.hypotheses, belief.endings).of(SMALL)
        seconds = [x * drawn.unit for x in X]
        gaps = [abs(kept.curve.at(s / kept.unit)[0] - drawn.curve.at(s / drawn.unit)[0]) for s in seconds]
        assert max(gaps) < 0.15


def finish_typical(typical: Typical, job_class: JobClass, at: float) -> None:
    """One job of known duration, spread by 20%, as Bayes' rule for bell curves has it."""
    old, var = typical.of(job_class)
    typical.learn(job_class, old + (at - old) * var / (var + 0.04), var * 0.04 / (var + 0.04))


def test_what_hangs_together_moves_together() -> None:
    """After many jobs of both classes a change of one class moves the other by as much as it moves the pace."""
    typical = Typical(guess)
    for _ in range(40):
        finish_typical(typical, SMALL, math.log(30.0))
        finish_typical(typical, LARGE, math.log(90.0))
    typical.drift(0.1)
    finish_typical(typical, SMALL, math.log(60.0))
    small, large = (typical.of(c)[0] for c in (SMALL, LARGE))
    assert small > math.log(40.0)
    assert large - math.log(90.0) == pytest.approx(small - math.log(30.0), rel=0.1)


def test_a_class_too_many_begins_anew_and_what_it_taught_stays() -> None:
    """With thirty classes none costs more than twenty-four, the pace is kept, and the oldest has its guess again."""
    typical = Typical(lambda _: 3.0)
    classes = [JobClass(quality, seconds, audio=False) for quality in ("540p", "720p") for seconds in range(1, 16)]
    for job_class in classes:
        finish_typical(typical, job_class, 4.0)
    assert len(typical.offsets()) == 24
    assert typical.pace == pytest.approx(1.0, abs=0.05)
    assert typical.of(classes[0])[1] > typical.of(classes[-1])[1]
    assert typical.of(classes[0])[0] == pytest.approx(3.0 + typical.pace)


def waits_learned(ages: list[float]) -> Waits:
    """What is learned of jobs that wait so long, all seen to wait 2 s before their start and to run 2 s after."""
    starts = Starts()
    for k, age in enumerate(ages):
        place = starts.place(k, 1000.0 * k)
        starts.seen_waiting(place, place.submitted + max(0.0, age - 2.0))
        began = [Start(place.submitted + age, 1.0)]
        starts.seen_started(place, began, place.submitted + age + 2.0, told=True, in_turn=True)
    return starts.waits


def test_a_constant_chance_to_start_is_learned_from_those_that_wait() -> None:
    """Of jobs that start at random, one in 50 s, the mean wait is learned within a third."""
    waits = waits_learned([-50.0 * math.log((k * 149 % 200 + 0.5) / 200) for k in range(200)])
    assert waits.mean == pytest.approx(50.0, rel=0.33)


def test_the_usual_wait_is_learned_and_who_waits_far_longer_may_wait_longer_still() -> None:
    """From waits around 20 s it learns 20 s within a third; of those at 200 s fewer start in the next 20 s."""
    shares = [(k * 149 % 200 + 0.5) / 200 for k in range(200)]
    waits = waits_learned([20.0 * (u / (1.0 - u)) ** (1 / 1.5) for u in shares])
    assert waits.usual == pytest.approx(20.0, rel=0.33)
    new, old = Place(0, 0, 0.0), Place(1, 1, 0.0)
    old.queued_at = 200.0
    assert waits.chance(old)(220.0) < 0.7 * waits.chance(new)(20.0)


def test_a_reply_that_comes_late_does_not_change_the_order_of_the_line() -> None:
    """A job sent third and heard of last is third, and what was seen of those behind it moves back with them."""
    line = Line()
    first, second, fourth, fifth = (line.join(job, at) for job, at in enumerate((1.0, 2.0, 4.0, 5.0)))
    fifth.queued_at = 9.0
    line.seen_waiting(fifth)
    third = line.join(4, 3.0)
    assert [0, 1, 2, 3, 4] == [place.index for place in (first, second, third, fourth, fifth)]
    assert [0, 1, 4, 2, 3] == [line.places[index].job for index in range(5)]
    assert line.bracket(fourth)[0] == fourth.submitted
    assert line.bracket(fifth)[0] == 9.0


def test_a_job_that_was_overtaken_is_no_witness_again() -> None:
    """Ten answers "queued" about one job that was overtaken say no more against the line than the first."""
    shares = list[float]()
    for answers in (1, 10):
        starts = Starts()
        first, second = (starts.place(k, 0.1 * k) for k in range(2))
        starts.seen_started(second, [Start(20.0, 1.0)], 20.0, told=True, in_turn=True)
        for k in range(answers):
            starts.seen_waiting(first, 100.0 + k)
        shares.append(starts.line_share)
    assert shares[1] == pytest.approx(shares[0])


def test_a_long_run_does_not_remember_every_start() -> None:
    """After forty thousand jobs the line takes no more room than after ten thousand, and follows its pace."""
    line, sizes = Line(), list[int]()
    for k in range(40_000):
        place = line.join(k, 2.0 * k)
        place.queued_at = place.submitted + 1.0
        line.seen_waiting(place)
        place.first_seen = place.began_at = place.submitted + 1.5
        line.seen_started(place)
        line.leave(place)
        if k + 1 in (10_000, 40_000):
            sizes.append(len(pickle.dumps(line)))
    assert sizes[1] < 1.3 * sizes[0]
    assert line.front == 39_999
    assert line.gap == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("start", [0.0, 49.95, 50.0, 60.0])
def test_two_answers_of_one_instant_leave_a_moment_for_the_end(start: float) -> None:
    """A job known to run and to have ended at the same instant ended in a tenth of a second, wherever it started."""
    (span,) = ended([Start(start, 1.0)], 50.0, 50.0)
    assert 0.1 <= span.high - span.low + 1e-9 < 0.3


def test_in_a_line_one_answer_bounds_all_the_others() -> None:
    """If the fourth of ten has started so have the first three, and if the sixth waits so do those behind it."""
    line = Line()
    places = [line.join(k, 0.1 * k) for k in range(10)]
    places[3].first_seen = places[3].began_at = 20.0
    line.seen_started(places[3])
    places[5].queued_at = 21.0
    assert not line.seen_waiting(places[5])
    assert [20.0, 20.0] == [line.bracket(places[k])[1] for k in (0, 3)]
    assert line.bracket(places[9])[0] == 21.0
    assert line.bracket(places[4]) == (places[4].submitted, math.inf)


def test_being_overtaken_ends_the_trust_in_a_line() -> None:
    """Jobs that start out of order make the line an unlikely explanation."""
    starts = Starts()
    places = [starts.place(k, 0.1 * k) for k in range(40)]
    for k in range(39, 19, -1):
        place, now = places[k], 10.0 + 3.0 * (40 - k)
        starts.weigh(place, EXPONENTIAL, 60.0, Stage.PROCESSING, now)
        starts.seen_started(place, [Start(now - 1.0, 1.0)], now, told=True, in_turn=True)
        other = places[k - 20]
        starts.weigh(other, EXPONENTIAL, 60.0, Stage.QUEUED, now + 2.0)
        starts.seen_waiting(other, now + 2.0)
    assert not starts.in_line


def test_a_job_that_was_overtaken_is_not_held_to_its_place_in_the_line() -> None:
    """A job seen waiting after one behind it had started is believed to start at some time still to come."""
    starts = Starts()
    first, second = (starts.place(k, 0.1 * k) for k in range(2))
    starts.line_share = 0.99
    starts.seen_started(second, [Start(20.0, 1.0)], 20.0, told=True, in_turn=True)
    starts.seen_waiting(first, 100.0)
    starts.line_share = 0.99
    assert min(at for at, _ in starts.to_come(first, 30.0)) > 100.0


def test_vague_answers_do_not_make_jobs_seem_alike() -> None:
    """From a hundred durations spread by 30% and each known within 40 s only, the spread learned is 22 to 40%."""
    belief = Belief(guess)
    for k in range(100):
        z = (k * 37 % 100 - 49.5) / 100 * 0.3 * math.sqrt(12.0)
        since = 40.0 * math.floor(2.0 * math.exp(z))
        start = [Start(1000.0 * k, 1.0)]
        belief.finished(LARGE, start, 1000.0 * k + since, 1000.0 * k + since + 40.0)
    assert 0.22 < belief.spread < 0.4


def test_the_budget_counts_in_tokens() -> None:
    """At two a second with a burst of one, the second poll waits half a second and a refusal all it asks."""
    budget = PollBudget(2.0, burst=1.0)
    assert budget.free_at() <= 10.0
    budget.spend(10.0)
    assert budget.free_at() > 10.4
    assert budget.free_at() == pytest.approx(10.5, abs=1e-3)
    budget.refused(10.6, 3.0)
    assert budget.free_at() == pytest.approx(13.6, abs=1e-3)


def test_refusals_slow_the_budget_and_answers_bring_it_back() -> None:
    """Three refusals take most of the rate; two hundred answers restore it and no more."""
    budget = PollBudget(10.0, burst=1.0)
    for k in range(3):
        budget.refused(10.0 * (k + 1), 1.0)
    budget.spend(100.0)
    assert budget.free_at() - 100.0 > 0.25
    for _ in range(200):
        budget.answered()
    budget.spend(200.0)
    assert budget.free_at() - 200.0 == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("kappa", [0.1, 0.5, 2.0])
def test_with_a_constant_hazard_the_interval_is_constant(kappa: float) -> None:
    """For an exponential time of mean 50 s each due time is as far from the last answer as the first."""
    waits = [
        Outlook(EXPONENTIAL, 50.0, [Start(0.0, 1.0)], s).due(kappa, 1000.0, 10.0) - s for s in (0.0, 30.0, 120.0)
    ]
    assert waits == pytest.approx([waits[0]] * 3, rel=0.05)
    assert waits[0] == pytest.approx(math.sqrt(2 * kappa * 50.0), rel=0.1)


def test_the_worth_of_a_poll_is_the_lateness_over_the_root_of_the_chance_that_it_finds_nothing() -> None:
    """For an exponential time of mean 50 s, known to run at 10 s, the worth at 40 s is what the formula says."""
    wait = 30.0
    alive = math.exp(-wait / 50.0)
    late = wait - 50.0 * (1.0 - alive)
    outlook = Outlook(EXPONENTIAL, 50.0, [Start(0.0, 1.0)], 10.0)
    assert outlook.value(40.0) == pytest.approx(late / math.sqrt(alive), rel=0.01)


@given(at=st.floats(0.0, 200.0), kappa=st.floats(0.01, 10.0), hint=st.floats(0.1, 1000.0))
@settings(deadline=None, max_examples=60)
def test_a_poll_is_due_when_it_is_worth_its_price(at: float, kappa: float, hint: float) -> None:
    """Whatever the hint, the value at the due time is the price within a tenth, or the wait is at a bound."""
    outlook = Outlook(EXPONENTIAL, 60.0, [Start(0.0, 0.6), Start(40.0, 0.3)], at)
    due = outlook.due(kappa, 300.0, hint)
    assert at < due <= at + 300.0 + 1e-9
    if at + 0.3 < due < at + 299.0:
        assert outlook.value(due) == pytest.approx(kappa, rel=0.1)


class _Counted(Outlook):
    """Counts how often the worth of a poll is reckoned."""

    looks = 0

    def value(self, t: float) -> float:
        self.looks += 1
        return super().value(t)


_STEPS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4).map(
    lambda parts: Curve([sum(parts[: k * len(parts) // len(X)]) / (sum(parts) + 0.01) for k in range(len(X))])
)
"""All ends fall into a few moments, with nothing between them."""


@given(curve=_STEPS, unit=st.floats(1.0, 500.0), kappa=st.floats(0.01, 10.0), hint=st.floats(0.1, 1000.0))
@settings(deadline=None, max_examples=200)
def test_the_due_time_is_found_in_a_few_looks(curve: Curve, unit: float, kappa: float, hint: float) -> None:
    """Also where the worth jumps: before the due time a poll is worth less, and from it on the price."""
    outlook = _Counted(curve, unit, [Start(0.0, 1.0)], 0.0)
    due = outlook.due(kappa, 300.0, hint)
    assert outlook.looks <= 20
    if 0.3 < due < 299.0:
        assert outlook.value(0.94 * due - 0.06) < kappa < outlook.value(1.06 * due + 0.06)
