"""Which records are our lost submits, and when none of them can be."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core import replies, wire
from pixverse_async._core.job import Job, Stage
from pixverse_async._core.journal_format import scrub
from pixverse_async._core.reconcile import (
    CLOCK_TOLERANCE,
    RESUBMIT_AFTER,
    Lost,
    claim,
    contradiction,
    is_conclusive,
    is_same,
    listed_as,
    may_be_absent,
)
from pixverse_async._core.wire import Listing, Status
from tests.core.replies import reply
from tests.submits import started

LEFT = 1_000_000.0
IMAGE = "https://x.example/cat.jpg"
JOB = Job(IMAGE, "the cat yawns")
SEEDED = attrs.evolve(JOB, seed=42)


def lost(key: str = "a", job: Job = JOB, seed: int = 42, left: float = LEFT, image: str = IMAGE) -> Lost:
    sha = wire.payload_sha256(wire.payload(job, image, seed))
    return Lost(
        key=key,
        started=started(
            name=key,
            seed=seed,
            is_own_seed=job.seed is None,
            payload_sha256=sha,
            at_utc=left,
            prompt=job.prompt,
            duration=job.duration,
            quality=job.quality,
        ),
    )


def record(
    request_id: str = "r-1",
    job: Job = JOB,
    seed: int = 42,
    image: str = IMAGE,
    age: float | None = -1.0,
    **echo: Any,
) -> Status:
    """A record of the service, created `age` seconds before the submit left."""
    fields = {"request_id": request_id, "status": "queued", "payload": {**wire.payload(job, image, seed), **echo}}
    created = {} if age is None else {"created_at": LEFT - age}
    return replies.read_record(reply({**fields, **created}))


def mute(request_id: str = "r-1", age: float | None = -1.0) -> Status:
    """A record with the empty echo that was seen on the wire."""
    return attrs.evolve(record(request_id, age=age), echo=None)


# -- adopting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [JOB, SEEDED])
def test_an_equal_payload_is_adopted(job: Job) -> None:
    """A record that echoes what was sent, to the letter, is the submit, whoever chose the seed."""
    assert {"a": "r-1"} == claim([lost(job=job)], [record(job=job)], ())


@pytest.mark.parametrize("word", ["queued", "success", "failed", "cancelled"])
def test_a_request_that_failed_may_have_been_followed_by_another(word: str) -> None:
    """Where lines are lost, a failed record is not taken for the latest submit; one that goes on, or was made, is."""
    one, seen = attrs.evolve(lost(), has_gaps=True), attrs.evolve(record(), stage=Stage(word))
    is_over = word in ("failed", "cancelled")
    assert ({} if is_over else {"a": "r-1"}) == claim([one], [seen], ())
    assert is_over is not is_same(one, seen)
    assert is_same(lost(), seen)


def test_a_drawn_seed_survives_a_rewritten_image() -> None:
    """With a seed that we drew, a record whose image link the service rewrote is still recognised."""
    assert {"a": "r-1"} == claim([lost()], [record(image="https://storage.example/copy.jpg")], ())


@pytest.mark.parametrize("prompt", ["it walks. " * 50, "it yawns\nand  sleeps", "as in https://x.example/a?b=1"])
def test_the_journals_form_of_a_prompt_is_no_contradiction(prompt: str) -> None:
    """A prompt that the journal keeps shortened, on one line or without a query is still that of its record."""
    job = attrs.evolve(JOB, prompt=prompt)
    written = attrs.evolve(lost(job=job), started=scrub(lost(job=job).started))
    assert {"a": "r-1"} == claim([written], [record(job=job, image="https://storage.example/copy.jpg")], ())


def test_a_users_seed_does_not() -> None:
    """With a seed of the user's, a record with another image may be another job's, and is left alone."""
    assert {} == claim([lost(job=SEEDED)], [record(job=SEEDED, image="https://x.example/dog.jpg")], ())


@pytest.mark.parametrize("echo", [{"prompt": "the dog"}, {"duration": 9}, {"quality": "1080p"}, {"seed": 43}])
def test_what_contradicts_is_not_adopted(echo: dict[str, Any]) -> None:
    """A drawn seed proves nothing against another prompt, duration or quality."""
    assert {} == claim([lost()], [record(**echo)], ())


@pytest.mark.parametrize("echo", [{"prompt": None}, {"duration": "5"}, {"quality": 540}, {"extra": 1}])
def test_what_is_not_echoed_does_not_contradict(echo: dict[str, Any]) -> None:
    """A field that the service left out, or spelled in its own way, is no contradiction of a drawn seed."""
    assert {"a": "r-1"} == claim([lost()], [record(**echo)], ())


def test_an_empty_echo_is_not_adopted() -> None:
    """A record that does not say what it was asked recognises nobody."""
    assert {} == claim([lost()], [mute()], ())


def test_a_claimed_record_is_not_adopted() -> None:
    """A record that some job already holds is never given to another."""
    assert {} == claim([lost()], [record()], {"r-1"})


@pytest.mark.parametrize(
    ("age", "is_ours"), [(-3600.0, True), (0.0, True), (CLOCK_TOLERANCE, True), (CLOCK_TOLERANCE + 1, False)]
)
def test_a_record_older_than_its_submit_is_not_adopted(age: float, is_ours: bool) -> None:
    """A record from before the submit left, beyond what clocks differ, belongs to an earlier one."""
    assert is_ours == bool(claim([lost(job=SEEDED)], [record(job=SEEDED, age=age)], ()))


@pytest.mark.parametrize("skew", [-5000.0, 5000.0])
def test_a_difference_of_the_clocks_is_taken_out(skew: float) -> None:
    """A service whose clock is an hour wrong, and says so, has its records recognised, and older ones told apart."""
    ours, earlier = (record(job=SEEDED, age=age - skew) for age in (0.0, CLOCK_TOLERANCE + 1))
    assert {"a": "r-1"} == claim([lost(job=SEEDED)], [ours], (), skew)
    assert {} == claim([lost(job=SEEDED)], [earlier], (), skew)


@pytest.mark.fault(39)
def test_a_drawn_seed_needs_no_clock() -> None:
    """A submit dated by a clock that was a day fast is recognised by the seed that we drew, and never called absent."""
    assert {"a": "r-1"} == claim([lost()], [record(age=86_400.0)], ())
    assert not is_conclusive(lost(), listing(record(age=86_400.0, prompt="?"), is_complete=True))


def test_a_record_without_a_time_may_be_adopted() -> None:
    """A record that does not say when it was made is judged by its payload alone."""
    assert {"a": "r-1"} == claim([lost()], [record(age=None)], ())


def test_a_record_without_a_time_is_given_away_last() -> None:
    """Beside it a dated record, which fewer submits can be, finds its owner first."""
    assert {"a": "dated"} == claim([lost()], [record("undated", age=None), record("dated")], ())


def test_one_record_is_given_to_one_job() -> None:
    """Two equal submits and one record leave one of them unknown."""
    assert len(claim([lost("a"), lost("b")], [record()], ())) == 1


def test_one_job_is_given_one_record() -> None:
    """One submit and two equal records leave one of them to nobody."""
    assert len(claim([lost()], [record("r-1"), record("r-2")], ())) == 1


def test_proof_comes_before_likeness() -> None:
    """A record that equals one submit is not given away to another that it only resembles."""
    alike = lost("alike", image="https://x.example/other.jpg")
    assert {"a": "r-1"} == claim([alike, lost("a")], [record()], ())


@pytest.mark.parametrize("is_turned", [False, True])
def test_an_early_submit_leaves_the_young_record_to_a_late_one(is_turned: bool) -> None:
    """Of two equal submits an hour apart each is given the record that it can be, in whatever order they are listed."""
    jobs = [lost("early", job=SEEDED), lost("late", job=SEEDED, left=LEFT + 3600)]
    records = [record("r-2", job=SEEDED, age=-3601), record("r-1", job=SEEDED)]
    if is_turned:
        records.reverse()
    assert {"early": "r-1", "late": "r-2"} == claim(jobs, records, ())


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=6),
    st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), max_size=8),
    st.sets(st.integers(0, 7), max_size=3),
    st.sampled_from([JOB, SEEDED]),
)
def test_no_record_is_given_away_twice(
    submits: list[tuple[int, int]], records: list[tuple[int, int]], held: set[int], job: Job
) -> None:
    """Whatever was lost and listed, no two jobs share a record, none gets a held one, seeds and times agree."""
    jobs = [lost(f"job-{n}", job, seed, LEFT + 300 * at) for n, (seed, at) in enumerate(submits)]
    listed = [record(f"r-{n}", job, seed, age=-300.0 * at) for n, (seed, at) in enumerate(records)]
    found = claim(jobs, listed, {f"r-{n}" for n in held})
    assert len(found) == len(set(found.values()))
    for key, request_id in found.items():
        n = int(request_id[2:])
        assert n not in held
        assert submits[int(key[4:])][0] == records[n][0]
        assert job.seed is None or submits[int(key[4:])][1] <= records[n][1]


@pytest.mark.parametrize(("one", "is_it"), [(record(), True), (mute(), True), (record(seed=43), False)])
def test_a_named_record_is_ours_unless_its_seed_says_no(one: Status, is_it: bool) -> None:
    """The id that our own error reply named is believed, unless the record echoes another seed."""
    assert is_it == is_same(lost(), one)


# -- what a user says --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("echo", "field"),
    [
        ({"seed": 43}, "seed"),
        ({"prompt": "the dog"}, "prompt"),
        ({"duration": 9}, "duration"),
        ({"quality": "1080p"}, "quality"),
        ({"seed": 43, "prompt": "the dog"}, "seed"),
        ({"prompt": None, "duration": "5", "quality": 540, "extra": 1}, None),
        ({"image": "https://x.example/dog.jpg"}, None),
    ],
)
def test_a_request_of_another_job_is_told_by_what_it_echoes(echo: dict[str, Any], field: str | None) -> None:
    """With a seed of the user's each field that is echoed may contradict; an image may have been rewritten."""
    found = contradiction(lost(job=SEEDED), record(job=SEEDED, **echo))
    assert field == (None if found is None else found.field)
    assert found is None or found.theirs != found.ours


