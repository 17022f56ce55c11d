"""The table of a job's life: what may follow what, what it cost, and that nothing is sent twice unasked."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixverse_async._core.events import (
    NO_MEDIA,
    ConfirmedAbsent,
    DownloadAbandoned,
    Event,
    GenerationFailed,
    GenerationSucceeded,
    LinkExpired,
    Reconciled,
    RequestLost,
    RetryRequested,
    Saved,
    SavedFileMissing,
    StatusSeen,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInterrupted,
    SubmitRejected,
    SubmitStarted,
)
from pixverse_async._core.journal_format import compacted, event_line, read_journal
from pixverse_async._core.lifecycle import (
    NEW_JOB,
    NOT_SYNCED,
    TABLE,
    IllegalTransitionError,
    JobRecord,
    State,
    advance,
)
from tests.submits import STARTED, fold

PRICE = STARTED.usd
ACCEPTED = SubmitAccepted(request_id="r-1")
FAILED = GenerationFailed(reason="boom", kind="unknown")
EMPTY = GenerationFailed(reason="no video", kind=NO_MEDIA)
REJECTED = SubmitRejected(status=400, reason="no")
LOST = SubmitInterrupted(why="reset", request_id="maybe")
FOUND = (LOST, Reconciled(request_id="r-2"))
SAVED = Saved(path="cat.mp4", size_bytes=9, sha256="ef")
EXAMPLES: tuple[Event, ...] = (
    STARTED,
    ACCEPTED,
    SubmitDeferred(why="429"),
    REJECTED,
    LOST,
    Reconciled(request_id="r-2"),
    ConfirmedAbsent(listings=3),
    RequestLost(why="404"),
    StatusSeen(status="queued"),
    GenerationSucceeded(),
    FAILED,
    EMPTY,
    LinkExpired(),
    SAVED,
    DownloadAbandoned(problem="reset"),
    SavedFileMissing(problem="gone"),
    RetryRequested(),
)

WAYS: dict[State, tuple[Event, ...]] = {
    State.NEW: (),
    State.SUBMITTING: (STARTED,),
    State.UNKNOWN: (STARTED, LOST),
    State.QUEUED: (STARTED, ACCEPTED),
    State.READY: (STARTED, ACCEPTED, GenerationSucceeded()),
    State.SAVED: (STARTED, ACCEPTED, GenerationSucceeded(), SAVED),
    State.FAILED: (STARTED, ACCEPTED, FAILED),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A job that goes where the table lets it."""
    record, events = NEW_JOB, list[Event]()
    for _ in range(draw(st.integers(0, 30))):
        event = draw(st.sampled_from([one for one in EXAMPLES if type(one) in TABLE[record.state]]))
        record = advance(record, event)
        events.append(event)
    return events


def test_every_event_has_an_example() -> None:
    """No kind of event escapes the tests of this file."""
    assert set(get_args(Event)) == {type(one) for one in EXAMPLES}


def test_every_state_has_a_row() -> None:
    """The table speaks of every state, and each of them can be reached."""
    assert set(State) == set(TABLE)
    assert {state: state for state in State} == {state: fold(events).state for state, events in WAYS.items()}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", State)
def test_every_pair_is_in_the_table_or_raises(state: State, event: Event) -> None:
    """An event leads where the table says, and one that it does not name raises and says both names."""
    record = fold(WAYS[state])
    target = TABLE[state].get(type(event))
    if target is not None:
        assert target is advance(record, event).state
        return
    with pytest.raises(IllegalTransitionError, match=f"{type(event).__name__}.*{state}"):
        advance(record, event)


def test_the_design_is_the_table() -> None:
    """The transitions are these, and one more or less is a change of the design."""
    drawn = {
        (state.value, kind.__name__, target.value) for state, row in TABLE.items() for kind, target in row.items()
    }
    assert drawn == {
        ("new", "SubmitStarted", "submitting"),
        ("submitting", "SubmitAccepted", "queued"),
        ("submitting", "SubmitDeferred", "new"),
        ("submitting", "SubmitRejected", "failed"),
        ("submitting", "SubmitInterrupted", "unknown"),
        ("unknown", "Reconciled", "queued"),
        ("unknown", "ConfirmedAbsent", "new"),
        ("queued", "StatusSeen", "queued"),
        ("queued", "GenerationSucceeded", "ready"),
        ("queued", "GenerationFailed", "failed"),
        ("queued", "RequestLost", "unknown"),
        ("ready", "LinkExpired", "queued"),
        ("ready", "Saved", "saved"),
        ("ready", "DownloadAbandoned", "ready"),
        ("saved", "SavedFileMissing", "queued"),
        ("failed", "RetryRequested", "new"),
    }


