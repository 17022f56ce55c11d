"""A video of every image in a folder: `python examples/batch_folder.py photos --prompt "it starts to snow"`."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import rmtree
from typing import Any

from pixverse_async import FixedPolling, PixverseError, generate_many, jobs_from_folder
from pixverse_async.emulator import Emulator


async def main(folder: Path, out: Path, how: dict[str, Any], **shape: Any) -> int:
    async with AsyncExitStack() as stack:
        if not os.environ.get("GMI_API_KEY"):
            print("No GMI_API_KEY is set: an emulator makes a slow pan over each image, free of charge.")
            out /= "emulated"  # apart, so that no real batch ever finds these films or what was "paid" for them
            rmtree(out, ignore_errors=True)  # each emulator begins anew
            emulator = await stack.enter_async_context(Emulator(speed=20))
            how |= {"base_url": emulator.base_url, "api_key": emulator.api_key, "poll_policy": FixedPolling(0.5)}
        batch = await generate_many(jobs_from_folder(folder, **shape), output_dir=out, progress=True, **how)
    print(f"{batch.summary()}. Look at them: {sys.executable} -m pixverse_async report {out} --open")
    return 0 if len(batch.succeeded) == len(batch) else 8


if __name__ == "__main__":
    add = (parser := argparse.ArgumentParser(description="Make a video of every image in a folder.")).add_argument
    add("folder", nargs="?", type=Path, default=Path(__file__).with_name("images"))
    add("--out", type=Path, default=Path("videos"), help="where the videos go (%(default)s)")
    add("--prompt", default="the scene comes to life while the camera moves in slowly")
    add("--budget", help="dollars that all runs into the same folder may cost together")
    given = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(given.folder, given.out, {"budget_usd": given.budget}, prompt=given.prompt)))
    except (PixverseError, KeyboardInterrupt) as end:
        sys.exit(str(end) or "Interrupted. The same line again goes on, if a key was used.")
