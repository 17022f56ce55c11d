"""A job cannot hold nonsense, and says what is wrong with it."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from pixverse_async._core.errors import InvalidJobError, UnexpectedError
from pixverse_async._core.job import Job, JobClass, Stage
from pixverse_async._core.outcome import Failed, Succeeded
from pixverse_async._core.rows import job_from_row

JOB = Job("cat.jpg", "yawns", seed=7)
HUGE = 10**5000
"""Python refuses to print an int of this length."""


class BytesPath:
    """A path of bytes, as `os.scandir(b".")` gives it."""

    def __fspath__(self) -> bytes:
        return b"cat.jpg"


BAD: list[tuple[str, object, str, str]] = [
    ("image", "", "not a path", "path"),
    ("image", b"", "no bytes", "JPEG"),
    ("image", None, "not an image source", "path"),
    ("image", 5, "not an image source", "path"),
    ("image", HUGE, "not an image source", "path"),
    ("image", bytearray(b"x"), "not an image source", "path"),
    ("image", BytesPath(), "not an image source", "path"),
    ("image", "a\0b", "not a path", "path"),
    ("image", "s3://bucket/cat.jpg", "cannot fetch s3", "https"),
    ("image", "file:///cat.jpg", "cannot fetch file", "path"),
    ("image", "https://", "no host", "https"),
    ("image", "https:///cat.jpg", "no host", "https"),
    ("image", "https://[::1/cat.jpg", "no host", "https"),
    ("image", "https://exa\u2100mple.com/cat.jpg", "no host", "https"),
    ("image", "https://x.example/\ud800.jpg", "surrogate", "UTF-8"),
    ("image", "data:image/png;base64,\ud800", "surrogate", "UTF-8"),
    ("prompt", "", "empty", "words"),
    ("prompt", " \n", "empty", "words"),
    ("prompt", "x" * 5001, "5001 characters", "5000"),
    ("prompt", None, "not text", "string"),
    ("prompt", b"x", "not text", "string"),
    ("prompt", "a\ud800", "surrogate", "UTF-8"),
    *(("duration", bad, "1 to 15", "1 to 15") for bad in (0, 16, -1, 5.0, "5", None, True, HUGE)),
    *(("quality", bad, "unknown", "1080p") for bad in ("480p", "720P", "", None, 720, ["540p"])),
    *(("audio", bad, "not a boolean", "True or False") for bad in (None, 0, 1, "yes")),
    *(("metadata", bad, "not a mapping", "Give a dict") for bad in (None, 5, "shelf 7", [("shelf", 7)])),
    *(("multi_clip", bad, "not a boolean", "True or False") for bad in (None, 0, 1, "yes")),
    *(("seed", bad, "range", "2147483647") for bad in (-1, 2**31, 1.0, "7", True, HUGE)),
    *(
        ("name", bad, "name of a file", "short plain name")
        for bad in ("", ".", "..", "a/b", "a\\b", "../a", "con", "NUL.txt", "a\0", "a ", "x" * 201, 5, "\ud800")
    ),
]


@pytest.mark.parametrize(("field", "value", "problem", "remedy"), BAD, ids=range(len(BAD)))
def test_nonsense_is_refused_with_what_to_do(field: str, value: object, problem: str, remedy: str) -> None:
    """A wrong value is refused before anything is sent, by the name of its field, its value and a remedy."""
    fields: dict[str, Any] = {"image": "cat.jpg", "prompt": "yawns", field: value}
    with pytest.raises(InvalidJobError) as caught:
        Job(**fields)
    assert field == caught.value.field
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert f"{field}={caught.value.value}" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("field", "value", "problem", "remedy"), BAD, ids=range(len(BAD)))
def test_a_wrong_row_is_a_value(field: str, value: object, problem: str, remedy: str) -> None:
    """A wrong row of a table comes back as an error and a job that can be shown, and raises nothing."""
    row = {"image": "cat.jpg", "prompt": "yawns", field: value}
    job, error = job_from_row(row)
    assert error is not None
    assert field == error.field
    assert getattr(job, field) is value
    assert value is HUGE or repr(job)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (None, "jobs[7]"),
        ("cat.jpg", "jobs[7]"),
        (["cat.jpg", "yawns"], "jobs[7]"),
        (HUGE, "jobs[7]"),
        ({}, "image"),
        ({"image": "cat.jpg"}, "prompt"),
        ({"image": "cat.jpg", "prompt": "yawns", "lenght": 5}, "lenght"),
        ({"image": "cat.jpg", "prompt": "yawns", 5: 5}, "5"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_row_that_is_no_job_says_so(row: object, field: str) -> None:
    """What is no mapping is named by its place; what lacks a parameter or has an unknown one, by that."""
    job, error = job_from_row(row, 7)
    assert error is not None
    assert field == error.field
    assert repr(job)


def test_what_a_row_lacks_is_not_made_up() -> None:
    """The job that is only there to be shown has no image or prompt where none was given, and a name all the same."""
    job, error = job_from_row({"duration": 3})
    assert "image: missing. Every job needs an image and a prompt." == str(error)
    assert ("", "", 3, "video") == (job.image, job.prompt, job.duration, job.stem)


def test_a_right_row_is_the_job() -> None:
    """A mapping of parameters makes the job that the same arguments make, and a job stays itself."""
    row = {"image": "cat.jpg", "prompt": "yawns", "duration": 3, "seed": 0}
    assert (Job("cat.jpg", "yawns", duration=3, seed=0), None) == job_from_row(row)
    job = Job("cat.jpg", "yawns")
    assert job_from_row(job)[0] is job


@pytest.mark.parametrize(
    "image",
    ["cat.jpg", "C:\\cat.jpg", Path("a/cat.jpg"), b"\x89PNG", "https://x.example/cat.jpg?v=1",
     "http://127.0.0.1:8000/cat.jpg", "data:image/png;base64,AAAA", "\udcff.jpg"],
)  # fmt: skip
def test_every_kind_of_image_is_taken(image: Any) -> None:
    """Paths, bytes, links and data: URIs are images, and none is looked at when the job is made."""
    assert image == Job(image, "yawns").image


def test_the_extremes_are_taken() -> None:
    """The longest prompt, both ends of the durations and of the seeds are within their limits."""
    for duration, seed in ((1, 0), (15, 2**31 - 1)):
        job = Job("cat.jpg", "x" * 5000, duration=duration, seed=seed)
        assert (duration, seed) == (job.duration, job.seed)


# -- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "stem"),
    [
        ("photos/cat.jpg", "cat"),
        ("cat", "cat"),
        (".jpg", "jpg"),
        ("my cat.tar.gz", "my cat.tar"),
        (Path("photos/cat.jpg"), "cat"),
        ("https://x.example/a/cat%20one.jpg?sig=1", "cat one"),
        ("https://x.example/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://x.example/", "video"),
        ("https://x.example", "video"),
        ("https://x.example/%00", "video"),
        ("data:image/png;base64,AAAA", "image"),
        (b"\x89PNG", "image"),
        ("con.jpg", "con-"),
    ],
)
def test_a_stem_comes_from_the_image(image: Any, stem: str) -> None:
    """Without a name the file is called after the image, safely."""
    assert stem == Job(image, "yawns").stem


def test_a_name_wins_over_the_image() -> None:
    """The user's own name is the stem."""
    assert Job("cat.jpg", "yawns", name="felix").stem == "felix"


