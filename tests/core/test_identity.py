"""A job is itself whatever its file is called and whoever signed its link, and another one when the video would be."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.identity import job_key, url_identity
from pixverse_async._core.job import Job

JOB = Job("cat.jpg", "yawns", seed=7)
CHANGES: dict[str, Any] = {
    "prompt": "sleeps", "duration": 6, "quality": "720p", "audio": True, "multi_clip": True, "seed": 8,
}  # fmt: skip


@pytest.mark.parametrize("field", CHANGES)
def test_each_parameter_makes_another_job(field: str) -> None:
    """A job with another parameter is another video."""
    assert job_key(JOB, "ab") != job_key(attrs.evolve(JOB, **{field: CHANGES[field]}), "ab")


def test_every_parameter_is_in_the_key() -> None:
    """A parameter that is added to `Job` must be added to this table, and to the key if it changes the video."""
    harmless = {"image", "name", "metadata"}
    assert {field.name for field in attrs.fields(Job)} - harmless == set(CHANGES)


@pytest.mark.parametrize("change", [{"image": "dog.jpg"}, {"name": "felix"}, {"metadata": {"a": 1}}])
def test_renaming_makes_no_new_job(change: dict[str, Any]) -> None:
    """Neither the file's name nor the user's notes change what would be made."""
    assert job_key(JOB, "ab") == job_key(attrs.evolve(JOB, **change), "ab")


def test_a_pixel_and_an_occurrence_make_another_job() -> None:
    """Other bytes are another video, and so is the second of two equal jobs."""
    assert len({job_key(JOB, "ab"), job_key(JOB, "ac"), job_key(JOB, "ab", 1), job_key(JOB, "ab", 2)}) == 4


def test_no_seed_is_not_the_seed_zero() -> None:
    """A job without a seed is another than the job with seed 0, and audio is not confused with a number."""
    assert job_key(attrs.evolve(JOB, seed=None), "ab") != job_key(attrs.evolve(JOB, seed=0), "ab")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.text('ab,"[]', max_size=10))
def test_no_prompt_can_forge_another_key(prompt: str, identity: str) -> None:
    """Texts that hold the key's own punctuation are not taken for fields."""
    moved = job_key(attrs.evolve(JOB, prompt="x" + prompt), identity)
    assert len(moved) == 32
    assert (moved == job_key(attrs.evolve(JOB, prompt="x"), identity + prompt)) == (not prompt)


PLAIN = "https://b.example/cat.jpg?v=2"


@pytest.mark.parametrize(
    "signature",
    [
        "X-Goog-Algorithm=GOOG4&X-Goog-Credential=c&X-Goog-Date=1&X-Goog-Expires=9&X-Goog-SignedHeaders=host"
        "&X-Goog-Signature=1f",
        "X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date=1&X-Amz-Expires=9&X-Amz-SignedHeaders=host"
        "&X-Amz-Security-Token=t&x-amz-signature=1f",
        "GoogleAccessId=a&Expires=9&Signature=1f",
        "AWSAccessKeyId=a&Expires=9&Signature=1f",
        "Expires=9&Signature=1f&Key-Pair-Id=K",
        "Policy=p&Signature=1f&Key-Pair-Id=K",
        "OSSAccessKeyId=a&Expires=9&Signature=1f&security-token=t",
        "x-oss-credential=c&x-oss-date=1&x-oss-expires=9&x-oss-signature-version=OSS4&x-oss-signature=1f",
        "q-sign-algorithm=sha1&q-ak=a&q-sign-time=1&q-key-time=1&q-header-list=host&q-url-param-list=&q-signature=1f",
        "sv=2024&se=9&st=1&sr=b&sp=r&spr=https&sig=1f",
    ],
)
def test_signing_anew_makes_no_new_job(signature: str) -> None:
    """A link is the same whoever signed it and when, and with a signature the same as without."""
    assert PLAIN == url_identity(f"{PLAIN}&{signature}") == url_identity(PLAIN)
    assert url_identity(f"{PLAIN}&{signature}") == url_identity(f"{PLAIN}&{signature.replace('1f', '2e')}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, "https://b.example/cat.jpg?v=3"),
        (PLAIN, "https://b.example/dog.jpg?v=2"),
        ("https://b.example/cat.jpg?Expires=1", "https://b.example/cat.jpg?Expires=2"),
        ("https://b.example/c?sig=1f&v=1", "https://b.example/c?sig=1f&v=2"),
        (
            "https://b.example/c?x-oss-signature=1&x-oss-process=a",
            "https://b.example/c?x-oss-signature=1&x-oss-process=b",
        ),
    ],
)
def test_another_object_is_another_job(one: str, other: str) -> None:
    """What says which picture is meant stays, and without a signature everything does."""
    assert url_identity(one) != url_identity(other)