@pytest.mark.parametrize(
    "one", [mute(), record(prompt="the cat yawns, cinematic", quality="1080p"), record(age=9e9)]
)
def test_what_proves_nothing_contradicts_nothing(one: Status) -> None:
    """No echo, a seed that only we can have sent beside something rewritten, or a time by some other clock."""
    assert contradiction(lost(), one) is None


def test_another_seed_of_ours_may_be_that_of_a_lost_line() -> None:
    """Where a repair found lines lost a seed that we drew contradicts nothing; the user's own does, and the prompt."""
    assert contradiction(attrs.evolve(lost(), has_gaps=True), record(seed=43)) is None
    for one in (lost(job=SEEDED), lost(job=attrs.evolve(JOB, prompt="the dog"))):
        assert contradiction(attrs.evolve(one, has_gaps=True), record(seed=43)) is not None


@pytest.mark.parametrize(
    ("model", "is_it"), [("pixverse-v6-i2v", True), ("PixVerse-V6-I2V", True), ("Veo3", False)]
)
def test_a_request_of_another_model_is_no_jobs(model: str, is_it: bool) -> None:
    """Even when it echoes nothing: the model is told by itself."""
    assert is_it == (contradiction(lost(), attrs.evolve(mute(), model=model)) is None)


@pytest.mark.parametrize("job", [JOB, SEEDED])
def test_a_record_of_any_age_is_listed(job: Job) -> None:
    """Its submit may have been dated by a clock that was fast; what another job has, or asks for less, is not it."""
    old = record(job=job, age=86_400.0)
    assert "r-1" == listed_as(lost(job=job), [old], ())
    assert listed_as(lost(job=job), [old], {"r-1"}) is None
    assert listed_as(lost(job=job), [record(job=SEEDED, prompt="the dog", age=86_400.0), mute()], ()) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_a_young_submit_may_not_be_called_absent(sign: int) -> None:
    """Nor one that seems to be sent a little later than now: the clock was set back meanwhile."""
    submit = lost().started
    assert not may_be_absent(submit, LEFT + sign * (RESUBMIT_AFTER - 1))
    assert may_be_absent(submit, LEFT + sign * RESUBMIT_AFTER)


