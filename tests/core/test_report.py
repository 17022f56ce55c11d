"""The page of a batch: what it shows, what it never shows, and that nothing from outside becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from pixverse_async import Job, RecordedJob, State, Timings
from pixverse_async.report.cards import Card, Standing, at_stake, cards_of, counts, spent
from pixverse_async.report.charts import NAMED_ROWS, generation_times, histogram, timeline
from pixverse_async.report.page import Page, page_html
from pixverse_async.report.rows import Row, read_rows

MARKUP = "</script></style><img src=x onerror=alert(1)> & \"quotes\" 'too'"
LINK = "https://me:pw@storage.example/v.mp4?X-Goog-Signature=5ec2e7"
KEY = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2VjcmV0"


def job(name: str = "cat", state: State = State.SAVED, /, **fields: object) -> RecordedJob:
    """A job on record, sent at second 1000."""
    known = {
        "key": hashlib.sha256(name.encode()).hexdigest()[:32],
        "name": name,
        "job": Job(f"{name}.jpg", f"{name} yawns", seed=7, audio=True),
        "state": state,
        "request_id": f"id-{name}",
        "seed": 7,
        "usd": Decimal("0.175"),
        "submits": 1,
        "started_at_utc": 1000.0,
        "path": f"/elsewhere/{name}.mp4" if state is State.SAVED else None,
        "size_bytes": 2_000_000 if state is State.SAVED else None,
        "sha256": None,
        "why": None,
    }
    return RecordedJob(**known | fields)  # pyright: ignore[reportArgumentType]  a table of fields


def row(name: str = "cat", /, **fields: object) -> Row:
    """A line of the table, as the command line writes it."""
    times = {"queued": 2.0, "generating": 30.0, "detected_late_by": 1.5, "downloading": 4.0}
    known = {"index": 0, "name": name, "outcome": "succeeded", "request_id": f"id-{name}", "usd": 0.175}
    (one,) = read_rows([json.dumps(known | times | fields)])
    return one


def html_of(cards: Sequence[Card], posters: dict[str, bytes] | None = None) -> str:
    """The page of these cards."""
    written = datetime(2026, 11, 22, 12, tzinfo=UTC)
    page = Page(folder="my-videos", title="a batch", cards=cards, posters=posters or {}, written_at_utc=written)
    return page_html(page)


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text without the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self._is_style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.style += data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each such element."""
        return [attributes for name, attributes in self.elements if name == tag]


def test_nothing_from_outside_becomes_markup() -> None:
    """Names, prompts, reasons, notes, metadata and places with markup in them are shown as they are, as text."""
    asked = Job(f"{MARKUP}.jpg", MARKUP, seed=7)
    saved = job("cat", name=MARKUP, job=asked, path="s3://" + MARKUP)
    failed = job("dog", State.FAILED, name=MARKUP + "2", job=asked, why=MARKUP)
    rows = [row("cat", notes=MARKUP, metadata=MARKUP), row(MARKUP, outcome="failed", error=MARKUP, request_id="x")]
    plain = Parsed(html_of(cards_of([job("cat"), job("dog", State.FAILED, why="?")], [row("cat")], set())))
    parsed = Parsed(html_of(cards_of([saved, failed], rows, set())))
    assert {name for name, _ in plain.elements} >= {name for name, _ in parsed.elements}
    assert MARKUP in parsed.text
    assert not [name for _, known in parsed.elements for name in known if name.startswith("on") or name == "style"]


def test_no_key_and_no_link_is_shown() -> None:
    """A signed link and a key, wherever they come from, are not in the page; of a link its host is."""
    secret = f"see {LINK} and {KEY}"
    saved = job("cat", job=Job(LINK, secret), path=LINK)
    failed = job("dog", State.FAILED, why=secret)
    page = html_of(cards_of([saved, failed], [row("cat", notes=secret, metadata=secret)], set()))
    assert "https://storage.example/…" in page
    for part in ("5ec2e7", "me:pw", "v.mp4", "eyJ"):
        assert part not in page


@pytest.mark.parametrize(
    ("state", "request_id", "standing"),
    [
        (State.NEW, None, Standing.UNSENT),
        (State.QUEUED, "r-1", Standing.PENDING),
        (State.UNKNOWN, None, Standing.UNKNOWN),
    ],
)
def test_a_job_that_was_settled_is_not_explained_by_what_it_was(
    state: State, request_id: str | None, standing: Standing
) -> None:
    """Found, or not accepted: it is no longer said to be counted as spent and not sent again."""
    fate = "the submit's fate is unknown. It is counted as spent and is not sent again"
    was_held = row(outcome="unknown", request_id=None, error=fate)
    (card,) = cards_of([job("cat", state, request_id=request_id)], [was_held], set())
    assert (standing, fate if state is State.UNKNOWN else None) == (card.standing, card.reason)


