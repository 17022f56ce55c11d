"""Everything about the emulated service that a test or a user may choose, with a source for each default.

A `Settings` is a frozen value: it knows nothing of jobs, sockets or time.  Durations are seconds of the
service's clock.  What is known of the real service, and how well, is said beside each field; where nobody
public knows, the field says so and the default is the most harmless guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import attrs

from .faults import Rule

MODEL: Final = "pixverse-v6-i2v"
BASE_PATH: Final = "/api/v1/ie/requestqueue/apikey"
DEFAULT_KEY: Final = "eyJhbGciOiJFbXVsYXRvciJ9.emulator-key.not-a-secret"
"""Shaped like a real key, which is a JWT, so that redaction is exercised too."""
API_ORIGIN: Final = "https://queue.emulator.invalid"
STORAGE_ORIGIN: Final = "https://storage.emulator.invalid"
DEFAULT_EPOCH_UTC: Final = 1_790_000_000.0
"""2026-09-21; where the service's clock starts when nobody says otherwise."""

Prices: TypeAlias = Mapping[str, tuple[Decimal, Decimal]]
"""Quality to USD per second of video, without and with audio."""

PRICES: Final[Prices] = {
    # Source: the service's page for pixverse-v6-i2v, "video length based pricing", 2026.
    "360p": (Decimal("0.025"), Decimal("0.035")),
    "540p": (Decimal("0.035"), Decimal("0.045")),
    "720p": (Decimal("0.045"), Decimal("0.06")),
    "1080p": (Decimal("0.09"), Decimal("0.115")),
}


_positive = attrs.validators.gt(0.0)
_not_negative = attrs.validators.ge(0.0)


@attrs.frozen(kw_only=True)
class Settings:
    """One service to emulate. `Settings()` is the documented one on a good day."""

    rules: tuple[Rule, ...] = ()
    """Faults by script, tried in order."""
    api_keys: tuple[str, ...] = attrs.field(default=(DEFAULT_KEY,), repr=False)
    prices: Prices = attrs.field(factory=lambda: dict(PRICES), repr=False)
    credits_usd: Decimal | None = None
    """402 once what is charged and what is in flight would exceed it. None: endless."""
    rpm: int | None = None
    """Submits per 60 s in a sliding window, per model. The real number for this model is not public."""
    rph: int | None = None
    """Submits per hour, likewise; documented to exist for video models, numbers not published."""
    vendor_rpm: int | None = None
    """Submits per 60 s that the vendor behind the queue takes. The queue accepts more, and those fail: seen live, for
    a sister model, as a record with "rate limit exceeded(RPM)"."""
    vendor_workers: int | None = None
    """Generations that the vendor takes at once; more are accepted by the queue and fail (PixVerse's code 500044)."""
    workers: int | None = None
    """Generations at once, first come first served. None: as many as asked."""
    generation_median: float = attrs.field(default=80.0, validator=_positive)
    """Log-normal. Sources: resellers estimate 100 s for this model; clients budget 300 s; a tail to 10 min."""
    generation_sigma: float = attrs.field(default=0.4, validator=_not_negative)
    generation_max: float = attrs.field(default=600.0, validator=_positive)
    queue_wait_median: float = attrs.field(default=1.0, validator=_not_negative)
    """Seen to be "usually immediate"."""
    queue_wait_sigma: float = attrs.field(default=0.5, validator=_not_negative)
    submit_latency: float = attrs.field(default=0.3, validator=_not_negative)
    poll_latency: float = attrs.field(default=0.05, validator=_not_negative)
    storage_latency: float = attrs.field(default=0.02, validator=_not_negative)
    submit_reply: Literal["queued", "dispatched", "record"] = "queued"
    """The two documented forms of the submit reply, and the full record."""
    echo: Literal["full", "empty"] = "full"
    """Whether a record repeats its payload; replies that echo `{}` were seen live."""
    has_qworker_id: bool = False
    """The service's SDK reads `qworker_id`; live records were seen without it."""
    poll_lag: float = attrs.field(default=0.0, validator=_not_negative)
    """A request answers 404 for this long after it was accepted."""
    list_lag: float = attrs.field(default=0.0, validator=_not_negative)
    """A request is missing from the list for this long. The real delay is not known."""
    list_page_size: int | None = None
    """The list shows only the newest so many, while `total` counts all. No paging is documented."""
    delete_enabled: bool = False
    """DELETE cancels a request that is still waiting. Undocumented: by default it is 405."""
    wrong_host: bool = False
    """Answer 405 to everything, as the host of the language models does to queue calls."""
    accepts_data_uris: bool = True
    """`data:` images are documented for some models of the queue, not verified for this one."""
    gated_models: tuple[str, ...] = ("pixverse-v6-extend", "pixverse-v6-transition")
    """Known models to which this key has no access: 404, after the payload was checked."""
    epoch_utc: float | None = None
    """Epoch seconds at service time 0. None: `DEFAULT_EPOCH_UTC`, or the wall clock under the server."""
    media_cache_bytes: int = 256 * 2**20
    """Finished videos kept in memory; beyond it they are made again when asked for."""
    max_body_bytes: int = 64 * 2**20
    """A larger request is refused by the gateway with a 413 page."""
    rejects_storage_auth: bool = True
    """A bearer that reaches storage is always recorded; True also answers 401, as storage that checks it would."""

    @property
    def epoch(self) -> float:
        """Epoch seconds at service time 0."""
        return DEFAULT_EPOCH_UTC if self.epoch_utc is None else self.epoch_utc
