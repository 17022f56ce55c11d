"""The emulator on real sockets: two origins on this machine, in compressed time.

A shell without decisions. It reads a request, asks the pure `EmulatedCloud` what to do at the service's
present, and does it. The service's clock is the loop's, `speed` times as fast; every delay is divided by it.
Films are encoded in a worker thread, one at a time and each once, however many clients wait.

*Cancellation*: leaving the block ends every hanging answer and closes both servers within a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
import attrs
from aiohttp import web

from .cloud import EmulatedCloud
from .film import RealFilm, require_film
from .ledger import Ledger
from .messages import Request, Response
from .objects import http_date
from .orders import Film, FilmOrder
from .service import EmulatedService
from .settings import Settings
from .storage import EmulatedStorage
from .wire_out import carry_out

DEFAULT_SPEED = 60.0
"""A generation of 80 s takes 1.3 s."""
_SHUTDOWN = 1.0
"""Real seconds; nothing should need them."""
_CLEAN_UP = 10.0
"""Real seconds for closing connections; short of them on a busy machine, open ones would be left behind."""


class Emulator:
    """The service and its storage on loopback: `async with Emulator() as emulator: ...emulator.base_url`."""

    def __init__(
        self,
        settings: Settings | None = None,
        seed: int = 0,
        *,
        speed: float = DEFAULT_SPEED,
        host: str = "127.0.0.1",
        port: int = 0,
        storage_host: str | None = None,
        storage_port: int = 0,
        film: Film | None = None,
    ) -> None:
        """Nothing happens before the block is entered. `film` None: real videos. Port 0: any free one."""
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a positive number, not {speed!r}")
        self.speed = speed
        self._settings = Settings() if settings is None else settings
        self._seed = seed
        self._film = film
        self._api_address = (host, port)
        self._storage_address = (host if storage_host is None else storage_host, storage_port)
        self._cloud: EmulatedCloud | None = None
        self._stopping = anyio.Event()
        self._resources = AsyncExitStack()
        self._started_at = 0.0
        self._studio: _Studio | None = None

    # -- what users and tests ask ----------------------------------------------------------------------

    @property
    def cloud(self) -> EmulatedCloud:
        """The service itself. *Raises* `RuntimeError` outside the block."""
        if self._cloud is None:
            raise RuntimeError("the emulator has not been started: use it in `async with`")
        return self._cloud

    @property
    def base_url(self) -> str:
        """For `GMI_BASE_URL`."""
        return self.cloud.base_url

    @property
    def api_key(self) -> str:
        """For `GMI_API_KEY`."""
        return self.cloud.api_key

    @property
    def storage_url(self) -> str:
        """The origin of uploads and videos."""
        return self.storage.origin

    @property
    def ledger(self) -> Ledger:
        """What has been charged until now."""
        self.service.ledger.tell(self.now)
        return self.service.ledger

    @property
    def service(self) -> EmulatedService:
        """The queue."""
        return self.cloud.service

    @property
    def storage(self) -> EmulatedStorage:
        """The bucket."""
        return self.cloud.bucket

    @property
    def now(self) -> float:
        """Service seconds since the start."""
        return (anyio.current_time() - self._started_at) * self.speed

    def stop(self) -> None:
        """End every delayed and hanging answer; the block's end does the rest."""
        self._stopping.set()

    # -- life ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as resources:
            await self._start(resources)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is not None and issubclass(kind, anyio.get_cancelled_exc_class()):
            await self._resources.__aexit__(kind, problem, trace)
        else:
            # A task group would wrap the user's own exception in a group; it shall leave this block as it is.
            await self._resources.aclose()

    async def _start(self, resources: AsyncExitStack) -> None:
        if self._film is None:
            # Importing PyAV and numpy takes half a second, too long for the loop.
            await asyncio.to_thread(require_film)
        sockets: list[socket.socket] = []
        for address in (self._api_address, self._storage_address):
            sockets.append(_listen(address))
            resources.callback(sockets[-1].close)
        api_origin, storage_origin = map(_origin, sockets)
        settings = self._settings
        if settings.epoch_utc is None:
            settings = attrs.evolve(settings, epoch_utc=datetime.now(UTC).timestamp())
        film = RealFilm() if self._film is None else self._film
        self._cloud = EmulatedCloud(
            settings, self._seed, film=film, api_origin=api_origin, storage_origin=storage_origin
        )
        self._started_at = anyio.current_time()
        tasks = await resources.enter_async_context(anyio.create_task_group())
        resources.callback(tasks.cancel_scope.cancel)
        self._studio = _Studio(film, self.storage, tasks)
        await self._serve(resources, sockets[0], self._answer_api)
        await self._serve(resources, sockets[1], self._answer_storage)

    async def _serve(
        self,
        resources: AsyncExitStack,
        listener: socket.socket,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> None:
        # handler_cancellation: an answer that hangs ends when its client leaves.
        server = web.Server(handler, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        resources.push_async_callback(_clean_up, runner)
        await web.SockSite(runner, listener).start()

    # -- answers ---------------------------------------------------------------------------------------

    async def _answer_api(self, incoming: web.BaseRequest) -> web.StreamResponse:
        request = await self._read(incoming)
        return await self._carry_out(incoming, self.cloud.api(request, self.now))

    async def _answer_storage(self, incoming: web.BaseRequest) -> web.StreamResponse:
        request = await self._read(incoming)
        order = self.storage.owed(request, self.now)
        if order is not None and self._studio is not None:
            await self._studio.make(request.path, order)
        return await self._carry_out(incoming, self.cloud.storage(request, self.now))

    async def _carry_out(self, incoming: web.BaseRequest, response: Response) -> web.StreamResponse:
        # The date is the service's, so that a client which compares clocks sees only one.
        date = ("Date", http_date(self.cloud.settings.epoch + self.now))
        dated = attrs.evolve(response, headers=(*response.headers, date))
        return await carry_out(incoming, dated, self._pause, self._real_pause)

    async def _read(self, incoming: web.BaseRequest) -> Request:
        body = bytearray()
        limit = self.cloud.settings.max_body_bytes
        async for piece in incoming.content.iter_any():
            # One byte over the limit is enough for the service to refuse it.
            body += piece[: limit + 1 - len(body)]
        return Request(
            method=incoming.method,
            path=incoming.path,
            query=dict(incoming.query),
            headers={name.lower(): value for name, value in incoming.headers.items()},
            body=bytes(body),
        )

    async def _pause(self, seconds: float | None) -> None:
        await self._real_pause(None if seconds is None else seconds / self.speed)

    async def _real_pause(self, seconds: float | None) -> None:
        with anyio.move_on_after(seconds):
            await self._stopping.wait()


@attrs.define(eq=False)
class _Studio:
    """Makes each film once, away from the loop, and delivers it to storage."""

    _film: Film
    _storage: EmulatedStorage
    _tasks: anyio.abc.TaskGroup
    _under_way: dict[str, anyio.Event] = attrs.field(factory=dict[str, anyio.Event])
    _one_at_a_time: anyio.Semaphore = attrs.field(factory=lambda: anyio.Semaphore(1))

    async def make(self, path: str, order: FilmOrder) -> None:
        """Return when the film is in storage. *Cancellation*: the film is still made, for whoever asks next."""
        if path not in self._under_way:
            self._under_way[path] = anyio.Event()
            self._tasks.start_soon(self._make, path, order, name=f"film {path}")
        await self._under_way[path].wait()

    async def _make(self, path: str, order: FilmOrder) -> None:
        async with self._one_at_a_time:
            content = await asyncio.to_thread(self._film, order)
            self._storage.deliver(path, content)
            await asyncio.to_thread(self._storage.objects[path].crc32c, content)
        self._under_way.pop(path).set()


async def _clean_up(runner: web.ServerRunner) -> None:
    with anyio.move_on_after(_CLEAN_UP, shield=True):
        await runner.cleanup()


def _listen(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=1024)


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
