"""Tells metrics_svc of what nobody waits for: a bounded queue in front of the broker."""

import asyncio

from chassis.core.errors import UpstreamUnavailable
from chassis.io import logs, metrics
from chassis.io.concurrently import raise_if_cancelled
from chassis.io.jetstream import Bus, Outgoing

__all__ = ["ReportQueue"]

_log = logs.get_logger(__name__)
_WAITING = 10_000


class ReportQueue:
    """What does not fit is counted as dropped under a reason; what is left when the process is killed is lost."""

    def __init__(self, bus: Bus, *, drop_reason: str) -> None:
        self._bus = bus
        self._drop_reason = drop_reason
        self._queue: asyncio.Queue[Outgoing] = asyncio.Queue(_WAITING)

    def report(self, message: Outgoing) -> None:
        """Queue a message; never waits."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            metrics.STAGE_EVENTS_DROPPED.labels(self._drop_reason).inc()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set and the queue is empty."""
        while not (stopping.is_set() and self._queue.empty()):
            raise_if_cancelled()
            try:
                async with asyncio.timeout(0.5):
                    message = await self._queue.get()
            except TimeoutError:
                continue
            await self._publish(message)

    async def _publish(self, message: Outgoing) -> None:
        while True:
            try:
                await self._bus.publish(message)
            except UpstreamUnavailable:
                _log.warning("an event could not be told yet; trying again", message_type=message.message_type)
            else:
                return
