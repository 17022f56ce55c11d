"""Which of the service's records are submits whose reply we lost.

A submit is recognised by what was asked: every submit carries an explicit seed, drawn at random when the user gave
none, and the record echoes the payload.  An equal payload is proof.  A payload that the service rewrote (the image
link, say) is proof enough only when we drew the seed ourselves, and everything else that is echoed agrees.  With a
seed of the user's, two jobs may differ in nothing but the image, and guessing would hand one the other's video.

A record is given away once, and never one that a job already holds.  To call a submit absent takes more than that
no record is proof: no record that nobody holds may so much as be it.  A user who looks in the console decides as we
would: `contradiction` tells a request that is another job's, `may_be_absent` a submit that is too young to be missed,
`listed_as` one that is there.  Pure: values in, values out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

import attrs

from .events import SubmitStarted
from .frozen import frozen
from .job import Stage
from .redaction import redact
from .wire import MODEL, Echo, Listing, Status

CLOCK_TOLERANCE: Final = 120.0
"""Seconds that a record may seem older than its submit, after the difference of the clocks is taken out."""
LOOK_AFTER: Final = (2.0, 5.0, 15.0, 60.0)
"""Seconds after the reply was lost. Nobody has reported a list that lags; these looks cost four calls at most."""
LOOK_EVERY: Final = 60.0
"""Seconds between later looks, when the user asked for certainty (`on_unknown="resubmit"`)."""
RESUBMIT_AFTER: Final = 600.0
"""Seconds after which an absent submit may be sent again at the user's explicit wish, whoever looked for it.

Measured: sending again before the list has caught up bought 42 and 67 of 300 videos twice (faults study, 2026).
"""


@frozen
class Lost:
    """A submit whose fate is unknown."""

    key: str
    started: SubmitStarted
    is_dated: bool = True
    """When it left is certain, for this run sent it. An earlier run's wall clock may have been set since."""
    has_gaps: bool = False
    """A repair found lines lost: it may have been sent again since, if what is known of failed."""


class Difference(NamedTuple):
    """Where a request of the service is not what a job asked for."""

    field: str
    theirs: object
    ours: object


def claim(
    lost: Sequence[Lost], records: Sequence[Status], claimed: Container[str], skew: float = 0.0
) -> dict[str, str]:
    """Job key -> request id, for each lost submit that a record proves to have been accepted.

    `claimed`: ids that some job already holds. `skew`: the service's clock minus ours, in seconds.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    by_seed: defaultdict[int, list[Lost]] = defaultdict(list)
    for one in lost:
        by_seed[one.started.seed].append(one)
    # Oldest first: an old record can be that of an early submit only, a young one that of any.
    for is_proof in (_is_equal, _is_alike):
        for record in sorted(records, key=_age_order):
            echo = record.echo
            if echo is None or record.request_id in taken or record.request_id in claimed:
                continue
            rivals = (one for one in by_seed.get(echo.seed, ()) if one.key not in found)
            proven = (one for one in rivals if is_proof(echo, one.started) and _is_latest(one, record, skew))
            owner = next(proven, None)
            if owner is not None:
                found[owner.key] = record.request_id
                taken.add(record.request_id)
    return found


def _is_latest(one: Lost, record: Status, skew: float) -> bool:
    """A record that could be this submit's is so, and not of one before it or of one that was followed by another."""
    return _is_timely(one, record, skew) and not _may_be_over(one, record)


def _age_order(record: Status) -> float:
    return inf if record.created_at_utc is None else record.created_at_utc


def is_same(one: Lost, record: Status) -> bool:
    """Whether a record read by the id that an error reply named is this submit: no echoed seed contradicts it."""
    return (record.echo is None or record.echo.seed == one.started.seed) and not _may_be_over(one, record)


def listed_as(one: Lost, records: Sequence[Status], claimed: Container[str]) -> str | None:
    """The id under which a submit is listed that its user calls absent; of whatever age.

    An earlier run sent it, whose clock may have been fast: a record that is not taken for its date would be paid twice.
    """
    undated = attrs.evolve(one, started=attrs.evolve(one.started, at_utc=-inf))
    return claim([undated], records, claimed).get(one.key)


