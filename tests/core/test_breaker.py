"""The circuit breaker for new submits, as arithmetic."""

from __future__ import annotations

from pixverse_async._core.breaker import FEWEST_CALLS, FIRST_PAUSE, LONGEST_PAUSE, WINDOW, Breaker


def _failing(calls: int, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(calls):
        breaker.heard(now, is_failure=True)
    return breaker


def test_few_failures_prove_nothing() -> None:
    """One failure short of the fewest calls leaves it closed, and the next one opens it."""
    breaker = _failing(FEWEST_CALLS - 1)
    assert 0.0 == breaker.closed_at(0.0)
    breaker.heard(0.0, is_failure=True)
    assert FIRST_PAUSE == breaker.closed_at(0.0)


def test_half_of_the_latest_decides() -> None:
    """Nine failures of twenty leave it closed; ten open it."""
    breaker = Breaker()
    for n in range(20):
        breaker.heard(0.0, is_failure=n >= 11)
    assert 0.0 == breaker.closed_at(0.0)
    breaker.heard(0.0, is_failure=True)
    assert 0.0 < breaker.closed_at(0.0)


def test_old_failures_do_not_count() -> None:
    """Failures before the window are forgotten."""
    breaker = _failing(FEWEST_CALLS - 1)
    breaker.heard(WINDOW + 1.0, is_failure=True)
    assert WINDOW + 1.0 == breaker.closed_at(WINDOW + 1.0)


def test_a_read_and_then_a_submit_close_it() -> None:
    """After the pause a read is needed, then one submit is on trial; its success forgets the history."""
    breaker = _failing(FEWEST_CALLS)
    assert not breaker.needs_read(FIRST_PAUSE - 0.1)
    assert breaker.needs_read(FIRST_PAUSE)
    breaker.heard_read(FIRST_PAUSE, is_failure=False)
    assert breaker.is_on_trial
    breaker.heard(FIRST_PAUSE, is_failure=False)
    assert not breaker.is_on_trial
    breaker.heard(FIRST_PAUSE, is_failure=True)
    assert FIRST_PAUSE == breaker.closed_at(FIRST_PAUSE)


def test_a_submit_that_fails_on_trial_opens_it_for_longer() -> None:
    """One failure on trial is enough, and the pause doubles."""
    breaker = _failing(FEWEST_CALLS)
    breaker.heard_read(FIRST_PAUSE, is_failure=False)
    breaker.heard(10.0, is_failure=True)
    assert not breaker.is_on_trial
    assert 10.0 + 2 * FIRST_PAUSE == breaker.closed_at(10.0)


def test_each_failed_read_doubles_the_pause_up_to_a_minute() -> None:
    """5 s, then 10, 20, 40, 60, 60."""
    breaker = _failing(FEWEST_CALLS)
    pauses: list[float] = []
    for _ in range(5):
        now = breaker.closed_at(0.0)
        breaker.heard_read(now, is_failure=True)
        pauses.append(breaker.closed_at(0.0) - now)
    assert [10.0, 20.0, 40.0, LONGEST_PAUSE, LONGEST_PAUSE] == pauses
