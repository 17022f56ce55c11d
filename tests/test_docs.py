"""The documentation says what is true: what is generated is up to date, code is run, and nothing is left out."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any, cast

import nbformat
import pytest

import pixverse_async
from docs.draw_lifecycle import FILES, PLACES
from pixverse_async import State
from pixverse_async._core.lifecycle import TABLE
from pixverse_async.cli.arguments import VERBS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "parts")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_lifecycle_is_drawn_as_the_table_is(path: Path) -> None:
    """The committed picture and table are those of today's `TABLE`."""
    assert FILES[path]() == path.read_text(encoding="utf-8"), "run `python -m docs.draw_lifecycle`"


def test_every_state_and_event_is_in_the_picture() -> None:
    """No state has no place, and each way from one to another has its label."""
    drawn = (DOCS / "parts" / "lifecycle.svg").read_text(encoding="utf-8")
    labels = sorted(re.findall(r">([\w]+)</text>", drawn))
    events = [event.__name__ for row in TABLE.values() for event in row]
    assert sorted([*(state.name for state in State), *events]) == labels
    assert set(State) == set(PLACES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_on_a_page_is_code_that_is_run(page: Path) -> None:
    """Each block of Python is an example of the repository, a doctest, or a cell of the notebook that the tests run."""
    notebook = cast("Any", nbformat).read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for block in re.findall(r"```python\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL):
        included = re.fullmatch(r'--8<-- "(examples/\w+\.py)"', block)
        assert block in cells or block.startswith(">>> ") or (included and (ROOT / included[1]).is_file()), block


def test_the_reference_holds_every_public_name() -> None:
    """Each name of `__all__` has its place in the reference: by its docstring, or, being an alias, by a heading."""
    shown = re.findall(
        r"^(?:::: pixverse_async\.|### )(\w+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.M
    )
    assert set(pixverse_async.__all__) <= set(shown)


def test_every_page_is_listed_for_machines_and_for_people() -> None:
    """llms.txt and the navigation name each page, and no other."""
    pages = {page.relative_to(DOCS).as_posix() for page in PAGES}
    links = re.findall(r"\]\(([\w/]+)\.html\)", (DOCS / "llms.txt").read_text(encoding="utf-8"))
    entries = re.findall(r"- ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert pages == {f"{link}.md" for link in links} == set(entries)


def test_the_documentation_names_no_command_that_is_not() -> None:
    """Each `pixverse-async VERB` on a page is a verb of the command line."""
    verbs = {verb.name for verb in VERBS}
    texts = (page.read_text(encoding="utf-8") for page in PAGES)
    used = set(chain.from_iterable(re.findall(r"pixverse-async ([a-z]+)\b", text) for text in texts))
    assert used, "the tutorial uses some"
    assert used <= verbs


def test_an_extra_is_added_in_one_wording() -> None:
    """Every message and page gives the line that adds it to whatever is installed, and the README says that it does."""
    texts = {path: path.read_text(encoding="utf-8") for path in (*(ROOT / "pixverse_async").rglob("*.py"), *PAGES)}
    added = [(path, line) for path, text in texts.items() for line in re.findall(r".*pip install '[^.].*", text)]
    assert len(added) >= 6
    for path, line in added:
        assert re.search(r"extra `?(\S+?)`?: `?pip install 'pixverse-async\[\1\]'", line), (path, line)
    for page in (ROOT / "README.md", DOCS / "index.md"):
        assert "pip install 'pixverse-async[heic]'" in page.read_text(encoding="utf-8")
