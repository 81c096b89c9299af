"""What the handlers need from the world."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from metrics_svc.domain.reports import (
    DayOfSearches,
    DayOfVideos,
    FailureCount,
    LatencyReport,
    QueueReport,
    RtfReport,
    StageRow,
)
from metrics_svc.domain.samples import Batch
from metrics_svc.domain.windows import Window

__all__ = ["SampleStore"]


class SampleStore(Protocol):
    """Remembers samples and answers questions. Conformance suite: tests/adapters/metrics/test_sample_store.py.

    `owner_id` limits a question to one owner; empty means all. An empty window has zero counts and no averages.
    Every method may raise UpstreamUnavailable or DeadlineExceeded.
    """

    async def add(self, batch: Batch) -> int:
        """Store what is new of a batch, all or nothing, and return how many samples were new.

        A sample whose id is there already changes nothing, and so does a second end of the same run.

        Raises:
            InvalidInput: a sample can never be stored; nothing of the batch was.
        """
        ...

    async def latency(self, window: Window, owner_id: str) -> LatencyReport:
        """Return processing, queue and total time of videos that became ready in the window."""
        ...

    async def rtf(self, window: Window, owner_id: str) -> RtfReport:
        """Return real-time factors of videos that became ready in the window."""
        ...

    async def queue(self, window: Window, owner_id: str) -> QueueReport:
        """Return waiting and working of videos that became ready in the window."""
        ...

    async def stages(self, window: Window, owner_id: str) -> tuple[StageRow, ...]:
        """Return lengths by stage, outcome and model of work that ended in the window; in any order."""
        ...

    async def failures(self, window: Window, owner_id: str) -> tuple[FailureCount, ...]:
        """Return how many videos that failed in the window broke in which stage; in any order."""
        ...

    async def throughput(self, window: Window, owner_id: str) -> Mapping[date, DayOfVideos]:
        """Return what ended on each UTC day of the window that has something."""
        ...

    async def searches(self, window: Window, owner_id: str) -> Mapping[date, DayOfSearches]:
        """Return the searches of each UTC day of the window that has some."""
        ...