def test_only_what_costs_a_poll_is_not_synced() -> None:
    """Every event whose loss could cost money is on disk before the next effect."""
    assert {StatusSeen, DownloadAbandoned} == NOT_SYNCED


@settings(max_examples=50)
@given(histories())
def test_an_accepted_job_has_its_id(events: list[Event]) -> None:
    """In QUEUED, READY and SAVED a job has the id by which it is picked up, and a saved one its file."""
    record = fold(events)
    if record.state in (State.QUEUED, State.READY, State.SAVED):
        assert record.request_id in ("r-1", "r-2")
    else:
        assert record.request_id is None or record.state is State.FAILED
    assert record.saved == SAVED or record.state is not State.SAVED
    assert record.saved is None or record.request_id is not None
    assert (record.ending is not None) == (record.state is State.FAILED)


@settings(max_examples=50)
@given(histories(), st.integers(0, 30))
def test_going_on_from_a_compacted_journal_is_having_read_all(events: list[Event], cut: int) -> None:
    """A journal that was compacted after any of its events, and went on, reads as one that never was."""
    rest = enumerate(events[cut:], start=2)
    lines = [compacted({"k": fold(events[:cut])}, 1.0), *(event_line(seq, 2.0, "k", event) for seq, event in rest)]
    assert {"k": fold(events)} == read_journal(b"".join(lines), "j").records


@settings(max_examples=50)
@given(histories())
def test_nothing_is_sent_twice_unasked(events: list[Event]) -> None:
    """Between two submits of one job lies a sure refusal, a declared absence or the user's wish, and nothing else."""
    for n, event in enumerate(events):
        if isinstance(event, SubmitStarted) and n:
            assert isinstance(events[n - 1], SubmitDeferred | ConfirmedAbsent | RetryRequested)


@settings(max_examples=50)
@given(histories())
def test_an_unknown_submit_is_sent_again_only_when_declared_absent(events: list[Event]) -> None:
    """After a lost reply a submit follows only behind `ConfirmedAbsent`, or when the job was found and then failed."""
    is_unknown = False
    for event in events:
        if isinstance(event, SubmitInterrupted | RequestLost):
            is_unknown = True
        elif isinstance(event, ConfirmedAbsent | Reconciled):
            is_unknown = False
        assert not (is_unknown and isinstance(event, SubmitStarted))


@settings(max_examples=50)
@given(histories())
def test_every_submit_is_counted(events: list[Event]) -> None:
    """`attempts` is the number of paid POSTs that were about to leave."""
    assert fold(events).attempts == sum(isinstance(event, SubmitStarted) for event in events)


