"""Who sent a submit: what is written of it, what tells another account, and what that forbids."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

from pixverse_async._core.account import Account, account, changed_settings
from pixverse_async._core.config import Endpoint
from pixverse_async._core.errors import JournalError
from pixverse_async._core.events import SubmitAccepted
from pixverse_async._core.journal_accounts import accounts_of, refusal, without_account
from pixverse_async._core.journal_format import compacted, event_line, header_line, read_journal
from pixverse_async._core.lifecycle import NEW_JOB, UNFINISHED, JobRecord, State
from tests.submits import STARTED, started

KEY = "eyJhbGciOiJIUzI1NiJ9.eyJvcmciOiJhY21lIn0.c2lnbmF0dXJlLW9mLXRoZS1rZXk"
HERE = Endpoint(base_url="https://queue.example/apikey", api_key=KEY, org_id="acme")
OTHERS = {
    "base_url": attrs.evolve(HERE, base_url="https://elsewhere.example/apikey"),
    "org_id": attrs.evolve(HERE, org_id=None),
    "api_key": attrs.evolve(HERE, api_key=KEY[:-1] + "l"),
}
SENT = started(account=HERE.account("salt"))


def on_record(*states: State, sent: Endpoint | None = HERE) -> list[JobRecord]:
    """Jobs in these states, sent as this account, or as nobody knows who."""
    who = None if sent is None else sent.account("salt")
    return [attrs.evolve(NEW_JOB, state=state, started=started(account=who)) for state in states]


def refused(records: Sequence[JobRecord], now: Endpoint) -> str | None:
    """The message with which a run is refused."""
    problem = refusal("videos/j", records, accounts_of(records, now, "new"))
    return None if problem is None else str(problem)


@pytest.mark.parametrize("setting", OTHERS)
@pytest.mark.parametrize("state", State)
def test_another_account_is_refused_while_a_job_is_unfinished(setting: str, state: State) -> None:
    """Whatever differs, it is refused exactly while a job can only be settled as the account that sent it."""
    records = on_record(State.SAVED, state)
    assert refused(records, HERE) is None
    said = refused(records, OTHERS[setting])
    assert (said is not None) == (state in UNFINISHED)
    if said is not None:
        assert said.startswith(f"{setting}: 1 unfinished job in videos/j")
        assert "Nothing was sent" in said
        assert KEY not in said


def test_what_changed_is_named() -> None:
    """The message names both addresses and organisations, the count of the jobs, and no key."""
    now = Endpoint(base_url="https://elsewhere.example/apikey", api_key="k", org_id=None)
    said = refused(on_record(State.QUEUED, State.UNKNOWN), now)
    assert said is not None
    assert said.startswith("base_url and org_id and api_key: 2 unfinished jobs in videos/j")
    assert "base_url was https://queue.example/apikey and is https://elsewhere.example/apikey" in said
    assert "org_id was acme and is None, the key is another" in said


def test_a_journal_of_an_earlier_version_is_anybodys() -> None:
    """Jobs that name no account are looked for as the account at hand."""
    assert refused(on_record(*State, sent=None), OTHERS["api_key"]) is None


def test_a_journal_keeps_one_salt() -> None:
    """The submits of all runs as one account name it in one way, and those of another with the same salt."""
    records = on_record(State.SAVED)
    assert SENT.account == accounts_of(records, HERE, "new").ours
    assert "salt" == accounts_of(records, OTHERS["api_key"], "new").ours.key_salt
    assert "new" == accounts_of([], HERE, "new").ours.key_salt


def test_a_job_of_another_account_is_strange() -> None:
    """Only what another account sent is strange, not what nobody or ourselves sent."""
    theirs, ours, nobodys = on_record(State.SAVED, sent=OTHERS["org_id"]), on_record(State.SAVED), [NEW_JOB]
    records = [*theirs, *ours, *nobodys, *on_record(State.SAVED, sent=None)]
    assert [True, False, False, False] == [accounts_of(records, HERE, "new").is_foreign(one) for one in records]


def test_nothing_that_is_written_holds_the_key() -> None:
    """Of the key there are eight hex digits, which another salt makes others; none of its parts is written."""
    line = event_line(1, 2.0, "k", SENT).decode()
    assert not any(part in line for part in KEY.split("."))
    print_ = HERE.account("salt").key_print
    assert 8 == len(print_)
    assert print_ != HERE.account("pepper").key_print
    assert print_ not in KEY


def test_a_key_given_as_the_organisation_is_not_written() -> None:
    """The mistake of a tired user does not put his key on the disk."""
    mistaken = attrs.evolve(HERE, org_id=KEY, base_url=f"https://queue.example/{KEY}")
    assert KEY not in event_line(1, 2.0, "k", started(account=mistaken.account("salt"))).decode()


def test_accounts_survive_the_file_and_its_compaction() -> None:
    """What is read is what was written, also from the line of a compacted job; equal ones are one object."""
    lines = [header_line(1.0), event_line(1, 2.0, "a", SENT), event_line(2, 2.0, "b", SENT)]
    records = read_journal(
        b"".join([*lines, event_line(3, 2.0, "b", SubmitAccepted(request_id="r"))]), "j"
    ).records
    again = read_journal(compacted(records, 3.0), "j").records
    assert records == again
    found = [one.started.account for one in again.values() if one.started is not None]
    assert [SENT.account] * 2 == found
    assert found[0] is found[1]


@pytest.mark.parametrize("salt", ["x" * 65, 5, None, "\ud800"])
def test_an_account_that_nothing_can_be_compared_with_is_damage(salt: object) -> None:
    """Of a journal that somebody wrote into, before anything is asked or sent: not an error in the middle of a run."""
    account = attrs.evolve(HERE.account("salt"), key_salt=salt)
    with pytest.raises(JournalError):
        read_journal(header_line(1.0) + event_line(1, 2.0, "a", started(account=account)), "j")


def test_forgetting_changes_nothing_but_the_account() -> None:
    """A record without its account is the same otherwise, and one that had none is the same object."""
    (known,), (unknown,) = on_record(State.QUEUED), on_record(State.QUEUED, sent=None)
    assert unknown == without_account(known)
    assert unknown is without_account(unknown)
    assert NEW_JOB is without_account(NEW_JOB)


def test_equal_settings_are_no_change() -> None:
    """Two accounts of the same settings and salt are equal, and nothing differs."""
    one = account(HERE.base_url, HERE.org_id, HERE.api_key, salt="salt")
    assert one == HERE.account("salt")
    assert () == changed_settings(one, HERE.account("salt"))
    assert isinstance(one, Account)
    assert STARTED.account is None
