"""README says which test shows what: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_readme_names_exists() -> None:
    """A row of a table whose test was renamed or removed proves nothing any more."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "README.md").read_text()))
    files = (ROOT / "tests").rglob("test_*.py")
    written = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert len(named) > 15
    assert set() == named - written


def test_every_row_of_what_happens_when_names_a_test() -> None:
    """The promise of each row is shown by something that runs."""
    section = (ROOT / "README.md").read_text().split("## What happens when")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "shown by" not in line]
    assert len(rows) > 10
    assert [] == [row for row in rows if not re.search(r"`(test_\w+|tests/\w+)`", row)]


def test_every_file_and_anchor_that_readme_links_to_is_there() -> None:
    """A link to a file of the repository, or to a heading, leads somewhere; so does every example that is named."""
    text = (ROOT / "README.md").read_text()
    links = set(re.findall(r"\]\(([^)\s]+)\)", text))
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in text.splitlines()}
    named = set(re.findall(r"\b(?:examples|docs|benchmarks|tests|pixverse_async)/[\w./-]*\w", text))
    assert len(links | named) > 5
    assert [] == sorted(link for link in links if link.startswith("#") and link[1:] not in headings)
    local = {link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")}
    assert [] == sorted(name for name in local | named if not (ROOT / name).exists())
