"""Money as it is said."""

from __future__ import annotations

from decimal import Decimal


def dollars(usd: Decimal) -> str:
    """Cents at the least, and every digit that counts.

    >>> dollars(Decimal("1.050")), dollars(Decimal("0.175")), dollars(Decimal(25))
    ('$1.05', '$0.175', '$25.00')
    """
    exact = usd.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"${exact:.{places}f}"
