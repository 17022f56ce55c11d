"""Every public name is shown in use, and what shows it is run: docstrings by pytest itself, the pages of docs/ here."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

import pixverse_async

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if ">>> " in page.read_text(encoding="utf-8"))


def names_used(text: str) -> set[str]:
    """The words of those lines of the text that are run."""
    return {
        word
        for example in doctest.DocTestParser().get_examples(text)
        for word in re.findall(r"\w+", example.source)
    }


@pytest.mark.parametrize("name", sorted(pixverse_async.__all__))
def test_a_public_name_has_an_example(name: str) -> None:
    """The docstring of a class or function runs code that names it; a type alias has none, and a page shows it."""
    value: object = getattr(pixverse_async, name)
    is_alias = not isinstance(value, type) and not inspect.isfunction(value)
    texts = [page.read_text(encoding="utf-8") for page in PAGES] if is_alias else [value.__doc__ or ""]
    assert any(name in names_used(text) for text in texts), f"{name}: add a `>>>` example"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page: Path) -> None:
    """What a page of the documentation says that a line prints, it prints."""
    ran = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert (0, True) == (ran.failed, ran.attempted > 0)
