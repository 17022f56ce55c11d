"""How refusals teach the pacer: arithmetic with `now`, no clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.pace import (
    CATCH_UP,
    CLOCK_MARGIN,
    HISTORY,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    STAGGER,
    WINDOW_MARGIN,
    Pacer,
)
from pixverse_async._core.wire import RateHint

MINUTE = 60.0 * CLOCK_MARGIN + WINDOW_MARGIN
TWO_A_MINUTE = RateHint(limit=2, interval=60.0)


def test_nothing_is_paced_until_the_service_refuses() -> None:
    """A thousand submits may leave at one instant when no limit was ever named."""
    pacer = Pacer()
    for _ in range(1000):
        assert pacer.next_start(5.0) == 5.0
        pacer.started(5.0)


def test_a_wait_is_kept() -> None:
    """No submit leaves before the wait that a refusal named is over."""
    pacer = Pacer()
    pacer.started(0.0)
    pacer.refused(0.0, 1.0, 29.97, None, 0.0)
    assert pacer.next_start(1.0) == 30.97 == pacer.next_start(30.0)
    assert pacer.next_start(31.0) == 31.0


def test_waits_are_staggered() -> None:
    """Two processes that are told the same wait come back at different times, and neither too early."""
    early, late = Pacer(), Pacer()
    early.refused(0.0, 1.0, 30.0, None, 0.0)
    late.refused(0.0, 1.0, 30.0, None, 0.99)
    assert 31.0 == early.next_start(1.0) < late.next_start(1.0) <= 31.0 + STAGGER * 30.0


def test_a_named_window_is_kept() -> None:
    """Once the limit is known, no third submit leaves within the window of two."""
    pacer = Pacer()
    pacer.refused(0.0, 1.0, 0.0, TWO_A_MINUTE, 0.0)
    for start in (10.0, 30.0):
        assert start == pacer.next_start(start)
        pacer.started(start)
    assert pacer.next_start(30.0) == 10.0 + MINUTE


def test_no_burst_leaves_once_a_limit_is_known() -> None:
    """Of two a minute the second leaves a quarter of a minute after the first, not with it."""
    pacer = Pacer()
    pacer.refused(0.0, 1.0, 0.0, TWO_A_MINUTE, 0.0)
    pacer.started(10.0)
    assert pacer.next_start(10.0) == 10.0 + 30.0 / CATCH_UP


def test_starts_before_the_lesson_count() -> None:
    """What left before the limit was named is in the service's window too."""
    pacer = Pacer()
    for _ in range(2):
        pacer.started(pacer.next_start(0.0))
    pacer.next_start(0.5)
    pacer.refused(0.0, 1.0, 0.0, TWO_A_MINUTE, 0.0)
    assert pacer.next_start(2.0) == MINUTE


def test_one_episode_is_one_lesson() -> None:
    """Sixty-four submits refused together make one pause, not one that was doubled sixty-four times."""
    pacer = Pacer()
    for n in range(64):
        pacer.refused(0.0, 1.0 + n / 100, None, None, 0.0)
    assert pacer.next_start(1.0) == 2.0


def test_one_instant_is_one_episode() -> None:
    """Refusals of submits that left in the instant of the lesson teach nothing new."""
    pacer = Pacer()
    for _ in range(64):
        pacer.refused(0.0, 0.0, None, None, 0.0)
    assert pacer.next_start(0.0) == 1.0


def test_a_stale_refusal_teaches_no_wait() -> None:
    """A submit that left before the last lesson and is refused after it puts nothing off."""
    pacer = Pacer()
    pacer.refused(0.0, 10.0, 1.0, None, 0.0)
    pacer.refused(9.0, 11.0, 200.0, None, 0.0)
    assert pacer.next_start(11.5) == 11.5


def test_a_stale_refusal_still_names_the_limit() -> None:
    """The limit in a body is a fact, however late it comes."""
    pacer = Pacer()
    pacer.refused(0.0, 10.0, 1.0, None, 0.0)
    pacer.refused(9.0, 11.0, 1.0, TWO_A_MINUTE, 0.0)
    assert TWO_A_MINUTE == pacer.limit


def pauses(pacer: Pacer, wait: float | None, times: int) -> list[float]:
    """The pauses after refusals in a row, each of the first submit that was allowed to leave."""
    found: list[float] = []
    now = 0.0
    for _ in range(times):
        started_at = pacer.next_start(now)
        pacer.started(started_at)
        now = started_at + 0.25
        pacer.refused(started_at, now, wait, None, 0.0)
        found.append(pacer.next_start(now) - now)
        now = pacer.next_start(now)
    return found


def test_blind_refusals_double_the_pause() -> None:
    """Without a hint each refusal in a row doubles the pause, up to its ceiling."""
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == pauses(Pacer(), None, 8)


