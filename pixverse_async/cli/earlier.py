"""What other runs left in a folder: jobs that only its journal knows, and jobs that only its table did. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from pixverse_async import InvalidJobError, State

from .say import counted

ASKED: Final = ("image", "prompt", "duration", "quality", "audio", "multi_clip")
KEPT_CHARS: Final = 299
"""The journal keeps 300 of a text, the last of them an ellipsis where there was more."""
INTERRUPTED: Final = "interrupted"
"""The outcome of a job whose end the run did not see."""
OUTCOMES: Final[Mapping[State, str]] = {
    State.NEW: INTERRUPTED,
    State.SUBMITTING: "unknown",
    State.UNKNOWN: "unknown",
    State.QUEUED: "pending",
    State.READY: "pending",
    State.SAVED: "succeeded",
    State.FAILED: "failed",
}
"""What the table calls a job that this run told nothing of."""
_LOOKING: Final = {None: "up to a minute", "reconcile": "up to a minute", "resubmit": "ten minutes if need be"}
"""How long a lost submit is looked for, by `--on-unknown`; held at once, it is not looked for."""
OTHER_RUN: Final = "of another run into this folder"

Row: TypeAlias = dict[str, object]
"""One row of the tables beside the videos."""


def asked(row: Mapping[str, object]) -> tuple[object, ...]:
    """What a row asks for: how a job is found again that has no name and no request yet."""
    return tuple(_as_kept(row.get(name)) for name in ASKED)


def _as_kept(value: object) -> object:
    """Text as the journal keeps it: on one line, and its beginning only."""
    return " ".join(value.split())[:KEPT_CHARS] if isinstance(value, str) else value


def never_sent(rows: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """The rows of a table that were never sent, without those that are among `others`: given again, or on record."""
    known = {asked(row) for row in others}
    left = (row for row in rows if row["request_id"] is None and row["outcome"] in ("failed", INTERRUPTED))
    return [row for row in left if row["image"] is not None and asked(row) not in known]


def not_mended(left: Iterable[Row], given: Iterable[Row]) -> Iterator[Row]:
    """What is left but for rows of wrong input whose image is given now: mended, they ask for something else."""
    images = {row["image"] for row in given}
    for row in left:
        if row["error_kind"] != InvalidJobError.__name__ or row["image"] not in images:
            yield row


def unsent_warning(left: Sequence[Row]) -> str | None:
    """What to say before the run file of these jobs is written over."""
    if not left:
        return None
    it, was = ("it", "was") if len(left) == 1 else ("them", "were")
    return (
        f"{counted(len(left), 'job')} of an earlier run into this folder {was} never sent, such as {left[0]['name']}, "
        f"and `resume` will not know {it} any more: name the sources of both runs in one line, or use another --out."
    )


def looking_for(lost: Iterable[Row], given: Iterable[Row] | None, on_unknown: str | None) -> str | None:
    """What to say of submits whose answer an earlier run lost, if their jobs are `given` now; None: all of them are."""
    known = None if given is None else {asked(row) for row in given}
    count = sum(known is None or asked(row) in known for row in lost)
    how_long = _LOOKING.get(on_unknown)
    if not count or how_long is None:
        return None
    return f"Looking for {counted(count, 'lost submit')} in the service's list, for {how_long}."


def completed(rows: Sequence[Row], recorded: Sequence[Row]) -> Iterator[Row]:
    """The rows of a run with what the journal knows of those without an outcome, then those of other runs.

    A job of which a repair found the submit lost has another name on record, and the same request.
    """
    ended = [row for row in rows if row["outcome"] != INTERRUPTED]
    names, requests = {row["name"] for row in ended}, {row["request_id"] for row in ended} - {None}
    rest = {
        place: row
        for place, row in enumerate(recorded)
        if row["name"] not in names and row["request_id"] not in requests
    }
    places: defaultdict[tuple[object, ...], deque[int]] = defaultdict(deque)
    for place, row in rest.items():
        places[asked(row)].append(place)
    for row in rows:
        equal = places.get(asked(row))
        if row["outcome"] != INTERRUPTED or not equal:
            yield row
            continue
        found = rest.pop(equal.popleft())
        yield row | {name: found[name] for name in ("name", "seed", "usd", "request_id")}
    for index, row in enumerate(rest.values(), start=len(rows)):
        yield row | {"index": index, "notes": OTHER_RUN}
