"""A pytest fixture for other people's suites: a running emulator, one per test.

  from pixverse_async.emulator.fixture import emulator # noqa: F401

  @pytest.mark.anyio   async def test_my_batch(emulator): ...

Needs anyio's pytest plugin, which comes with anyio. Tests that want rules override `emulator_settings`. Videos
are tiny files unless `emulator_film` is overridden to return None, which makes real ones.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from .orders import Film
from .server import Emulator
from .settings import Settings
from .tiny import tiny_film

FIXTURE_SPEED = 1000.0
"""A generation of 80 s takes 80 ms: a test should not be felt."""


@pytest.fixture
def emulator_settings() -> Settings:
    """What the emulator of this test is like; override it for faults and limits."""
    return Settings()


@pytest.fixture
def emulator_film() -> Film | None:
    """Who makes the videos; override it with None for real ones."""
    return tiny_film


@pytest.fixture
async def emulator(
    anyio_backend: object, emulator_settings: Settings, emulator_film: Film | None
) -> AsyncGenerator[Emulator]:
    """A running emulator with its ledger still empty."""
    del anyio_backend  # asked for so that anyio's plugin runs this fixture, also in a synchronous module
    async with Emulator(emulator_settings, speed=FIXTURE_SPEED, film=emulator_film) as running:
        yield running
