"""Which loop a test runs on: virtual time in tests/edge, the real clock elsewhere."""

from __future__ import annotations

import pytest

from tests.virtual_time import VirtualTimeLoop


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Tests below edge/ wait without waiting: their clock jumps to the next timer."""
    if "edge" in request.path.parts:
        return "asyncio", {"loop_factory": VirtualTimeLoop}
    return "asyncio", {}
