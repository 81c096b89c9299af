"""What questions about capacity need from the world."""

from datetime import datetime
from typing import Protocol

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.recording import Recording

__all__ = ["CapacityStore"]


class CapacityStore(Protocol):
    """Remembers what the workers told. Conformance suite: tests/adapters/metrics/test_capacity_store.py.

    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def begin_of_latest(self, window: Window, pieces: int) -> datetime | None:
        """Return the moment after which a window holds exactly so many pieces of work; None when it holds no more.

        Pieces that ended at that very moment are not among them.
        """
        ...

    async def begin_of_work(self, window: Window) -> datetime | None:
        """Return when the first piece of work that ended in a window was handed out; None when there is none.

        Work that was filled in later does not count: nobody recorded when it was done.
        """
        ...

    async def recording(self, window: Window) -> Recording:
        """Return what ended in a window."""
        ...
