"""A poll policy of your own: `python examples/own_polling.py photos "it starts to snow"`, with GMI_API_KEY set.

The built-in AdaptivePolling learns how long videos take; this is for those who know better.
"""

import asyncio
import sys

from pixverse_async import IntervalPolling, Job, Look, PixverseError, Stage, generate_many, jobs_from_folder


def interval(look: Look) -> float:
    """Seconds to the next look at one job: seldom while it queues, often when it is about to end."""
    if look.stage is Stage.QUEUED:
        return 5.0
    expected = 8.0 * look.job_class.duration
    return max(1.0, 0.5 * (expected - look.age))


async def main(jobs: list[Job]) -> None:
    batch = await generate_many(jobs, poll_policy=IntervalPolling(interval), polls_per_second=5, progress=True)
    for outcome in batch:
        times = outcome.timings
        print(f"{outcome.name}: {times.polls} polls, seen at most {times.detected_late_by or 0:.1f} s too late")
    print(batch.summary())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(jobs_from_folder(sys.argv[1], prompt=sys.argv[2])))
    except PixverseError as problem:  # a missing folder, no key, no way to the service
        sys.exit(str(problem))
