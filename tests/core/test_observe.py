"""What a person sees of a batch: the counts are right, the lines fit, and no secret is in them."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async import (
    Failed,
    GenerationError,
    Job,
    JobEvent,
    Outcome,
    Pending,
    PixverseError,
    State,
    SubmitUnknownError,
    Succeeded,
    Timings,
    UnexpectedError,
    Unknown,
)
from pixverse_async._core import events, lifecycle
from pixverse_async._core.events import Event
from pixverse_async.observe import Phase, Progress, Tally, live_view, log_line, outcome_table, print_outcomes
from pixverse_async.observe.table import ended_line as ended
from pixverse_async.observe.words import cells
from tests import submits
from tests.virtual_time import VirtualTimeLoop

PRICE = Decimal("0.175")
JOB = Job("cat.jpg", "the cat yawns")
FRESH = Timings(queued=1.0, generating=80.0, downloading=1.2)

Happening: TypeAlias = "Event | Outcome"


def sent(price: Decimal = PRICE) -> Event:
    return submits.started(usd=price)


def accepted() -> Event:
    return events.SubmitAccepted(request_id="r")


def seen(word: str) -> Event:
    return events.StatusSeen(status=word)


def made() -> Event:
    return events.GenerationSucceeded()


def saved() -> Event:
    return events.Saved(path="videos/cat.mp4", size_bytes=9, sha256="0")


def done(index: int = 0, timings: Timings = FRESH, name: str = "cat") -> Outcome:
    path = Path("videos") / f"{name}.mp4"
    return Succeeded(
        job=JOB, index=index, name=name, path=path, size_bytes=9, sha256="0", usd=PRICE, timings=timings
    )


def failed(
    index: int = 0, error: PixverseError | None = None, name: str = "cat", usd: Decimal = Decimal(0)
) -> Outcome:
    reason = GenerationError("the picture was refused", "moderation") if error is None else error
    return Failed(job=JOB, index=index, name=name, error=reason, usd=usd)


def unknown(index: int = 0) -> Outcome:
    return Unknown(job=JOB, index=index, name="cat", error=SubmitUnknownError("reply lost", 7), usd=PRICE)


def pending(index: int = 0) -> Outcome:
    return Pending(job=JOB, index=index, name="cat", error=UnexpectedError("too slow"), usd=PRICE)


def told(happenings: Iterable[Happening], index: int = 0) -> list[JobEvent]:
    """What an observer is told of one job to which this happens, from its first event in this run."""
    state = State.NEW
    heard: list[JobEvent] = []
    for happening in happenings:
        if isinstance(happening, Succeeded | Failed | Unknown | Pending):
            heard.append(JobEvent(index=index, name="cat", state=state, outcome=happening))
        else:
            state = next(table[type(happening)] for table in lifecycle.TABLE.values() if type(happening) in table)
            usd = Decimal(0) if state in (State.NEW, State.FAILED) else PRICE
            heard.append(JobEvent(index=index, name="cat", state=state, event=happening, usd=usd))
    return heard


def tally_of(*happenings: Happening, total: int | None = 1) -> Tally:
    tally = Tally(total=total, started_at=0.0)
    for event in told(happenings):
        tally.take(event, 0.0)
    return tally


def shown(lines: Iterable[Sequence[tuple[str, str]]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


# -- the counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "happenings"),
    [
        (Phase.WAITING, []),
        (Phase.SUBMITTING, [sent()]),
        (Phase.WAITING, [sent(), events.SubmitDeferred(why="429")]),
        (Phase.QUEUED, [sent(), accepted()]),
        (Phase.QUEUED, [sent(), accepted(), seen("dispatched")]),
        (Phase.GENERATING, [sent(), accepted(), seen("Processing")]),
        (Phase.QUEUED, [sent(), accepted(), seen("a word of tomorrow")]),
        (Phase.CHECKING, [sent(), events.SubmitInterrupted(why="reset")]),
        (Phase.QUEUED, [sent(), events.SubmitInterrupted(why="reset"), events.Reconciled(request_id="r")]),
        (Phase.DOWNLOADING, [sent(), accepted(), made()]),
        (Phase.DOWNLOADING, [sent(), accepted(), made(), events.LinkExpired()]),
        (Phase.DOWNLOADING, [sent(), accepted(), made(), saved()]),
        (Phase.DONE, [sent(), accepted(), made(), saved(), done()]),
        (Phase.FAILED, [sent(), accepted(), events.GenerationFailed(reason="no", kind="unknown"), failed()]),
        (Phase.FAILED, [failed()]),
        (Phase.UNKNOWN, [sent(), events.SubmitInterrupted(why="reset"), unknown()]),
        (Phase.PENDING, [sent(), accepted(), pending()]),
    ],
)
def test_a_job_is_counted_where_it_is(phase: Phase, happenings: list[Happening]) -> None:
    """Each event moves a job to the phase that a person would name, and the job is counted there alone."""
    tally = tally_of(*happenings)
    assert {phase: 1} == {each: tally.count(each) for each in Phase if tally.count(each)}


@pytest.mark.parametrize(
    ("spent", "reserved", "happenings"),
    [
        (0, 1, [sent()]),
        (0, 0, [sent(), events.SubmitDeferred(why="429")]),
        (0, 1, [sent(), events.SubmitDeferred(why="429"), sent()]),
        (0, 1, [sent(), accepted(), seen("processing")]),
        (1, 0, [sent(), accepted(), made()]),
        (1, 0, [sent(), accepted(), made(), events.LinkExpired(), made()]),
        (1, 0, [sent(), accepted(), made(), saved(), done()]),
        (0, 0, [sent(), accepted(), failed()]),
        (1, 0, [sent(), accepted(), failed(usd=PRICE)]),
        (0, 1, [sent(), events.SubmitInterrupted(why="reset"), unknown()]),
        (0, 1, [sent(), accepted(), pending()]),
    ],
)
def test_money_is_spent_or_reserved_once(spent: int, reserved: int, happenings: list[Happening]) -> None:
    """A job's price is reserved when it is sent, spent when its video is made, and free when it surely is."""
    tally = tally_of(*happenings)
    assert (spent * PRICE, reserved * PRICE) == (tally.spent_usd, tally.reserved_usd)


