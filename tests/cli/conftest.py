"""The command line in this process, against an emulator that runs in a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from anyio.from_thread import start_blocking_portal

from pixverse_async.cli import main
from pixverse_async.emulator import Emulator, Settings, tiny_film
from tests.memory import tiny_png

QUICK = ("--duration", "1", "--quality", "360p", "--poll-interval", "0.05")
"""Videos that the emulator makes at once, and looks for them that do not wait."""


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Its answer, when that is JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Said]
Service = Callable[..., Emulator]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in an empty folder, with no key in the environment, and never with a traceback."""
    monkeypatch.chdir(tmp_path)
    for name in ("GMI_API_KEY", "GMI_BASE_URL", "GMI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: object) -> Said:
        code = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(code), out, err)

    return run


@pytest.fixture
def serve(cli: Command, monkeypatch: pytest.MonkeyPatch) -> Generator[Service]:
    """Starts an emulator and puts it into the environment, as its user would."""
    with ExitStack() as stack:

        def start(settings: Settings | None = None, *, speed: float = 500.0) -> Emulator:
            portal = stack.enter_context(start_blocking_portal())
            emulator = Emulator(settings, speed=speed, film=tiny_film)
            stack.enter_context(portal.wrap_async_context_manager(emulator))
            monkeypatch.setenv("GMI_BASE_URL", emulator.base_url)
            monkeypatch.setenv("GMI_API_KEY", emulator.api_key)
            return emulator

        yield start


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(3):
        (folder / f"picture-{n}.png").write_bytes(tiny_png(n))
    return folder
