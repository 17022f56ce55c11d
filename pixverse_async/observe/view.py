"""A tally in lines of text: a block for a terminal of any width, or one line for a log. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .._words import dollars
from .tally import Phase, Tally
from .words import Line, Span, clock, packed, plain, roughly, wrapped

WIDEST_BAR: Final = 40
"""Columns. A longer one says nothing more."""
NARROWEST_BAR: Final = 10
"""Columns. With less room beside the counts it gets a line of its own."""
SOON: Final = 10.0
"""Seconds before which a pace is an accident."""
STYLES: Final = {
    Phase.CHECKING: "yellow",
    Phase.STALLED: "yellow",
    Phase.DONE: "green",
    Phase.FAILED: "red",
    Phase.UNKNOWN: "yellow",
    Phase.PENDING: "cyan",
}
_ON_THE_WAY: Final = (Phase.WAITING, Phase.SUBMITTING, Phase.QUEUED, Phase.GENERATING, Phase.DOWNLOADING)
_RARE: Final = (Phase.STALLED, Phase.CHECKING, Phase.FAILED, Phase.UNKNOWN, Phase.PENDING)
"""Shown when there are any."""


def live_view(tally: Tally, now: float, width: int, *, is_ascii: bool = False) -> list[Line]:
    """A bar, the counts, the money, the last errors. No line is wider than `width`, if that is 24 or more."""
    return [
        *_head(tally, now, width, is_ascii=is_ascii),
        *packed(_stages(tally), width),
        *packed(
            [_done(tally), *(_shown(tally, phase) for phase in _RARE if tally.count(phase)), *_sums(tally)], width
        ),
        *packed(_pace(tally, now), width),
        *_errors(tally, width),
    ]


def log_line(tally: Tally, now: float) -> str:
    """How things stand, in one line."""
    counts = [_shown(tally, phase).text for phase in Phase if tally.count(phase)]
    return f"{_progress(tally)} after {clock(now - tally.started_at)}: " + ", ".join([*counts, *_money(tally)])


def _head(tally: Tally, now: float, width: int, *, is_ascii: bool) -> list[Line]:
    left = tally.seconds_left(now)
    guess = [] if left is None else [f"{roughly(left)} left"]
    facts = packed([Span(t, "bold") for t in (_progress(tally), clock(now - tally.started_at), *guess)], width)
    if tally.total is None:
        return facts
    room = width - len(plain(facts[0])) - 2
    if len(facts) > 1 or room < NARROWEST_BAR:
        return [_bar(tally, min(WIDEST_BAR, width), is_ascii=is_ascii), *facts]
    return [[*_bar(tally, min(WIDEST_BAR, room), is_ascii=is_ascii), Span("  "), *facts[0]]]


def _bar(tally: Tally, width: int, *, is_ascii: bool) -> Line:
    """Done, ended otherwise, under way, waiting."""
    total = max(1, tally.total or 0)
    counts = (tally.count(Phase.DONE), tally.ended, total - tally.count(Phase.WAITING), total)
    ends = [min(width, count * width // total) for count in counts]
    full, half, none = "#=-" if is_ascii else "█▒░"
    looks = ((full, "green"), (full, "red"), (half, "cyan"), (none, "dim"))
    starts = [0, *ends]
    return [
        Span(char * (end - start), style) for (char, style), start, end in zip(looks, starts, ends, strict=False)
    ]


def _progress(tally: Tally) -> str:
    return f"{tally.ended} ended" if tally.total is None else f"{tally.ended}/{tally.total}"


def _stages(tally: Tally) -> list[Span]:
    is_over = tally.ended == tally.total
    return [] if is_over else [_shown(tally, phase) for phase in _ON_THE_WAY]


def _sums(tally: Tally) -> list[Span]:
    return [Span(f"{tally.in_flight} in flight"), *map(Span, _money(tally))]


def _pace(tally: Tally, now: float) -> list[Span]:
    """How fast it goes, when there is something to go by and something left to do."""
    if tally.ended == tally.total or now - tally.started_at < SOON:
        return []
    said = [f"{tally.submits_per_minute(now):.0f} submits/min", f"{tally.videos_per_minute(now):.0f} videos/min"]
    refusals, polls = tally.refusals_per_minute(now), tally.polls_per_video
    said += [f"{refusals:.0f} refused/min"] if refusals else []
    rate = tally.polls_per_second(now)
    said += [f"{rate:.1f} polls/s"] if rate else []
    said += [f"{polls:.1f} polls a video"] if polls is not None else []
    return [Span(text, "dim") for text in said]


def _shown(tally: Tally, phase: Phase) -> Span:
    count = tally.count(phase)
    return Span(f"{count} {phase}", STYLES.get(phase, "") if count else "dim")


def _done(tally: Tally) -> Span:
    text, style = _shown(tally, Phase.DONE)
    return Span(f"{text} ({tally.kept} kept)" if tally.kept else text, style)


def _money(tally: Tally) -> list[str]:
    # The service charges when a video is made: what an earlier run sent may have been charged since, and between two
    # runs. It is neither this run's sending nor of this run's time, but it is news.
    cap = [] if tally.budget_usd is None else [f"{dollars(Decimal(str(tally.budget_usd)))} budget"]
    return [f"{dollars(tally.spent_usd)} newly charged", f"{dollars(tally.reserved_usd)} reserved", *cap]


def _errors(tally: Tally, width: int) -> list[Line]:
    texts = (text for error in tally.errors for text in wrapped(f"! {error}", width, indent="  ", max_lines=2))
    return [[Span(text, "red")] for text in texts]
