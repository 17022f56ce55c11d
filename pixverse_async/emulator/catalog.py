"""The models that the service lists, and the description of the one that it emulates.

Shapes are those of `GET /models` and `GET /models/{id}` as GMI's SDK and live readers know them.  The list holds a
duplicate, as live lists do, and ids of other models that this emulator only knows by name.
"""

from __future__ import annotations

from typing import Final

from .settings import MODEL

MODEL_IDS: Final = (
    "pixverse-v5.6-i2v",
    MODEL,
    "pixverse-v6-extend",
    "pixverse-v6-transition",
    "Kling-Image2Video-V2.1-Master",
    "seedream-5.0-lite",
    MODEL,
)
_QUALITIES: Final = ["360p", "540p", "720p", "1080p"]


def model_detail(org_id: str) -> dict[str, object]:
    """The full key set of a model's description."""
    return {
        "model": MODEL,
        "org_id": org_id,
        "model_type": "video",
        "brief_description": "Image to video",
        "detailed_description": "# Image to video\nAn emulated model.",
        "modalities": {},
        "tags": ["image-to-video"],
        "icon_link": "",
        "background_image_url": "",
        "external_provider": "",
        "external_api_endpoint": "",
        "external_api_url": "",
        "host_type": "external",
        "internal_parameters": {},
        "qworkers": 0,
        "parameters": _parameters(),
        "price_info": {"price": 0, "pricing_type": "video_length", "unit": "second"},
        "pricing_details": "Video length based pricing",
        "percentage_discount": 0,
        "created_at": 0,
        "updated_at": 0,
    }


def _parameters() -> list[dict[str, object]]:
    return [
        _parameter("prompt", "string", required=True, default=""),
        _parameter("image", "image", required=True, default=None),
        {**_parameter("duration", "integer", required=True, default=5), "min_value": 1, "max_value": 15},
        {**_parameter("quality", "enum", required=True, default="540p"), "options": _QUALITIES},
        _parameter("generate_audio_switch", "boolean", required=False, default=False),
        _parameter("generate_multi_clip_switch", "boolean", required=False, default=False),
        {**_parameter("seed", "integer", required=False, default=None), "min_value": 0, "max_value": 2147483647},
    ]


def _parameter(name: str, kind: str, *, required: bool, default: object) -> dict[str, object]:
    title = name.replace("_", " ").title()
    return {
        "name": name,
        "display_name": title,
        "description": "",
        "type": kind,
        "required": required,
        "default_value": default,
    }
