"""`doctor`: what a run needs, looked at before it is needed. Each finding that is not well comes with its remedy."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import anyio

from pixverse_async import Client, JournalError, NoJournalError, PixverseError, jobs_on_record
from pixverse_async._words import network_warning

from .codes import Exit
from .failures import code_of, message
from .first_answer import address_of
from .room import existing, folder_problem
from .say import answer

EXTRAS: Final = {
    "images": ("PIL", "WebP, rotated and oversized images"),
    "heic": ("pillow_heif", "HEIC images"),
    "parquet": ("pyarrow", "Parquet tables"),
    "cli": ("rich", "a live view in the terminal, tab completion"),
    "emulator": ("av", "the service on this machine"),
    "telemetry": ("opentelemetry", "OpenTelemetry spans and numbers"),
    "fast": ("crc32c", "storage's hash in C, a tenth of the CPU"),
    "cloud": ("obstore", "videos into S3, Google Cloud Storage or Azure"),
}
LITTLE_SPACE_BYTES: Final = 2**30
"""A thousand videos of five seconds at 540p take about two of these."""


class Finding(NamedTuple):
    """One line of the report."""

    mark: str
    """`ok`, `-` for what some do without, `FAIL`."""
    text: str
    code: Exit = Exit.OK


def doctor(options: Namespace) -> int:
    """Look at everything; the exit code of the first thing that is not well."""
    findings = list(_installation())
    findings += anyio.run(_surroundings, Path(options.folder), options.offline)
    for one in findings:
        answer(f"{one.mark:<5} {one.text}")
    return next((one.code for one in findings if one.code is not Exit.OK), Exit.OK)


def _installation() -> Iterator[Finding]:
    version = importlib.metadata.version("pixverse-async")
    yield Finding("ok", f"pixverse-async {version} on Python {platform.python_version()}")
    for extra, (module, use) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding("-", f"{use}: needs the extra {extra}: pip install 'pixverse-async[{extra}]'")
        else:
            yield Finding("ok", use)


async def _surroundings(folder: Path, is_offline: bool) -> list[Finding]:
    findings = [Finding("-", "service: not asked")] if is_offline else [await _service()]
    findings.append(await _folder(folder))
    findings += [] if (warning := network_warning(folder)) is None else [Finding("-", warning)]
    findings += _journal(folder)
    usage = shutil.disk_usage(existing(folder))
    free = f"{usage.free / 2**30:.1f} GiB free for {folder}"
    findings.append(Finding("ok" if usage.free >= LITTLE_SPACE_BYTES else "-", free))
    return findings


async def _service() -> Finding:
    try:
        async with Client() as client:
            await client.check()
            return Finding("ok", f"the service answers, and takes the key: {address_of(client)}")
    except PixverseError as error:
        return Finding("FAIL", message(error), code_of(error))


async def _folder(folder: Path) -> Finding:
    problem = await folder_problem(folder)
    if problem is not None:
        return Finding("FAIL", message(problem), code_of(problem))
    if not await anyio.Path(folder).is_dir():
        return Finding("ok", f"{folder} does not exist yet, and can be made")
    return Finding("ok", f"{folder} can be written to")


def _journal(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        return
    try:
        jobs = jobs_on_record(folder)
    except NoJournalError:
        yield Finding("ok", f"{folder} holds no journal: no run has begun in it")
        return
    except JournalError as error:
        yield Finding("FAIL", message(error), code_of(error))
        return
    yield Finding(
        "ok", f"{folder} has {len(jobs)} jobs on record, {sum(job.is_held for job in jobs)} of them held"
    )