def test_a_video_that_could_not_be_saved_says_why() -> None:
    """It is paid and waits at the service, and the run that failed to save it knows what to mend."""
    full = row(outcome="failed", error="download: the disk is full (ENOSPC)")
    (card,) = cards_of([job("cat", State.READY)], [full], set())
    assert (Standing.PENDING, "download: the disk is full (ENOSPC)") == (card.standing, card.reason)


@pytest.mark.parametrize(
    ("usd", "said"), [("0", "It cost nothing; sent by"), ("0.175", "may have cost $0.175; sent by")]
)
def test_what_was_given_up_is_not_called_free(usd: str, said: str) -> None:
    """A job that waits to be sent again after a request that was made, and then lost, says what that may have cost."""
    assert said in html_of(cards_of([job("cat", State.NEW, request_id=None, usd=Decimal(usd))], [], set()))


def test_the_policy_allows_the_videos_and_our_own_style_only() -> None:
    """No script, no host, no inline style; the style sheet is the one whose hash is in the policy."""
    parsed = Parsed(html_of(cards_of([job()], [row()], {"cat.mp4"}), {"cat.mp4": b"jpeg"}))
    policy = next(known["content"] for known in parsed.all("meta") if "http-equiv" in known) or ""
    digest = base64.b64encode(hashlib.sha256(parsed.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; media-src 'self' file:; img-src data:;")
    assert [] == parsed.all("script") + parsed.all("link") + parsed.all("a")
    (video,) = parsed.all("video")
    assert ("./cat.mp4", "data:image/jpeg;base64,anBlZw==", "none") == (
        video["src"],
        video["poster"],
        video["preload"],
    )


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a b#1?.mp4", "./a%20b%231%3F.mp4"),
        ("javascript:alert(1).mp4", "./javascript%3Aalert%281%29.mp4"),
        ("猫.mp4", "./%E7%8C%AB.mp4"),
    ],
)
def test_a_video_is_linked_whatever_its_name(name: str, source: str) -> None:
    """The player's address is the file beside the page, loaded as far as its first frame when there is no poster."""
    (video,) = Parsed(html_of(cards_of([job(path=f"/old/place/{name}")], [], {name}))).all("video")
    assert (source, "metadata") == (video["src"], video["preload"])


def test_each_job_stands_as_the_journal_says() -> None:
    """A table that is older than the journal changes nothing; a file that is gone is told; what was never sent too."""
    jobs = [job(state.value, state) for state in State]
    stale = [row(one.name, outcome="failed", error="old") for one in jobs if one.state is State.SAVED]
    never = [row("late", outcome="interrupted", request_id=None), row("bad", outcome="failed", request_id=None)]
    found = {card.name: card.standing for card in cards_of(jobs, [*stale, *never], {"saved.mp4"})}
    assert {
        "new": Standing.UNSENT,
        "submitting": Standing.UNKNOWN,
        "unknown": Standing.UNKNOWN,
        "queued": Standing.PENDING,
        "ready": Standing.PENDING,
        "saved": Standing.SUCCEEDED,
        "failed": Standing.FAILED,
        "late": Standing.UNSENT,
        "bad": Standing.FAILED,
    } == found
    (gone,) = cards_of([job()], [], {"other.mp4"})
    assert Standing.MISSING is gone.standing


def test_the_page_counts_jobs_and_money() -> None:
    """Every card has the kind that its filter counts; what may yet be billed is told apart from what is spent."""
    jobs = [job("a"), job("b"), job("c"), job("d", State.UNKNOWN), job("e", State.FAILED, usd=Decimal(0))]
    cards = cards_of(jobs, [], {"a.mp4", "b.mp4"})
    wanted = {Standing.SUCCEEDED: 2, Standing.MISSING: 1, Standing.FAILED: 1, Standing.UNKNOWN: 1}
    assert wanted == counts(cards)
    assert (Decimal("0.525"), Decimal("0.175")) == (spent(cards), at_stake(cards))
    parsed = Parsed(html_of(cards))
    shown = [known["data-outcome"] for known in parsed.all("article")]
    assert {kind.value: count for kind, count in wanted.items()} == {kind: shown.count(kind) for kind in shown}
    for text in ("2 of 5", "$0.525", "$0.175", "all 5", "succeeded 2", "file missing 1", "held 1"):
        assert text in parsed.text
    for kind in shown:
        assert f"body:has(#show-{kind}:checked) article:not([data-outcome={kind}])" in parsed.style
        assert f"show-{kind}" in {known["id"] for known in parsed.all("input")}


def test_failures_of_one_reason_are_told_once_with_a_remedy() -> None:
    """A hundred jobs refused for one reason are one entry; only what the service failed needs --retry-failed."""
    jobs = [job(f"job-{n}", State.FAILED, why="blood") for n in range(100)]
    unsent = row("bad", outcome="failed", error="no such file", request_id=None)
    parsed = Parsed(html_of(cards_of(jobs, [unsent], set())))
    assert 2 == len(parsed.all("li"))
    assert "100 failed: job-0, job-1" in parsed.text
    assert "and 92 more" in parsed.text
    assert 1 == parsed.text.count("pixverse-async resume my-videos --retry-failed")
    assert 1 == len(re.findall(r"resume my-videos(?! --)", parsed.text))


