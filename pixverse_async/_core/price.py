"""What a video costs, and what a batch would cost: known before anything is sent.

The price depends on quality, duration and audio alone, so what a budget reserves is exact, not a guess.  Money is
`Decimal` US dollars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from .dollars import dollars
from .frozen import frozen
from .job import DURATION_RANGE, Job
from .rows import check_job

PRICE_USD_PER_SECOND: Final[Mapping[tuple[str, bool], Decimal]] = {
    ("360p", False): Decimal("0.025"),
    ("360p", True): Decimal("0.035"),
    ("540p", False): Decimal("0.035"),
    ("540p", True): Decimal("0.045"),
    ("720p", False): Decimal("0.045"),
    ("720p", True): Decimal("0.06"),
    ("1080p", False): Decimal("0.09"),
    ("1080p", True): Decimal("0.115"),
}
"""By quality and audio. Source: GMI Cloud's page of pixverse-v6-i2v, "video-length based", 2026-10."""

MOST_USD: Final = max(PRICE_USD_PER_SECOND.values()) * DURATION_RANGE[-1]
"""What one video costs at most: counted where nobody knows any more what was asked."""


def price_usd(job: Job) -> Decimal:
    """What the service charges when the job succeeds.

    >>> price_usd(Job("cat.jpg", "yawns", duration=15, quality="1080p", audio=True))
    Decimal('1.725')
    """
    return PRICE_USD_PER_SECOND[job.quality, job.audio] * job.duration


@frozen
class Estimate:
    """What a batch would cost if every job succeeded: an upper bound, made offline.

    >>> made: Estimate = estimate([Job("cat.jpg", "yawns"), Job("dog.jpg", "barks", duration=10)])
    >>> made.per_job, made.assumptions[-1]
    ((Decimal('0.175'), Decimal('0.350')), 'no discount, no tax')
    """

    total_usd: Decimal
    per_job: tuple[Decimal, ...]
    assumptions: tuple[str, ...] = (
        "prices per second of video as GMI Cloud published them in 2026-10",
        "every job succeeds; the service is reported not to bill failed ones",
        "no discount, no tax",
    )

    def __str__(self) -> str:
        videos = "1 video" if len(self.per_job) == 1 else f"{len(self.per_job)} videos"
        return f"{dollars(self.total_usd)} for {videos} ({'; '.join(self.assumptions)})"


def estimate(jobs: Iterable[Job]) -> Estimate:
    """The price of the jobs, pure and offline. *Charges* nothing. *Raises* `InvalidJobError` for what is no job.

    >>> estimate([Job("cat.jpg", "yawns"), Job("dog.jpg", "barks", quality="1080p")]).total_usd
    Decimal('0.625')
    """
    prices = tuple(_price_at(index, job) for index, job in enumerate(jobs))
    return Estimate(total_usd=sum(prices, Decimal(0)), per_job=prices)


def _price_at(index: int, job: Job) -> Decimal:
    check_job(job, f"jobs[{index}]")
    return price_usd(job)
