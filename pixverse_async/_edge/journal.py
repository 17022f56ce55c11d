"""The append-only event log of an output folder: locked, replayed, and written in groups.

Appenders add lines to the group being filled and wait for it; one thread writes a group with one `write` and one
sync while the next one fills.  The loop's callbacks hand the groups over, not a task: no appender drives the
writing, so cancelling one delays nobody and loses nothing.

After the first failed write or sync nothing is written any more, and every append that promises durability raises:
a sync that failed once may claim success the next time, having lost the data.  What a line looks like, and which
file is refused, is decided in `_core.journal_format`; how a file is locked and synced, in `journal_file`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from concurrent import futures
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import anyio
import attrs

from .._core.errors import JournalError
from .._core.events import Event, StatusSeen
from .._core.journal_format import Replay, event_line, scrub
from .._core.lifecycle import NEW_JOB, NOT_SYNCED, JobRecord, State, advance
from .journal_file import JournalFile, open_journal
from .wall_clock import utc_now

logger = logging.getLogger("pixverse_async")

FLUSH_AFTER: Final = 1.0
"""Seconds that a line without promise of durability may wait for a group to go with."""
CLOSE_TIMEOUT: Final = 30.0
"""Seconds that closing waits for the disk, even if cancelled."""
_OVER = (State.NEW, State.SAVED, State.FAILED)
_AGAIN = "Then run it again: what was paid is picked up, nothing is paid twice."
_ENDING = "the program is ending; its main thread has to wait for the thread that runs the batch"
_PUT_BACK = (
    "Put it back before you run again: only with it nothing is paid twice; without it, all of it is paid again."
)


class EventLog(Protocol):
    """What happened to each job: kept on disk by `Journal`, in memory by `NoJournal`."""

    @property
    def records(self) -> Mapping[str, JobRecord]:
        """What the events of each job key amount to, up to the latest append."""
        ...

    async def append(self, key: str, event: Event) -> JobRecord:
        """The record after the event, once the event is as durable as `NOT_SYNCED` asks.

        *Raises* `JournalError` when that cannot be had; `records` knows the event all the same.
        """
        ...

    async def aclose(self) -> None:
        """Write what waits, and let go of the file."""
        ...


@attrs.define(eq=False, repr=False)
class NoJournal:
    """The log of a run that asked for none: when the process ends, nobody knows what was paid."""

    records: dict[str, JobRecord] = attrs.field(factory=dict[str, JobRecord], init=False)

    async def append(self, key: str, event: Event) -> JobRecord:
        """*Raises* `IllegalTransitionError`, and nothing has happened."""
        record = self.records[key] = advance(self.records.get(key, NEW_JOB), scrub(event))
        return record

    async def aclose(self) -> None:
        """Tell the log of what may be billed and is not saved: nothing else knows of it any more."""
        for record in self.records.values():
            if record.started is not None and record.state not in _OVER:
                request = f"request {record.request_id}" if record.request_id else f"seed {record.started.seed}"
                logger.warning(
                    "job %r, %s, is left %s and may be billed", record.name, request, record.state.value
                )


@attrs.define(eq=False, repr=False)
class _Group:
    """Lines that are written together, and the event that tells their appenders.

    To make one of anyio's events takes ten times as long.
    """

    lines: list[bytes] = attrs.field(factory=list[bytes])
    is_durable: bool = False
    done: asyncio.Event = attrs.field(factory=asyncio.Event)
    failure: BaseException | None = None


@attrs.define(eq=False, repr=False)
class Journal:
    """The event log of one output folder. Make it with `open`; close it with `aclose`."""

    _file: JournalFile
    _worker: futures.ThreadPoolExecutor
    _loop: asyncio.AbstractEventLoop
    _records: dict[str, JobRecord]
    _next_seq: int
    _last_word: dict[str, str] = attrs.field(factory=dict[str, str], init=False)
    _filling: _Group | None = attrs.field(default=None, init=False)
    _writing: _Group | None = attrs.field(default=None, init=False)
    _has_timer: bool = attrs.field(default=False, init=False)
    _failure: BaseException | None = attrs.field(default=None, init=False)
    _is_closing: bool = attrs.field(default=False, init=False)
    _closed: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    @classmethod
    async def open(cls, path: Path) -> Journal:
        """Lock, replay, cut a torn tail; the file is created, and on disk, if it was not there.

        *Cancellation*: the lock is let go as soon as the reading, which cannot be interrupted, has ended.
        *Raises* `JournalError`: another process holds the folder, the file cannot be read or written, or it is
        damaged. Nothing may be sent.
        """
        loop = asyncio.get_running_loop()
        worker = futures.ThreadPoolExecutor(1, "pixverse-journal")
        opening = loop.run_in_executor(worker, open_journal, path)
        with ExitStack() as undo:
            undo.callback(worker.shutdown, wait=False)
            undo.callback(opening.add_done_callback, _close_unwanted)
            file, replay = await asyncio.shield(opening)
            undo.pop_all()
        return cls(file, worker, loop, replay.records, replay.next_seq)

    @property
    def records(self) -> Mapping[str, JobRecord]:
        """What the events of each job key amount to, up to the latest append."""
        return self._records

    async def append(self, key: str, event: Event) -> JobRecord:
        """The record after the event; returns once the event is on disk, unless it is one of `NOT_SYNCED`.

        Those return at once and are written within a second; a `StatusSeen` that repeats the word of the one
        before is not written at all.
        *Cancellation*: the event is written all the same, and `records` knows it.
        *Raises* `IllegalTransitionError`, and nothing has happened; `JournalError` when the event, unless one of
        `NOT_SYNCED`, is not on disk: pay for nothing more in this run. `records` knows it all the same.
        """
        event = scrub(event)
        record = advance(self._records.get(key, NEW_JOB), event)
        self._records[key] = record
        is_durable = type(event) not in NOT_SYNCED
        if is_durable:
            self._check_writable()
        if self._is_news(key, event) and self._failure is None and not self._is_closing:
            group = self._put(event_line(self._next_seq, utc_now(), key, event), is_durable)
            if is_durable:
                await group.done.wait()
                self._raise_if(group.failure)
        return record

    async def aclose(self) -> None:
        """Write what waits, let go of the file and of the folder. Closing twice is fine.

        What appends promised was kept before. Only a `NOT_SYNCED` event can be lost here, so nothing is raised.
        *Cancellation*: shielded for `CLOSE_TIMEOUT` seconds; the worker thread ends its work in any case.
        """
        self._is_closing = True
        self._loop.call_soon(self._write)
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await self._closed.wait()

    def _is_news(self, key: str, event: Event) -> bool:
        if not isinstance(event, StatusSeen):
            self._last_word.pop(key, None)
            return True
        before = self._last_word.get(key)
        self._last_word[key] = event.status
        return before != event.status

    def _check_writable(self) -> None:
        self._raise_if(self._failure)
        if self._is_closing:
            raise JournalError(str(self._file.path), "it is closed", "Append before closing: this is a bug")

    def _raise_if(self, failure: BaseException | None) -> None:
        if failure is not None:
            raise _unwritable(self._file.path, failure) from failure

    def _put(self, line: bytes, is_durable: bool) -> _Group:
        self._next_seq += 1
        if self._filling is None:
            self._filling = _Group()
        group = self._filling
        group.lines.append(line)
        if is_durable and not group.is_durable:
            group.is_durable = True
            self._loop.call_soon(self._write)
        elif not is_durable and not self._has_timer:
            self._has_timer = True
            self._loop.call_later(FLUSH_AFTER, self._write_late)
        return group

    def _write_late(self) -> None:
        self._has_timer = False
        self._write()

    def _write(self) -> None:
        """Hand the filled group to the thread, if it is idle."""
        if self._writing is not None or self._closed.is_set():
            return
        group, self._filling = self._filling, None
        if group is not None:
            self._writing = group
            work = partial(self._file.write, b"".join(group.lines), is_durable=group.is_durable)
            self._run(work, self._written)
        elif self._is_closing:
            self._writing = _Group()
            self._run(self._file.close, self._let_go)

    def _run(self, work: Callable[[], None], then: Callable[[asyncio.Future[None]], None]) -> None:
        try:
            doing = self._loop.run_in_executor(self._worker, work)
        except RuntimeError:
            # The main thread has ended, and the interpreter starts no more work: whoever waits would wait for ever.
            doing = self._loop.create_future()
            doing.set_exception(RuntimeError(_ENDING))
        doing.add_done_callback(then)

    def _written(self, writing: asyncio.Future[None]) -> None:
        group, self._writing = self._writing, None
        assert group is not None
        self._failure = writing.exception()
        self._end(group)
        if self._failure is not None and self._filling is not None:
            self._end(self._filling)
            self._filling = None
        self._loop.call_soon(self._write)

    def _end(self, group: _Group) -> None:
        group.failure = self._failure
        group.done.set()

    def _let_go(self, closing: asyncio.Future[None]) -> None:
        closing.exception()
        self._worker.shutdown(wait=False)
        self._closed.set()


def _unwritable(path: Path, failure: BaseException) -> JournalError:
    what = failure.strerror if isinstance(failure, OSError) and failure.strerror else repr(failure)
    is_full = isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = f"{'Free some space' if is_full else 'See to the disk and the folder'}. {_AGAIN}"
    if isinstance(failure, FileNotFoundError):
        remedy = _PUT_BACK
    return JournalError(str(path), f"it cannot be written ({what}), so nothing more is sent", remedy)


def _close_unwanted(opening: asyncio.Future[tuple[JournalFile, Replay]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()
