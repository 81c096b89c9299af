"""Tells metrics_svc of every search, without making anybody wait for it."""

import asyncio

from chassis.core.subjects import stage_subject
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.report_queue import ReportQueue
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["SearchLog"]


class SearchLog:
    """A bounded queue in front of the broker; what does not fit is counted as dropped."""

    def __init__(self, bus: Bus) -> None:
        self._queue = ReportQueue(bus, drop_reason="search_queue_full")

    def report(self, event: stage_event_pb2.SearchEvent) -> None:
        """Queue an event; never waits."""
        self._queue.report(
            Outgoing(
                stage_subject("index", "search_event", event.event_id),
                event.SerializeToString(),
                "heimdex.metrics.v1.SearchEvent",
                f"search/{event.event_id}",
            )
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set and the queue is empty."""
        await self._queue.run(stopping)
