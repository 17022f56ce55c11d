"""Which job is the same job for resume: a hash of what would be made.

Renaming an image file, or signing its link anew, makes no new job; changing a pixel or a parameter does.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .job import Job
from .wire import MODEL

_written: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SIGNATURES = re.compile(r"(x-(goog|amz|oss)-|q-)?signature|sig", re.IGNORECASE)
_SIGNING = re.compile(
    r"x-(goog|amz)-.+|signature|expires|policy|googleaccessid|awsaccesskeyid|key-pair-id"  # GCS, S3, CloudFront
    r"|x-oss-(signature(-version)?|credential|date|expires|security-token)|ossaccesskeyid|security-token"  # OSS
    r"|q-(signature|sign-algorithm|ak|sign-time|key-time|header-list|url-param-list)|x-cos-security-token"  # COS
    r"|sig|s[eprtv]|sip|spr|sk(e|oid|s|t|tid|v)",  # Azure
    re.IGNORECASE,
)


def url_identity(url: str) -> str:
    """The URL without what a signature adds: signing the same object anew makes no new job.

    >>> url_identity("https://b.example/cat.jpg?v=2&X-Amz-Signature=1f&X-Amz-Expires=900")
    'https://b.example/cat.jpg?v=2'
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if not any(_SIGNATURES.fullmatch(name) for name, _ in pairs):
        return url
    kept = [(name, value) for name, value in pairs if not _SIGNING.fullmatch(name)]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def job_key(job: Job, image_identity: str, occurrence: int = 0) -> str:
    """32 hex digits: the same for two jobs exactly when they ask for the same video.

    `image_identity` is the hash of the image's bytes, or `url_identity` of its URL; `occurrence`
    counts equal jobs of one batch, which are different videos that happen to be asked alike.
    """
    facts = [
        MODEL, image_identity, job.prompt, job.duration, job.quality, job.audio, job.multi_clip,
        job.seed, occurrence,
    ]  # fmt: skip
    return hashlib.sha256(_written(facts).encode()).hexdigest()[:32]
