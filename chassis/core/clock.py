"""Wall time says when, monotonic time says how long; the two are never mixed."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds from an arbitrary start; never goes back."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The clocks of the machine."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Return the system's monotonic clock in nanoseconds."""
        return time.monotonic_ns()
