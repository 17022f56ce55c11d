"""Structured concurrency in three small forms.

A call whose failure is a value; work that cancellation cannot tear; a task group that raises what went wrong in it
instead of a group around it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio

from .._core.errors import JournalError, TransportError
from .._core.wire import Call, Reply
from .transport import Transport

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")


async def answer_to(transport: Transport, call: Call) -> Reply | TransportError:
    """The reply, or why there is none."""
    try:
        return await transport.call(call)
    except TransportError as error:
        return error


@asynccontextmanager
async def flat_task_group() -> AsyncGenerator[TaskGroup]:
    """A task group that raises one error: a broken journal before all others, else the first that happened."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        # One level only: a group inside is somebody's own, such as that of `raise_for_failures`.
        first = errors.exceptions[0]
        error = next((one for one in errors.exceptions if isinstance(one, JournalError)), first)
        raise error from error.__cause__


async def unbroken(work: Callable[[anyio.CancelScope], Awaitable[T]], grace: float) -> T:
    """Do the work to its end, even when the caller is cancelled meanwhile: then for at most `grace` seconds more.

    The work is given its scope, whose deadline is infinite until the caller is cancelled.
    *Cancellation*: raised after the work has ended or the grace has passed.
    """
    results: list[T] = []
    problems: list[Exception] = []
    done = anyio.Event()
    scope = anyio.CancelScope(shield=True)

    async def shielded() -> None:
        with scope:
            try:
                results.append(await work(scope))
            except Exception as problem:  # noqa: BLE001  raised below, without the task group's wrapping
                problems.append(problem)
        done.set()

    async with flat_task_group() as group:
        group.start_soon(shielded)
        try:
            await done.wait()
        finally:
            # Reached at once when all is well; after a cancellation it turns patience into a deadline.
            scope.deadline = anyio.current_time() + grace
    for problem in problems:
        raise problem
    return results[0]
