"""What the service says of a job before its user settles it; `record` holds the folder's lock meanwhile.

A wrong id hands the job another one's video, and a job that is wrongly called lost is paid twice.  So what contradicts
the user is told, and nothing is written.  What the service does not tell contradicts nobody.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio

from .._core import reconcile, retry
from .._core.config import Endpoint
from .._core.errors import ConfigError, NoSuchRequestError
from .._core.frozen import frozen
from .._core.journal_accounts import accounts_of, refusal
from .._core.lifecycle import JobRecord, State
from .._core.reconcile import Difference, Lost
from .._core.redaction import redacted_repr
from .._core.wire import Status
from .calls import list_requests
from .handle import Handle
from .transport import Transport

LOOK_EVERY: Final = 5.0
"""Seconds between two looks for a request that is said to be lost."""


@frozen
class Inquiry:
    """Asks about one job of a journal; see `Client.resolve`."""

    transport: Transport
    endpoint: Endpoint
    rng: random.Random

    async def ask(self, path: Path, records: Mapping[str, JobRecord], key: str, request_id: str | None) -> None:
        """*Raises* `ConfigError` when the service tells otherwise, and what its answers mean otherwise."""
        record = records[key]
        # To another account every request of this job seems lost.
        problem = refusal(str(path), [record], accounts_of([record], self.endpoint, salt=""))
        if problem is not None:
            raise problem
        if request_id is not None:
            await self._check_same(key, record, request_id)
        if record.state is State.QUEUED:
            await self._check_gone(key, record, is_replaced=request_id is not None)
        if request_id is None:
            await self._check_unlisted(key, records)

    async def _check_same(self, key: str, record: JobRecord, request_id: str) -> None:
        status = await self._status(request_id)
        if status is None:
            raise ConfigError("request_id", f"the service knows no request {request_id}", _UNKNOWN_ID)
        found = _contradiction(key, record, status)
        if found is not None:
            theirs, ours = redacted_repr(found.theirs), redacted_repr(found.ours)
            raise ConfigError(
                "request_id",
                f"{request_id} is not the request of {record.name!r}: its {found.field} is {theirs}, and the job was"
                f" sent with {ours}",
                "Copy the id of the request that has the job's seed: `status` shows it.",
            )

    async def _check_gone(self, key: str, record: JobRecord, *, is_replaced: bool) -> None:
        """A new record may not be readable yet, and a service in trouble may answer 404 to anything for a while.

        What it waits for may also be another job's request. That is only believed of a request that is replaced: a
        service that changes seeds would make every job seem lost.
        """
        request_id = record.request_id
        assert request_id is not None, "the lifecycle table gives every queued job its id"
        since = anyio.current_time()
        while (status := await self._status(request_id)) is None:
            if anyio.current_time() - since >= retry.GONE_AFTER:
                return
            await anyio.sleep(LOOK_EVERY)
        if not is_replaced or _contradiction(key, record, status) is None:
            raise _known(record, request_id)

    async def _check_unlisted(self, key: str, records: Mapping[str, JobRecord]) -> None:
        # Asked even where nobody knows what to look for: an address that knows nothing at all tells nothing.
        listing = await list_requests(self.transport)
        lost = _lost(key, records[key])
        if lost is None:
            return
        claimed = {one.request_id for other, one in records.items() if other != key}
        claimed.update(past_id for one in records.values() for past_id in one.past_ids)
        found = reconcile.listed_as(lost, listing.records, claimed)
        if found is not None:
            raise _known(records[key], found)

    async def _status(self, request_id: str) -> Status | None:
        """What the service says of it; None when it knows no such request."""
        try:
            return await Handle(request_id=request_id, transport=self.transport, rng=self.rng).status()
        except NoSuchRequestError:
            return None


_UNKNOWN_ID: Final = (
    "Copy it from the console; a request belongs to the key that sent it. One that was sent this minute may not be"
    " readable yet: then try again."
)


def _contradiction(key: str, record: JobRecord, status: Status) -> Difference | None:
    lost = _lost(key, record)
    return None if lost is None else reconcile.contradiction(lost, status)


def _lost(key: str, record: JobRecord) -> Lost | None:
    """None when a repair found the line of its submit lost: then nobody knows what was asked."""
    if record.started is None:
        return None
    return Lost(key=key, started=record.started, has_gaps=record.has_gaps)


def _known(record: JobRecord, request_id: str) -> ConfigError:
    problem = f"the service knows the request of {record.name!r}, {request_id}: it is not lost"
    is_awaited = request_id == record.request_id
    remedy = (
        "`resume` fetches its video." if is_awaited else "Settle the job with this id, and `resume` fetches it."
    )
    return ConfigError("key", problem, remedy)