@pytest.mark.parametrize(
    ("spent", "kept", "happenings"),
    [
        (0, 1, [done(timings=Timings())]),
        (0, 0, [events.LinkExpired(), made(), saved(), done()]),
        (0, 0, [events.SavedFileMissing(problem="gone"), made(), saved(), done()]),
        (0, 0, [failed(usd=PRICE)]),
        (1, 0, [seen("processing"), made(), saved(), done()]),
    ],
)
def test_what_an_earlier_run_paid_is_not_spent_again(spent: int, kept: int, happenings: list[Happening]) -> None:
    """Only what no earlier run saw charged counts as spent: not a kept file, not one that is fetched again."""
    tally = tally_of(*happenings)
    assert (spent * PRICE, kept) == (tally.spent_usd, tally.kept)


@pytest.mark.parametrize(
    ("reserved", "happenings"),
    [
        (1, [seen("processing")]),
        (1, [events.SubmitInterrupted(why="an earlier run ended")]),
        (1, [events.SubmitInterrupted(why="an earlier run ended"), events.Reconciled(request_id="r")]),
        (0, [seen("processing"), made()]),
        (0, [seen("processing"), events.GenerationFailed(reason="no", kind="unknown"), failed()]),
        (0, [events.LinkExpired()]),
        (0, [events.LinkExpired(), seen("processing")]),
    ],
)
def test_what_an_earlier_run_left_at_stake_is_reserved(reserved: int, happenings: list[Happening]) -> None:
    """A job that is taken over may yet be charged, from the first that is heard of it until its end."""
    assert reserved * PRICE == tally_of(*happenings).reserved_usd


LIVES: list[list[Happening]] = [
    [sent(), accepted(), seen("queued"), seen("processing"), made(), saved(), done()],
    [sent(), events.SubmitDeferred(why="429"), sent(), accepted(), failed()],
    [sent(), events.SubmitInterrupted(why="reset"), unknown()],
    [
        sent(),
        events.SubmitInterrupted(why="reset"),
        events.Reconciled(request_id="r"),
        made(),
        saved(),
        done(),
    ],
    [sent(), accepted(), pending()],
    [events.LinkExpired(), made(), events.LinkExpired(), made(), saved(), done()],
    [done(timings=Timings())],
    [failed()],
]


