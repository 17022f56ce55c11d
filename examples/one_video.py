"""One video, step by step: `python examples/one_video.py cat.jpg "the cat yawns"`, with GMI_API_KEY set."""

import asyncio
import sys

from pixverse_async import Client, Job, PixverseError


async def main(job: Job) -> None:
    async with Client() as client:
        handle = await client.submit(job)  # uploads the image, sends the job; this is what is paid for
        print(f"{handle.request_id} is accepted, seed {handle.seed}")
        # The id is all that a later process needs: client.attach(handle.request_id) is the same handle.
        print(f"the service says: {(await handle.status()).word}")
        saved = await handle.save(f"{job.stem}.mp4")
        print(f"{saved.path}: {saved.size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        image, prompt = sys.argv[1:]
        asyncio.run(main(Job(image, prompt)))
    except ValueError as problem:
        sys.exit(f"{problem}\nGive an image and a prompt.")
    except PixverseError as problem:
        sys.exit(str(problem))
