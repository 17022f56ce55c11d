"""Calls to the emulated cloud as its tests make them: one job, in short words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from pixverse_async.emulator import EmulatedCloud, Response

MODEL = "pixverse-v6-i2v"
IMAGE = "https://pictures.example/cat.jpg"


def payload(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {"prompt": "a cat", "image": IMAGE, "duration": 5, "quality": "360p", "seed": 7}
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def call(
    cloud: EmulatedCloud, method: str, path: str, body: object = None, *, now: float = 0.0, key: str | None = None
) -> Response:
    return cloud.call(
        method,
        cloud.base_url + path,
        headers={"Authorization": f"Bearer {cloud.api_key if key is None else key}"},
        body=b"" if body is None else json.dumps(body).encode(),
        now=now,
    )


def read(response: Response) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(response.body))


def post(cloud: EmulatedCloud, content: object, *, now: float = 0.0, model: str = MODEL) -> Response:
    return call(cloud, "POST", "/requests", {"model": model, "payload": content}, now=now)


def submit(cloud: EmulatedCloud, *, now: float = 0.0, model: str = MODEL, **changes: object) -> Response:
    return post(cloud, payload(**changes), now=now, model=model)


def accepted(cloud: EmulatedCloud, *, now: float = 0.0, **changes: object) -> str:
    response = post(cloud, payload(**changes), now=now)
    assert 200 == response.status, response.body
    return str(read(response)["request_id"])


def poll(cloud: EmulatedCloud, request_id: str, now: float) -> dict[str, object]:
    return read(call(cloud, "GET", f"/requests/{request_id}", now=now))


def error(response: Response) -> str:
    return str(read(response)["error"])


def listed(
    cloud: EmulatedCloud, now: float, path: str = f"/requests?model_id={MODEL}"
) -> tuple[list[str], object]:
    body = read(call(cloud, "GET", path, now=now))
    records = cast("list[Mapping[str, object]]", body["requests"])
    return [str(record["request_id"]) for record in records], body["total"]
