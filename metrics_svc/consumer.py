"""Takes stage and search events from their stream: decode, store, and only then acknowledge.

An event that arrives again is absorbed by its id; one that can never be stored is put aside as a dead letter, so that
nothing behind it is held up; one of an unknown kind belongs to a newer version and is left alone.
"""

import asyncio

from chassis.core.backoff import delay_seconds
from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, InvalidInput
from chassis.core.subjects import dead_subject
from chassis.io import correlation, logs, metrics
from chassis.io.jetstream import Bus, Delivery, Outgoing
from metrics_svc.codec.events import DECODERS
from metrics_svc.intake import Intake

__all__ = ["CONSUMER", "MAX_BUG_DELIVERIES", "EventConsumer"]

CONSUMER = "metrics_take_stage_events"
MAX_BUG_DELIVERIES = 8
"""How often an event may run into a bug of ours before it is put aside; with the back-off, about three minutes."""
_log = logs.get_logger(__name__)


class EventConsumer:
    """The table from message type to decoder, and what becomes of a message."""

    def __init__(self, *, bus: Bus, intake: Intake, clock: Clock) -> None:
        self._bus = bus
        self._intake = intake
        self._clock = clock

    async def run(self, *, slots: int, stopping: asyncio.Event) -> None:
        """Take events until `stopping` is set and all hands are empty; `slots` is also the largest batch."""
        await self._bus.consume(CONSUMER, self.handle, slots=slots, stopping=stopping)

    async def handle(self, delivery: Delivery) -> None:
        """Take one message; never raises but when cancelled, and then the message comes again at once."""
        with correlation.bound_to(delivery.correlation_id):
            try:
                disposition = await self._take(delivery)
            except asyncio.CancelledError:
                await delivery.retry(0)
                raise
        metrics.MESSAGES_HANDLED.labels(CONSUMER, disposition).inc()

    async def _take(self, delivery: Delivery) -> str:
        decode = DECODERS.get(delivery.message_type)
        if decode is None:
            _log.warning(
                "an event of an unknown kind was left alone",
                message_type=delivery.message_type,
                subject=delivery.subject,
            )
            await delivery.ack()
            return "ignore"
        try:
            await self._intake.add(decode(delivery.data, self._clock.now()))
        except InvalidInput as error:
            return await self._bury(delivery, error)
        except HeimdexError as error:
            _log.warning("an event could not be stored and will come again", reason=error.reason)
            return await _again(delivery)
        except Exception as error:  # noqa: BLE001  # a bug must not end the consumer
            _log.error("taking an event ended in a bug", exc_info=error, subject=delivery.subject)
            return await (
                self._bury(delivery, error) if delivery.deliveries >= MAX_BUG_DELIVERIES else _again(delivery)
            )
        await delivery.ack()
        return "ack"

    async def _bury(self, delivery: Delivery, error: Exception) -> str:
        """Copy a message to the dead letters and end it; should the copy fail, it comes again."""
        _log.error(
            "an event can not be stored and was put aside",
            subject=delivery.subject,
            reason=getattr(error, "reason", "INTERNAL"),
        )
        letter = Outgoing(
            dead_subject("metrics", "undecodable", "none"),
            delivery.data,
            delivery.message_type,
            f"dead/{delivery.msg_id}",
        )
        try:
            await self._bus.publish(letter)
        except HeimdexError:
            return await _again(delivery)
        await delivery.reject()
        return "reject"


async def _again(delivery: Delivery) -> str:
    await delivery.retry(delay_seconds(delivery.deliveries))
    return "retry"
