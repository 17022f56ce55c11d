"""A batch that may cost so much and no more: `python examples/budget.py photos 2.50`, with GMI_API_KEY set.

The budget is that of the output folder: what earlier runs into it have cost, or may yet cost, counts.
"""

import asyncio
import sys
from decimal import Decimal

from pixverse_async import BudgetExceededError, Failed, Job, estimate, generate_many, jobs_from_folder


async def main(jobs: list[Job], budget_usd: Decimal) -> None:
    price = estimate(jobs).total_usd
    print(f"all {len(jobs)} videos cost ${price}, the budget is ${budget_usd}")
    batch = await generate_many(jobs, budget_usd=budget_usd, progress=True)
    print(batch.summary())
    unsent = [one for one in batch if isinstance(one, Failed) and isinstance(one.error, BudgetExceededError)]
    if unsent:
        # Nothing was sent or charged for these, and the same call with a larger budget makes only them.
        print(f"not sent: {', '.join(one.name for one in unsent)}; all of them fit into ${price}")


if __name__ == "__main__":
    folder, dollars = sys.argv[1:]
    asyncio.run(main(jobs_from_folder(folder, prompt="the camera moves in slowly"), Decimal(dollars)))
