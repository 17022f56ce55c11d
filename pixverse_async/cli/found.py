"""What became of the jobs of a run, as people were told of it.

An outcome is told (`on_event`, and so the display) a moment before it is handed out, and a signal in between keeps it
back: it is as true for that, and belongs into the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pixverse_async import JobEvent, Outcome, State, Succeeded
from pixverse_async.observe import Observer

from .manifest import outcome_row
from .say import answer_json


@attrs.define(eq=False)
class Found:
    """An observer that keeps the outcomes, and knows which of them were answered on stdout."""

    then: Observer | None = None
    places: Sequence[str | None] = ()
    """Where each job stands in a table; a failure is told with it."""
    lost: OSError | None = attrs.field(default=None, init=False)
    """Why stdout did not take an outcome."""
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
            self.then(event if event.outcome is None else attrs.evolve(event, outcome=self.placed(event.outcome)))

    def answer(self, outcome: Outcome, *, as_json: bool) -> None:
        """Answer one on stdout. A full disk below it is no reason to leave a batch that is paid for."""
        self._answered.add(outcome.index)
        if not as_json:
            return
        try:
            answer_json({"type": "outcome", **outcome_row(outcome), "source": self._place(outcome)})
        except OSError as problem:
            self.lost = problem

    def placed(self, outcome: Outcome) -> Outcome:
        """The outcome as people are told of it: without a video it is called by its place in the table, too."""
        place = self._place(outcome)
        if place is None or isinstance(outcome, Succeeded):
            return outcome
        return attrs.evolve(outcome, name=f"{outcome.name} ({place})")

    def _place(self, outcome: Outcome) -> str | None:
        return self.places[outcome.index] if outcome.index < len(self.places) else None

    def unanswered(self) -> list[Outcome]:
        """Those that were told, and not answered on stdout yet."""
        return [one for one in self.in_order() if one.index not in self._answered]

    def unsent(self, total: int) -> int:
        """Of `total` jobs those that were neither sent nor ended."""
        return total - len(self._sent | self._outcomes.keys())

    def in_order(self) -> list[Outcome]:
        """All, as their jobs were given."""
        return sorted(self._outcomes.values(), key=lambda one: one.index)
