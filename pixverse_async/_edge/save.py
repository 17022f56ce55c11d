"""The last stage: a finished video is brought into the sink, by a fresh link or under another name if need be.

One download is `download`'s affair.  Here is what follows from its end: what goes on record, and whether there is
another try in this run.  Nothing here costs money: what is not saved now is downloaded by the next run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from .._core import retry, wire
from .._core.errors import DownloadError, StoppedError
from .._core.events import DownloadAbandoned, GenerationSucceeded, LinkExpired, Saved
from .._core.job import Stage
from .._core.names import VIDEO_SUFFIX
from .._core.obstacles import Obstacle
from .._core.retry import Seen
from .._core.wire import Status
from .calls import answer_to
from .download import Abandoned, download
from .flight import Flight
from .limits import DEFAULT_MAX_DOWNLOADS
from .retries import Retries
from .run import Run
from .sinks import Sink
from .wall_clock import utc_now

MAX_FRESH_LINKS = 3
"""Fresh links asked for when a link does not serve, before the download is left to the next run."""
MAX_RENAMINGS = 3
"""Names that may turn out to be taken by others' files before a download is left to the next run."""
MANY_REFUSALS = 2 * DEFAULT_MAX_DOWNLOADS
"""Videos in a row that a place refuses without saying why, before it counts as one that takes none. All that are under
way at once may meet the same trouble of a moment, so more than these: twice `max_downloads`, if that is more."""
FRESH_LINK_WAIT = 2.0
"""Seconds before a fresh link is asked for: storage was seen to answer 404 for a moment after the success."""


class Saver:
    """Carries flights from READY to SAVED, or back to QUEUED when the service has no link that serves."""

    def __init__(
        self,
        run: Run,
        sink: Sink,
        *,
        rename: Callable[[Flight], Awaitable[None]],
        on_queued_again: Callable[[Flight], Awaitable[None]],
    ) -> None:
        self._run = run
        self._sink = sink
        self._rename = rename
        self._on_queued_again = on_queued_again
        self._retries = Retries()
        self._many_refusals = max(MANY_REFUSALS, 2 * run.limits.max_downloads)
        self._refusals = 0
        """How many there were since a video was saved."""

    async def save(self, flight: Flight) -> None:
        """Download the video. *Charges* nothing. *Cancellation*: the bytes stay in the part for the next run.

        *Raises* `DownloadError` when this run gives up on it.
        """
        run = self._run
        started_at, renamings = run.now(), 0
        while flight.media is not None:
            end = await download(
                run.transport,
                self._sink,
                flight.name + VIDEO_SUFFIX,
                flight.media.url,
                duration=None if flight.record.started is None else flight.job.duration,
                rng=run.rng,
                retries=self._retries,
            )
            match end:
                case Saved():
                    self._refusals = 0
                    flight.downloading = run.now() - started_at
                    await run.note(flight, end)
                    await run.succeed(flight, end)
                    return
                case LinkExpired():
                    await run.note(flight, end)
                    await self._fetch_fresh_link(flight)
                case Abandoned(problem=problem, obstacle=obstacle):
                    await run.note(flight, DownloadAbandoned(problem=problem))
                    if obstacle is not Obstacle.NAME_TAKEN or renamings == MAX_RENAMINGS:
                        raise self._given_up(problem, obstacle)
                    renamings += 1
                    await self._rename(flight)

    def _given_up(self, problem: str, obstacle: Obstacle | None) -> DownloadError:
        if obstacle is Obstacle.REFUSED:
            self._refusals += 1
        if obstacle is Obstacle.NO_ROOM or self._refusals >= self._many_refusals:
            # It would not take the next video either, which is not paid for yet.
            self._run.halt(StoppedError(problem))
        return DownloadError(problem)

    async def _fetch_fresh_link(self, flight: Flight) -> None:
        """Read the record again; `flight.media` is the fresh link, or None when the poller has to find it."""
        flight.expired_links += 1
        flight.media = None
        if flight.expired_links > MAX_FRESH_LINKS:
            raise DownloadError(f"{flight.expired_links} links in a row did not serve it")
        await anyio.sleep(FRESH_LINK_WAIT * flight.expired_links)
        request_id = flight.record.request_id
        assert request_id is not None, "the lifecycle table gives every queued job its id"
        answer = await answer_to(self._run.transport, wire.status_call(request_id))
        match retry.judge_status(answer, request_id, utc_now()):
            case Seen(status=Status(stage=Stage.SUCCEEDED, media=wire.Media() as media)):
                await self._run.note(flight, GenerationSucceeded())
                flight.media = media
            case _:
                await self._on_queued_again(flight)
