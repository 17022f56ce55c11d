"""Videos on request: `cd examples; GMI_API_KEY=... uvicorn fastapi_app:app`, then

curl --data-binary @cat.jpg "localhost:8000/videos?prompt=the+cat+yawns" -o cat.mp4    waits for the video
curl --data-binary @cat.jpg "localhost:8000/later?prompt=the+cat+yawns"                saves it in the background
"""

from pathlib import Path
from uuid import uuid4

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse

from pixverse_async import InvalidJobError, Job, PixverseError, RejectedError, Succeeded, generate_many

app = FastAPI()
FOLDER = Path("videos")


@app.post("/videos")
async def make(request: Request, prompt: str, duration: int = 5) -> FileResponse:
    job = Job(await request.body(), prompt, duration=duration)
    # One batch works on a folder at a time, and calls overlap: each has a folder of its own.
    (outcome,) = await generate_many([job], output_dir=FOLDER / uuid4().hex)
    if isinstance(outcome, Succeeded):
        return FileResponse(outcome.path)
    raise outcome.error


@app.post("/later", status_code=202)
async def make_later(request: Request, prompt: str, later: BackgroundTasks, duration: int = 5) -> dict[str, str]:
    job, folder = Job(await request.body(), prompt, duration=duration), FOLDER / uuid4().hex
    later.add_task(generate_many, [job], output_dir=folder)
    return {"folder": str(folder)}


@app.exception_handler(PixverseError)
async def refuse(_: Request, error: Exception) -> JSONResponse:
    is_callers = isinstance(error, InvalidJobError | RejectedError)  # and not a key that is missing here
    return JSONResponse({"error": str(error)}, status_code=422 if is_callers else 502)
