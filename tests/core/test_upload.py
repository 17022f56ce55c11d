"""What an answer to an upload means, for every status there is."""

from __future__ import annotations

import pytest

from pixverse_async._core.errors import ApiError, ConfigError, TransportError
from pixverse_async._core.upload import MAX_WAIT, Setback, judge_grant, judge_put
from pixverse_async._core.wire import Grant, Reply

from .replies import reply

LOST = TransportError("connection reset", None)
GRANT = {"upload_url": "https://storage.example/up", "public_url": "https://storage.example/cat.jpg"}


def put_verdict(status: int) -> str:
    """The verdict on an answer of storage, in a word."""
    try:
        setback = judge_put(Reply(status=status), 0.0)
    except ApiError:
        return "refused"
    if setback is None:
        return "done"
    return "fresh grant" if setback.needs_grant else "again"


def test_storage_s_answers_have_one_verdict_each() -> None:
    """Nothing but a 2xx says that the bytes are there; a signature gets a fresh grant, a busy storage another try."""
    passing = {408, 425, 429, *range(500, 600)}
    stale = {400, 401, 403, 404, 410}
    for status in range(100, 600):
        is_done = 200 <= status < 300
        expected = (
            "done"
            if is_done
            else "fresh grant"
            if status in stale
            else "again"
            if status in passing
            else "refused"
        )
        assert expected == put_verdict(status), status


def test_the_queue_s_refusals_of_a_grant_are_final_unless_they_may_pass() -> None:
    """A refusal by the queue asks for no fresh grant: there was none."""
    for status in range(300, 600):
        try:
            found = judge_grant(Reply(status=status), 0.0, allow_loopback=False)
        except (ApiError, ConfigError):
            assert status not in {408, 425, 429, *range(500, 600)}, status
        else:
            assert isinstance(found, Setback)
            assert not found.needs_grant
            assert status in {408, 425, 429, *range(500, 600)}, status


def test_a_lost_answer_may_pass() -> None:
    """Both calls are safe to send again when nobody knows whether they arrived, and the grant is still good."""
    assert Setback(error=LOST) == judge_grant(LOST, 0.0, allow_loopback=False)
    assert Setback(error=LOST) == judge_put(LOST, 0.0)


@pytest.mark.parametrize(
    ("asked", "wait"), [("7", 7.0), ("60", 60.0), ("61", MAX_WAIT), ("-1", 0.0), ("soon", 0.0)]
)
def test_the_wait_that_is_asked_for_is_bounded(asked: str, wait: float) -> None:
    """Storage and queue may ask for a wait, from none to a minute."""
    answer = Reply(status=429, headers={"retry-after": asked})
    for found in (judge_put(answer, 0.0), judge_grant(answer, 0.0, allow_loopback=False)):
        assert isinstance(found, Setback)
        assert wait == found.wait


def test_links_without_tls_are_for_a_service_on_this_machine() -> None:
    """A grant whose links anybody on the way could read is taken from this machine alone."""
    open_links = reply({**GRANT, "upload_url": "http://127.0.0.1:8080/up"})
    assert isinstance(judge_grant(open_links, 0.0, allow_loopback=True), Grant)
    with pytest.raises(Exception, match="upload_url") as caught:
        judge_grant(open_links, 0.0, allow_loopback=False)
    assert "8080" not in str(caught.value)
