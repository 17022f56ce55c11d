"""Whose request it is: the service, the organisation and the key with which a submit was sent.

A request id, and the list in which a lost submit is looked for, mean something in one account only.  Looked for in
another one, what is paid is "not there", and would be bought again.  So each submit goes on record with the account
that sent it, and `journal_accounts` finds those of another account before a run asks or sends anything.

The base and the organisation are written as they are: both are addresses, no secrets.  The key is one, so of it there
are four bytes of a keyed hash under a salt that is drawn at random: enough to notice another key, except once
in four billion times.  They help nobody to the key: it is a signed token, which cannot be guessed, so that a slow hash
would protect nothing more; 32 bits could not tell the right guess from the other billions; and the salt keeps
journals from showing that they are of one key.  To write nothing of the key would miss the most usual change of all,
the key of another account at the same address.

A new key of the same account looks like another account.  That is asked only where something is at stake, and
answered with one word of the user's: see `forget_account`.  Pure.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from .frozen import frozen
from .redaction import redact

_PRINT_BYTES: Final = 4
_SALT_BYTES: Final = 64
"""What the hash takes at most."""
_SETTINGS: Final = {"base_url": "base_url", "org_id": "org_id", "key_print": "api_key"}
"""What is compared, and what the user calls it."""


@frozen
class Account:
    """Who sent a submit, and where to.

    >>> ours = account("https://queue.example/apikey", None, "a key", salt="5f21")
    >>> ours.base_url, ours.org_id, len(ours.key_print)
    ('https://queue.example/apikey', None, 8)
    """

    base_url: str
    org_id: str | None
    key_salt: str
    key_print: str
    """Four bytes of the key's hash, in hex: tells another key, and not which."""


def account(base_url: str, org_id: str | None, api_key: str, *, salt: str) -> Account:
    """The account as it may be written down. `salt`: ASCII, 64 characters at most; drawn anew for each journal."""
    print_ = blake2b(api_key.encode(), key=salt.encode(), digest_size=_PRINT_BYTES).hexdigest()
    return Account(
        base_url=redact(base_url),
        org_id=None if org_id is None else redact(org_id),
        key_salt=salt,
        key_print=print_,
    )


@lru_cache(maxsize=256)
def shared_account(base_url: str, org_id: str | None, key_salt: str, key_print: str) -> Account:
    """The account as read from a journal: one object for all the submits that name it. *Raises* `ValueError`."""
    if not isinstance(key_salt, str) or not key_salt.isascii() or len(key_salt) > _SALT_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]  a file says it
        raise ValueError(f"{redact(str(key_salt), 40)!r} is no salt")
    return Account(base_url=base_url, org_id=org_id, key_salt=key_salt, key_print=key_print)


def changed_settings(then: Account, now: Account) -> tuple[str, ...]:
    """The settings in which two accounts differ, as the user calls them; both prints must be of one salt.

    >>> then = account("https://queue.example/apikey", None, "a key", salt="5f21")
    >>> changed_settings(then, account("https://queue.example/apikey", "acme", "another key", salt="5f21"))
    ('org_id', 'api_key')
    """
    return tuple(name for field, name in _SETTINGS.items() if getattr(then, field) != getattr(now, field))
