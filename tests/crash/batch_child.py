"""A process that runs batches as its parent asks, each in a fork of its own, which may be killed at any moment.

Each line on stdin is a `Life` as JSON; its answer on stdout is the exit code of the fork: 0 when the batch came to
its end, -9 when SIGKILL ended it.  A fork costs milliseconds where a fresh interpreter costs all its imports.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Mapping

import anyio
import attrs

from pixverse_async import BatchResult, FixedPolling, Job, generate_many
from pixverse_async._edge.limits import OnUnknown
from tests.memory import tiny_png


@attrs.frozen(kw_only=True)
class Life:
    """One batch over one folder. `seconds`: how long it may take before SIGKILL; None: until it ends by itself."""

    base_url: str
    api_key: str
    folder: str
    title: str
    """What all its prompts begin with, and no other batch's."""
    count: int
    max_in_flight: int
    seconds: float | None = None
    environ: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def jobs(self) -> list[Job]:
        """Jobs that differ in image and prompt."""
        return [Job(tiny_png(n), f"{self.title} {n}", name=f"job-{n}", duration=1) for n in range(self.count)]

    async def run(self, on_unknown: OnUnknown = "reconcile", resubmit_after: float = 600.0) -> BatchResult:
        """The batch, in this process."""
        return await generate_many(
            self.jobs(),
            output_dir=self.folder,
            api_key=self.api_key,
            base_url=self.base_url,
            poll_policy=FixedPolling(0.1),
            polls_per_second=400.0,
            max_in_flight=self.max_in_flight,
            on_unknown=on_unknown,
            resubmit_after=resubmit_after,
        )


def _live(life: Life) -> None:
    os.environ.update(life.environ)
    anyio.run(life.run)


def main() -> None:
    """Serve until stdin ends."""
    fork = multiprocessing.get_context("fork")
    for line in sys.stdin:
        life = Life(**json.loads(line))
        process = fork.Process(target=_live, args=(life,))
        process.start()
        process.join(life.seconds)
        process.kill()
        process.join()
        sys.stdout.write(f"{process.exitcode}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
