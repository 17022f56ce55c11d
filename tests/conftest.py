"""Which loop a test runs on: virtual time in tests/edge, the real clock elsewhere."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.virtual_time import VirtualTimeLoop


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Tests below edge/ wait without waiting: their clock jumps to the next timer."""
    if "edge" in request.path.parts:
        return "asyncio", {"loop_factory": VirtualTimeLoop}
    return "asyncio", {}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of whoever runs the tests are not meant."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# How fast a machine is, and how busy, is no finding about the code; in CI the same examples are tried each time.
settings.register_profile(
    "steady",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("steady")
