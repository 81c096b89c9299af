"""The account of a piece of work, and the clocks that are read for it."""

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.core.stages import Stage
from chassis.io.cpu_clocks import ThreadFamily, process_cpu_ns
from chassis.io.spending import Spending, charged, current_spending, metered, spending_on
from chassis.io.stage import measure_stage, stage_event
from tests.unit.chassis.test_stage import T0

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


def burn(seconds=0.05):
    """Use that much CPU in this thread."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(100))


def test_nothing_is_known_until_somebody_measured_it():
    """R-STG-11."""
    spending = Spending()

    assert (spending.cpu_ns, spending.gpu_ns, spending.energy_uj, spending.model_calls) == (None,) * 4
    assert spending.energy_with(None) is None


def test_a_part_that_can_not_be_told_makes_the_whole_unknown_for_good():
    """R-STG-11: a sum without one of its parts would be a lie."""
    spending = Spending()
    spending.add(cpu_ns=5)
    spending.lose_track("cpu_ns")
    spending.add(cpu_ns=5, model_calls=1)
    spending.lose_track("energy_uj")
    spending.add(energy_uj=3)

    assert (spending.cpu_ns, spending.model_calls, spending.energy_uj) == (None, 1, None)
    assert spending.energy_with(100) is None


def test_energy_of_accelerators_and_processors_adds_up():
    spending = Spending()
    assert spending.energy_with(40) == 40
    spending.add(energy_uj=2)
    assert spending.energy_with(40) == 42
    assert spending.energy_with(None) == 2


async def test_a_task_pays_for_its_own_steps_and_not_for_its_neighbours():
    """R-AD3-01: two pieces of work in one event loop."""

    async def work(rounds):
        for _ in range(rounds):
            burn(0.01)
            await asyncio.sleep(0)

    async def paid(rounds):
        spending = Spending()
        with spending_on(spending):
            await metered(work(rounds))
        return spending.cpu_ns / 1e9

    async with asyncio.TaskGroup() as tasks:
        short, long = tasks.create_task(paid(3)), tasks.create_task(paid(9))

    assert 0.03 <= short.result() < 0.06
    assert 0.09 <= long.result() < 0.15


async def test_waiting_costs_nothing():
    spending = Spending()
    with spending_on(spending):
        await metered(asyncio.sleep(0.1))

    assert spending.cpu_ns < 20_000_000


async def test_what_a_metered_coroutine_returns_raises_or_is_told_goes_through():
    async def answer():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            burn(0.01)
            raise KeyError("cleaned up") from None

    async def fail():
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def give():
        await asyncio.sleep(0)
        return 7

    spending = Spending()
    with spending_on(spending):
        assert await metered(give()) == 7
        with pytest.raises(ValueError, match="mine"):
            await metered(fail())
        before = spending.cpu_ns
        task = asyncio.ensure_future(metered(answer()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(KeyError):
            await task
    assert spending.cpu_ns - before >= 10_000_000
    assert current_spending() is None
    assert await metered(give()) == 7  # outside of any work it is only run


async def test_threads_started_for_the_work_are_charged():
    spending = Spending()
    with spending_on(spending):
        await asyncio.to_thread(charged(burn), 0.03)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(charged(lambda: burn(0.02) or 1 / 0))
    await asyncio.to_thread(charged(burn), 0.03)  # outside: nobody's

    assert 0.05 <= spending.cpu_ns / 1e9 < 0.08


async def test_a_stage_pays_for_what_its_handler_does():
    """R-AD3-01: record and event carry it."""

    async def handler():
        burn(0.02)
        await asyncio.to_thread(charged(burn), 0.02)
        current_spending().add(gpu_ns=5, model_calls=2)

    identity = {"video_id": "v", "owner_id": "o", "generation": 1, "attempt": 1, "fence": 1}
    with measure_stage(Stage.INDEXING, **identity, queued_at=T0, worker="w", worker_slots=3) as span:
        await metered(handler())
    event = stage_event(span.record)

    assert 0.04 <= event.cpu_ns / 1e9 < 0.08
    assert (event.gpu_ns, event.model_calls, event.worker_slots) == (5, 2, 3)
    assert not event.HasField("energy_uj")


@linux
def test_the_clock_of_another_process_is_read_until_it_is_gone():
    burns = "import sys, time\nwhile time.process_time() < 0.1: pass"
    line = [sys.executable, "-c", f"{burns}\nprint(time.process_time_ns(), flush=True)\nsys.stdin.read()"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        told_ns = int(child.stdout.readline())
        seen_ns = process_cpu_ns(child.pid)
    assert told_ns <= seen_ns < told_ns + 50_000_000
    assert process_cpu_ns(child.pid) is None


@linux
def test_a_family_is_its_founder_and_all_who_come_of_it():
    """The threads of a native library are such; here they are Python's."""
    family, strangers = ThreadFamily("test"), ThreadFamily("other")
    done, go_on = threading.Event(), threading.Event()
    grandchild = threading.Thread(target=lambda: (burn(0.04), done.set(), go_on.wait()))

    def founder():
        family.join()
        burn(0.02)
        grandchild.start()
        go_on.wait()

    burn(0.02)
    thread = threading.Thread(target=founder)
    thread.start()
    done.wait()
    seen_ns = family.cpu_ns()
    go_on.set()
    for one in (thread, grandchild):
        one.join()

    assert 0.06 <= seen_ns / 1e9 < 0.09
    assert strangers.cpu_ns() is None
    assert family.cpu_ns() >= seen_ns  # what its dead have used stays used


@linux
def test_the_clock_of_a_family_never_falls_while_threads_come_and_go():
    family = ThreadFamily("brief")
    readings = []

    def brief():
        family.join()
        burn(0.002)
        readings.append(family.cpu_ns())

    with ThreadPoolExecutor(4) as pool:
        for _ in range(40):
            pool.submit(lambda: (thread := threading.Thread(target=brief), thread.start(), thread.join()))

    assert all(reading is not None for reading in readings)
    assert family.cpu_ns() >= max(readings)
