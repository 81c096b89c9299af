"""The threads that talk to Milvus, and what the work in them uses: one that writes, a few that read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chassis.core.shares import SharedMeter
from chassis.io.cpu_clocks import ThreadFamily
from chassis.io.spending import current_spending

__all__ = ["IndexThreads", "charged_in"]

_Result = TypeVar("_Result")


class IndexThreads:
    """Pools whose threads, and those of a Milvus Lite that is opened in one of them, are measured together.

    Attributes:
        writer: one thread; writes go one after another.
        readers: a few threads.
        meter: divides the CPU of all of them among the work in hand.
    """

    def __init__(self, *, readers: int) -> None:
        family = ThreadFamily("milvus")
        self.meter = SharedMeter(family.cpu_ns)
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="milvus-write", initializer=family.join)
        self.readers = ThreadPoolExecutor(readers, thread_name_prefix="milvus-read", initializer=family.join)

    def shutdown(self) -> None:
        """Finish what is in hand and end the threads. Blocks."""
        self.writer.shutdown(wait=True)
        self.readers.shutdown(wait=True)


def charged_in(threads: IndexThreads, work: Callable[[], _Result]) -> Callable[[], _Result]:
    """Return the work in a form that charges its share of what the threads use to the piece of work that asks now."""
    spending = current_spending()

    def measured() -> _Result:
        holding = threads.meter.begin(pays=spending is not None)
        try:
            return work()
        finally:
            used_ns = threads.meter.end(holding)
            if spending is not None and used_ns is None:
                spending.lose_track("cpu_ns")
            elif spending is not None:
                spending.add(cpu_ns=used_ns)

    return measured
