"""Everything that can be found wrong with an image before a batch: what an upload checks, without the upload."""

from __future__ import annotations

import asyncio

from .._core.image_source import check_fetchable, web_url_of
from .._core.job import Job
from .._core.rows import check_job
from .image_files import prepare


async def check_image(job: Job, *, is_service_local: bool = False) -> tuple[str, ...]:
    """Open the image and check it as `generate_many` would before the upload. Returns, in words, what would be changed.

    A link is not opened, only looked at: whether the service can reach it. `is_service_local`: it runs on this
    machine, as the emulator does, and can. Decodes the image where Pillow is installed: 0.1 s for a large one.

    *Charges* nothing and sends nothing. *Raises* `InvalidJobError` with the remedy.

    >>> asyncio.run(check_image(Job("https://192.168.1.20/cat.jpg", "the cat yawns")))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pixverse_async._core.errors.InvalidJobError: ...the service cannot reach 192.168.1.20, which is of this machine ...
    """
    check_job(job)
    link = web_url_of(job)
    if link is not None:
        check_fetchable(job, link, allow_loopback=is_service_local)
        return ()
    return (await asyncio.to_thread(prepare, job, None)).notes
