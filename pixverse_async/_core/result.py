"""What a batch came to: its outcomes in input order, sorted by kind, summed up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import overload

from .dollars import dollars
from .outcome import Failed, Outcome, Pending, Succeeded, Unknown, row_of


class BatchResult(Sequence[Outcome]):
    """The outcomes of a batch, in input order; every job that was pulled has exactly one.

    >>> BatchResult([]).summary()
    '0 succeeded, 0 failed, 0 unknown, 0 pending, $0.00'
    """

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._outcomes = tuple(outcomes)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self._outcomes[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __repr__(self) -> str:
        return f"<BatchResult: {self.summary()}>"

    def _repr_html_(self) -> str:
        from .html import batch_html  # a notebook alone needs it

        return batch_html([row_of(one) for one in self], self.summary())

    @property
    def succeeded(self) -> tuple[Succeeded, ...]:
        """The videos that are where they belong, whole and checked."""
        return tuple(one for one in self._outcomes if isinstance(one, Succeeded))

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The jobs that ended in this run without a video."""
        return tuple(one for one in self._outcomes if isinstance(one, Failed))

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """The submits whose fate is unknown: held, and counted as spent."""
        return tuple(one for one in self._outcomes if isinstance(one, Unknown))

    @property
    def pending(self) -> tuple[Pending, ...]:
        """The requests still running at the service; the next run picks them up."""
        return tuple(one for one in self._outcomes if isinstance(one, Pending))

    @property
    def usd_spent(self) -> Decimal:
        """What these jobs have cost, unknown and pending ones counted as if they had succeeded."""
        return sum((one.usd for one in self._outcomes), Decimal(0))

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of the errors of all jobs that did not succeed; nothing if all did."""
        errors = [one.error for one in self._outcomes if not isinstance(one, Succeeded)]
        if errors:
            raise ExceptionGroup(self.summary(), errors)

    def summary(self) -> str:
        """One line: how many of each kind, and the money."""
        return (
            f"{len(self.succeeded)} succeeded, {len(self.failed)} failed, {len(self.unknown)} unknown, "
            f"{len(self.pending)} pending, {dollars(self.usd_spent)}"
        )
