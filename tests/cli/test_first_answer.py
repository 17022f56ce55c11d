"""What a run says when the service does not answer at once."""

from __future__ import annotations

import pytest

from pixverse_async import Client, TransportError
from pixverse_async.cli.first_answer import first_answer
from pixverse_async.emulator import Emulator, Rule, Settings

pytestmark = pytest.mark.anyio


async def _asked(fault: str | None, patience: float = 30.0) -> str | None:
    rules = () if fault is None else (Rule(on="list", fault=fault),)
    async with (
        Emulator(Settings(rules=rules)) as service,
        Client(service.api_key, base_url=service.base_url) as client,
    ):
        return await first_answer(client, patience=patience)


async def test_nothing_is_said_of_a_service_that_answers() -> None:
    """Or that has an outage: it is there."""
    assert await _asked(None) is None
    assert await _asked("503_plain") is None


async def test_a_service_that_keeps_silent_is_told_of() -> None:
    """Not minutes of nothing: a name server or a firewall that swallows everything looks like a slow service."""
    said = await _asked("hang", 0.2)
    assert said is not None
    assert "no answer within 0.2 s from http://127.0.0.1" in said


async def test_a_line_that_breaks_is_told_of() -> None:
    """It reached somebody, so the batch goes on and tries."""
    said = await _asked("drop")
    assert said is not None
    assert said.startswith("warning: ")


async def test_a_place_where_nobody_listens_ends_the_run() -> None:
    """The port is closed: nothing is uploaded, and the caller says where it asked."""
    async with Client("key", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(TransportError, match=r"127\.0\.0\.1:9"):
            await first_answer(client)
