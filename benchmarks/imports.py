"""What an import costs, against the libraries below it: `python -m benchmarks.imports`.

Each round starts a new interpreter for each line, in turn, and takes the CPU time of it all, less what the interpreter
takes by itself. The least of all rounds is the machine at its quietest, and what is compared; medians are shown.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from statistics import median
from typing import Final

ROUNDS: Final = 25
ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""So that everything is compiled once, as it is where a package is installed; the first round is thrown away."""
LINES: Final = {
    "nothing": "pass",
    "the libraries": "import aiohttp, attrs, anyio, aiofiles",
    "the package": "import pixverse_async",
    "the names": "from pixverse_async import Client, Job, generate_many",
    "--help": "from pixverse_async.cli import main; main(['--help'])",
}


def cpu_seconds(line: str) -> float:
    """User and system time of an interpreter that runs the line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", line], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        for name, line in LINES.items():
            taken[name].append(cpu_seconds(line))
    taken = {name: seconds[1:] for name, seconds in taken.items()}
    bare = min(taken["nothing"])
    below = min(taken["the libraries"]) - bare
    print(f"{'':<14} {'least':>8} {'median':>8}  of the libraries")
    for name, seconds in taken.items():
        least = min(seconds) - bare
        print(f"{name:<14} {least * 1e3:5.0f} ms {(median(seconds) - bare) * 1e3:5.0f} ms  {least / below:.2f}")


if __name__ == "__main__":
    main()
