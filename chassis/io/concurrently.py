"""Several things side by side, ended together, and one plain error when one of them fails."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

__all__ = ["all_of", "alongside", "beside", "pause", "raise_if_cancelled"]

T = TypeVar("T")


async def all_of(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run coroutines side by side and return their results in order.

    When one raises, the others are cancelled, and its error is raised itself, not inside of a group: the callers'
    tables of errors know nothing of groups.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one) for one in work]
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return [task.result() for task in running]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def raise_if_cancelled() -> None:
    """End a task whose cancellation was forgotten on the way up.

    Before Python 3.12 `asyncio.wait_for`, which the client of NATS is full of, returns its result and forgets the
    cancellation when both come at once; a loop that never ends by itself would then never end.

    Raises:
        asyncio.CancelledError: the present task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def pause(seconds: float) -> None:
    """Sleep between two rounds of a loop that only a cancellation ends."""
    raise_if_cancelled()
    await asyncio.sleep(seconds)


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine while the block runs, and wait for it when the block ends; cancelled only when the block is."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
        await task
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine while the block runs, and cancel it when the block ends."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
