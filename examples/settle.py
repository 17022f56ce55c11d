"""Settle held jobs, then finish what was sent: `python examples/settle.py videos`, with GMI_API_KEY set.

A job is held when the reply to its submit was lost and the service's list does not show it: it may be billed.
"""

import asyncio
import sys

from pixverse_async import Client, PixverseError, RecordedJob, jobs_on_record, resume


def ask(folder: str) -> dict[str, str]:
    """What the console shows for each held job, by the job's key."""
    held = [job for job in jobs_on_record(folder) if job.is_held]
    return {job.key: input(question(job)).strip() for job in held}


def question(job: RecordedJob) -> str:
    return f"{job.name}, seed {job.seed}, ${job.usd}. Its request id, 'absent', or nothing to leave it held: "


async def main(folder: str, answers: dict[str, str]) -> None:
    async with Client() as client:  # it asks the service, and refuses what cannot be right
        for key, answer in answers.items():
            if answer == "absent":
                await client.resolve(folder, key)  # the next run of the call that made it sends it again
            elif answer:
                await client.resolve(folder, key, request_id=answer)
    batch = await resume(folder, progress=True)  # fetches what is paid; sends nothing
    print(batch.summary())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1], ask(sys.argv[1])))
    except PixverseError as problem:  # a missing folder, no key, no way to the service
        sys.exit(str(problem))
