"""The page as HTML: pure, from cards to one string.

No script, no link to any other host, no style but our own: the policy in its head allows the videos beside the page
and nothing else. Every text from outside passes `shown`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final
from urllib.parse import quote

import attrs

from .._words import dollars
from .cards import Card, Standing, at_stake, counts, spent
from .charts import generation_times, histogram, timeline
from .style import STYLE, filters
from .words import shown, size, span

MARK: Final = '<meta name="generator" content="pixverse-async report">'
"""Near the beginning of a page of ours."""
LABELS: Final[Mapping[Standing, str]] = {
    Standing.SUCCEEDED: "succeeded",
    Standing.MISSING: "file missing",
    Standing.FAILED: "failed",
    Standing.UNKNOWN: "held",
    Standing.PENDING: "pending",
    Standing.UNSENT: "not sent",
}
PRELOADED: Final = 100
"""Players without a poster that load their first frame at once; browsers refuse more than about a thousand."""
NAMED: Final = 8
"""Jobs that are named under a common reason."""
_STYLE: Final = STYLE + filters(list(LABELS))
_POLICY: Final = (
    "default-src 'none'; media-src 'self' file:; img-src data:; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


@attrs.frozen(kw_only=True)
class Page:
    """What is to be shown."""

    folder: str
    """As the user gave it, quoted for a shell."""
    title: str
    cards: Sequence[Card]
    posters: Mapping[str, bytes]
    """JPEG pictures by the name of their video."""
    written_at_utc: datetime


def page_html(page: Page) -> str:
    """The whole file."""
    parts = [_head(page), _sums(page.cards), _needs(page), _charts(page.cards), _grid(page)]
    return "\n".join([*(part for part in parts if part), "</main>\n"])


def _head(page: Page) -> str:
    made = page.written_at_utc.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8">{MARK}
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{shown(page.title)} · videos</title>
<style>{_STYLE}</style>
<main><h1>{shown(page.title)}</h1>
<p class="soft">As of {made} UTC.</p>"""


def _sums(cards: Sequence[Card]) -> str:
    found, times = counts(cards), generation_times(cards)
    sizes = sum(card.size_bytes or 0 for card in cards if card.video is not None)
    facts = {
        "videos": f"{found.get(Standing.SUCCEEDED, 0)} of {len(cards)}",
        "spent": dollars(spent(cards)),
        "may yet be billed": dollars(at_stake(cards)) if at_stake(cards) else "",
        "size": size(sizes) if sizes else "",
        "generation, median": span(median(times)) if times else "",
    }
    tiles = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items() if value)
    return f'<dl class="sums">{"".join(tiles)}</dl>'


# -- what did not go well --------------------------------------------------------------------------------


def remedy(card: Card, folder: str) -> str:
    """What to do about the job, as HTML; `folder` is quoted for a shell."""
    resume = f"<code>pixverse-async resume {shown(folder)}"
    match card.standing:
        case Standing.SUCCEEDED:
            return ""
        case Standing.MISSING:
            return f"Fetched again, at no charge, by {resume}</code>"
        case Standing.FAILED:
            how = "again by" if card.has_ended_at_service else "by"
            retry = " --retry-failed" if card.has_ended_at_service else ""
            return f"Once its reason is mended it is sent {how} {resume}{retry}</code>"
        case Standing.UNKNOWN:
            return (
                f"It may be billed and is not sent again unasked. Looked up, free of charge, by {resume} "
                "--sent-only</code>; if it stays held, look for its seed in the console and settle it with "
                f"<code>pixverse-async resolve {shown(folder)} KEY</code>"
            )
        case Standing.PENDING:
            return f"It is paid or being made; fetched, and not paid again, by {resume}</code>"
        case Standing.UNSENT:
            paid = f"What was given up may have cost {dollars(card.usd)}" if card.usd else "It cost nothing"
            return f"{paid}; sent by {resume}</code>"


def _needs(page: Page) -> str:
    """The jobs without a video, those with the same reason together."""
    groups: dict[tuple[Standing, str, str], list[str]] = {}
    for card in page.cards:
        if card.standing is not Standing.SUCCEEDED:
            alike = (card.standing, card.reason or "", remedy(card, page.folder))
            groups.setdefault(alike, []).append(card.name)
    if not groups:
        return ""
    ordered = sorted(groups.items(), key=lambda group: list(Standing).index(group[0][0]))
    items = (_need(standing, why, what_to_do, names) for (standing, why, what_to_do), names in ordered)
    return f'<h2>Without a video</h2>\n<ul class="reasons">{"".join(items)}</ul>'