def test_a_long_list_is_searched_quickly() -> None:
    """A thousand lost submits in a list of ten thousand are found one by one, not each against each."""
    jobs = [lost(f"job-{n}", seed=n) for n in range(1000)]
    one = record()
    assert one.echo is not None
    echoes = [attrs.evolve(one.echo, seed=seed) for seed in range(2000)]
    listed = [attrs.evolve(one, request_id=f"r-{n}", echo=echoes[n % 2000]) for n in range(10_000)]
    assert len(claim(jobs, listed, ())) == 1000


# -- calling it absent -------------------------------------------------------------------------------

OLD, OLDER, YOUNG, YOUNGER = (
    record(name, seed=n, age=age)
    for n, (name, age) in enumerate([("old", 500.0), ("older", 900.0), ("young", -5.0), ("younger", -9.0)])
)


def listing(*records: Status, is_complete: bool = False, unreadable: int = 0) -> Listing:
    return Listing(records=records, is_complete=is_complete, unreadable=unreadable)


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("page", "is_absent"),
    [
        (listing(is_complete=True), True),
        (listing(OLD, YOUNG, is_complete=True), True),
        (listing(), False),
        (listing(YOUNGER, YOUNG), False),
        (listing(YOUNGER, YOUNG, OLD), True),
        (listing(YOUNG, YOUNG, OLD), True),
        (listing(YOUNG, record("edge", seed=9, age=CLOCK_TOLERANCE)), False),
        (listing(OLD, OLDER), True),
        (listing(OLD), False),
        (listing(OLDER, OLD), False),
        (listing(OLDER, OLD, YOUNG), False),
        (listing(YOUNG, OLDER, YOUNGER), False),
        (listing(OLD, OLD, OLD), False),
    ],
)
def test_a_list_must_have_to_show_it(page: Listing, is_absent: bool) -> None:
    """A submit is absent from a complete list, or from one that is newest first and reaches back past it.

    A first page in any other order is one that a new record would not be on.
    """
    assert is_absent == is_conclusive(lost(), page)


