"""Work that a cancellation can hurry but not tear, in virtual time."""

from __future__ import annotations

import math

import anyio
import pytest

from pixverse_async._edge.calls import unbroken

pytestmark = pytest.mark.anyio


async def test_unbroken_work_is_in_no_hurry_and_its_result_is_the_callers() -> None:
    """Nobody cancels: the work has no deadline, however short the grace, and what it returns is returned."""

    async def work(scope: anyio.CancelScope) -> float:
        await anyio.sleep(60.0)
        return scope.deadline

    assert math.inf == await unbroken(work, 1.0)


async def test_unbroken_work_that_fails_raises_its_own_error() -> None:
    """The error is the one that the work raised, in no group."""

    async def work(_: anyio.CancelScope) -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await unbroken(work, 1.0)


@pytest.mark.parametrize(("needs", "ends_at", "is_whole"), [(4.0, 4.0, True), (9.0, 7.0, False)])
async def test_a_cancelled_caller_waits_for_the_work_and_no_longer_than_the_grace(
    needs: float, ends_at: float, is_whole: bool
) -> None:
    """Cancelled after 2 seconds with 5 of grace, work ends by itself or is cut off at the seventh."""
    done: list[str] = []

    async def work(_: anyio.CancelScope) -> None:
        await anyio.sleep(needs)
        done.append("whole")

    began = anyio.current_time()
    with anyio.move_on_after(2.0) as caller:
        await unbroken(work, 5.0)
    assert caller.cancelled_caught
    assert pytest.approx(ends_at) == anyio.current_time() - began
    assert is_whole == bool(done)
