"""What the service has charged: the truth against which a client's honesty about money is tested.

One charge per successful request, never for a failed or cancelled one, at the moment of success.  A charge is
*committed* when its request is accepted, because nothing but a cancellation can stop it any more; `duplicates`
looks at those, so that a test cannot miss a double payment by ending before the second video is ready.

The ledger knows neither HTTP nor the queue.  `now` is the latest service time that anyone has told it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import attrs


@attrs.frozen(kw_only=True)
class Charge:
    """Money for one successful request."""

    request_id: str
    usd: Decimal
    at: float
    """Service seconds."""
    fingerprint: str = attrs.field(repr=False)
    """Equal for requests that ask for the same video: prompt, picture's content, parameters, seed."""
    prompt: str = ""
    seed: int | None = None


@attrs.define(eq=False)
class Ledger:
    """Every charge of a run, and the counts that put them in proportion."""

    submits: int = 0
    """POSTs to the queue that were read, whatever came of them."""
    accepted: int = 0
    """Requests that came to exist."""
    refused: int = 0
    now: float = 0.0
    committed_usd: Decimal = Decimal(0)
    """What is charged and what will be, unless cancelled."""
    _charges: dict[str, Charge] = attrs.field(factory=dict[str, Charge], repr=False)
    _unpaid: set[str] = attrs.field(factory=set[str], repr=False)

    def commit(self, charge: Charge) -> None:
        """A request that will succeed has been accepted."""
        self._charges[charge.request_id] = charge
        self.committed_usd += charge.usd

    def note_unpaid(self, request_id: str) -> None:
        """A request that will never be charged has been accepted."""
        self._unpaid.add(request_id)

    def revoke(self, request_id: str) -> None:
        """The request was cancelled in time."""
        charge = self._charges.pop(request_id, None)
        if charge is not None:
            self.committed_usd -= charge.usd
            self._unpaid.add(request_id)

    def tell(self, now: float) -> None:
        """Service time has come this far."""
        self.now = max(self.now, now)

    @property
    def committed(self) -> tuple[Charge, ...]:
        """Every charge that is made or bound to be made, in the order of the submits."""
        return tuple(self._charges.values())

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge made so far, in the order of the successes."""
        due = (charge for charge in self._charges.values() if charge.at <= self.now)
        return tuple(sorted(due, key=lambda charge: charge.at))

    @property
    def total_usd(self) -> Decimal:
        """The bill so far."""
        return sum((charge.usd for charge in self.charges), Decimal(0))

    @property
    def uncharged(self) -> tuple[str, ...]:
        """Ids of requests that exist and cost nothing: failed, cancelled, stuck."""
        return tuple(sorted(self._unpaid))

    def duplicates(self) -> tuple[tuple[Charge, ...], ...]:
        """Groups of two and more committed charges for the same video."""
        groups: defaultdict[str, list[Charge]] = defaultdict(list)
        for charge in self._charges.values():
            groups[charge.fingerprint].append(charge)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def assert_paid_once(self, videos: int | None = None) -> None:
        """No video is paid twice and, when told, exactly so many are paid. *Raises* `AssertionError`."""
        doubles = self.duplicates()
        shown = "; ".join(f"{group[0].prompt[:40]!r}: {[c.request_id for c in group]}" for group in doubles[:5])
        assert not doubles, f"{len(doubles)} videos are charged more than once: {shown}"
        paid = len(self._charges)
        assert videos is None or videos == paid, f"{videos} videos wanted, {paid} charged"

    def summary(self) -> dict[str, object]:
        """The ledger as JSON holds it: money as decimal text."""
        return {
            "submits": self.submits,
            "accepted": self.accepted,
            "refused": self.refused,
            "charged": len(self.charges),
            "total_usd": str(self.total_usd),
            "committed": len(self._charges),
            "committed_usd": str(self.committed_usd),
            "uncharged": list(self.uncharged),
            "duplicates": [[charge.request_id for charge in group] for group in self.duplicates()],
            "charges": [
                {"request_id": charge.request_id, "usd": str(charge.usd), "at": charge.at, "seed": charge.seed}
                for charge in self.charges
            ],
        }
