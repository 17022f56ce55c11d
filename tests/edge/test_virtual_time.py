"""The tool that the other tests of this folder stand on."""

from __future__ import annotations

import anyio
import pytest

from tests.virtual_time import DeadlockError, VirtualTimeLoop


@pytest.mark.anyio
async def test_an_hour_costs_nothing() -> None:
    """The clock shows exactly the time slept, and the test would time out if it were real."""
    start = anyio.current_time()
    await anyio.sleep(3600)
    assert anyio.current_time() - start == 3600


def test_a_deadlock_is_an_error() -> None:
    """Waiting for what nobody will do raises instead of hanging."""

    async def wait_for_nobody() -> None:
        await anyio.Event().wait()

    with pytest.raises(DeadlockError):
        anyio.run(wait_for_nobody, backend_options={"loop_factory": VirtualTimeLoop})