def _need(standing: Standing, why: str, what_to_do: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    reason = f"<p>{shown(why)}</p>" if why else ""
    return (
        f'<li class="{standing}"><span class="badge">{len(names)} {LABELS[standing]}:</span> '
        f"<b>{shown(', '.join(names[:NAMED]))}{more}</b>{reason}"
        f'<p class="soft">{what_to_do}</p></li>\n'
    )


# -- charts ------------------------------------------------------------------------------------------------


def _charts(cards: Sequence[Card]) -> str:
    bars, times = timeline(cards), histogram(cards)
    if not bars or not times:
        return '<p class="soft">No run saw a job end, so that no times are known.</p>'
    kinds = {"queued": "queued", "generating": "generating", "late": "ready, not yet noticed (at most)"}
    kinds["downloading"] = "downloading"
    legend = "".join(f'<li><i class="{kind}"></i>{name}</li>' for kind, name in kinds.items())
    return f"""<h2>Times</h2>
<div class="charts"><figure><figcaption>The batch in time<p>from the first submit on;
a longer pause between two runs is drawn as one minute</p></figcaption>
{bars}<ul class="legend">{legend}</ul></figure>
<figure><figcaption>Generation times<p>jobs by the time from
the end of their queueing until their end was seen</p></figcaption>
{times}</figure></div>"""


# -- the videos ----------------------------------------------------------------------------------------------


def _grid(page: Page) -> str:
    found = counts(page.cards)
    choices = [_choice("all", f"all {len(page.cards)}", is_chosen=True)]
    choices += [_choice(kind, f"{LABELS[kind]} {count}", is_chosen=False) for kind, count in found.items()]
    articles = "\n".join(_articles(page))
    return f"""<h2>Videos</h2>
<fieldset aria-label="show">{"".join(choices)}</fieldset>
<div class="grid">
{articles}
</div>"""


def _choice(kind: str, label: str, *, is_chosen: bool) -> str:
    checked = " checked" if is_chosen else ""
    return f'<input type="radio" name="show" id="show-{kind}"{checked}><label for="show-{kind}">{label}</label>'


def _articles(page: Page) -> Iterator[str]:
    bare = 0
    for card in page.cards:
        poster = page.posters.get(card.video or "")
        bare += card.video is not None and poster is None
        yield (
            f'<article data-outcome="{card.standing}">{_player(card, poster, is_early=bare <= PRELOADED)}'
            f'<div class="about"><h3><span>{shown(card.name)}</span> '
            f'<span class="badge {card.standing}">{LABELS[card.standing]}</span></h3>'
            f'<p class="prompt">{shown(card.prompt)}</p><p class="facts">{_facts(card)}</p>'
            f"{_why(card)}{_details(card)}</div></article>"
        )


def _player(card: Card, poster: bytes | None, *, is_early: bool) -> str:
    if card.video is None:
        text = "saved elsewhere" if card.place is not None else LABELS[card.standing]
        return f'<div class="none">{text}</div>'
    picture = "" if poster is None else f' poster="data:image/jpeg;base64,{base64.b64encode(poster).decode()}"'
    preload = "metadata" if poster is None and is_early else "none"
    name = shown(card.name)
    # "./": a name with a colon is no scheme.
    source = f"./{quote(card.video, safe='')}"
    return f'<video controls loop playsinline preload="{preload}"{picture} src="{source}" aria-label="{name}"></video>'


def _facts(card: Card) -> str:
    facts = [card.parameters, "" if card.seed is None else f"seed {card.seed}"]
    facts.append(f"{dollars(card.usd)}{' at stake' if card.is_at_stake else ''}")
    if card.was_watched:
        facts.append(f"made in {span(card.timings.generating or 0)}")
    return " · ".join(f"<span>{shown(fact)}</span>" for fact in facts if fact)


def _why(card: Card) -> str:
    return f'<p class="why">{shown(card.reason)}</p>' if card.reason else ""


def _details(card: Card) -> str:
    timings = card.timings
    sent = "" if card.sent_at_utc is None else _utc(card.sent_at_utc)
    fields = {
        "image": card.image,
        "request": card.request_id or "",
        "key": card.key or "",
        "sent": sent,
        "submits": "" if card.submits < 2 else str(card.submits),
        "queued": _span(timings.queued),
        "generating": _span(timings.generating),
        "noticed late by": "" if timings.detected_late_by is None else f"at most {span(timings.detected_late_by)}",
        "downloading": _span(timings.downloading),
        "size": "" if card.size_bytes is None else size(card.size_bytes),
        "saved at": card.place or "",
        "notes": card.notes or "",
        "metadata": card.metadata or "",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{shown(value)}</dd>" for name, value in fields.items() if value)
    return f"<details><summary>details</summary><dl>{rows}</dl></details>"


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)


def _utc(epoch_seconds: float) -> str:
    """Empty for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return ""
