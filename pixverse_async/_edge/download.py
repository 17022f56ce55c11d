"""One finished video from its link into a sink: whole, verified, or not at all.

The body's pieces are collected to aggregates of 2 MiB; each is hashed and written in one hop to a worker thread, while
the socket goes on receiving, and the last is judged and published there too.  What an answer means is `transfer`'s to
say, whether the bytes are a video `integrity`'s, where they land the sink's.  A body that breaks off is continued from
where it broke.

The link is a secret, and enters no event and no error.  Storage is sent nothing of ours but a range.
Cancellation leaves the part for the next run, and nothing under the final name.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final, TypeAlias

import anyio
import attrs

from .._core import retry
from .._core.errors import ConfigError, DownloadError, TransportError
from .._core.events import LinkExpired, Saved
from .._core.frozen import frozen
from .._core.integrity import Check, Flaw, find_flaw
from .._core.mp4 import MIN_BOX_BYTES
from .._core.obstacles import Obstacle, describe_os, may_be_of_place, obstacle_of
from .._core.transfer import (
    Complete,
    DownloadLimits,
    Expired,
    GiveUp,
    Received,
    StartOver,
    Take,
    TryAgain,
    Verdict,
    is_page,
    judge,
    quote_head,
    request_headers,
)
from .._core.wire import Reply
from .body import Body, beginning, read_head
from .directory import DirectoryPart, DirectorySink
from .retries import Retries, Tries
from .sinks import Part, Sink
from .threads import in_thread
from .transport import MediaReply, Transport
from .wall_clock import utc_now


@frozen
class Abandoned:
    """The download was given up: storage, or the place, did not do its part."""

    problem: str
    obstacle: Obstacle | None = None


DownloadEnd: TypeAlias = Saved | LinkExpired | Abandoned
"""What a download comes to."""

QUOTED_BYTES: Final = 600
"""Looked at of a body that is no video; `quote_head` shows less of it."""
CLOSE_TIMEOUT: Final = 10.0
"""Seconds that a cancelled download may take to close its part."""
MIN_PROGRESS_BYTES: Final = 64 * 2**10
"""A try that brought less than one minute at the minimum speed counts as fruitless."""


async def download(
    transport: Transport,
    sink: Sink,
    name: str,
    url: str,
    *,
    duration: int | None,
    rng: random.Random,
    retries: Retries | None = None,
    limits: DownloadLimits = DownloadLimits(),  # noqa: B008 - a frozen value
) -> DownloadEnd:
    """Bring the video at `url` into the sink under `name`, such as `cat.mp4`; every failure is a value.

    `duration`: the seconds that the service was asked for; None when unknown. There is no limit on the whole time:
    below `limits.min_bytes_per_second`, or after `limits.tries` in a row that brought nothing, it is given up.
    `retries`: the turns that tries which brought nothing share with other downloads; None: somebody waits for this one.
    *Cancellation*: within one write of the disk; the bytes stay in the part for the next run.
    """
    try:
        part = await sink.open(name)
    except OSError as problem:
        return await _refused(sink, problem)
    turns = Retries(patience=0.0) if retries is None else retries
    try:
        return await _Download(transport, part, url, duration, rng, limits, turns).run()
    except OSError as problem:
        # The transport raises its own errors, so this one is the disk's.
        return await _refused(sink, problem)
    finally:
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await part.aclose()


async def _refused(sink: Sink, problem: OSError) -> Abandoned:
    """The place did not take it. Where the error does not tell of what it is, a folder is tried with another file."""
    obstacle = obstacle_of(problem)
    if obstacle is None and may_be_of_place(problem):
        obstacle = await _try(sink) if isinstance(sink, DirectorySink) else Obstacle.REFUSED
    return Abandoned(problem=describe_os(problem), obstacle=obstacle)


async def _try(folder: DirectorySink) -> Obstacle | None:
    try:
        await folder.prepare()
    except ConfigError:
        return Obstacle.NO_ROOM
    return None


@attrs.define(eq=False, repr=False)
class _Download:
    _transport: Transport
    _part: Part
    _url: str = attrs.field(repr=False)
    _duration: int | None
    _rng: random.Random
    _limits: DownloadLimits
    _retries: Retries
    _check: Check | None = None
    """Of the bytes in the part; None when those are an earlier process's and not yet read."""
    _expected_bytes: int | None = None
    _best_bytes: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._best_bytes = self._part.received_bytes

    async def run(self) -> DownloadEnd:
        tries = Tries(self._retries, self._limits.tries)
        while True:
            best_before = self._best_bytes
            end = await self._attempt()
            if isinstance(end, DownloadEnd):
                self._retries.succeeded()
                return end
            if isinstance(end, GiveUp):
                return self._abandoned(end.why)
            if self._best_bytes - best_before >= MIN_PROGRESS_BYTES:
                tries.begin_anew()
                self._retries.succeeded()
            else:
                tries.add_failure(is_away=end.is_away)
            if tries.is_over:
                return self._abandoned(f"{end.why}; {tries.failed} tries in a row brought nothing new")
            await tries.pause(self._pause(tries.failed, end.wait))

    def _pause(self, fruitless: int, asked: float | None) -> float:
        u = self._rng.random()
        if asked is not None:
            # A tenth of jitter on top, so that downloads refused together do not come back together.
            return asked * (1 + 0.1 * u)
        return retry.backoff(fruitless, u, base=self._limits.first_pause, ceiling=self._limits.max_pause)

    async def _attempt(self) -> DownloadEnd | TryAgain | GiveUp:
        received = Received(received_bytes=self._part.received_bytes, validator=self._part.validator)
        try:
            async with self._transport.fetch(self._url, request_headers(received)) as media:
                is_file = media.status in (200, 206)
                body = b"" if is_file else await read_head(media)
                reply = Reply(status=media.status, headers=media.headers, body=body)
                verdict = judge(reply, received, self._limits, utc_now())
                stop = await self._follow(verdict, media)
        except TransportError as problem:
            return TryAgain(why=problem.what, is_away=True)
        except DownloadError as problem:
            return GiveUp(why=problem.problem)
        return await self._finish() if stop is None else stop

    async def _follow(self, verdict: Verdict, media: MediaReply) -> DownloadEnd | TryAgain | GiveUp | None:
        """Do what the verdict says; None when the whole file should now be in the part."""
        match verdict:
            case Take():
                return await self._take(verdict, media)
            case Complete():
                self._expected_bytes = self._part.received_bytes
                await self._recheck(Check({}))
                return None
            case StartOver(why=why):
                return await self._start_over(why)
            case Expired():
                return LinkExpired()
            case TryAgain() | GiveUp():
                return verdict

    async def _take(self, take: Take, media: MediaReply) -> Saved | TryAgain | GiveUp | None:
        if take.offset == 0 or take.expected_bytes is not None:
            # A range may come without the whole length; that of the version it belongs to is known from before.
            self._expected_bytes = take.expected_bytes
        async with aclosing(media.chunks()) as incoming:
            body = Body(incoming, self._limits)
            pieces = await body.aggregate()
            if take.offset == 0:
                head = beginning(pieces, QUOTED_BYTES)
                # The bytes go before what they are called: an object may have been given any type.
                if head[4:8] != b"ftyp" and (len(head) >= MIN_BOX_BYTES or is_page(media.headers)):
                    what = "a page instead of" if is_page(media.headers) else "something else than"
                    return TryAgain(why=f"storage sent {what} a video: {quote_head(head)}")
                await self._part.restart(take.validator)
                self._check = Check(take.hashes)
            check = await self._recheck(Check(take.hashes))
            return await self._pump(body, pieces, check)

    async def _recheck(self, fresh: Check) -> Check:
        """The check of what the part holds; bytes of an earlier process are read for it."""
        if self._check is None:
            await self._part.replay(fresh.feed_earlier)
            self._check = fresh
        return self._check

    async def _pump(self, body: Body, pieces: Sequence[bytes], check: Check) -> Saved | TryAgain | GiveUp | None:
        while pieces:
            if self._part.received_bytes + sum(map(len, pieces)) > self._limits.max_bytes:
                await self._start_over("")
                return GiveUp(why=f"it has more than the limit of {self._limits.max_bytes} bytes")
            if body.is_whole and isinstance(self._part, DirectoryPart):
                return await self._store_last(self._part, pieces, check)
            await self._store(pieces, check)
            if check.boxes.early_problem is not None:
                return await self._start_over(f"what came is no MP4: {check.boxes.early_problem}")
            pieces = await body.aggregate()
        return None if body.problem is None else TryAgain(why=body.problem)

    async def _store_last(
        self, part: DirectoryPart, pieces: Sequence[bytes], check: Check
    ) -> Saved | TryAgain | GiveUp:
        # Not cancelled between the file's appearance and the event that tells of it.
        flaw: Flaw | None = None
        with anyio.CancelScope(shield=True):
            flaw = await part.finish(pieces, check, lambda: self._find_flaw(check))
        self._best_bytes = max(self._best_bytes, part.received_bytes)
        if flaw is not None:
            return await self._mend(flaw)
        return Saved(path=part.place, size_bytes=check.received_bytes, sha256=check.sha256)

    async def _store(self, pieces: Sequence[bytes], check: Check) -> None:
        """Hash and write on a worker thread. Not cancelled half-way: a thread cannot be."""
        with anyio.CancelScope(shield=True):
            if isinstance(self._part, DirectoryPart):
                await self._part.hash_and_write(pieces, check.feed)
            else:
                await in_thread(_feed, check, pieces)
                await self._part.write(pieces)
        self._best_bytes = max(self._best_bytes, self._part.received_bytes)

    async def _start_over(self, why: str) -> TryAgain:
        await self._part.restart(None)
        self._check = None
        return TryAgain(why=why)

    async def _finish(self) -> Saved | TryAgain | GiveUp:
        """Judge the whole file, and publish it."""
        check = self._check
        assert check is not None
        flaw = self._find_flaw(check)
        return await self._commit(check.received_bytes, check.sha256) if flaw is None else await self._mend(flaw)

    def _find_flaw(self, check: Check) -> Flaw | None:
        return find_flaw(
            check, self._expected_bytes, self._duration, is_versioned=self._part.validator is not None
        )

    async def _commit(self, size_bytes: int, sha256: str) -> Saved:
        # As in _store_last.
        place = ""
        with anyio.CancelScope(shield=True):
            place = await self._part.commit(size_bytes, sha256)
        return Saved(path=place, size_bytes=size_bytes, sha256=sha256)

    async def _mend(self, flaw: Flaw) -> TryAgain | GiveUp:
        match flaw:
            case TryAgain():
                return flaw
            case StartOver(why=why):
                return await self._start_over(why)
            case GiveUp():
                await self._part.discard()
                return flaw

    def _abandoned(self, why: str) -> Abandoned:
        expected = "?" if self._expected_bytes is None else self._expected_bytes
        return Abandoned(problem=f"{why} (had {self._part.received_bytes} of {expected} bytes)")


def _feed(check: Check, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        check.feed(piece)