# -- values ------------------------------------------------------------------------------------------


def test_a_repr_shows_no_secret_and_no_bytes() -> None:
    """Neither the signature nor the login of a link, nor the content of an image, is in a job's repr."""
    jobs = [
        Job("https://x.example/cat.jpg?X-Amz-Signature=deadbeef", "yawns"),
        Job("https://user:deadbeef@x.example/cat.jpg", "yawns"),
        Job("data:image/png;base64," + "deadbeef" * 8, "yawns"),
        Job(b"deadbeef", "yawns"),
    ]
    assert "deadbeef" not in repr(jobs)
    assert "<8 bytes>" in repr(jobs)


def test_a_job_is_a_value() -> None:
    """A job is hashable, equal to its like, and the same on the other side of a process boundary."""
    job = Job(b"png", "yawns", metadata={"row": 3})
    assert len({job, Job(b"png", "yawns")}) == 1
    plain = Job("cat.jpg", "yawns")
    assert (plain, {}) == (pickle.loads(pickle.dumps(plain)), plain.metadata)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        job.prompt = "x"  # type: ignore[misc]


def test_an_outcome_survives_pickling() -> None:
    """An outcome and its error arrive whole on the other side of a process boundary."""
    failed = Failed(
        job=JOB, index=0, name="cat", usd=Decimal("0.1"), error=UnexpectedError("x").about(job_name="cat")
    )
    other = pickle.loads(pickle.dumps(failed))
    assert str(failed.error) == str(other.error)
    saved = Succeeded(job=JOB, index=0, name="cat", path=Path("cat.mp4"), size_bytes=1, sha256="ab")
    assert saved == pickle.loads(pickle.dumps(saved))


def test_a_class_of_jobs_is_what_their_time_depends_on() -> None:
    """Jobs of one quality, duration and audio are of one class, whatever is in them."""
    assert JobClass("540p", 5, False) == Job("dog.jpg", "barks").job_class == JOB.job_class


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_is_final_or_in_flight(stage: Stage) -> None:
    """Waiting and running are in flight; everything else is the end."""
    assert stage.is_final == (stage not in (Stage.QUEUED, Stage.PROCESSING))


def test_a_row_whose_reader_found_it_wrong_is_wrong_for_that_reason() -> None:
    """What could not be read of it is said, and not that a parameter is missing or unknown; the rest is shown."""
    problem = InvalidJobError("sidecar", "'cat.json'", "not JSON", "Correct it.")
    job, error = job_from_row({"image": "cat.jpg", "prompt": None, "wrong": problem})
    assert error is problem
    assert "cat.jpg" == job.image
