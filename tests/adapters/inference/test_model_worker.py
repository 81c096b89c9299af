import asyncio
import random
import threading
from collections.abc import Callable, Sequence

import pytest

from chassis.core.errors import DeadlineExceeded, Overloaded, Stopping, UpstreamUnavailable
from inference_svc.adapters.model_worker import ModelWorker
from inference_svc.domain.batching import BatchPolicy


def worker(run: Callable[[Sequence[int]], list[int]], *, most: int = 8, waiting: int = 1000) -> ModelWorker[int, int]:
    return ModelWorker("m", lambda: run, policy=BatchPolicy(most), max_waiting_items=waiting)


async def test_every_caller_gets_his_own_rows_back() -> None:
    """The silent bug of batching is index skew."""
    sizes: list[int] = []

    def square(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return [item * item for item in items]

    dice = random.Random(7)  # noqa: S311 - a shuffle, no secret
    requests = [[dice.randrange(10**6) for _ in range(dice.randrange(0, 21))] for _ in range(200)]
    model = worker(square, waiting=10_000)
    answers = await asyncio.gather(*(model.run(items, timeout_seconds=30) for items in requests))
    model.close()

    assert answers == [[item * item for item in items] for items in requests]
    assert max(sizes) <= 8
    assert len(sizes) < sum(map(len, requests))


async def test_one_thread_loads_and_runs_the_model() -> None:
    threads: set[int] = set()

    def run(items: Sequence[int]) -> list[int]:
        threads.add(threading.get_ident())
        return list(items)

    def load() -> Callable[[Sequence[int]], list[int]]:
        threads.add(threading.get_ident())
        return run

    model: ModelWorker[int, int] = ModelWorker("m", load, policy=BatchPolicy(4), max_waiting_items=9)
    await asyncio.gather(*(model.run([n], timeout_seconds=5) for n in range(9)))
    model.close()

    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    gate = threading.Event()
    started = threading.Event()

    def slow(items: Sequence[int]) -> list[int]:
        started.set()
        gate.wait(10)
        return list(items)

    model = worker(slow, most=1, waiting=2)
    running = asyncio.ensure_future(model.run([0], timeout_seconds=10))
    await asyncio.to_thread(started.wait, 10)
    queued = asyncio.ensure_future(model.run([1, 2], timeout_seconds=10))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refusal:
        await model.run([3], timeout_seconds=10)
    gate.set()

    assert refusal.value.retry_after_seconds > 0
    assert await running == [0]
    assert await queued == [1, 2]
    model.close()


async def test_what_has_expired_is_not_run() -> None:
    seen: list[int] = []
    gate, started = threading.Event(), threading.Event()

    def slow(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        started.set()
        gate.wait(10)
        return list(items)

    model = worker(slow, most=1)
    running = asyncio.ensure_future(model.run([0], timeout_seconds=10))
    await asyncio.to_thread(started.wait, 10)
    late = asyncio.ensure_future(model.run([1], timeout_seconds=0))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(DeadlineExceeded):
        await late
    await running
    model.close()

    assert seen == [0]


async def test_a_caller_who_left_is_not_worked_for() -> None:
    seen: list[int] = []
    gate, started = threading.Event(), threading.Event()

    def slow(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        started.set()
        gate.wait(10)
        return list(items)

    model = worker(slow, most=1)
    running = asyncio.ensure_future(model.run([0], timeout_seconds=10))
    await asyncio.to_thread(started.wait, 10)
    gone = asyncio.ensure_future(model.run([1], timeout_seconds=10))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    gate.set()
    await running

    assert await model.run([2], timeout_seconds=10) == [2]
    assert seen == [0, 2]
    model.close()


async def test_a_bad_item_hurts_its_own_caller_only() -> None:
    def picky(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise UpstreamUnavailable("thirteen")
        return list(items)

    model = worker(picky)
    answers = await asyncio.gather(*(model.run([n], timeout_seconds=5) for n in range(10, 16)), return_exceptions=True)
    model.close()

    assert [a for a in answers if isinstance(a, list)] == [[10], [11], [12], [14], [15]]
    assert isinstance(answers[3], UpstreamUnavailable)


async def test_a_model_that_failed_to_load_is_tried_again() -> None:
    attempts = []

    def load() -> Callable[[Sequence[int]], list[int]]:
        attempts.append(1)
        if len(attempts) == 1:
            raise UpstreamUnavailable("no memory just now")
        return list

    model: ModelWorker[int, int] = ModelWorker("m", load, policy=BatchPolicy(4), max_waiting_items=9)
    with pytest.raises(UpstreamUnavailable):
        await model.run([1], timeout_seconds=5)

    assert await model.run([1], timeout_seconds=5) == [1]
    model.close()


async def test_a_closed_worker_refuses() -> None:
    model = worker(list)
    model.close()
    with pytest.raises(Stopping):
        await model.run([1], timeout_seconds=5)
