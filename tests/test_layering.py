"""Who may import whom: the tree is the architecture, and this is its table.

`_core` decides: it imports nothing of `_edge`, and nothing that waits, looks at a clock, draws a number or touches the
world.  `_edge` acts, on `_core`.  Leaves use what everybody may use, and nobody uses them.  The emulator shares no code
with what it is meant to check.  The checker reads source text, so that planted violations show that it sees.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pixverse_async

PACKAGE = "pixverse_async"
ROOT = Path(__file__).parents[1] / PACKAGE

WORLDLY = frozenset(
    {
        *("asyncio", "anyio", "aiohttp", "aiofiles", "threading", "concurrent", "multiprocessing", "selectors"),
        *("time", "datetime", "random", "secrets", "uuid"),
        *("os", "sys", "io", "pathlib", "shutil", "tempfile", "subprocess", "socket", "ssl", "http", "fcntl"),
        *("logging", "warnings", "importlib"),
    }
)
"""What a module that only decides has no use for: waiting, clocks, chance, the machine, the network, a log."""
ALLOWED = {
    ("_core.job", "os"): "os.PathLike and os.fspath: an image may be given as a path, which is not looked at",
    ("_core.image_source", "os"): "os.fspath: a path is shown, and not looked at",
    ("_core.job", "pathlib"): "pure paths: the stem of a file's name",
    ("_core.outcome", "pathlib"): "the type of where a video was saved",
    ("_core.integrity", "importlib"): "whether a C implementation of CRC-32C is installed",
}
ON_DISK = frozenset(
    {
        *(
            "read_text",
            "read_bytes",
            "write_text",
            "write_bytes",
            "exists",
            "stat",
            "is_file",
            "is_dir",
            "iterdir",
        ),
        *(
            "glob",
            "rglob",
            "resolve",
            "absolute",
            "expanduser",
            "cwd",
            "mkdir",
            "unlink",
            "rename",
            "touch",
            "open",
        ),
    }
)
"""The methods with which a path, once imported, would touch a disk."""
ENTRY_POINTS = frozenset({"__main__", "cli"})
"""What is run and never imported; it may start the other leaves."""


class Import(NamedTuple):
    target: str
    is_lazy: bool


def imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[Import]:
    """Everything that is imported, as absolute names; `from a import b` is `a.b`."""
    lazy = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, id(node) in lazy)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: (1 if is_package else 0) - node.level or None] if node.level else []
            for alias in node.names:
                target = ".".join([*base, *([node.module] if node.module else []), alias.name])
                yield Import(target, id(node) in lazy)


def area(module: str) -> str:
    """`_core`, `_edge`, a leaf's name, or the name itself for what the package publishes."""
    return module.split(".")[1] if "." in module else ""


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What the module does that the table does not allow."""
    tree = ast.parse(source)
    found: list[str] = []
    for one in imports(tree, module, is_package=is_package):
        is_ours = one.target.split(".")[0] == PACKAGE
        if is_ours and not _may_import(module, one):
            found.append(f"{module} imports {one.target}")
        elif not is_ours and not _may_use(module, one.target.split(".")[0]):
            found.append(f"{module} uses {one.target}")
    if area(module) == "_core":
        found += [f"{module} {deed}" for deed in _deeds(tree)]
    return found


def _may_import(module: str, one: Import) -> bool:
    there = area(one.target)
    match area(module):
        case "":  # hands out what `_names` knows
            return there == "_names"
        case "_names" | "events" | "_words" | "_rows":  # they publish names, the last two to leaves alone
            return there in ("_core", "_edge")
        case "_core":
            return there == "_core"
        case "_edge":
            is_progress = module == f"{PACKAGE}._edge.many" and there == "observe" and one.is_lazy
            return there in ("_core", "_edge") or is_progress
        case "emulator":
            return there == "emulator"
        case leaf:
            is_published = there in pixverse_async.__all__ and one.target.count(".") == 1
            is_leaf = not any(part.startswith("_") for part in one.target.split(".")[1:])
            return (
                there in (leaf, "_words", "_rows", "events") or is_published or (leaf in ENTRY_POINTS and is_leaf)
            )


def _may_use(module: str, library: str) -> bool:
    if area(module) == "_core" and library in WORLDLY:
        return (module.removeprefix(PACKAGE + "."), library) in ALLOWED
    if library == "aiohttp":
        return module == f"{PACKAGE}._edge.aiohttp_transport" or area(module) == "emulator"
    return True


def _deeds(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield "awaits"
            case ast.Call(func=ast.Name(id="open" | "print" | "input" | "__import__" as name)):
                yield f"calls {name}"
            case ast.Call(func=ast.Attribute(attr=name)) if name in ON_DISK:
                yield f"calls {name}"
            case _:
                pass


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_keeps_to_its_layer(module: str) -> None:
    """No module imports or does what its place in the tree does not allow."""
    path = MODULES[module]
    assert [] == violations(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")


def test_every_exception_is_needed() -> None:
    """No exemption outlives its reason."""
    for module, library in ALLOWED:
        tree = ast.parse(MODULES[f"{PACKAGE}.{module}"].read_text(encoding="utf-8"))
        found = {one.target.split(".")[0] for one in imports(tree, f"{PACKAGE}.{module}", is_package=False)}
        assert library in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("_core.pace", "import time"),
        ("_core.pace", "from time import monotonic"),
        ("_core.pace", "import asyncio.events as e"),
        ("_core.pace", "import anyio"),
        ("_core.pace", "import aiofiles"),
        ("_core.pace", "from random import Random"),
        ("_core.pace", "import os.path"),
        ("_core.pace", "import socket, json"),
        ("_core.pace", "import logging"),
        ("_core.pace", "from pathlib import Path"),
        ("_core.pace", "def now():\n    import time"),
        ("_core.pace", "if TYPE_CHECKING:\n    import aiohttp"),
        ("_core.pace", "try:\n    import aiohttp\nexcept ImportError:\n    pass"),
        ("_core.pace", "from .._edge import run"),
        ("_core.pace", "from .._edge.run import Run"),
        ("_core.pace", "from .. import _edge"),
        ("_core.pace", "from .. import Job"),
        ("_core.pace", "import pixverse_async._edge.run"),
        ("_core.schedule.rule", "from ..._edge.run import Run"),
        ("_core.pace", "async def wait(): ..."),
        ("_core.pace", "open('x')"),
        ("_core.pace", "print('x')"),
        ("_core.pace", "__import__('time')"),
        ("_core.job", "Path('x').read_bytes()"),
        ("_core.job", "import time"),
        ("_edge.run", "import aiohttp"),
        ("_edge.run", "from aiohttp import ClientSession"),
        ("_edge.run", "from ..observe import Progress"),
        ("_edge.run", "from ..emulator import Emulator"),
        ("_edge.run", "from .. import Job"),
        ("_edge.many", "from ..observe import Progress"),
        ("_edge.run", "def f():\n    from ..observe import Progress"),
        ("observe", "from ._core.job import Job"),
        ("observe", "from pixverse_async._edge.run import Run"),
        ("observe", "from . import _core"),
        ("observe", "from .emulator import Emulator"),
        ("observe", "from pixverse_async import not_a_public_name"),
        ("observe.display", "from .._core.job import Job"),
        ("report", "import aiohttp"),
        ("emulator.service", "from .._core.wire import MODEL"),
        ("emulator.service", "from pixverse_async import Job"),
        ("emulator.service", "import pixverse_async"),
        ("__main__", "from ._edge.client import Client"),
        ("", "from .observe import Progress"),
        ("", "from ._core.job import Job"),
        ("_names", "from .observe import Progress"),
        ("observe.display", "from .._names import Job"),
        ("_words", "from .observe.words import cut"),
        ("_rows", "from .cli.tables import Row"),
        ("_edge.run", "from .._rows import job_from_row"),
        ("_edge.run", "from .._words import dollars"),
    ],
)
def test_a_planted_violation_is_seen(module: str, source: str) -> None:
    """Each way round the table, however it is written, is one violation."""
    name = f"{PACKAGE}.{module}".rstrip(".")
    assert len(violations(source, name, is_package=module == "")) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("_core.pace", "from . import wire\nfrom .retry import backoff\nimport math"),
        ("_core.schedule.rule", "from ..job import Stage\nfrom .belief import Belief"),
        ("_core.job", "import os\nfrom pathlib import Path\nos.fspath(x)"),
        ("_edge.run", "from .._core import wire\nimport anyio, random, os"),
        ("_edge.aiohttp_transport", "import aiohttp"),
        ("_edge.many", "def f():\n    from ..observe import Progress"),
        ("emulator.server", "from aiohttp import web\nfrom .service import EmulatedService"),
        ("report.page", "from .._words import dollars"),
        ("telemetry", "from . import events"),
        ("observe.display", "from pixverse_async import Job\nfrom .words import clean\nfrom .. import Outcome"),
        ("__main__", "from pixverse_async.emulator.cli import main"),
        ("", "from ._names import *\nfrom ._names import __all__"),
        ("_names", "from ._core.job import Job\nfrom ._edge.client import Client"),
    ],
)
def test_what_is_allowed_is_not_a_violation(module: str, source: str) -> None:
    """The checker has nothing against what the design has nothing against."""
    name = f"{PACKAGE}.{module}".rstrip(".")
    assert [] == violations(source, name, is_package=module == "")