@given(lives=st.lists(st.sampled_from(LIVES), max_size=12), order=st.randoms(), width=st.integers(24, 250))
def test_no_order_of_events_upsets_the_tally(lives: list[list[Happening]], order: Random, width: int) -> None:
    """In any interleaving all jobs stay counted once, no sum falls below zero, and every line fits the width."""
    tally = Tally(total=len(lives), started_at=0.0)
    waiting = [told(life, index) for index, life in enumerate(lives)]
    now = 0.0
    while any(waiting):
        life = order.choice([life for life in waiting if life])
        tally.take(life.pop(0), now := now + 1.0)
        assert len(lives) == sum(tally.count(phase) for phase in Phase)
        assert min(tally.spent_usd, tally.reserved_usd) >= 0
        assert max(len("".join(text for text, _ in line)) for line in live_view(tally, now, width)) <= width
    assert (len(lives), 0) == (tally.ended, tally.under_way)
    assert tally.reserved_usd == PRICE * (tally.count(Phase.UNKNOWN) + tally.count(Phase.PENDING))


def test_the_tally_forgets_jobs_that_ended() -> None:
    """A million jobs leave sums and the last two errors, not a million entries."""
    tally = Tally(started_at=0.0)
    for index in range(1000):
        for event in told([sent(), accepted(), failed(index)], index):
            tally.take(event, 0.0)
    assert (0, 2, 1000) == (tally.under_way, len(tally.errors), tally.ended)


# -- the guess -----------------------------------------------------------------------------------------


def finish(tally: Tally, indices: Iterable[int], *, sent_at: float, took: float) -> None:
    """Jobs that were sent at once and end at once."""
    lives = [told([sent(), accepted(), made(), saved(), done(index)], index) for index in indices]
    for first, second, *_ in lives:
        tally.take(first, sent_at)
        tally.take(second, sent_at)
    for _, _, *rest in lives:
        for event in rest:
            tally.take(event, sent_at + took)


def test_nothing_is_guessed_from_two_jobs() -> None:
    """The time left is None until three jobs have finished, and again when all have."""
    tally = Tally(total=4, started_at=0.0)
    finish(tally, range(2), sent_at=0.0, took=80.0)
    assert tally.seconds_left(80.0) is None
    finish(tally, [2], sent_at=0.0, took=80.0)
    assert tally.seconds_left(80.0) is not None
    finish(tally, [3], sent_at=0.0, took=80.0)
    assert tally.seconds_left(80.0) is None


def test_nothing_is_guessed_without_a_total_or_from_kept_files() -> None:
    """An endless input has no end to guess, and a file kept from before says nothing of the service's pace."""
    endless = Tally(started_at=0.0)
    finish(endless, range(5), sent_at=0.0, took=80.0)
    assert endless.seconds_left(80.0) is None
    kept = Tally(total=9, started_at=0.0)
    for index in range(5):
        kept.take(told([done(index, Timings())], index)[0], 0.0)
    assert kept.seconds_left(1.0) is None


def test_the_guess_is_what_the_slowest_needs() -> None:
    """With nothing waiting, the rest is guessed to take as long as the slowest so far; overdue, nothing is said."""
    tally = Tally(total=4, started_at=0.0)
    for event in told([sent(), accepted()], 3):
        tally.take(event, 20.0)
    finish(tally, range(3), sent_at=0.0, took=80.0)
    assert 20.0 == tally.seconds_left(80.0)
    assert tally.seconds_left(100.0) is None


def test_a_guess_that_came_out_wrong_gives_way_to_the_pace() -> None:
    """Five that take longer than the ten before them, in a queue perhaps, are guessed at the ten of the last minute."""
    tally = Tally(total=15, started_at=0.0)
    for index in range(10, 15):
        for event in told([sent(), accepted()], index):
            tally.take(event, 0.0)
    finish(tally, range(10), sent_at=0.0, took=80.0)
    assert 30.0 == tally.seconds_left(100.0)
    assert tally.seconds_left(141.0) is None


def test_those_that_wait_follow_at_the_pace_seen() -> None:
    """Thirty jobs behind ten that took 80 s together need three times that, and the last ones their own time."""
    tally = Tally(total=50, started_at=0.0)
    finish(tally, range(10), sent_at=0.0, took=80.0)
    for index in range(10, 20):
        for event in told([sent(), accepted()], index):
            tally.take(event, 80.0)
    assert 3 * 80.0 + 80.0 == tally.seconds_left(80.0)


# -- the view ------------------------------------------------------------------------------------------


