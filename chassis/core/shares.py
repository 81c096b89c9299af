"""What several used together is divided among them: whole units, fairly, and never more or less than there was."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Holding", "SharedMeter", "split"]


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Divide a whole number by weights; the parts sum to the total, and each is within one unit of its due.

    Args:
        total: not negative.
        weights: not negative; where all are zero, all count the same. None at all gets nothing.
    """
    whole = sum(weights)
    if whole == 0:
        weights = [1] * len(weights)
        whole = len(weights)
    parts: list[int] = []
    reached = given = 0
    for weight in weights:
        reached += weight
        upto = total * reached // whole
        parts.append(upto - given)
        given = upto
    return parts


@dataclass(slots=True, eq=False)
class Holding:
    """The share of one holder while it holds; `amount` is None once the counter could not be read."""

    pays: bool
    amount: int | None = 0


class SharedMeter:
    """Divides a counter that only rises evenly among those who hold its device meanwhile.

    The shares of all holders sum to what the counter rose while anybody held. Those who do not pay have their share
    too, which nobody learns; while they are alone the counter is not even read. Thread-safe.
    """

    def __init__(self, read: Callable[[], int | None]) -> None:
        """`read` returns the counter, None where it can not be read; it must be quick."""
        self._read = read
        self._lock = threading.Lock()
        self._holders: list[Holding] = []
        self._paying = 0
        self._last: int | None = None
        self._turn = 0

    def begin(self, *, pays: bool = True) -> Holding:
        """Begin to hold."""
        holding = Holding(pays)
        with self._lock:
            if self._paying:
                self._settle()
            elif pays:
                self._last = self._read()
            if self._last is None:
                holding.amount = None
            self._holders.append(holding)
            self._paying += pays
        return holding

    def end(self, holding: Holding) -> int | None:
        """End to hold and return the share; None where the counter could not be read all the time, or for who pays not.

        Raises:
            ValueError: it does not hold.
        """
        with self._lock:
            if self._paying:
                self._settle()
            self._holders.remove(holding)
            self._paying -= holding.pays
        return holding.amount if holding.pays else None

    def _settle(self) -> None:
        now, before = self._read(), self._last
        self._last = now
        if now is None or before is None:
            for holder in self._holders:
                holder.amount = None
            return
        # Who gets the units that do not divide changes from time to time, so that nobody pays them all.
        self._turn = (self._turn + 1) % len(self._holders)
        order = self._holders[self._turn :] + self._holders[: self._turn]
        for holder, part in zip(order, split(max(0, now - before), [1] * len(order)), strict=True):
            if holder.amount is not None:
                holder.amount += part