def contradiction(one: Lost, record: Status) -> Difference | None:
    """What shows that a record is not this submit's; None when nothing of what the service tells does.

    A seed that we drew is no other submit's, whatever else was rewritten. No time is compared: of a request that
    echoes nothing, a clock that was wrong would be the only witness.
    """
    if record.model is not None and record.model.lower() != MODEL:
        return Difference("model", record.model, MODEL)
    echo, asked = record.echo, one.started
    if echo is None:
        return None
    # Where lines are lost, the latest submit may have had another seed than the one on record, if we drew it.
    if echo.seed != asked.seed and not (one.has_gaps and asked.is_own_seed):
        return Difference("seed", echo.seed, asked.seed)
    is_proven = asked.is_own_seed and echo.seed == asked.seed
    return None if is_proven else next(_differences(echo, asked), None)


def may_be_absent(started: SubmitStarted, now_utc: float) -> bool:
    """Whether a submit that nobody finds may be called absent by now.

    A clock that was set back since tells little of its age: within the same time it is taken for young.
    """
    return abs(now_utc - started.at_utc) >= RESUBMIT_AFTER


def _may_be_over(one: Lost, record: Status) -> bool:
    """A request that failed, after which the job may have been sent again in lines that are lost."""
    return one.has_gaps and record.stage in (Stage.FAILED, Stage.CANCELLED)


def is_conclusive(one: Lost, listing: Listing, skew: float = 0.0, claimed: Container[str] = ()) -> bool:
    """Whether the listing shows that the service has no such submit: it would have to be there, and cannot be.

    It would have to be there when the listing is complete, or newest first and reaches back past the submit; in
    which order the service lists is not documented, so an order that is not seen is not believed in.
    It could be there when an entry cannot be read, or is nobody's and young enough, and echoes nothing or its seed.
    A record that echoes a seed which we drew could be it at any age. So could any of these be a submit that is not
    `is_dated`: one that a fast clock dated is older than it seems. It would have to be there only in a complete list.
    """
    since = one.started.at_utc + min(skew, 0.0) - CLOCK_TOLERANCE
    if listing.unreadable or any(_could_be(one, record, since, claimed) for record in listing.records):
        return False
    return listing.is_complete or (one.is_dated and _reaches_back(listing.records, since))


def _could_be(one: Lost, record: Status, since: float, claimed: Container[str]) -> bool:
    if record.request_id in claimed or (record.echo is not None and record.echo.seed != one.started.seed):
        return False
    is_young = not one.is_dated or record.created_at_utc is None or record.created_at_utc >= since
    return is_young or (record.echo is not None and one.started.is_own_seed)


def _reaches_back(records: Sequence[Status], since: float) -> bool:
    times = [record.created_at_utc for record in records if record.created_at_utc is not None]
    is_newest_first = len(set(times)) > 1 and all(newer >= older for newer, older in pairwise(times))
    return is_newest_first and times[-1] < since


def _is_equal(echo: Echo, asked: SubmitStarted) -> bool:
    return echo.payload_sha256 == asked.payload_sha256


def _is_alike(echo: Echo, asked: SubmitStarted) -> bool:
    """The seed, which is the same, is nobody else's, and nothing that is echoed contradicts."""
    return asked.is_own_seed and next(_differences(echo, asked), None) is None


def _differences(echo: Echo, asked: SubmitStarted) -> Iterator[Difference]:
    """What is echoed and contradicts, besides the seed."""
    prompt = echo.prompt
    # The journal keeps a prompt as `redact` leaves it: shortened, on one line.
    if prompt is not None and asked.prompt not in (prompt, redact(prompt)):
        yield Difference("prompt", prompt, asked.prompt)
    if echo.duration not in (None, asked.duration):
        yield Difference("duration", echo.duration, asked.duration)
    if echo.quality not in (None, asked.quality):
        yield Difference("quality", echo.quality, asked.quality)


def _is_timely(one: Lost, record: Status, skew: float) -> bool:
    # A seed that we drew is no other submit's, whatever time it was: wall clocks are set back by hours.
    created = record.created_at_utc
    return one.started.is_own_seed or created is None or created >= one.started.at_utc + skew - CLOCK_TOLERANCE