def busy() -> Tally:
    """A batch of 2000 in the middle of things."""
    tally = Tally(total=2000, started_at=0.0)
    finish(tally, range(100), sent_at=0.0, took=80.0)
    finish(tally, range(100, 700), sent_at=80.0, took=90.0)
    generating: list[Happening] = [sent(), accepted(), seen("processing")]
    under_way: list[list[Happening]] = [
        [sent()],
        [sent(), accepted()],
        *[generating for _ in range(98)],
        [sent(), accepted(), made()],
        [sent(), events.SubmitInterrupted(why="reset")],
    ]
    for index, life in enumerate((*LIVES[1:5], *LIVES[6:], *under_way), start=1000):
        for event in told(life, index):
            tally.take(event, 170.0)
    return tally


def test_the_view_tells_the_rate_of_polls_over_the_last_minute() -> None:
    """Twenty in the first ten seconds are two a second; a minute later only what came since counts."""
    tally = Tally(total=9, started_at=0.0)
    for now, polls in ((5.0, 10), (10.0, 20)):
        tally.take(JobEvent(index=0, name="cat", state=State.QUEUED, batch_polls=polls), now)
    assert 2.0 == tally.polls_per_second(10.0)
    assert "2.0 polls/s" in shown(live_view(tally, 10.0, 79))
    tally.take(JobEvent(index=0, name="cat", state=State.QUEUED, batch_polls=50), 100.0)
    assert 0.5 == tally.polls_per_second(100.0)
    assert 0.0 == tally.polls_per_second(200.0)


def test_the_view_at_80_columns() -> None:
    """A bar with numbers, the stages, the sums, the last two errors."""
    assert shown(live_view(busy(), 200.0, 79)).splitlines() == [
        "██████████████▒▒░░░░░░░░░░░░░░░░░░░░░░░░  706/2000  3:20  about 4 min left",
        "1192 waiting  1 submitting  1 queued  98 generating  1 downloading",
        "702 done (1 kept)  1 checking  2 failed  1 unknown  1 pending  99 in flight",
        "$122.85 newly charged  $18.025 reserved",
        "102 submits/min  601 videos/min  1 refused/min  0.0 polls a video",
        "! cat: unexpected too slow",
        "! cat: the generation failed (moderation): the picture was refused",
    ]


def test_the_view_at_40_columns() -> None:
    """Nothing is lost in a narrow terminal but the ends of errors: it takes more lines."""
    assert shown(live_view(busy(), 200.0, 39)).splitlines() == [
        "█████████████▒▒░░░░░░░░░░░░░░░░░░░░░░░░",
        "706/2000  3:20  about 4 min left",
        "1192 waiting  1 submitting  1 queued",
        "98 generating  1 downloading",
        "702 done (1 kept)  1 checking  2 failed",
        "1 unknown  1 pending  99 in flight",
        "$122.85 newly charged  $18.025 reserved",
        "102 submits/min  601 videos/min",
        "1 refused/min  0.0 polls a video",
        "! cat: unexpected too slow",
        "! cat: the generation failed",
        "  (moderation): the picture was refused",
    ]


def test_the_view_at_200_columns() -> None:
    """A wide terminal is not filled for its own sake."""
    assert shown(live_view(busy(), 200.0, 199)).splitlines()[:3] == [
        "██████████████▒▒░░░░░░░░░░░░░░░░░░░░░░░░  706/2000  3:20  about 4 min left",
        "1192 waiting  1 submitting  1 queued  98 generating  1 downloading",
        "702 done (1 kept)  1 checking  2 failed  1 unknown  1 pending  "
        "99 in flight  $122.85 newly charged  $18.025 reserved",
    ]


def test_a_pace_is_that_of_the_last_minute() -> None:
    """Sixty submits in a minute, half of them in its first half, are thirty a minute 30 s later; a video was polled."""
    tally = Tally(total=99, started_at=0.0)
    for index in range(60):
        for event in told([sent(), accepted()], index):
            tally.take(event, float(index))
    polled = done(timings=Timings(downloading=1.0, polls=7))
    tally.take(JobEvent(index=0, name="cat", state=State.SAVED, outcome=polled), 60.0)
    assert (59.0, 30.0, 1.0, 7.0) == (
        tally.submits_per_minute(60.0),
        tally.submits_per_minute(89.0),
        tally.videos_per_minute(89.0),
        tally.polls_per_video,
    )


