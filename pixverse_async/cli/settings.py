"""The arguments of a run as a value, and as the file beside the journal from which `resume` repeats it.

The file holds no key: that comes from the environment, each time.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import attrs

from pixverse_async import ConfigError, FixedPolling
from pixverse_async._words import is_loopback_host

from .arguments import MONEY
from .files import replace_file
from .sources import absolute

RUN_FILE: Final = "pixverse-run.json"
_VERSION: Final = 1
LOCAL_POLL_INTERVAL: Final = 0.5
"""Seconds between two looks at a request, where asking costs nobody anything."""
_IS_TIME: Final = attrs.validators.optional(
    attrs.validators.and_(attrs.validators.ge(0), attrs.validators.lt(10**11))  # what `datetime` can hold
)


@attrs.frozen(kw_only=True)
class JobSettings:
    """What each video is, where its row or sidecar does not say otherwise."""

    prompt: str | None = None
    duration: int = 5
    quality: str = "540p"
    audio: bool = False
    multi_clip: bool = False
    seed: int | None = None


@attrs.frozen(kw_only=True)
class BatchSettings:
    """How the batch behaves; None leaves it to the library."""

    budget: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.matches_re(MONEY))
    )
    max_in_flight: int | None = None
    max_downloads: int | None = None
    job_timeout: float | None = None
    poll_interval: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    on_unknown: str | None = None
    on_cancel: str | None = None
    inline_images: bool | None = None

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `generate_many` that were given."""
        given = {field.name: getattr(self, field.name) for field in attrs.fields(BatchSettings)}
        interval = given.pop("poll_interval")
        if interval is None and is_service_local():
            interval = LOCAL_POLL_INTERVAL
        given["budget_usd"] = given.pop("budget")
        given["poll_policy"] = None if interval is None else FixedPolling(interval)
        return {name: value for name, value in given.items() if value is not None}

    def changed_by(self, options: Namespace) -> BatchSettings:
        """The settings with those that the options name in the place of their own."""
        given = {field.name: getattr(options, field.name) for field in attrs.fields(BatchSettings)}
        return attrs.evolve(self, **{name: value for name, value in given.items() if value is not None})


@attrs.frozen(kw_only=True)
class RunSettings:
    """A whole run."""

    sources: tuple[str, ...]
    out: str
    job: JobSettings
    batch: BatchSettings
    retry_before_utc: float | None = attrs.field(default=None, validator=_IS_TIME)
    """When the latest round of retries was asked for: `resume` finishes it, and begins no other unasked."""

    @classmethod
    def from_options(cls, options: Namespace) -> RunSettings:
        """What the command line said."""
        job = {field.name: getattr(options, field.name) for field in attrs.fields(JobSettings)}
        return cls(
            sources=tuple(options.sources),
            out=options.out,
            job=JobSettings(**job),
            batch=BatchSettings(),
        ).changed_by(options)

    def changed_by(self, options: Namespace) -> RunSettings:
        """The run with the settings that the options name in the place of its own."""
        batch = self.batch.changed_by(options)
        asked_at = datetime.now(UTC).timestamp() if options.retry_failed else self.retry_before_utc
        return attrs.evolve(self, batch=batch, retry_before_utc=asked_at)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `generate_many` that were given."""
        how = self.batch.arguments()
        if self.retry_before_utc is not None:
            how["retry_failed"] = datetime.fromtimestamp(self.retry_before_utc, UTC)
        return how

    def given(self) -> dict[str, object]:
        """The parameters of every job."""
        return attrs.asdict(self.job)


def is_service_local() -> bool:
    """True when the service is on this machine: an emulator, for whose sped-up clock learned intervals are too long."""
    try:
        host = urlsplit(os.environ.get("GMI_BASE_URL", "")).hostname
    except ValueError:
        return False
    return is_loopback_host(host or "")


def write_run_file(settings: RunSettings) -> None:
    """Keep the run for `resume`. *Raises* `OSError`."""
    content = {
        "v": _VERSION,
        "sources": [absolute(source) for source in settings.sources],
        "job": attrs.asdict(settings.job),
        "batch": attrs.asdict(settings.batch),
        "retry_before_utc": settings.retry_before_utc,
    }
    # A source may be a signed link, without which `resume` could not send the rest.
    replace_file(Path(settings.out) / RUN_FILE, json.dumps(content, indent=1) + "\n", is_private=True)


def read_run_file(folder: Path) -> RunSettings | None:
    """The run that was kept in the folder, or None. *Raises* `ConfigError` for a file that is not one of ours."""
    path = folder / RUN_FILE
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["v"] != _VERSION:
            raise ValueError(f"it is of version {content['v']}")  # noqa: TRY301  told in one place
        return RunSettings(
            sources=tuple(cast("list[str]", content["sources"])),
            out=str(folder),
            job=JobSettings(**content["job"]),
            batch=_batch_settings(content["batch"]),
            retry_before_utc=content.get("retry_before_utc"),
        )
    except (OSError, ValueError, TypeError, LookupError) as problem:
        remedy = "Give the run's own line again, or resume with --sent-only."
        raise ConfigError("resume", f"{str(path)!r} cannot be used ({problem})", remedy) from problem


def _batch_settings(kept: dict[str, Any]) -> BatchSettings:
    """As they were kept. Earlier versions kept `retry_failed`, with which each resume was another round of retries."""
    return BatchSettings(**{name: value for name, value in kept.items() if name != "retry_failed"})
