"""Videos on request with aiohttp: `cd examples; GMI_API_KEY=... python -m aiohttp.web aiohttp_app:init`, then

curl --data-binary @cat.jpg "localhost:8080/videos?prompt=the+cat+yawns" -o cat.mp4
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from pixverse_async import Client, InvalidJobError, Job, RejectedError, Succeeded

CLIENT = web.AppKey("CLIENT", Client)


async def connect(app: web.Application) -> AsyncGenerator[None]:
    async with Client() as app[CLIENT]:  # one for the whole app: calls share its connections
        yield


async def make(request: web.Request) -> web.StreamResponse:
    prompt, duration = request.query.get("prompt", ""), request.query.get("duration", "5")
    try:
        job = Job(await request.read(), prompt, duration=int(duration))
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error
    path = Path("videos") / f"{uuid4().hex}.mp4"
    outcome = await request.app[CLIENT].generate(job, path)
    if isinstance(outcome, Succeeded):
        return web.FileResponse(path)
    is_callers = isinstance(outcome.error, InvalidJobError | RejectedError)  # such as bytes that are no image
    return web.json_response({"error": str(outcome.error)}, status=422 if is_callers else 502)


def init(_: list[str]) -> web.Application:
    app = web.Application(client_max_size=20 * 2**20)
    app.cleanup_ctx.append(connect)
    app.router.add_post("/videos", make)
    return app
