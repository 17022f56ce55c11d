"""A budget that never promises more than it holds.

Its price is reserved before a job is sent, and spent or released when it is known what became of the job.  One
invariant holds, whatever happens: reserved + spent <= limit.  An unknown submit keeps its reservation: it may be
billed.  Money is `Decimal` US dollars.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import attrs

from .lifecycle import AT_STAKE, JobRecord


@attrs.define(eq=False, repr=False, kw_only=True)
class Budget:
    """What may be spent. `limit_usd` None: without limit; the sums are kept all the same."""

    limit_usd: Decimal | None = None
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)

    @property
    def left_usd(self) -> Decimal | None:
        """What may still be promised; None without a limit."""
        return None if self.limit_usd is None else self.limit_usd - self.spent_usd - self.reserved_usd

    def has_room(self, usd: Decimal) -> bool:
        """Whether `usd` may still be promised."""
        left = self.left_usd
        return left is None or usd <= left

    def reserve(self, usd: Decimal) -> bool:
        """Promise `usd`; False, and nothing changed, when there is no room."""
        if not self.has_room(usd):
            return False
        self.reserved_usd += usd
        return True

    def settle(self, usd: Decimal) -> None:
        """What was promised has been charged."""
        self._unreserve(usd)
        self.spent_usd += usd

    def release(self, usd: Decimal) -> None:
        """What was promised is certain not to be charged."""
        self._unreserve(usd)

    def _unreserve(self, usd: Decimal) -> None:
        if usd > self.reserved_usd:
            raise AssertionError(f"settled or released ${usd} of ${self.reserved_usd} reserved")
        self.reserved_usd -= usd


def open_budget(limit_usd: Decimal | None, records: Iterable[JobRecord]) -> Budget:
    """The budget of an output folder: what earlier runs spent or may have spent in it counts."""
    spent = reserved = Decimal(0)
    for record in records:
        if record.state in AT_STAKE:
            reserved += record.usd
        else:
            spent += record.usd
        spent += record.sunk_usd
    return Budget(limit_usd=limit_usd, spent_usd=spent, reserved_usd=reserved)