def test_a_job_that_waits_is_not_drawn_as_under_way() -> None:
    """Of two jobs that were heard of, the one whose submit was refused leaves its half of the bar empty."""
    tally = Tally(total=2, started_at=0.0, budget_usd="9.5")
    for index, happenings in enumerate([[sent(), accepted()], [sent(), events.SubmitDeferred(why="429")]]):
        for event in told(happenings, index):
            tally.take(event, 0.0)
    text = shown(live_view(tally, 1.0, 80))
    assert (20, 20) == (text.count("▒"), text.count("░"))
    assert "$0.175 spent" not in text
    assert "$0.175 reserved  $9.50 budget" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_view_can_be_said_in_ascii(width: int) -> None:
    """A terminal without Unicode gets a bar that it can draw."""
    lines = live_view(tally_of(sent(), total=3), 0.0, width, is_ascii=True)
    assert shown(lines).isascii()


def test_the_view_of_a_batch_that_is_over_is_two_lines() -> None:
    """Stages that nothing is in any more are not shown."""
    assert shown(live_view(tally_of(sent(), accepted(), made(), saved(), done()), 82.0, 79)).splitlines() == [
        "████████████████████████████████████████  1/1  1:22",
        "1 done  0 in flight  $0.175 newly charged  $0.00 reserved",
    ]


def test_without_a_total_nothing_is_promised() -> None:
    """An endless input has a count, and neither a bar nor a share."""
    assert shown(live_view(tally_of(done(), total=None), 3.0, 79)).splitlines()[0] == "1 ended  0:03"


# -- the table -----------------------------------------------------------------------------------------


def test_the_table_has_every_outcome_with_its_file_cost_and_time() -> None:
    """One row for each outcome, the error below it, wrapped, and the sums at the end."""
    assert outcome_table([done(), failed(), pending(), done(timings=Timings())], 60).splitlines() == [
        "outcome   file               cost     time",
        "done      videos/cat.mp4   $0.175   82.2 s",
        "failed    cat               $0.00",
        "  the generation failed (moderation): the picture was",
        "  refused. Change the prompt or the image; the same job",
        "  would be refused again.",
        "pending   cat             $0.175?",
        "  unexpected too slow. Nothing paid is lost: run it again;",
        "  please report this.",
        "done      videos/cat.mp4   $0.175     kept",
        "2 done  1 failed  1 pending",
        "$0.525 in all, $0.175 of it for videos that were kept",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_fits(width: int) -> None:
    """No row is wider than the terminal, whatever files are called."""
    rows = [done(), done(name="x" * 120), done(name="猫" * 70), failed(name="y" * 120), unknown(), pending()]
    assert max(map(cells, outcome_table(rows, width).splitlines())) <= width


def test_the_table_of_many_lists_what_wants_attention() -> None:
    """Of a thousand outcomes those that succeeded are a number, and no more than sixty others are rows."""
    few = outcome_table([*[done(n) for n in range(998)], failed(998), unknown(999)])
    assert ("videos/" not in few, "... and 998 more" in few) == (True, True)
    assert 60 == outcome_table([failed(n) for n in range(1000)]).count("failed    ")


def test_the_table_of_nothing_is_one_line() -> None:
    """A batch without jobs has no head of a table."""
    assert "0 done  $0.00" == outcome_table([])


# -- secrets -------------------------------------------------------------------------------------------

LEAKY = "GET https://storage.example/private/v.mp4?X-Goog-Signature=5ec7e7 failed\x1b[2J\x07"


def test_no_link_and_no_terminal_command_is_shown() -> None:
    """Neither the view, nor the log, nor the table repeats a link's path, or lets a service drive the terminal."""
    outcome = failed(error=UnexpectedError(LEAKY), name="cat\x1b[31m")
    tally = tally_of(outcome)
    for text in (
        shown(live_view(tally, 0.0, 200)),
        log_line(tally, 0.0),
        outcome_table([outcome]),
        ended(outcome),
    ):
        assert "5ec7e7" not in text
        assert "private" not in text
        assert text.replace("\n", "").isprintable()


def test_a_place_that_is_a_link_is_cut_to_its_host() -> None:
    """A sink of the user's may name its places by signed links."""
    place = attrs.evolve(done(), path="https://bucket.example/v.mp4?sig=5ec7e7")
    assert "https://bucket.example/…" in outcome_table([place])


# -- the display ---------------------------------------------------------------------------------------


class Screen(io.StringIO):
    """What was written to a terminal."""

    def isatty(self) -> bool:
        return True


def play(
    stream: io.StringIO,
    happenings: Iterable[tuple[float, JobEvent]],
    *,
    total: int | None = 1,
    lasts: float = 90.0,
) -> str:
    """A batch as `Progress` shows it, in virtual time."""
    loop = VirtualTimeLoop()
    progress = Progress(stream=stream, total=total)
    loop.call_soon(progress.__enter__)
    for at, event in happenings:
        loop.call_at(at, progress, event)
    loop.call_at(lasts, progress.__exit__, None, None, None)
    loop.call_at(lasts, loop.stop)
    loop.run_forever()
    loop.close()
    return stream.getvalue()


def one_video() -> list[tuple[float, JobEvent]]:
    life = told([sent(), accepted(), seen("processing"), made(), saved(), done()])
    return list(zip([1.0, 2.0, 10.0, 80.0, 82.0, 82.1], life, strict=True))


def test_a_log_has_a_line_for_each_job_and_a_few_while_none_ends() -> None:
    """Without a terminal: quiet lines ever further apart, one for the job that ended, one at the end."""
    assert play(io.StringIO(), one_video(), lasts=82.5).splitlines() == [
        "0/1 after 0:05: 1 queued, $0.00 newly charged, $0.175 reserved",
        "0/1 after 0:15: 1 generating, $0.00 newly charged, $0.175 reserved",
        "0/1 after 0:35: 1 generating, $0.00 newly charged, $0.175 reserved",
        "0/1 after 1:15: 1 generating, $0.00 newly charged, $0.175 reserved",
        "[1/1] done  videos/cat.mp4  $0.175  82.2 s",
        "1/1 after 1:22: 1 done, $0.175 newly charged, $0.00 reserved",
    ]


def test_an_hour_of_waiting_is_a_page_of_log() -> None:
    """A job that hangs for an hour leaves fewer than seventy lines."""
    hanging = list(zip([1.0, 2.0], told([sent(), accepted()]), strict=True))
    assert 60 < len(play(io.StringIO(), hanging, lasts=3600.0).splitlines()) < 70


def test_a_log_in_ascii_loses_no_line() -> None:
    """A stream whose encoding lacks a character gets the line with a replacement."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    print_outcomes([done(name="猫")], stream=stream)
    assert b"videos/?.mp4" in raw.getvalue()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_shows_a_block_and_is_given_back(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a block is drawn over itself, fits it, and leaves the cursor visible and the bar full."""
    set_terminal(monkeypatch, columns)
    written = play(Screen(), one_video())
    assert "\x1b[?25l" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.replace("\r", "\n")).splitlines()
    assert max(map(len, lines)) < columns
    assert "$0.175 newly charged" in lines[-1]


