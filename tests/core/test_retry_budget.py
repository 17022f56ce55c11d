"""The arithmetic of shared retries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.retry_budget import MOST_IN_A_ROW, PROBE_EVERY, RetryBudget


def test_an_outage_is_probed_and_not_stormed() -> None:
    """Ten minutes without a success: the first retries, and then one every twenty seconds."""
    budget = RetryBudget()
    taken = sum(budget.take(float(now)) for now in range(601) for _ in range(50))
    assert MOST_IN_A_ROW + 600 / PROBE_EVERY == taken


def test_a_success_gives_all_turns_back() -> None:
    """Only who finds the budget spent has anybody to wake."""
    budget = RetryBudget()
    assert not budget.succeeded()
    assert all(budget.take(0.0) for _ in range(MOST_IN_A_ROW))
    assert not budget.take(0.0)
    assert budget.succeeded()
    assert all(budget.take(0.0) for _ in range(MOST_IN_A_ROW))


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=200))
def test_who_is_refused_has_a_turn_at_the_time_named(steps: list[tuple[float, bool]]) -> None:
    """Whatever went before, waiting until `next_at` is enough."""
    budget, now = RetryBudget(), 0.0
    for pause, is_success in steps:
        now += pause
        if is_success:
            budget.succeeded()
        elif not budget.take(now):
            assert now < budget.next_at <= now + PROBE_EVERY
            assert budget.take(budget.next_at)
            now = budget.next_at
