"""How many fit, told by those that were one too many. Plain arithmetic."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.capacity import MOST_ROUNDS, Capacity


def learned(limit: int) -> Capacity:
    places = Capacity()
    places.overrun(limit + 1)
    return places


def serve(places: Capacity, times: int) -> None:
    """So many are served while all places are used."""
    for _ in range(times):
        assert places.limit is not None
        places.served(places.limit)


@given(st.integers(1, 50), st.integers(1, 100), st.randoms(use_true_random=False))
def test_a_burst_teaches_the_true_number_in_any_order(true: int, more: int, rng: random.Random) -> None:
    """When all beyond the true number fail, that number is learned, whichever failure is seen first."""
    failed = list(range(true + 1, true + more + 1))
    rng.shuffle(failed)
    places = Capacity()
    for rank in failed:
        places.overrun(rank)
    assert true == places.limit


def test_without_a_failure_there_is_no_limit() -> None:
    """Whatever is served, nothing is limited before something was too many."""
    places = Capacity()
    places.served(7)
    assert places.limit is None


def test_one_place_is_always_left() -> None:
    """A request that failed alone leaves one place: the batch goes on."""
    assert 1 == learned(0).limit


def test_more_is_tried_only_when_all_places_are_used_and_served() -> None:
    """Twenty requests served with all twenty places used: one more. With a place left free: none."""
    places = learned(20)
    for _ in range(100):
        places.served(19)
        places.served(21)
    serve(places, 19)
    assert 20 == places.limit
    serve(places, 1)
    assert 21 == places.limit


def test_a_trial_that_goes_well_is_followed_by_one_twice_as_large() -> None:
    """After an overload of minutes the way back from one place to a hundred takes fewer than 200 videos."""
    places, served = learned(1), 0
    while (places.limit or 0) < 100:
        serve(places, 1)
        served += 1
    assert served < 200


def test_a_trial_that_fails_makes_the_next_one_wait_twice_as_long() -> None:
    """At a true limit of twenty, trials come after 20, 40, 80, ... videos: five failures in a thousand."""
    places, failures = learned(20), 0
    for _ in range(1000):
        serve(places, 1)
        if places.limit == 21:
            places.overrun(21)
            failures += 1
    assert (20, 5) == (places.limit, failures)


def test_a_trial_is_made_again_however_many_failed() -> None:
    """The wait between trials has an end, so that a limit that was raised is found."""
    places = learned(2)
    for _ in range(20):
        while places.limit == 2:
            serve(places, 1)
        places.overrun(3)
    serve(places, 2 * MOST_ROUNDS)
    assert 3 == places.limit


def test_an_old_failure_cuts_nothing() -> None:
    """A request that left when more were under way, and fails late, is no second lesson."""
    places = learned(20)
    places.overrun(90)
    places.overrun(21)
    assert 20 == places.limit
