"""Makes docstrings read well as Markdown: examples become code blocks, and each argument begins a paragraph."""

from __future__ import annotations

import doctest
import re

import griffe

_ITEM = re.compile(r"(?<!\n)\n(?=`\w+`: |\*[A-Z]\w+\*)")
"""A line of our docstrings that begins with "`name`: " or "*Charges*": Markdown would run it into the one before."""


class FenceExamples(griffe.Extension):
    """See `mkdocs.yml`."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called for each thing that was read."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring with its examples in a fence.

    >>> print(as_markdown("Adds.\\n\\n>>> 1 + 1\\n2"))
    Adds.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    prose, examples = "", ""
    for part in doctest.DocTestParser().parse(text):
        if isinstance(part, doctest.Example):
            examples += "".join(
                f"{'>>>' if n == 0 else '...'} {line}"
                for n, line in enumerate(part.source.splitlines(keepends=True))
            )
            examples += part.want
        elif part.strip():
            prose += part
    head = _ITEM.sub("\n\n", prose).rstrip()
    return f"{head}\n\n```pycon\n{examples}```" if examples else head
