"""Which reason stops a batch's sending, and which makes it raise."""

from __future__ import annotations

from itertools import permutations

import pytest

from pixverse_async._core.errors import (
    AuthError,
    ConfigError,
    InsufficientCreditsError,
    JournalError,
    PixverseError,
    StoppedError,
)
from pixverse_async._core.halted import Halted

KEY = AuthError(401, "no such key")
SETTING = ConfigError("base_url", "not the queue", "Use another.")
JOURNAL = JournalError("journal.jsonl", "the disk fails", "See to it.")
CREDIT = InsufficientCreditsError(402, "balance is 0")
DISK = StoppedError("the disk is full")


@pytest.mark.parametrize("error", [CREDIT, DISK])
def test_a_want_of_credit_or_room_stops_the_sending_alone(error: PixverseError) -> None:
    """The batch raises for nothing that its outcomes can say."""
    halted = Halted()
    assert halted.not_sent() is None
    assert halted.take(error)
    assert halted.fatal is None
    told = halted.not_sent()
    assert told is not None
    assert type(told) is type(error)


@pytest.mark.parametrize("error", [KEY, SETTING, JOURNAL])
def test_what_no_job_could_be_sent_with_is_fatal(error: PixverseError) -> None:
    """A wrong key or setting and a lost journal are raised, and the jobs not sent say why."""
    halted = Halted(error)
    assert error is halted.fatal
    assert isinstance(halted.not_sent(), StoppedError)


@pytest.mark.parametrize("errors", list(permutations([DISK, KEY, JOURNAL])))
def test_the_gravest_reason_stays(errors: tuple[PixverseError, ...]) -> None:
    """In whatever order they come, a journal that cannot be written is what the batch raises."""
    halted = Halted()
    for error in errors:
        halted.take(error)
    assert JOURNAL is halted.reason


def test_of_equal_reasons_the_first_stays() -> None:
    """A batch of a thousand refusals tells one."""
    halted = Halted(KEY)
    assert not halted.take(SETTING)
    assert not halted.take(AuthError(403, "later"))
    assert KEY is halted.reason


def test_each_job_gets_an_error_of_its_own() -> None:
    """An error is told of which job it is: two jobs that shared one would share a name."""
    for reason in (CREDIT, DISK, KEY):
        halted = Halted(reason)
        first, second = halted.not_sent(), halted.not_sent()
        assert first is not second
        assert first is not reason