def test_without_times_there_are_no_charts() -> None:
    """Where no run saw a job end the page says so; all else is there."""
    parsed = Parsed(html_of(cards_of([job()], [], {"cat.mp4"})))
    assert [] == parsed.all("svg")
    assert "No run saw a job end" in parsed.text
    for text in ("cat yawns", "5 s, 540p, audio", "seed 7", "$0.175", "id-cat"):
        assert text in parsed.text


def test_the_times_of_the_journal_go_before_those_of_a_table() -> None:
    """The table may be of a run that only found the video there, and its times then mean nothing."""
    seen = Timings(queued=1.0, generating=40.0, detected_late_by=2.0, downloading=3.0)
    (card,) = cards_of([job(timings=seen)], [row(generating=9000.0)], {"cat.mp4"})
    assert seen == card.timings


def test_a_night_between_two_runs_takes_no_room() -> None:
    """The chart is as long as the work, with a minute for the pause."""
    seen = Timings(queued=0.0, generating=100.0, detected_late_by=0.0, downloading=0.0)
    jobs = [job(f"cat-{n}", started_at_utc=at, timings=seen) for n, at in enumerate((0.0, 50.0, 40_000.0))]
    assert "3 jobs in time, over 5 min 10 s" in timeline(cards_of(jobs, [], set()))


def test_times_of_another_request_are_not_shown() -> None:
    """A job that was sent again since has none of the times of its first request; its place in the order it has."""
    old, other = row("cat", request_id="earlier"), row("dog")
    dog, cat = cards_of([job("cat"), job("dog")], [other, old], set())
    assert (["dog", "cat"], [30.0]) == ([dog.name, cat.name], generation_times([dog, cat]))


def test_lines_that_are_no_rows_are_passed_over() -> None:
    """Half a line, another type, a number that no clock gives: each costs its own field or line only."""
    wrong = ["", "{", "[]", "7", '{"name": 7, "outcome": "failed"}', "[" * 100_000, '{"name": "x"}']
    assert [] == list(read_rows(wrong))
    values: list[object] = [-1, float("inf"), float("nan"), "30", True, 10**400, None, [1]]
    for value in values:
        assert row(generating=value).timings.generating is None
    assert ("cat", 2.0) == (row(generating="x").name, row(generating="x").timings.queued)


def bars(chart: str) -> list[tuple[str, float, float]]:
    """Class, left and width in per cent of each rectangle."""
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%"', chart)
    return [(kind, float(left), float(width)) for kind, left, width in found]


def test_the_timeline_is_to_scale() -> None:
    """Each job begins at its submit; its four parts follow one another, the unnoticed one within the generation."""
    jobs = [job("dog", started_at_utc=1004.0), job("cat")]
    cards = cards_of(jobs, [row("cat"), row("dog", queued=None, downloading=None)], set())
    # The cat's last byte comes 36 s after its submit, which is the scale.
    expected = [("queued", 0, 2), ("generating", 2, 28.5), ("late", 30.5, 1.5), ("downloading", 32, 4)]
    expected += [("generating", 4, 28.5), ("late", 32.5, 1.5)]
    scaled = [(kind, left / 36 * 100, width / 36 * 100) for kind, left, width in expected]
    for (kind, left, width), (seen, seen_left, seen_width) in zip(scaled, bars(timeline(cards)), strict=True):
        assert (kind, pytest.approx(left, abs=0.01), pytest.approx(width, abs=0.01)) == (
            seen,
            seen_left,
            seen_width,
        )


@pytest.mark.parametrize("jobs", [1, NAMED_ROWS, NAMED_ROWS + 1, 5000])
def test_the_timeline_of_any_batch_has_a_line_for_each_job(jobs: int) -> None:
    """Few jobs have their names beside the bars; thousands still have a line each, one pixel high at least."""
    names = [f"job-{n}" for n in range(jobs)]
    chart = timeline(cards_of([job(name) for name in names], [row(name) for name in names], set()))
    assert 4 * jobs == len(bars(chart))
    assert (jobs <= NAMED_ROWS) == ('class="names"' in chart)
    assert min(float(high) for high in re.findall(r'height="([\d.]+)"/>', chart)) >= 1


@pytest.mark.parametrize(
    "times", [[30.0], [0.0], [30.0, 30.1, 95.0], [float(n) for n in range(1, 700)], [1e7, 3.0]]
)
def test_the_histogram_counts_every_generation(times: list[float]) -> None:
    """Whatever the times are, the bars count all of them and stay within the chart."""
    names = [f"job-{n}" for n in range(len(times))]
    rows = [row(name, generating=seconds) for name, seconds in zip(names, times, strict=True)]
    chart = histogram(cards_of([job(name) for name in names], rows, set()))
    assert len(times) == sum(int(count) for count in re.findall(r'<text class="count"[^>]*>(\d+)</text>', chart))
    assert all(left + width <= 100.01 for _, left, width in bars(chart))
    assert chart.count("<rect") <= 25
