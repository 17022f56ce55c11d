"""Replies of the queue for the tests: any JSON, with a liking for the service's own words."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from pixverse_async._core.wire import Reply

MP4 = "https://storage.googleapis.com/b/video.mp4"


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    """A reply with a JSON body; headers as `retry_after="5"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=json.dumps(body).encode())


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**310)
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(["success", "failed", MP4, "https://[::1/", "a", "..", "Retry in 999999999999 ms"])
)
_KEYS = st.sampled_from(
    [
        *("request_id", "status", "outcome", "payload", "created_at", "model", "seed", "prompt"),
        *("media_urls", "medias", "video_url", "url", "upload_url", "public_url"),
        *("error", "message", "detail", "reason", "requests", "total"),
        *("rate_limit", "limit", "interval_seconds", "retry_after_ms"),
    ]
)
JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6), max_leaves=30
)
"""Any JSON value, more often than by chance one that a reader takes seriously."""