def test_a_terminal_is_drawn_to_four_times_a_second_however_many_events_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten thousand events in a second are drawn as often as one."""
    set_terminal(monkeypatch, 80)
    flood = [(1.0 + index / 10_000, told([sent()], index)[0]) for index in range(10_000)]
    assert play(Screen(), flood, total=10_000, lasts=2.1).count("submitting") < 12


@pytest.mark.parametrize("hurdle", ["no rich", "dumb terminal"])
def test_lines_are_plain_where_a_block_cannot_be_drawn(hurdle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rich, and on a terminal that obeys no commands, there are lines as for a log."""
    set_terminal(monkeypatch, 80)
    if hurdle == "no rich":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    else:
        monkeypatch.setenv("TERM", "dumb")
    written = play(Screen(), one_video())
    assert "\x1b" not in written
    assert "[1/1] done" in written


def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves the block and takes the colours."""
    set_terminal(monkeypatch, 80)
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    print_outcomes([done()], stream=screen)
    assert "\x1b[32m" not in screen.getvalue()


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_display_that_cannot_be_written_to_goes_silent() -> None:
    """The batch goes on when its log's reader is gone."""
    assert "" == play(BrokenPipe(), one_video())


def test_an_observer_of_your_own_sees_every_event() -> None:
    """`then` is called once for each event, in order."""
    heard: list[JobEvent] = []
    video = one_video()
    loop = VirtualTimeLoop()
    with Progress(heard.append, stream=io.StringIO()) as on_event:
        for _, event in video:
            loop.call_soon(on_event, event)
        loop.call_soon(loop.stop)
        loop.run_forever()
    loop.close()
    assert [event for _, event in video] == heard


def test_leaving_without_a_batch_says_nothing() -> None:
    """Entered and left outside of any loop, nothing is shown."""
    stream = io.StringIO()
    with Progress(stream=stream):
        pass
    assert "" == stream.getvalue()


def set_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
