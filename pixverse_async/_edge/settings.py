"""What a batch was told besides its jobs, as one value: the arguments of `Client.as_completed`, read and checked."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import attrs

from .._core.errors import ConfigError
from .._core.frozen import frozen
from .._core.job_event import Observer
from .._core.schedule import PollPolicy
from .arguments import (
    check_flag,
    check_observer,
    check_policy,
    check_polls_per_second,
    check_sink,
    path_of,
    read_budget,
)
from .limits import Limits
from .record import JOURNAL_NAME
from .sinks import Sink


def _folder(output_dir: str | os.PathLike[str]) -> Path:
    return path_of("output_dir", output_dir)


@frozen
class Settings:
    """How one batch is to be run. *Raises* `ConfigError` for what cannot be meant, before anything is opened."""

    limits: Limits
    output_dir: Path = attrs.field(converter=_folder)
    sink: Sink | None
    journal: bool | str | os.PathLike[str]
    poll_policy: PollPolicy
    polls_per_second: float
    budget_usd: Decimal | None = attrs.field(default=None, converter=read_budget)
    inline_images: bool = False
    on_event: Observer | None = None

    def __attrs_post_init__(self) -> None:
        check_observer(self.on_event)
        check_policy(self.poll_policy)
        check_polls_per_second(self.polls_per_second)
        check_sink(self.sink)
        check_flag("inline_images", self.inline_images)

    def journal_path(self) -> Path | None:
        """Where the journal is kept; None for a batch that keeps none. *Raises* `ConfigError` for what is no place."""
        if self.journal is False:
            return None
        if self.journal is not True:
            path = path_of("journal", self.journal)
            if not path.name:
                raise ConfigError(
                    "journal", f"{str(self.journal)!r} names no file", "Give the path of a file, True or False."
                )
            return path
        if self.sink is not None:
            raise ConfigError("journal", "a sink has no folder to keep it in", "Give journal= a path, or False.")
        return self.output_dir / JOURNAL_NAME
