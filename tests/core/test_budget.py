"""Prices and the budget, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.budget import Budget
from pixverse_async._core.dollars import dollars
from pixverse_async._core.job import DURATION_RANGE, Job, Quality
from pixverse_async._core.price import PRICE_USD_PER_SECOND, estimate, price_usd

USD = st.decimals(0, 5, places=3, allow_nan=False)


@pytest.mark.parametrize(
    ("quality", "audio", "duration", "usd"),
    [
        ("360p", False, 1, "0.025"),
        ("360p", True, 5, "0.175"),
        ("540p", False, 5, "0.175"),
        ("540p", True, 3, "0.135"),
        ("720p", False, 15, "0.675"),
        ("720p", True, 5, "0.30"),
        ("1080p", False, 5, "0.45"),
        ("1080p", True, 15, "1.725"),
    ],
)
def test_a_video_costs_what_is_published(quality: Quality, audio: bool, duration: int, usd: str) -> None:
    """The price is the published one per second, exactly."""
    assert Decimal(usd) == price_usd(Job("cat.jpg", "p", quality=quality, audio=audio, duration=duration))


def test_every_job_has_a_price() -> None:
    """Each quality, with and without audio, at each duration has a price above nothing."""
    assert {(q, a) for q in get_args(Quality) for a in (False, True)} == set(PRICE_USD_PER_SECOND)
    for quality, audio in PRICE_USD_PER_SECOND:
        for duration in DURATION_RANGE:
            assert price_usd(Job("cat.jpg", "p", quality=quality, audio=audio, duration=duration)) > 0  # pyright: ignore[reportArgumentType]  the keys of the table are qualities


def test_an_estimate_is_the_sum_of_its_prices() -> None:
    """A thousand small prices sum without a binary fraction's error, and none costs nothing."""
    made = estimate(Job(f"{n}.jpg", "p", quality="360p", duration=1) for n in range(1000))
    assert Decimal(25) == made.total_usd == sum(made.per_job)
    assert f"$25.00 for 1000 videos ({'; '.join(made.assumptions)})" == str(made)
    assert str(estimate([Job("cat.jpg", "p")])).startswith("$0.175 for 1 video (")
    assert Decimal(0) == estimate([]).total_usd


def test_a_budget_gives_its_last_cent_and_no_more() -> None:
    """A reservation that fits exactly is taken, and one of a thousandth more is not."""
    budget = Budget(limit_usd=Decimal("0.30"))
    assert budget.reserve(Decimal("0.10"))
    assert budget.reserve(Decimal("0.20"))
    assert not budget.reserve(Decimal("0.001"))
    assert Decimal("0.00") == budget.left_usd


def test_a_budget_without_a_limit_still_counts() -> None:
    """Without a limit everything fits, and the sums are kept."""
    budget = Budget()
    assert budget.reserve(Decimal(10**6))
    budget.settle(Decimal(1))
    assert (None, Decimal(1), Decimal(999_999)) == (budget.left_usd, budget.spent_usd, budget.reserved_usd)


def test_a_budget_opened_over_its_limit_gives_nothing() -> None:
    """When earlier runs spent more than the limit of this one, not a cent is promised."""
    budget = Budget(limit_usd=Decimal(1), spent_usd=Decimal(2))
    assert not budget.reserve(Decimal("0.001"))


@pytest.mark.parametrize("give_back", [Budget.settle, Budget.release])
def test_what_was_not_promised_cannot_be_given_back(give_back: Callable[[Budget, Decimal], None]) -> None:
    """To settle or release more than is reserved is a bug, not a gift."""
    budget = Budget(limit_usd=Decimal(1))
    budget.reserve(Decimal("0.5"))
    with pytest.raises(AssertionError, match=r"settled or released \$0\.6 of \$0\.5 reserved"):
        give_back(budget, Decimal("0.6"))


@pytest.mark.fault(43)
@given(
    st.decimals(0, 20, places=2, allow_nan=False), st.lists(st.tuples(st.sampled_from("rsx"), USD), max_size=60)
)
def test_the_limit_holds_whatever_happens(limit: Decimal, moves: list[tuple[str, Decimal]]) -> None:
    """reserved + spent <= limit after every move, and the sums are those of the moves."""
    budget = Budget(limit_usd=limit)
    held: list[Decimal] = []
    spent = Decimal(0)
    for move, usd in moves:
        if move == "r":
            before = (budget.reserved_usd, budget.spent_usd)
            if budget.reserve(usd):
                held.append(usd)
            else:
                assert before == (budget.reserved_usd, budget.spent_usd)
        elif held:
            one = held.pop()
            (budget.settle if move == "s" else budget.release)(one)
            spent += one if move == "s" else 0
        assert budget.reserved_usd + budget.spent_usd <= limit
        assert (sum(held), spent) == (budget.reserved_usd, budget.spent_usd)


@pytest.mark.parametrize(
    ("usd", "shown"),
    [("0", "$0.00"), ("1E+2", "$100.00"), ("0.6", "$0.60"), ("1.050", "$1.05"), ("0.175", "$0.175")],
)
def test_money_is_shown_as_money(usd: str, shown: str) -> None:
    """Cents at the least, every digit that counts, and no exponent."""
    assert shown == dollars(Decimal(usd))
