"""Tells metrics_svc of every search, without making anybody wait for it."""

import asyncio

from chassis.core.errors import UpstreamUnavailable
from chassis.core.subjects import stage_subject
from chassis.io import logs, metrics
from chassis.io.jetstream import Bus, Outgoing
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["SearchLog"]

_log = logs.get_logger(__name__)
_WAITING = 10_000


class SearchLog:
    """A bounded queue in front of the broker; what does not fit is counted as dropped."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queue: asyncio.Queue[stage_event_pb2.SearchEvent] = asyncio.Queue(_WAITING)

    def report(self, event: stage_event_pb2.SearchEvent) -> None:
        """Queue an event; never waits."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            metrics.STAGE_EVENTS_DROPPED.labels("search_queue_full").inc()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set and the queue is empty."""
        while not (stopping.is_set() and self._queue.empty()):
            try:
                async with asyncio.timeout(0.5):
                    event = await self._queue.get()
            except TimeoutError:
                continue
            await self._publish(event)

    async def _publish(self, event: stage_event_pb2.SearchEvent) -> None:
        message = Outgoing(
            stage_subject("index", "search_event", event.event_id),
            event.SerializeToString(),
            "heimdex.metrics.v1.SearchEvent",
            f"search/{event.event_id}",
        )
        while True:
            try:
                await self._bus.publish(message)
            except UpstreamUnavailable:
                _log.warning("a search could not be reported yet; trying again")
            else:
                return
