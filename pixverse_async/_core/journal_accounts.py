"""Which jobs of a journal are of another account than the one at hand, and what that forbids.

A job that is at the service, or may be, can be asked for as the account that sent it, and as no other: elsewhere it
is "not there", which must not be taken for "never sent".  So a run as another account is refused while such a job is
unfinished, before it asks or sends anything.  What is over binds nobody: a finished folder may go on as anybody, and
a failed job be sent again.  Jobs of journals that name no account, as earlier versions wrote them, count as ours.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from .account import Account, changed_settings
from .config import Endpoint
from .errors import ConfigError
from .frozen import frozen
from .lifecycle import UNFINISHED, JobRecord


@frozen
class Accounts:
    """The accounts of a journal, seen from this run's."""

    ours: Account
    """As which this run sends."""
    others: Mapping[Account, tuple[str, ...]]
    """The others, with the settings in which they differ."""

    def is_foreign(self, record: JobRecord) -> bool:
        """Another account sent it."""
        return record.started is not None and record.started.account in self.others


def accounts_of(records: Iterable[JobRecord], endpoint: Endpoint, salt: str) -> Accounts:
    """The accounts of the records. `salt` is for a journal that has none yet."""
    found = {id(then): then for record in records if (then := _account(record)) is not None}
    others: dict[Account, tuple[str, ...]] = {}
    for then in found.values():
        changed = changed_settings(then, endpoint.account(then.key_salt))
        if changed:
            others[then] = changed
    first = next(iter(found.values()), None)
    return Accounts(ours=endpoint.account(salt if first is None else first.key_salt), others=others)


def _account(record: JobRecord) -> Account | None:
    return None if record.started is None else record.started.account


def without_account(record: JobRecord) -> JobRecord:
    """The record as if nobody knew who sent it."""
    started = record.started
    if started is None or started.account is None:
        return record
    return attrs.evolve(record, started=attrs.evolve(started, account=None))


def refusal(path: str, records: Iterable[JobRecord], accounts: Accounts) -> ConfigError | None:
    """Why this account must not touch the journal at `path`; None when nothing unfinished is another's."""
    unfinished = [one for one in records if one.state in UNFINISHED and accounts.is_foreign(one)]
    if not unfinished:
        return None
    thens = {then for one in unfinished if (then := _account(one)) is not None}
    changed = dict.fromkeys(name for then in thens for name in accounts.others[then])
    jobs = "1 unfinished job" if len(unfinished) == 1 else f"{len(unfinished)} unfinished jobs"
    was = ", ".join(_words(name, thens, accounts.ours) for name in changed)
    problem = f"{jobs} in {path} would not be found, or be paid again: sent as another account ({was})"
    return ConfigError(" and ".join(changed), problem, _REMEDY)


def _words(setting: str, thens: Iterable[Account], now: Account) -> str:
    if setting == "api_key":
        return "the key is another"
    before = " and ".join(sorted({str(getattr(then, setting)) for then in thens}))
    return f"{setting} was {before} and is {getattr(now, setting)}"


_REMEDY: Final = (
    "Nothing was sent. Finish them with the settings that they were sent with, or use another output folder. If it is"
    " the same account (a new key of it, a new address), say so once: `python -m pixverse_async resolve FOLDER"
    " --same-account`, or `forget_account`."
)