# -- money -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "usd", "sunk_usd"),
    [
        ((), 0, 0),
        (WAYS[State.SUBMITTING], PRICE, 0),
        (WAYS[State.UNKNOWN], PRICE, 0),
        (WAYS[State.QUEUED], PRICE, 0),
        (WAYS[State.READY], PRICE, 0),
        (WAYS[State.SAVED], PRICE, 0),
        (WAYS[State.FAILED], 0, 0),
        ((STARTED, REJECTED), 0, 0),
        ((STARTED, SubmitDeferred(why="429")), 0, 0),
        ((STARTED, LOST, ConfirmedAbsent(listings=1)), 0, 0),
        ((STARTED, ACCEPTED, RequestLost(why="404")), PRICE, 0),
        ((STARTED, ACCEPTED, RequestLost(why="404"), ConfirmedAbsent(listings=0)), 0, 0),
        ((*WAYS[State.SAVED], SavedFileMissing(problem="gone"), RequestLost(why="404")), PRICE, PRICE),
        ((STARTED, ACCEPTED, EMPTY), PRICE, 0),
        ((STARTED, ACCEPTED, EMPTY, RetryRequested()), 0, PRICE),
        ((STARTED, ACCEPTED, EMPTY, RetryRequested(), STARTED, ACCEPTED), PRICE, PRICE),
        ((STARTED, ACCEPTED, EMPTY, RetryRequested(), STARTED, ACCEPTED, EMPTY), PRICE, PRICE),
        ((STARTED, ACCEPTED, FAILED, RetryRequested(), STARTED), PRICE, 0),
        ((*WAYS[State.READY], LinkExpired(), FAILED), PRICE, 0),
        ((*WAYS[State.SAVED], SavedFileMissing(problem="gone"), FAILED), PRICE, 0),
        ((*WAYS[State.READY], LinkExpired(), FAILED, RetryRequested(), STARTED, ACCEPTED, FAILED), 0, PRICE),
    ],
)
def test_what_a_job_may_have_cost(events: tuple[Event, ...], usd: Decimal, sunk_usd: Decimal) -> None:
    """A request costs its price until it is known to be free, and what is given up stays counted."""
    record = fold(events)
    assert (usd, sunk_usd) == (record.usd, record.sunk_usd)


@pytest.mark.parametrize(
    ("events", "is_billed"),
    [
        (WAYS[State.FAILED], False),
        ((STARTED, REJECTED), False),
        ((STARTED, ACCEPTED, EMPTY), True),
        ((*WAYS[State.READY], LinkExpired(), FAILED), True),
        ((*WAYS[State.SAVED], SavedFileMissing(problem="gone"), FAILED), True),
        (WAYS[State.READY], False),
    ],
)
def test_a_success_that_failed_later_is_billed(events: tuple[Event, ...], is_billed: bool) -> None:
    """A request that was a success once may have been charged, whatever the service calls it afterwards."""
    assert is_billed == fold(events).is_billed_failure


@settings(max_examples=50)
@given(histories())
def test_a_success_is_never_forgotten(events: list[Event]) -> None:
    """What a job may have cost is never less than a price for each request that was a success."""
    successes: list[bool] = []
    for event in events:
        if isinstance(event, SubmitStarted):
            successes.append(False)
        elif isinstance(event, GenerationSucceeded) or event == EMPTY:
            successes[-1] = True
    record = fold(events)
    assert sum(successes) * PRICE <= record.usd + record.sunk_usd <= len(successes) * PRICE


def test_a_new_submit_forgets_the_named_id() -> None:
    """The id that an error reply named belongs to that submit and to no later one."""
    unknown = fold(WAYS[State.UNKNOWN])
    assert (unknown.named_id, unknown.why) == ("maybe", "reset")
    again = fold((ConfirmedAbsent(listings=1), STARTED), unknown)
    assert (again.named_id, again.why) == (None, None)


@pytest.mark.parametrize(
    ("events", "past_ids"),
    [
        ((STARTED, REJECTED, RetryRequested()), ()),
        ((*WAYS[State.FAILED], RetryRequested()), ("r-1",)),
        ((*WAYS[State.FAILED], RetryRequested(), STARTED, *FOUND, FAILED, RetryRequested()), ("r-1", "r-2")),
    ],
)
def test_a_request_that_failed_stays_known(events: tuple[Event, ...], past_ids: tuple[str, ...]) -> None:
    """Each request that the service took is kept, in order, so that no lost submit is taken for one of them."""
    record = fold(events)
    assert (None, past_ids) == (record.request_id, record.past_ids)


def test_a_saved_file_is_known_though_it_is_missing() -> None:
    """It may be put back, until another request is to replace it. Its name stays unless it is given another."""
    saved = fold(WAYS[State.SAVED])
    assert SAVED == saved.saved
    gone = advance(saved, SavedFileMissing(problem="gone"))
    assert (SAVED, "cat") == (gone.saved, gone.name)
    assert fold((FAILED, RetryRequested()), gone).saved is None
    assert "cat-2" == advance(saved, SavedFileMissing(problem="other", name="cat-2")).name


def test_a_flag_may_be_read_back_from_a_number() -> None:
    """A record takes its flag as a number, as a journal holds it."""
    assert JobRecord(is_paid=1).is_paid is True
