"""What the service's words for a failed generation mean."""

from __future__ import annotations

import pytest

from pixverse_async._core.failures import failure_kind, failure_of, limit_interval
from pixverse_async._core.job import Stage
from pixverse_async._core.wire import Status


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Music generation failed: rate limit exceeded(RPM)", "rate_limited"),
        ("Rate limit exceeded for model x: 2 requests per 60 seconds", "rate_limited"),
        ("Too Many Requests", "rate_limited"),
        ("500090 Insufficient balance", "credits"),
        ("Insufficient credits. Please add more credits to your account.", "credits"),
        ("Text moderation failed: The text you entered contains sensitive information. Please re-enter.", "moderation"),
        ("Image moderation failed", "moderation"),
        ("error 500054", "moderation"),
        ("error 500063", "moderation"),
        *[
            (f"this is {word}", "moderation")
            for word in (
                "against our policy", "a safety issue", "prohibited", "a violation", "NSFW", "inappropriate",
                "under risk control", "not allowed", "blocked", "a celebrity", "a public figure",
            )
        ],
        ("Reached the limit for concurrent generations.", "capacity"),
        ("System is currently experiencing high load. Please try again later", "capacity"),
        ("Upstream capacity temporarily exhausted; please retry later", "capacity"),
        ("Unsupported width or height", "image"),
        ("invalid image", "image"),
        ("500032", "image"),
        ("Generation failed / Please try again later", "unknown"),
        ("Backend error (400). Please try again.", "unknown"),
        ("", "unknown"),
    ],
)  # fmt: skip
def test_a_reason_has_a_kind(reason: str, kind: str) -> None:
    """The phrases that were seen or documented are sorted, and no others."""
    assert kind == failure_kind(reason)


@pytest.mark.parametrize(
    ("stage", "reason", "told", "kind"),
    [
        (Stage.FAILED, "image moderation failed", "image moderation failed", "moderation"),
        (Stage.FAILED, None, "", "unknown"),
        (Stage.SUCCEEDED, None, "it succeeded, but names no video", "no_media"),
        (Stage.SUCCEEDED, "rate limit exceeded", "rate limit exceeded", "no_media"),
        (Stage.CANCELLED, None, 'cancelled in the console, or by on_cancel="cancel_queued"', "cancelled"),
        (Stage.CANCELLED, "by the owner", "by the owner", "cancelled"),
    ],
)
def test_an_end_without_a_video_is_told_by_its_status_first(
    stage: Stage, reason: str | None, told: str, kind: str
) -> None:
    """A success without a video, and a request that was cancelled, are what they are whatever words are beside them."""
    error = failure_of(Status(request_id="r-1", stage=stage, word=stage.value, reason=reason))
    assert (told, kind) == (error.reason, error.kind)


@pytest.mark.parametrize(
    ("reason", "interval"),
    [("rate limit exceeded(RPM)", 60.0), ("rate limit exceeded(RPH)", 3600.0), ("5 an Hour", 3600.0), ("", 60.0)],
)
def test_a_limit_counts_for_as_long_as_its_words_say(reason: str, interval: float) -> None:
    """An hour where they speak of one, else a minute: a limit that was taken for longer would idle the batch."""
    assert interval == limit_interval(reason)
