"""The queue API as data: a job becomes a `Call`; what a reply says is a `Status`, which `replies` reads.

The service's own field names live in these two files and nowhere else. They decide nothing: what a refusal means is
`retry`'s to say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote

import attrs

from .frozen import frozen
from .job import Job, Stage
from .picture import FileType

MODEL: Final = "pixverse-v6-i2v"
DEFAULT_BASE_URL: Final = "https://console.gmicloud.ai/api/v1/ie/requestqueue/apikey"
SUBMIT_TIMEOUT: Final = 180.0
"""Seconds. A submit was seen to block for 30-60 s, a sister model's for 144 s (thutapi, claimscene, 2026)."""
READ_TIMEOUT: Final = 30.0
"""Seconds for a call that changes nothing; a status answer takes well under one."""

_written: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""As `json.dumps`, which makes an encoder for each value: twice the time of one that is made once."""
_canonical: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@frozen
class Call:
    """One HTTP exchange with the queue, without its origin and its key."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: bytes | None = attrs.field(default=None, repr=False)
    timeout: float = READ_TIMEOUT


@frozen
class Reply:
    """A complete HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """True for 2xx.

        >>> [status for status in (199, 200, 299, 300) if Reply(status=status).is_success]
        [200, 299]
        """
        return 200 <= self.status < 300


@frozen
class Media:
    """A finished video at the service. The link may be signed: it is a secret.

    >>> Media(url="https://storage.example/cat.mp4?signature=1f")
    Media()
    """

    url: str = attrs.field(repr=False)


@frozen
class Echo:
    """What the service says it was asked: the ground on which a lost submit is recognised."""

    seed: int
    _content: Mapping[str, object] = attrs.field(alias="content", repr=False)

    @property
    def prompt(self) -> str | None:
        """None when it is not echoed."""
        prompt = self._content.get("prompt")
        return prompt if isinstance(prompt, str) else None

    @property
    def duration(self) -> int | None:
        """None when it is not echoed."""
        value = self._content.get("duration")
        return value if type(value) is int else None

    @property
    def quality(self) -> str | None:
        """None when it is not echoed."""
        quality = self._content.get("quality")
        return quality if isinstance(quality, str) else None

    @property
    def payload_sha256(self) -> str:
        """The fingerprint of all that is echoed. Made when asked for: a poll does not need it."""
        return payload_sha256(self._content)


@frozen
class Status:
    """One request as the service describes it.

    >>> seen = Status(request_id="5a7a5466", stage=Stage.QUEUED, word="dispatched")
    >>> seen.stage.is_final, seen.media
    (False, None)
    """

    request_id: str
    stage: Stage
    word: str
    """The service's own word for it, such as `dispatched`."""
    media: Media | None = None
    """The video, once it is made."""
    reason: str | None = None
    """The service's own, when it failed or was cancelled; no key or signed link is in it."""
    model: str | None = None
    created_at_utc: float | None = None
    """Epoch seconds, by the service's clock."""
    echo: Echo | None = None
    """What was asked, as far as the service repeats it."""


@frozen
class Listing:
    """The service's list of requests. `is_complete`: it holds as many as the service counts."""

    records: tuple[Status, ...]
    is_complete: bool
    unreadable: int = 0
    """How many entries could not be read: each may be anybody's."""


@frozen
class Grant:
    """Leave to upload one image."""

    upload_url: str = attrs.field(repr=False)
    public_url: str


@frozen
class RateHint:
    """What a 429 body tells of the limit it enforces."""

    limit: int
    interval: float
    """Seconds."""


# -- calls -------------------------------------------------------------------------------------------


def payload(job: Job, image_url: str, seed: int) -> dict[str, str | int | bool]:
    """What is asked of the model, every parameter explicit."""
    return {
        "prompt": job.prompt,
        "image": image_url,
        "duration": job.duration,
        "quality": job.quality,
        "generate_audio_switch": job.audio,
        "generate_multi_clip_switch": job.multi_clip,
        "seed": seed,
    }


def payload_sha256(content: Mapping[str, object]) -> str:
    """The payload's fingerprint, the same whatever the order of its keys."""
    return hashlib.sha256(_canonical(content).encode("utf-8", "surrogatepass")).hexdigest()


def submit_call(content: Mapping[str, object]) -> Call:
    """*Charges* when the service accepts it and the generation succeeds."""
    return _post("/requests", {"model": MODEL, "payload": content}, SUBMIT_TIMEOUT)


def status_call(request_id: str) -> Call:
    """The record of one request."""
    return Call(method="GET", path=f"/requests/{quote(request_id, safe=':')}")


def list_call() -> Call:
    """The requests of this model, newest first as far as known."""
    return Call(method="GET", path=f"/requests?model_id={MODEL}")


def grant_call(file_type: FileType) -> Call:
    """Leave to upload one file.

    `file_type` is never "jpg": the grant's signed content type is `image/<file_type>`, and there is no `image/jpg`.
    Source: every type probed live, minimax-week-interdimensional-cable, 2026-09-06.
    """
    return _post("/upload-url", {"file_type": file_type}, READ_TIMEOUT)


def cancel_call(request_id: str) -> Call:
    """Undocumented, best effort: one client in the wild calls it and ignores the answer."""
    return Call(method="DELETE", path=f"/requests/{quote(request_id, safe=':')}")


def _post(path: str, body: Mapping[str, object], timeout: float) -> Call:
    return Call(method="POST", path=path, body=_written(body).encode(), timeout=timeout)
