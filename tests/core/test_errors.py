"""Every error of the package, found by walking the root: what it says, what it carries, what it hides."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixverse_async
from pixverse_async._core.errors import (
    ApiError,
    DeadlineExceededError,
    DownloadError,
    GenerationError,
    InsufficientCreditsError,
    PixverseError,
    RejectedError,
    StoppedError,
    SubmitUnknownError,
    UnexpectedError,
)
from pixverse_async._core.redaction import MAX_QUOTED_CHARS, redact


def walk(kind: type[PixverseError]) -> Iterator[type[PixverseError]]:
    for below in kind.__subclasses__():
        yield below
        yield from walk(below)


ERRORS = sorted(set(walk(PixverseError)), key=lambda kind: kind.__name__)
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6"
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"
SECRETS = {
    f"the key {JWT} was refused": "SflKxwRJ",
    f"Authorization: Bearer {JWT}": "eyJ",
    "authorization: bearer sk-0123456789abcdef": "0123456789",
    "PUT https://storage.example/a.png?X-Goog-Signature=deadbeef&x=1": "deadbeef",
    "PUT HTTPS://storage.example/a.png?X-Goog-Signature=deadbeef": "deadbeef",
    "GET https://b.example/a.mp4#token=deadbeef": "deadbeef",
    r'{"upload_url": "https:\/\/s.example\/a?X-Goog-Signature=deadbeef': "deadbeef",
    "path /b/a.png?X-Amz-Signature=deadbeef&X-Amz-Expires=9": "deadbeef",
    "Signature=deadbeef": "deadbeef",
    "https://user:deadbeef@b.example/cat.jpg": "deadbeef",
    f"image data:image/png;base64,{IMAGE} is refused": IMAGE[10:],
    f"image DATA:image/png;charset=x;base64,{IMAGE}%2B{IMAGE}": IMAGE[10:],
}


def made(kind: type[PixverseError], text: str = "some text") -> PixverseError:
    """An error of the class with every field filled, each text with `text`."""
    samples: dict[str, Any] = {
        "str": text, "int": 503, "int | None": 12, "float": 1.5, "float | None": 2.5, "Decimal": Decimal("0.175"),
        "bool | None": False,
    }  # fmt: skip
    return kind(*(samples[str(field.type)] for field in attrs.fields(kind)))  # pyright: ignore[reportArgumentType]  each is an attrs class


@pytest.fixture(params=ERRORS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[PixverseError]:
    return request.param


def test_the_classes_are_found() -> None:
    """The walk finds the classes that the package publishes, and the package publishes all."""
    assert len(ERRORS) >= 17
    assert [kind for kind in ERRORS if getattr(pixverse_async, kind.__name__, None) is not kind] == []


def test_a_name_ends_in_error(kind: type[PixverseError]) -> None:
    """Every class is called an error and says in a docstring whose fault it is."""
    assert kind.__name__.endswith("Error")
    assert kind.__doc__


def test_an_error_is_hashable_and_itself(kind: type[PixverseError]) -> None:
    """An error can be put into a set, where another with the same fields is another."""
    assert len({made(kind), made(kind)}) == 2


def test_an_error_survives_pickling(kind: type[PixverseError]) -> None:
    """Class, fields, knowledge and message are the same on the other side of a process boundary."""
    one = made(kind).about(job_name="cat", request_id="r-1", may_be_billed=True)
    other = pickle.loads(pickle.dumps(one))
    assert kind is type(other)
    assert str(one) == str(other)
    assert ("cat", "r-1", True) == (other.job_name, other.request_id, other.may_be_billed)
    assert [getattr(one, field.name) for field in attrs.fields(kind)] == [  # pyright: ignore[reportArgumentType]  as above
        getattr(other, field.name)
        for field in attrs.fields(kind)  # pyright: ignore[reportArgumentType]  as above
    ]


ADVICE = ("again", "check", "raise budget_usd", "some text", "longer", "correct", "change", "look", "add credit")


def test_a_message_names_the_job_the_request_and_what_to_do(kind: type[PixverseError]) -> None:
    """A tired operator reads which job, which request, and a next step."""
    text = str(made(kind).about(job_name="cat", request_id="r-1"))
    assert text.startswith("job 'cat', request r-1: ")
    assert any(step in text.lower() for step in ADVICE)
    assert text.endswith((".", "some text"))


def test_a_message_stands_alone(kind: type[PixverseError]) -> None:
    """Without a job and a request the message is the description and has no empty place for them."""
    one = made(kind)
    assert one.describe() == str(one)


@pytest.mark.fault(26)
@pytest.mark.parametrize("text", SECRETS)
def test_no_secret_survives_in_an_error(kind: type[PixverseError], text: str) -> None:
    """Neither `str` nor `repr` of an error shows a key, a signature, a login or the bytes of an image."""
    one = made(kind, redact(text)).about(job_name="cat")
    assert SECRETS[text] not in str(one) + repr(one)


@pytest.mark.parametrize("kind", [ApiError, DownloadError, GenerationError, StoppedError, UnexpectedError])
def test_a_sentence_that_is_quoted_ends_once(kind: type[PixverseError]) -> None:
    """Such as the reason for which a whole batch was halted: it is a message of ours, with its own full stop."""
    assert ".." not in str(made(kind, "the key was refused."))


def test_what_is_known_is_kept() -> None:
    """The first to say which job it was is believed; whether it may be billed is for the last to say."""
    error = made(ApiError).about(job_name="cat", may_be_billed=True).about(job_name="dog", request_id="r-1")
    assert ("cat", "r-1", True) == (error.job_name, error.request_id, error.may_be_billed)
    assert not error.about(may_be_billed=False).may_be_billed


@pytest.mark.parametrize(
    "error", [ApiError(404, "gone"), RejectedError(404, "x"), InsufficientCreditsError(402, "x")]
)
def test_nobody_is_told_that_a_billed_job_was_free(error: ApiError) -> None:
    """A refusal that concerns a job which may be billed does not say that nothing was charged."""
    assert "othing was charged" in str(error)
    assert "othing was charged" not in str(error.about(may_be_billed=True))
    assert "may have been charged" in str(error)


@pytest.mark.parametrize("kind_of_failure", ["moderation", "capacity", "no_media", "unknown"])
def test_a_failure_that_may_be_billed_is_not_sent_again_unseen(kind_of_failure: str) -> None:
    """Whatever the kind, the advice for a failure that may be billed is to look first."""
    error = GenerationError("boom", kind_of_failure).about(may_be_billed=True)
    assert "console before sending it again" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        DownloadError("cat.mp4 exists"),
        DeadlineExceededError(5, "queued"),
        UnexpectedError("KeyError").about(may_be_billed=True),
    ],
)
def test_a_paid_video_is_fetched_by_its_id_and_not_sent_anew(error: PixverseError) -> None:
    """Whoever keeps no journal would pay again by running it again; and bytes that nobody counted are not told."""
    text = str(error.about(request_id="r-1"))
    assert "A batch with a journal fetches it when it is run again" in text
    assert "client.attach('r-1').save('other.mp4'), or `pixverse-async attach r-1 --out other.mp4`" in text
    assert "?" not in text


@pytest.mark.parametrize(
    "error", [SubmitUnknownError("no answer", 77), UnexpectedError("KeyError").about(may_be_billed=True)]
)
def test_who_keeps_no_journal_is_not_told_to_run_a_paid_job_again(error: PixverseError) -> None:
    """A submit of unknown fate is found by running it again only where a journal knows of it; else it is paid again."""
    text = error.describe()
    assert "run it again" not in text
    assert "console" in text
    assert "before " in text


# -- redact ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_redacted(text: str) -> None:
    """No known shape of a secret survives, at the start of a text or after other words."""
    assert SECRETS[text] not in redact(text)
    assert SECRETS[text] not in redact(f"x ({text}) {text}")


@pytest.mark.parametrize(
    "text",
    ["", "boom", "image (Required parameter is missing)", "500054: see https://docs.example/a/b", "metadata: a, b",
     "the token is invalid", "a@b.example", "50 % off"],
)  # fmt: skip
def test_plain_text_is_left_alone(text: str) -> None:
    """What holds no secret is shown as it is."""
    assert text == redact(text)


def test_a_text_is_one_printable_line() -> None:
    """No line break, terminal escape, reversed text or lone surrogate of the service's reaches a terminal."""
    assert redact("a\n\tb \x1b[31m\x07 \u202ec \ud800 \x9b") == "a b \ufffd[31m\ufffd \ufffdc \ufffd \ufffd"


@given(st.text(st.characters(), max_size=500) | st.text("ab:/?#@&=.e yJ<>\"'", max_size=200), st.integers(10, 400))
def test_a_redacted_text_is_short_and_can_be_encoded(text: str, limit: int) -> None:
    """Whatever comes in, what comes out is within its length and can be printed."""
    clean = redact(text, limit)
    assert len(clean) <= limit
    clean.encode()


@pytest.mark.parametrize("piece", ["https://", "https://a@", "data:", "eyJ", "x-goog-", "a@", "bearer ", "token="])
def test_no_text_keeps_the_patterns_busy(piece: str) -> None:
    """Millions of characters made to be slow are redacted in far less time than a call takes."""
    started = time.process_time()
    assert len(redact(piece * 500_000)) <= MAX_QUOTED_CHARS
    assert time.process_time() - started < 2.0
