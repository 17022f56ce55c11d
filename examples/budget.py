"""A batch that may cost so much and no more: `python examples/budget.py photos 2.50`, with GMI_API_KEY set.

The budget is that of the output folder: what earlier runs into it have cost, or may yet cost, counts.
"""

import asyncio
import sys
from decimal import Decimal, InvalidOperation

from pixverse_async import (
    BudgetExceededError,
    Failed,
    Job,
    PixverseError,
    estimate,
    generate_many,
    jobs_from_folder,
)


async def main(jobs: list[Job], budget_usd: Decimal) -> None:
    price = estimate(jobs).total_usd
    print(f"all {len(jobs)} videos cost ${price}, the budget is ${budget_usd}")
    batch = await generate_many(jobs, budget_usd=budget_usd, progress=True)
    print(batch.summary())
    unsent = [one for one in batch if isinstance(one, Failed) and isinstance(one.error, BudgetExceededError)]
    if unsent:
        # Nothing was sent or charged for these, and the same call with a larger budget makes only them.
        more = estimate(one.job for one in unsent).total_usd
        print(f"not sent: {', '.join(one.name for one in unsent)}; a budget that is ${more} larger is enough")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(jobs_from_folder(sys.argv[1], prompt="the camera moves in slowly"), Decimal(sys.argv[2])))
    except InvalidOperation:
        sys.exit(f"{sys.argv[2]!r} is no amount of money. Give dollars, such as 2.50.")
    except PixverseError as problem:  # a missing folder, no key, no way to the service
        sys.exit(str(problem))
