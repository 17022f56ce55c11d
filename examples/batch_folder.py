"""A video of every image in a folder: `python examples/batch_folder.py photos --prompt "it starts to snow"`.

Without GMI_API_KEY it shows the same on an emulator of the service. Exit codes: 0 all made, 3 key refused,
6 wrong input, 8 some not made, 130 interrupted, 1 anything else.
"""

import argparse
import asyncio
import os
import shlex
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

from pixverse_async import AuthError, FixedPolling, Job, PixverseError, estimate, generate_many, jobs_from_folder
from pixverse_async.emulator import Emulator
from pixverse_async.observe import Progress, print_outcomes

HAS_KEY = bool(os.environ.get("GMI_API_KEY"))
LEFT_BEHIND = "What was accepted goes on at the service" if HAS_KEY else "The emulator forgets what it was making"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(6, f"{message}; try --help\n")


def read_options() -> argparse.Namespace:
    parser = Parser(description="Make a video of every image in a folder.")
    parser.add_argument("folder", nargs="?", default=Path(__file__).with_name("images"))
    parser.add_argument("--out", type=Path, default=Path("videos"), help="where the videos go (%(default)s)")
    parser.add_argument("--prompt", default="the scene comes to life while the camera moves in slowly")
    parser.add_argument("--duration", type=int, default=5, help="seconds, 1 to 15 (%(default)s)")
    parser.add_argument("--quality", default="540p", help="360p, 540p, 720p or 1080p (%(default)s)")
    parser.add_argument("--audio", action="store_true", help="with music and effects")
    parser.add_argument("--seed", type=int, help="the same for every video")
    parser.add_argument("--budget", help="dollars that all runs into the same folder may cost together")
    parser.add_argument("--max-in-flight", type=int, default=100, help="requests at once (%(default)s)")
    parser.add_argument("--speed", type=float, default=20.0, help="of the emulator's clock (%(default)s)")
    return parser.parse_args()


def choose_jobs(options: argparse.Namespace) -> list[Job]:
    shape = {name: getattr(options, name) for name in ("prompt", "duration", "quality", "audio", "seed")}
    jobs = jobs_from_folder(options.folder, **shape)
    if HAS_KEY:
        print(f"At most ${estimate(jobs).total_usd} for {len(jobs)} videos; nothing is paid for twice.")
        return jobs
    print("No GMI_API_KEY is set: an emulator stands in for the service, free of charge.")
    print("Its videos are only a slow pan over each image; give real ones another --out.")
    left = [job for job in jobs if not (options.out / f"{job.stem}.mp4").exists()]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of the {len(jobs)} videos are in {options.out} already, and are kept.")
    return left


async def main(options: argparse.Namespace, jobs: list[Job]) -> int:
    async with AsyncExitStack() as stack:
        how = {"budget_usd": options.budget, "max_in_flight": options.max_in_flight}
        if not HAS_KEY:
            emulator = await stack.enter_async_context(Emulator(speed=max(0.1, options.speed)))
            how |= {"base_url": emulator.base_url, "api_key": emulator.api_key, "poll_policy": FixedPolling(0.5)}
            how["journal"] = False  # its requests end with this process: nothing may promise them to the next
        on_event = stack.enter_context(Progress(total=len(jobs)))
        batch = await generate_many(jobs, output_dir=options.out, on_event=on_event, **how)
    print_outcomes(batch)
    return 0 if len(batch.succeeded) == len(batch) else 8


if __name__ == "__main__":
    try:
        given = read_options()
        sys.exit(asyncio.run(main(given, choose_jobs(given))))
    except KeyboardInterrupt:
        print(f"\nInterrupted. {LEFT_BEHIND}; go on with\n  {shlex.join(sys.orig_argv)}", file=sys.stderr)
        sys.exit(130)
    except (PixverseError, ImportError) as error:
        print(error, file=sys.stderr)
        sys.exit(3 if isinstance(error, AuthError) else 6 if isinstance(error, ValueError) else 1)
