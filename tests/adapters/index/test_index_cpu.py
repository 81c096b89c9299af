"""What indexing uses is charged to the video: also what Milvus Lite computes in threads of its own."""

import asyncio
import sys
import time

import pytest

from chassis.core.errors import InvalidInput
from chassis.io.spending import Spending, spending_on
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.domain.filters import Scope
from tests.support.index_moments import make_moments

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the CPU of threads")


@pytest.fixture
async def store(tmp_path):
    opened = MilvusStore(str(tmp_path / "index"), image_dimensions=8)
    await opened.open()
    yield opened
    await opened.close()


def moments(video, count=120):
    return make_moments(*(f"a boat in the harbour {number}" for number in range(count)), video=video)


async def indexed(store, video):
    spending = Spending()
    made = moments(video)
    with spending_on(spending):
        await store.upsert_video("ada", video, 1, made)
    return spending.cpu_ns


async def test_a_video_pays_for_the_threads_of_the_index(store):
    """R-AD3-01: nearly all that the process uses meanwhile, though none of it in the thread that asks."""
    await indexed(store, "warm")
    before_ns, own_ns = time.process_time_ns(), time.thread_time_ns()
    paid_ns = await indexed(store, "v1")
    used_ns, loop_ns = time.process_time_ns() - before_ns, time.thread_time_ns() - own_ns

    assert 0.7 * (used_ns - loop_ns) <= paid_ns <= used_ns


async def test_two_videos_and_a_search_at_once_pay_for_nobody_else(store):
    """R-AD3-01: what is paid is never more than what was used."""
    await indexed(store, "warm")
    before_ns = time.process_time_ns()
    async with asyncio.TaskGroup() as tasks:
        paid = [tasks.create_task(indexed(store, video)) for video in ("v1", "v2")]
        for _ in range(20):
            tasks.create_task(store.search_words("boat", Scope("ada"), limit=5))
    used_ns = time.process_time_ns() - before_ns

    assert all(one.result() > 0 for one in paid)
    assert sum(one.result() for one in paid) < used_ns


async def test_a_refused_write_has_cost_nothing_that_counts(store):
    spending = Spending()
    with spending_on(spending), pytest.raises(InvalidInput):
        await store.upsert_video("ada", "v1", 2, moments("v1", 1))

    assert spending.cpu_ns is None
