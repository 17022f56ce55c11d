"""A storage service in memory, and pictures to put into it."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import anyio
import attrs
from PIL import Image, ImageDraw

from pixverse_async._core.errors import PixverseError
from pixverse_async._core.job import Job
from pixverse_async._core.wire import Call, Reply
from pixverse_async._edge.images import HostedImage, ImageHost, identify
from pixverse_async._edge.transport import MediaReply

SECRET = "X-Goog-Signature=5ec4e7"
Answer = Reply | PixverseError


@attrs.define(eq=False)
class MemoryStorage:
    """A transport that grants and stores uploads; scripted answers, if any, come first."""

    grant_script: list[Answer] = attrs.field(factory=list[Answer])
    put_script: list[Answer] = attrs.field(factory=list[Answer])
    scheme: str = "https"
    latency: float = 0.1
    grants: list[tuple[str, float]] = attrs.field(factory=list[tuple[str, float]])
    puts: list[tuple[str, str, bytes]] = attrs.field(factory=list[tuple[str, str, bytes]])
    busy: int = 0
    most_busy: int = 0

    async def call(self, call: Call) -> Reply:
        assert (call.method, call.path) == ("POST", "/upload-url")
        self.grants.append((json.loads(call.body or b"")["file_type"], anyio.current_time()))
        n = len(self.grants)
        await anyio.sleep(self.latency)
        if self.grant_script:
            return _said(self.grant_script.pop(0))
        links = {
            "upload_url": f"{self.scheme}://storage.example/{n}?{SECRET}",
            "public_url": f"{self.scheme}://storage.example/{n}",
        }
        return Reply(status=200, body=json.dumps(links).encode())

    async def put(self, url: str, body: bytes, content_type: str) -> Reply:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await anyio.sleep(self.latency)
        finally:
            self.busy -= 1
        self.puts.append((url, content_type, body))
        return _said(self.put_script.pop(0)) if self.put_script else Reply(status=200)

    def fetch(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[MediaReply]:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


def _said(answer: Answer) -> Reply:
    if isinstance(answer, PixverseError):
        raise answer
    return answer


def refusal(status: int, **body: object) -> Reply:
    return Reply(status=status, body=json.dumps(body).encode())


def host_on(
    storage: MemoryStorage, *, inline: bool = False, allow_loopback: bool = False, seed: int = 1
) -> ImageHost:
    """The images of one job, for which somebody waits; for those of a batch see `test_outages`."""
    rng = random.Random(seed)
    return ImageHost(storage, inline=inline, allow_loopback=allow_loopback, rng=rng, patience=0.0)


async def hosted(host: ImageHost, image: str | os.PathLike[str] | bytes) -> HostedImage:
    job = Job(image, "it moves")
    return await host.url_for(job, await identify(job))


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Four quarters of four colours, so that every way of turning it shows."""
    image = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill=(220, 30, 30))
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=(30, 160, 40))
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=(40, 60, 220))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # pyright: ignore[reportArgumentType]  Pillow's options are of any type
    return out.getvalue()


JPEG = encoded(picture(), "JPEG", quality=95)
PNG = encoded(picture(), "PNG")
