"""The lines are drawn: `Progress` while a batch runs, `print_outcomes` when it is over.

The clock is the event loop's, and so are the refreshes: no thread and no task. An event costs its counting only;
the live view is drawn four times a second.  A display that cannot be written to goes silent; the batch does not
notice.  Leaving the block, by an error or Ctrl-C too, gives the terminal back as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, Self, TextIO

from .. import JobEvent, Observer, Outcome
from .table import ended_line, outcome_table, table_lines
from .tally import Tally
from .view import live_view, log_line
from .words import Line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

REFRESH_INTERVAL: Final = 0.25
"""Seconds between two drawings of the live view, each 2 ms of work (measured, 2026); rich's own default."""
QUIET_PAUSE: Final = 5.0
"""Seconds without a finished job after which a log is told how things stand; doubled each time..."""
LONGEST_QUIET_PAUSE: Final = 60.0
"""...up to this, so that an hour of waiting is no more than a page."""
NARROWEST: Final = 24
"""Columns. In fewer, lines lose their ends."""


class _Display(Protocol):
    """Draws; decides nothing."""

    interval: float

    def draw(self, tally: Tally, now: float, ended: Outcome | None) -> None:
        """Show how things stand, because a job has ended or because time has passed."""
        ...

    def close(self, tally: Tally, now: float) -> None:
        """Show it for the last time, and leave the terminal as it was."""
        ...


class Progress:
    """Shows a batch on stderr: a live block on a terminal if rich is installed, plain lines otherwise.

    A context manager that gives an observer for `on_event=`; `generate_many(progress=True)` uses it by itself.
    `then`: an observer of your own, called afterwards with each event. `stream`: in the place of stderr.
    `total`: how many jobs there are; without it there is no bar and no guess of the time left.
    `budget_usd`: what is shown beside the money spent.
    """

    def __init__(
        self,
        then: Observer | None = None,
        *,
        stream: TextIO | None = None,
        total: int | None = None,
        budget_usd: Decimal | float | str | None = None,
    ) -> None:
        self._then = then
        self._stream = stream
        self._total = total
        self._budget_usd = budget_usd
        self._tally: Tally | None = None
        self._display: _Display | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.TimerHandle | None = None
        self._now = 0.0

    def __enter__(self) -> Self:
        self._display = _display_for(sys.stderr if self._stream is None else self._stream)
        with contextlib.suppress(RuntimeError):  # entered outside of a loop, it starts with the first event
            self._start(asyncio.get_running_loop())
        return self

    def __call__(self, event: JobEvent) -> None:
        """Take in one event of the batch."""
        tally = self._start(asyncio.get_running_loop()) if self._tally is None else self._tally
        self._look_at_the_clock()
        tally.take(event, self._now)
        if event.outcome is not None:
            self._draw(event.outcome)
        if self._then is not None:
            self._then(event)

    def __exit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()
        display, self._display = self._display, None
        if display is not None and self._tally is not None:
            self._try(partial(display.close, self._tally, self._now))

    def _start(self, loop: asyncio.AbstractEventLoop) -> Tally:
        self._loop = loop
        self._tally = Tally(total=self._total, started_at=loop.time(), budget_usd=self._budget_usd)
        self._tick()
        return self._tally

    def _tick(self) -> None:
        if self._display is not None and self._loop is not None:
            self._look_at_the_clock()
            self._next = self._loop.call_later(self._display.interval, self._tick)
            self._draw(None)

    def _look_at_the_clock(self) -> None:
        if self._loop is not None:
            self._now = self._loop.time()

    def _draw(self, ended: Outcome | None) -> None:
        if self._display is not None and self._tally is not None:
            self._try(partial(self._display.draw, self._tally, self._now, ended))

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (OSError, ValueError):  # the terminal is gone, or the stream is closed: nobody watches any more
            self._display = None


class _Live:
    """A block that rich draws over itself."""

    interval = REFRESH_INTERVAL

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        # What is printed to a stdout that goes elsewhere must not end up in the terminal.
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())

    def draw(self, tally: Tally, now: float, ended: Outcome | None) -> None:
        if ended is None:
            self._live.start()
            self._live.update(self._block(tally, now), refresh=True)

    def close(self, tally: Tally, now: float) -> None:
        self._live.update(self._block(tally, now))
        self._live.stop()  # draws once more

    def _block(self, tally: Tally, now: float) -> Text:
        from rich.text import Text

        # The last column stays free: some terminals wrap a line that fills it.
        width = max(NARROWEST, self._console.width - 1)
        lines = live_view(tally, now, width, is_ascii=self._console.options.ascii_only)
        return Text("\n", no_wrap=True, overflow="ellipsis").join(map(_rich, lines))


class _Plain:
    """Lines for a log: one for each job that ends, and now and then one while none does."""

    interval = 1.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pause = QUIET_PAUSE
        self._said_at: float | None = None

    def draw(self, tally: Tally, now: float, ended: Outcome | None) -> None:
        if ended is not None:
            so_far = f"{tally.ended}" if tally.total is None else f"{tally.ended}/{tally.total}"
            self._say(f"[{so_far}] {ended_line(ended)}", now)
            self._pause = QUIET_PAUSE
        elif self._said_at is None:
            self._said_at = now
        elif now - self._said_at >= self._pause and tally.ended != tally.total:
            self._say(log_line(tally, now), now)
            self._pause = min(2 * self._pause, LONGEST_QUIET_PAUSE)

    def close(self, tally: Tally, now: float) -> None:
        if tally.ended or tally.under_way:
            self._say(log_line(tally, now), now)

    def _say(self, text: str, now: float) -> None:
        self._said_at = now
        _write(self._stream, text)


def print_outcomes(outcomes: Iterable[Outcome], *, stream: TextIO | None = None) -> None:
    """Print a table of the outcomes on stdout, or on `stream`; in colour on a terminal, if rich is installed."""
    out = sys.stdout if stream is None else stream
    console = _console(out)
    if console is None:
        _write(out, outcome_table(outcomes))
        return
    for line in table_lines(outcomes, console.width):
        console.print(_rich(line), no_wrap=True, overflow="ellipsis", crop=True)


def _display_for(stream: TextIO) -> _Display:
    console = _console(stream)
    return _Plain(stream) if console is None else _Live(console)


def _console(stream: TextIO) -> Console | None:
    """rich's console where it can draw: rich is installed, and the stream is a terminal that obeys commands."""
    if not stream.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(file=stream, highlight=False)
    return console if console.is_terminal and not console.is_dumb_terminal else None


def _rich(line: Line) -> Text:
    from rich.text import Text

    return Text.assemble(*line)


def _write(stream: TextIO, text: str) -> None:
    """Print it, with what the stream's encoding cannot say replaced."""
    given: object = getattr(stream, "encoding", None)
    encoding = given if isinstance(given, str) else "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
