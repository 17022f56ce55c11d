"""Queue and storage as one value: everything that a transport in memory needs, and no socket.

`api` and `storage` take a request and the service's time and give the answer, with the seconds to wait before
it and the way in which it fails. `call` picks the right one of the two by the URL. The real film needs the
extra `pixverse-async[emulator]`; the tiny one nothing.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from .faults import FaultBook
from .grants import Signer
from .ledger import Ledger
from .messages import Request, Response
from .orders import Film
from .service import EmulatedService
from .settings import API_ORIGIN, BASE_PATH, STORAGE_ORIGIN, Settings
from .storage import EmulatedStorage
from .tiny import tiny_film


class EmulatedCloud:
    """One service and its storage host, seeded, lazy, without clock or network.

    >>> cloud = EmulatedCloud(seed=1)
    >>> cloud.call("GET", cloud.base_url + "/models", headers={}, now=0.0).status
    401
    """

    def __init__(
        self,
        settings: Settings | None = None,
        seed: int = 0,
        *,
        film: Film = tiny_film,
        api_origin: str = API_ORIGIN,
        storage_origin: str = STORAGE_ORIGIN,
    ) -> None:
        """Equal arguments and equal requests give equal answers."""
        chosen = Settings() if settings is None else settings
        faults = FaultBook.of(chosen.rules, seed)
        secret = hashlib.sha256(f"{seed}/signer".encode()).digest()
        # Separate generators: a client that uploads one file more shall not shift every generation's latency.
        signer = Signer(origin=storage_origin, secret=secret)
        self.settings = chosen
        self.api_origin = api_origin
        self.bucket = EmulatedStorage(chosen, faults, film, signer, _rng(seed, "storage"))
        self.service = EmulatedService.of(chosen, self.bucket, faults, _rng(seed, "service"))

    @property
    def base_url(self) -> str:
        """What a client calls `base_url`."""
        return self.api_origin + BASE_PATH

    @property
    def api_key(self) -> str:
        """A key that is accepted."""
        return self.settings.api_keys[0]

    @property
    def ledger(self) -> Ledger:
        """What has been charged."""
        return self.service.ledger

    def api(self, request: Request, now: float) -> Response:
        """One exchange with the queue."""
        return self.service.handle(request, now)

    def storage(self, request: Request, now: float) -> Response:
        """One exchange with storage."""
        return self.bucket.handle(request, now)

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", now: float
    ) -> Response:
        """One exchange by URL; header names in any case. *Raises* `ValueError` for a host that is neither."""
        parts = urlsplit(url)
        request = Request(
            method=method,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else {},
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin == self.api_origin:
            return self.service.handle(request, now)
        if origin == self.bucket.origin:
            return self.bucket.handle(request, now)
        raise ValueError(f"{origin} is neither {self.api_origin} nor {self.bucket.origin}")


def _rng(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}/{purpose}")  # noqa: S311  repeatable chance is the point
