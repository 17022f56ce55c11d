"""What became of the jobs of a run, as people were told of it.

An outcome is told (`on_event`, and so the display) a moment before it is handed out, and a signal in between keeps it
back: it is as true for that, and belongs into the tables.
"""

from __future__ import annotations

import attrs

from pixverse_async import JobEvent, Outcome, State
from pixverse_async.observe import Observer

from .manifest import outcome_row
from .say import answer_json


@attrs.define(eq=False)
class Found:
    """An observer that keeps the outcomes, and knows which of them were answered on stdout."""

    then: Observer | None = None
    _outcomes: dict[int, Outcome] = attrs.field(factory=dict[int, Outcome])
    _sent: set[int] = attrs.field(factory=set[int])
    _answered: set[int] = attrs.field(factory=set[int])

    def __call__(self, event: JobEvent) -> None:
        """See `Observer`."""
        if event.state is not State.NEW:
            self._sent.add(event.index)
        if event.outcome is not None:
            self._outcomes[event.index] = event.outcome
        if self.then is not None:
            self.then(event)

    def answer(self, outcome: Outcome, *, as_json: bool) -> None:
        """Answer one on stdout."""
        self._answered.add(outcome.index)
        if as_json:
            answer_json({"type": "outcome", **outcome_row(outcome)})

    def unanswered(self) -> list[Outcome]:
        """Those that were told, and no more."""
        return [one for one in self.in_order() if one.index not in self._answered]

    def unsent(self, total: int) -> int:
        """Of `total` jobs those that were neither sent nor ended."""
        return total - len(self._sent | self._outcomes.keys())

    def in_order(self) -> list[Outcome]:
        """All, as their jobs were given."""
        return sorted(self._outcomes.values(), key=lambda one: one.index)
