"""What a run of a model uses: CPU, time and energy of the accelerator, divided among those it runs for."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from chassis.core.shares import SharedMeter, split
from chassis.io.cpu_clocks import ThreadFamily
from chassis.io.spending import Spending
from inference_svc.adapters.nvml import energy_counter

__all__ = ["Accelerator", "ModelMeter", "Payer"]


@dataclass(frozen=True, slots=True)
class Payer:
    """Who a run is for: the account of a piece of work (None outside of any), and how many items are its own."""

    spending: Spending | None
    items: int


class Accelerator:
    """The accelerator of this process. Models that hold it at the same time share its time and its energy."""

    def __init__(self, open_energy: Callable[[], Callable[[], int | None]] = energy_counter) -> None:
        """`open_energy` is called when a model holds the accelerator for the first time."""
        self._open_energy = open_energy
        self._time = SharedMeter(time.monotonic_ns)
        self._energy: SharedMeter | None = None
        self._opening = threading.Lock()

    @contextmanager
    def held(self, *, pays: bool) -> Iterator[list[int | None]]:
        """Hold the accelerator during the block; the list then has its nanoseconds and microjoules, None if untold."""
        with self._opening:
            energy = self._energy = self._energy or SharedMeter(self._open_energy())
        shares = list[int | None]()
        drawing, holding = energy.begin(pays=pays), self._time.begin(pays=pays)
        try:
            yield shares
        finally:
            shares += [self._time.end(holding), energy.end(drawing)]


class ModelMeter:
    """Measures the runs of one model, whose thread calls `join` before it loads it.

    Attributes:
        is_accelerated: whether its runs hold the accelerator; set when it is loaded.
    """

    def __init__(self, name: str, accelerator: Accelerator | None = None) -> None:
        self.is_accelerated = False
        self._family = ThreadFamily(name)
        self._accelerator = accelerator or Accelerator()

    def join(self) -> None:
        """Count the calling thread, and all that come of it, as the model's."""
        self._family.join()

    @contextmanager
    def run_for(self, payers: Sequence[Payer]) -> Iterator[None]:
        """Charge what the block uses to those it runs for, by their items, also when it fails."""
        pays = any(payer.spending is not None for payer in payers)
        before_ns = self._family.cpu_ns() if pays else None
        shares: list[int | None] = []
        held: AbstractContextManager[list[int | None]] = nullcontext(shares)
        if self.is_accelerated:
            held = self._accelerator.held(pays=pays)
        try:
            with held as shares:
                yield
        finally:
            if pays:
                now_ns = self._family.cpu_ns()
                used_ns = None if before_ns is None or now_ns is None else now_ns - before_ns
                # Without an accelerator there is one amount, and its time and energy stay what they are.
                for name, amount in zip(("cpu_ns", "gpu_ns", "energy_uj"), (used_ns, *shares), strict=False):
                    self._charge(payers, name, amount)

    @staticmethod
    def _charge(payers: Sequence[Payer], name: str, amount: int | None) -> None:
        parts = [None] * len(payers) if amount is None else split(amount, [payer.items for payer in payers])
        for payer, part in zip(payers, parts, strict=True):
            if payer.spending is None:
                continue
            if part is None:
                payer.spending.lose_track(name)
            else:
                payer.spending.add(**{name: part})