@pytest.mark.parametrize("wait", [0.0, 1e-9, 0.05])
def test_a_hint_that_lies_makes_no_storm(wait: float) -> None:
    """A service that says "again at once" and refuses again is asked ever more slowly."""
    found = pauses(Pacer(), wait, 9)
    assert pytest.approx(SHORTEST_PAUSE) == found[0]
    assert found == sorted(found)
    assert found[-1] == LONGEST_PAUSE / 2


def test_an_honest_hint_is_not_stretched() -> None:
    """A wait that is long enough for itself is kept as it is, refusal after refusal."""
    assert [30.0] * 5 == pytest.approx(pauses(Pacer(), 30.0, 5))


def test_an_accepted_submit_ends_the_doubling() -> None:
    """After a submit was taken the next blind refusal starts with the shortest pause."""
    pacer = Pacer()
    pauses(pacer, None, 5)
    pacer.accepted()
    pacer.refused(1000.0, 1000.0, None, None, 0.0)
    assert pacer.next_start(1000.0) == 1001.0


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    """A later lesson with a short wait leaves an earlier, longer one in force."""
    pacer = Pacer()
    pacer.refused(0.0, 1.0, 100.0, None, 0.0)
    pacer.refused(2.0, 3.0, 0.5, None, 0.0)
    assert pacer.next_start(3.0) == 101.0


@given(
    st.integers(1, 5),
    st.floats(0.5, 100.0),
    st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60),
    st.lists(st.floats(0.0, 30.0), max_size=10),
)
def test_no_window_ever_holds_more_than_its_limit(
    limit: int, interval: float, gaps: list[float], before: list[float]
) -> None:
    """Once taught, every window that ends with a new start holds at most the limit, earlier starts included."""
    pacer = Pacer()
    starts: list[float] = []
    now = 0.0
    for gap in before:
        now += gap
        pacer.started(now)
        starts.append(now)
    pacer.refused(now, now, 0.0, RateHint(limit=limit, interval=interval), 0.0)
    for gap in gaps:
        now = pacer.next_start(now + gap)
        pacer.started(now)
        starts.append(now)
        assert sum(now - interval < start for start in starts) <= limit


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50), st.none() | st.floats(0, 300), st.none() | st.just(TWO_A_MINUTE), st.floats(0, 0.999)
        ),
        max_size=40,
    )
)
def test_no_pause_is_longer_than_was_asked_for(
    lessons: list[tuple[float, float | None, RateHint | None, float]],
) -> None:
    """Whatever was taught, the next start is not in the past, and not later than the longest wait."""
    pacer = Pacer()
    now = 0.0
    for gap, wait, hint, u in lessons:
        now += gap
        start = pacer.next_start(now)
        assert now <= start <= now + 300 * (1 + STAGGER) + 60 * WINDOW_MARGIN
        now = start
        pacer.started(now)
        pacer.refused(now, now + 0.1, wait, hint, u)


def test_a_limit_that_only_failures_tell_is_the_number_that_fits() -> None:
    """Of a hundred sent at once those after the sixtieth fail, in any order: from then on sixty a minute are sent."""
    pacer = Pacer()
    numbers = [pacer.started(1.0) for _ in range(100)]
    for n in (80, 99, 60, 61, 70):
        pacer.overran(numbers[n], 60.0)
    assert RateHint(limit=60, interval=60.0) == pacer.limit
    assert pacer.next_start(5.0) == 1.0 + MINUTE


def test_a_failure_told_hours_late_teaches_nothing() -> None:
    """Who left with it is forgotten then."""
    pacer = Pacer()
    number = pacer.started(0.0)
    pacer.started(HISTORY)
    pacer.overran(number, 60.0)
    assert pacer.limit is None


def test_the_slower_of_two_limits_is_kept() -> None:
    """One named in a 429 and one that failures show: whichever allows less in the long run."""
    pacer = Pacer(named=TWO_A_MINUTE)
    *_, fourth = [pacer.started(n * 100.0) for n in range(4)]
    pacer.overran(fourth, 3600.0)
    assert RateHint(limit=3, interval=3600.0) == pacer.limit
    assert TWO_A_MINUTE == Pacer(named=TWO_A_MINUTE).limit


def test_an_overload_makes_one_pause_and_the_next_a_longer_one_until_a_video_is_made() -> None:
    """Requests that were sent before the pause and fail after it add nothing; each new failure doubles it."""
    pacer = Pacer()
    pacer.overloaded(0.0, 1.0, 0.0)
    pacer.overloaded(0.5, 1.5, 0.0)
    assert 3.0 == pacer.next_start(1.5)
    pacer.overloaded(3.0, 4.0, 0.0)
    assert 8.0 == pacer.next_start(4.0)
    pacer.served()
    pacer.overloaded(8.0, 9.0, 0.0)
    assert 11.0 == pacer.next_start(9.0)
