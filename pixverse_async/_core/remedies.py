"""What to do next, in words that several errors end with."""

from __future__ import annotations

MAY_BE_CHARGED = "It may have been charged: look for the request in the console before sending it again."
_SEND_AGAIN = "Send it again with retry_failed (--retry-failed); the service is reported not to charge failures."
_AFTER_FAILURE = {
    "moderation": "Change the prompt or the image; the same job would be refused again.",
    "image": "Give another image; the same one would be refused again.",
    "credits": f"Add credit in the console. {_SEND_AGAIN}",
}


def after_failure(kind: str) -> str:
    """What to do about a generation that failed, by the kind of `GenerationError`."""
    return _AFTER_FAILURE.get(kind, _SEND_AGAIN)


def how_to_fetch(request_id: str | None) -> str:
    """How to get a video that is paid for: a new submit would be paid again."""
    code, line = ("ID", "ID") if request_id is None else (repr(request_id), request_id)
    return (
        "A batch with a journal fetches it when it is run again. By itself: "
        f"client.attach({code}).save('other.mp4'), or `pixverse-async attach {line} --out other.mp4`."
    )