@pytest.mark.parametrize(
    "one",
    [
        mute("x"),
        mute("x", age=None),
        record("x", job=SEEDED, image="https://storage.example/copy.jpg"),
        record("x", job=SEEDED, prompt="the cat yawns."),
        record("x", job=SEEDED, age=None, prompt="?"),
    ],
)
@pytest.mark.parametrize("job", [JOB, SEEDED])
def test_a_record_that_could_be_it_forbids_to_call_it_absent(one: Status, job: Job) -> None:
    """A record that echoes nothing, or our seed beside something rewritten, may be the submit: sending it again
    could pay twice."""
    assert not is_conclusive(lost(job=job), listing(one, is_complete=True))
    assert not is_conclusive(lost(job=job), listing(one, OLD, OLDER))


@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_a_record_at_the_edge_of_what_clocks_differ_could_be_it(skew: float) -> None:
    """A service whose clock is fast, and says so, makes no record too old: the difference is itself a guess."""
    assert not is_conclusive(lost(), listing(mute("x", age=CLOCK_TOLERANCE), is_complete=True), skew)
    assert is_conclusive(lost(), listing(mute("x", age=CLOCK_TOLERANCE + 1), is_complete=True), skew)


def test_a_record_that_another_job_holds_forbids_nothing() -> None:
    """An echo-less record whose job is known is not the one that we look for."""
    assert is_conclusive(lost(), listing(mute("x"), is_complete=True), claimed={"x"})


def test_an_old_record_forbids_nothing() -> None:
    """A record with our user's favourite seed from before the submit is not the submit."""
    assert is_conclusive(lost(job=SEEDED), listing(record("x", job=SEEDED, age=500.0), is_complete=True))


@pytest.mark.parametrize("one", [mute("x", age=86_400.0), record("x", job=SEEDED, age=86_400.0)])
def test_a_date_by_another_runs_clock_makes_no_record_too_old(one: Status) -> None:
    """The wall clock may have been set since: a record that could be the submit but for its age forbids."""
    undated = attrs.evolve(lost(job=SEEDED), is_dated=False)
    assert not is_conclusive(undated, listing(one, is_complete=True))


def test_a_date_by_another_runs_clock_needs_the_whole_list() -> None:
    """How far back a page has to reach is not known then; a complete list without it is conclusive all the same."""
    undated = attrs.evolve(lost(), is_dated=False)
    assert is_conclusive(lost(), listing(YOUNG, OLD, OLDER))
    assert not is_conclusive(undated, listing(YOUNG, OLD, OLDER))
    assert is_conclusive(undated, listing(YOUNG, OLD, OLDER, is_complete=True))


def test_an_unreadable_entry_forbids_to_call_it_absent() -> None:
    """An entry that cannot be read may be the submit."""
    assert not is_conclusive(lost(), listing(YOUNG, OLD, unreadable=1))


@pytest.mark.parametrize("skew", [10.0**9, -(10.0**9)])
def test_a_wrong_clock_makes_nothing_absent(skew: float) -> None:
    """A `Date` header that is decades off, in either direction, does not hide a record that could be the submit."""
    assert not is_conclusive(lost(), listing(mute("x"), is_complete=True), skew)
    assert not is_conclusive(lost(), listing(YOUNGER, YOUNG), skew)
