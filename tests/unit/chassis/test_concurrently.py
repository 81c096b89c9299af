import asyncio

import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.io.concurrently import all_of, beside


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
