"""Outcomes that a signal keeps from being handed out are in the tables all the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pixverse_async import Failed, Job, JobEvent, Outcome, State, StoppedError
from pixverse_async.cli.found import Found


def ended(index: int) -> Outcome:
    """The outcome of a job of this index."""
    error = StoppedError("no credit left")
    return Failed(index=index, name=f"job-{index}", job=Job("cat.jpg", "x"), usd=Decimal(0), error=error)


def told(index: int, outcome: Outcome | None) -> JobEvent:
    """What an observer hears."""
    return JobEvent(index=index, name=f"job-{index}", state=State.FAILED, outcome=outcome)


def test_what_was_told_is_found_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the jobs; what was not handed out yet is answered at the end, and the display hears of all."""
    heard: list[JobEvent] = []
    found = Found(then=heard.append)
    first, second = ended(1), ended(0)
    for event in (told(1, None), told(1, first), told(0, second)):
        found(event)
    found.answer(first, as_json=True)
    assert [second] == found.unanswered()
    for one in found.unanswered():
        found.answer(one, as_json=True)
    assert [second, first] == found.in_order()
    assert [] == found.unanswered()
    assert 3 == len(heard)
    assert 2 == len(capsys.readouterr().out.splitlines())
