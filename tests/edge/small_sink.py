"""A sink in memory with little room: how an object store's would look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import attrs

from pixverse_async._core.mp4 import Bytes


@attrs.define(eq=False)
class SmallSink:
    """Takes `room` bytes; the next write raises `refusal`."""

    room: int
    refusal: OSError
    delay: float = 0.0
    """Seconds that a write takes."""
    files: dict[str, bytes] = attrs.field(factory=dict[str, bytes])
    open_parts: int = 0
    sizes_at_close: list[int] = attrs.field(factory=list[int])

    async def prepare(self) -> None:
        """Always ready."""

    async def open(self, name: str) -> SmallPart:
        self.open_parts += 1
        return SmallPart(self, name)

    async def exists(self, name: str) -> bool:
        return name in self.files

    async def find(self, place: str, size_bytes: int, sha256: str | None) -> str | None:
        return place if len(self.files.get(place.removeprefix("small:"), b"")) == size_bytes else None


@attrs.define(eq=False)
class SmallPart:
    """A part that no other process can take up."""

    _sink: SmallSink
    _name: str
    validator: str | None = None
    _received: bytearray = attrs.field(factory=bytearray)

    @property
    def received_bytes(self) -> int:
        return len(self._received)

    async def restart(self, validator: str | None) -> None:
        self._received.clear()
        self.validator = validator

    async def write(self, pieces: Sequence[bytes]) -> None:
        data = b"".join(pieces)
        if len(self._received) + len(data) > self._sink.room:
            raise self._sink.refusal
        self._received += data[: len(data) // 2]
        await anyio.sleep(self._sink.delay)
        self._received += data[len(data) // 2 :]

    async def replay(self, feed: Callable[[Bytes], None]) -> None:
        feed(bytes(self._received))

    async def commit(self, size_bytes: int, sha256: str) -> str:
        self._sink.files[self._name] = bytes(self._received)
        return f"small:{self._name}"

    async def discard(self) -> None:
        self._received.clear()

    async def aclose(self) -> None:
        self._sink.open_parts -= 1
        self._sink.sizes_at_close.append(len(self._received))
