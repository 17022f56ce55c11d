"""The public surface as a text: whoever changes it sees the change, and so does the reviewer.

After a wanted change run `python -m tests.test_public_api` and commit tests/public_api.txt with it.
"""

from __future__ import annotations

import enum
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import pixverse_async
import pixverse_async._names as names_module  # pyright: ignore[reportPrivateUsage]

PACKAGE = "pixverse_async"
SNAPSHOT = Path(__file__).with_name("public_api.txt")


def describe_all() -> str:
    """Every public name with its signature, and every public member of the classes."""
    blocks = ("\n".join(describe(name, getattr(pixverse_async, name))) for name in sorted(pixverse_async.__all__))
    return "\n\n".join(blocks) + "\n"


def describe(name: str, value: object) -> Iterator[str]:
    """One name: its own line, and a line for each member."""
    if not isinstance(value, type):
        yield f"{_kind(value)}{name}{_signature(value)}" if callable(value) else f"{name} = {value!r}"
        return
    yield from _describe_class(name, cast("type[object]", value))


def _describe_class(name: str, value: type[object]) -> Iterator[str]:
    bases = ", ".join(
        base.__name__ for base in value.__bases__ if base is not object and not base.__name__.startswith("_")
    )
    if issubclass(value, enum.Enum):
        yield f"enum {name}({bases})"
        yield from (f"    {member.name} = {member.value!r}" for member in value)
    else:
        yield f"class {name}({bases})" if bases else f"class {name}"
        if bases != "Protocol":
            yield f"    __init__{_signature(value)}"
    yield from (f"    {line}" for line in _members(value))


def _members(owner: type[object]) -> Iterator[str]:
    """The members that no other public class has already shown."""
    hidden = [
        base for base in owner.__mro__ if base.__name__.startswith("_") and base.__module__.startswith(PACKAGE)
    ]
    for name, value in sorted({key: one for base in (*hidden, owner) for key, one in vars(base).items()}.items()):
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            assert value.fget is not None
            yield f"{name}{_signature(value.fget).removeprefix('(self)').replace(' ->', ':')}"
        elif inspect.isfunction(value):
            yield f"{_kind(value)}{name}{_signature(value)}"
        elif not isinstance(value, enum.Enum) and isinstance(value, str | int | None):
            yield f"{name} = {value!r}"


def _kind(value: object) -> str:
    return "async def " if inspect.iscoroutinefunction(value) else "def "


def _signature(value: object) -> str:
    """The signature without the quotes of deferred annotations."""
    assert callable(value)
    try:
        return re.sub(
            r"ForwardRef\('([^']*)'\)", r"\1", re.sub(r"(?<=[:>] )'([^']*)'", r"\1", str(inspect.signature(value)))
        )
    except ValueError:
        return "(...)"


def test_the_public_api_is_the_one_that_was_agreed() -> None:
    """The names, signatures and members are those of public_api.txt, to the letter."""
    assert SNAPSHOT.read_text(encoding="utf-8") == describe_all(), f"wanted? then: {__doc__}"


def test_the_list_of_names_is_true() -> None:
    """`__all__` is sorted, without a repetition, and holds every public name and no other."""
    found = {
        name
        for name, value in vars(names_module).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert sorted(found) == list(pixverse_async.__all__)
    assert set(found) <= set(dir(pixverse_async))


def test_nothing_heavy_is_loaded_before_a_name_is_asked_for() -> None:
    """The bare package brings no library, refuses a wrong name, and brings all with the first right one."""
    script = """
import sys, pixverse_async
assert not {"aiohttp", "attrs", "anyio", "asyncio"} & set(sys.modules), "loaded too early"
assert not hasattr(pixverse_async, "_private")
assert "aiohttp" not in sys.modules, "a private name loads nothing"
assert not hasattr(pixverse_async, "no_such_name")
from pixverse_async import *
assert Job is pixverse_async.Job and "aiohttp" in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


@pytest.mark.parametrize("name", sorted(pixverse_async.__all__))
def test_a_public_name_is_documented(name: str) -> None:
    """Every public class and function, and every public method of them, says what it is for."""
    value: object = getattr(pixverse_async, name)
    if not isinstance(value, type) and not inspect.isfunction(value):
        return
    undocumented = [] if inspect.getdoc(value) else [name]
    if isinstance(value, type):
        members = {key: one for key, one in vars(value).items() if not key.startswith("_")}
        functions = {
            key: one for key, one in members.items() if inspect.isfunction(one) or isinstance(one, property)
        }
        undocumented += [f"{name}.{key}" for key, one in functions.items() if not inspect.getdoc(one)]
    assert undocumented == []


@pytest.mark.parametrize("name", sorted(pixverse_async.__all__))
def test_no_signature_gives_types_up(name: str) -> None:
    """No public signature says `Any`."""
    assert not [line for line in describe(name, getattr(pixverse_async, name)) if re.search(r"\bAny\b", line)]


if __name__ == "__main__":
    SNAPSHOT.write_text(describe_all(), encoding="utf-8")
