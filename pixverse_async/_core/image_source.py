"""Where a job's image comes from: a link that the service fetches itself, or content that is uploaded to it.

Nothing is opened here. What is wrong with a link is told before anything is paid, by the link alone.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from .errors import InvalidJobError
from .hosts import is_loopback_host, may_be_public_host
from .job import Job, shown_image
from .urls import url_scheme


def web_url_of(job: Job) -> str | None:
    """The link that the service is to fetch the image from; None for what is uploaded."""
    url = job.image_url
    return url if url is not None and url_scheme(url) != "data" else None


def check_fetchable(job: Job, url: str, *, allow_loopback: bool) -> None:
    """*Raises* `InvalidJobError` for a link that the service could not fetch, or only over an open wire.

    `allow_loopback`: the service runs on this machine, and can fetch from it.

    >>> check_fetchable(Job("https://nas.local/cat.jpg", "yawns"), "https://nas.local/cat.jpg", allow_loopback=True)
    """
    host = urlsplit(url).hostname or ""
    if allow_loopback and (is_loopback_host(host) or url_scheme(url) == "https"):
        return
    if url_scheme(url) != "https":
        raise image_error(job, "plain http", "Use an https URL; or download the image and give its path.")
    if not may_be_public_host(host):
        problem = f"the service cannot reach {host or 'it'}, which is of this machine or network"
        raise image_error(job, problem, "Give the image's path instead; it is then uploaded.")


def image_error(job: Job, problem: str, remedy: str) -> InvalidJobError:
    """The error for an image that cannot serve; it shows where the image is, and neither its bytes nor a signature."""
    return InvalidJobError("image", shown_image(os.fspath(job.image)), problem, remedy)
