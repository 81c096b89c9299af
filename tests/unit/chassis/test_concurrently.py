import asyncio
from contextlib import suppress

import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.io.concurrently import all_of, beside, pause


async def test_results_come_in_the_order_of_asking():
    async def one(number):
        for _ in range(5 - number):
            await asyncio.sleep(0)
        return number

    assert await all_of(*(one(number) for number in range(5))) == [0, 1, 2, 3, 4]
    assert await all_of() == []


async def test_one_failure_ends_the_others_and_is_raised_as_itself():
    """R-OPS-09: no table of errors knows groups."""
    ended = asyncio.Event()

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail():
        raise UpstreamUnavailable("gone")

    with pytest.raises(UpstreamUnavailable, match="gone"):
        await all_of(forever(), all_of(forever(), fail()))
    assert ended.is_set()


async def test_work_beside_a_block_ends_with_it_and_leaves_no_task():
    started, ended = asyncio.Event(), asyncio.Event()

    async def work():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(work()):
        await started.wait()
    assert ended.is_set()
    with pytest.raises(ValueError, match="of the block"):
        async with beside(work()):
            raise ValueError("of the block")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_loop_ends_even_when_its_cancellation_was_forgotten_on_the_way():
    """asyncio.wait_for forgets it before Python 3.12 when the result comes at the same moment."""
    rounds = []

    async def loop():
        while True:
            rounds.append(1)
            with suppress(asyncio.CancelledError):  # what wait_for does when both come at once
                await asyncio.sleep(3_600)
            await pause(0)

    task = asyncio.ensure_future(loop())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert rounds == [1]
