"""Wait for a truth, not for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["eventually"]

T = TypeVar("T")


async def eventually(
    look: Callable[[], T | Awaitable[T]], *, within_seconds: float = 10.0, every_seconds: float = 0.02
) -> T:
    """Call `look` until it neither raises AssertionError nor returns False; return what it returned.

    `look` may be plain or async. After `within_seconds` its last AssertionError is raised as it is.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            seen = look()
            value: T = await seen if inspect.isawaitable(seen) else seen
        except AssertionError:
            if time.monotonic() >= deadline:
                raise
        else:
            if value is not False:
                return value
            if time.monotonic() >= deadline:
                raise AssertionError(f"still false after {within_seconds} s: {look}")
        await asyncio.sleep(every_seconds)
