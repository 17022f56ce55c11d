"""One video, step by step: `python examples/one_video.py cat.jpg "the cat yawns"`, with GMI_API_KEY set."""

import asyncio
import sys
from pathlib import Path

from pixverse_async import Client, Job, PixverseError


async def main(job: Job, target: Path) -> None:
    async with Client() as client:
        handle = await client.submit(job)  # uploads the image, sends the job; this is what is paid for
        print(f"{handle.request_id} is accepted, seed {handle.seed}")
        # The id is all that a later process needs: client.attach(handle.request_id) is the same handle.
        print(f"the service says: {(await handle.status()).word}")
        saved = await handle.save(target)
        print(f"{saved.path}: {saved.size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"{__doc__}\nGive an image and a prompt.")
    try:
        wanted = Job(*sys.argv[1:])
        path = Path(f"{wanted.stem}.mp4")
        if path.exists():  # known before anything is paid; save() replaces nothing
            sys.exit(f"{path} exists: move it away first. Nothing was sent.")
        asyncio.run(main(wanted, path))
    except PixverseError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("Interrupted. What was accepted goes on: `pixverse-async attach ID` saves it.")
