"""What a piece of work uses up: an account in the context, to which whoever works for it adds.

CPU is that of the work itself: the steps of its own task, the threads it runs, the models it asks, the children it
starts. What the process does around it (publishing, other tasks, servers elsewhere) is not in it, and neither are the
threads of the object store's client. Where a part can not be told, the whole is not told.
"""

import threading
import time
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["Spending", "charged", "current_spending", "metered", "spending_on"]

P = ParamSpec("P")
T = TypeVar("T")


class Spending:
    """What one piece of work has used up so far.

    Every figure is None until somebody has measured it, and None for good once a part of it could not be told.
    Thread-safe.

    Attributes:
        cpu_ns: CPU time in nanoseconds.
        gpu_ns: time an accelerator was held, in nanoseconds.
        energy_uj: energy of accelerators in microjoules.
        model_calls: recordings, pictures and texts that models were given.
    """

    __slots__ = ("_lock", "_unknown", "cpu_ns", "energy_uj", "gpu_ns", "model_calls")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unknown: set[str] = set()
        self.cpu_ns: int | None = None
        self.gpu_ns: int | None = None
        self.energy_uj: int | None = None
        self.model_calls: int | None = None

    def add(
        self,
        *,
        cpu_ns: int | None = None,
        gpu_ns: int | None = None,
        energy_uj: int | None = None,
        model_calls: int | None = None,
    ) -> None:
        """Add what was measured; None adds nothing and says nothing."""
        amounts = (("cpu_ns", cpu_ns), ("gpu_ns", gpu_ns), ("energy_uj", energy_uj), ("model_calls", model_calls))
        with self._lock:
            for name, amount in amounts:
                if amount is not None and name not in self._unknown:
                    setattr(self, name, (getattr(self, name) or 0) + amount)

    def lose_track(self, *names: str) -> None:
        """Say that something was used which nobody could measure.

        `names` are attributes; none means CPU, accelerator and energy.
        """
        with self._lock:
            for name in names or ("cpu_ns", "gpu_ns", "energy_uj"):
                self._unknown.add(name)
                setattr(self, name, None)

    def energy_with(self, processors_uj: int | None) -> int | None:
        """Return the energy of accelerators and processors together; None when one of them is not known."""
        if "energy_uj" in self._unknown or (self.energy_uj is None and processors_uj is None):
            return None
        return (self.energy_uj or 0) + (processors_uj or 0)


_current: ContextVar[Spending | None] = ContextVar("heimdex_spending", default=None)


def current_spending() -> Spending | None:
    """Return the account of the piece of work that runs here; None outside of any."""
    return _current.get()


@contextmanager
def spending_on(spending: Spending) -> Iterator[None]:
    """Charge what is metered in the block, and in tasks and threads it starts, to an account."""
    token = _current.set(spending)
    try:
        yield
    finally:
        _current.reset(token)


async def metered(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine and charge the CPU of its own steps: the event loop's thread between its waits.

    Costs about a microsecond per step. Tasks and threads it starts are not in it: wrap them too.
    """
    spending = _current.get()
    if spending is None:
        return await work
    return await _stepwise(work, spending)


@types.coroutine
def _stepwise(work: Coroutine[Any, Any, T], spending: Spending) -> Generator[Any, Any, T]:
    step: Callable[[Any], Any] = work.send
    given: Any = None
    used_ns = 0
    try:
        while True:
            before_ns = time.thread_time_ns()
            try:
                awaited = step(given)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            finally:
                used_ns += time.thread_time_ns() - before_ns
            try:
                given = yield awaited
                step = work.send
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001  # cancellation and failures belong to the coroutine
                step, given = work.throw, error
    finally:
        spending.add(cpu_ns=used_ns)


def charged(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function for `asyncio.to_thread`: the CPU of its thread is charged to the work that called it."""

    @wraps(function)
    def measured(*args: P.args, **kwargs: P.kwargs) -> T:
        spending = _current.get()
        if spending is None:
            return function(*args, **kwargs)
        before_ns = time.thread_time_ns()
        try:
            return function(*args, **kwargs)
        finally:
            spending.add(cpu_ns=time.thread_time_ns() - before_ns)

    return measured
