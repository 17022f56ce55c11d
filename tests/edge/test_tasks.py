"""Work that a cancellation can hurry but not tear, in virtual time."""

from __future__ import annotations

import anyio
import pytest

from pixverse_async._edge.tasks import Grace, flat_task_group

pytestmark = pytest.mark.anyio


async def test_unbroken_work_is_in_no_hurry_and_its_result_is_the_callers() -> None:
    """Nobody cancels: the work may take longer than the grace, and what it returns is returned."""
    grace = Grace(1.0)

    async def work() -> str:
        await anyio.sleep(60.0)
        return "whole"

    assert "whole" == await grace.unbroken(work)
    assert not grace.has_begun


async def test_unbroken_work_that_fails_raises_its_own_error() -> None:
    """The error is the one that the work raised, in no group."""

    async def work() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await Grace(1.0).unbroken(work)


@pytest.mark.parametrize(("needs", "ends_at", "is_whole"), [(4.0, 4.0, True), (9.0, 7.0, False)])
@pytest.mark.parametrize("begins_at", [0.0, 3.0])
async def test_a_cancelled_caller_waits_for_the_work_and_no_longer_than_the_grace(
    needs: float, ends_at: float, is_whole: bool, begins_at: float
) -> None:
    """Cancelled after 2 seconds with 5 of grace, work ends by itself or is cut off at the seventh.

    So does work that others begin in the grace; and nobody goes on as if nothing had happened.
    """
    grace = Grace(5.0)
    done: list[str] = []

    async def work() -> None:
        await anyio.sleep(needs - begins_at)
        done.append("whole")

    async def caller() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(begins_at)
        await grace.unbroken(work)
        done.append("went on")

    began = anyio.current_time()
    with anyio.move_on_after(2.0) as outer:
        async with flat_task_group() as group:
            group.start_soon(grace.watch)
            group.start_soon(caller)
    assert outer.cancelled_caught
    assert grace.has_begun
    assert pytest.approx(ends_at) == anyio.current_time() - began
    assert is_whole == (done == ["whole"])
