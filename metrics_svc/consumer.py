"""Takes events from their stream by the batch: decode, keep, and only then acknowledge.

An event that arrives again is absorbed by its id; one that can never be kept is put aside as a dead letter, alone, so
that nothing beside or behind it is held up; one of an unknown kind belongs to a newer version and is left alone.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.core.backoff import delay_seconds
from chassis.core.clock import Clock
from chassis.core.errors import HeimdexError, InvalidInput
from chassis.core.subjects import dead_subject
from chassis.io import correlation, logs, metrics
from chassis.io.delivery import Delivery, Outgoing, ack_later
from chassis.io.jetstream import Bus
from metrics_svc.codec.events import DECODERS, Decode
from metrics_svc.intake import Intake

__all__ = ["CONSUMER", "MAX_BUG_DELIVERIES", "EventConsumer"]

CONSUMER = "metrics_take_stage_events"
MAX_BUG_DELIVERIES = 8
"""How often an event may run into a bug of ours before it is put aside; with the back-off, about three minutes."""
_DECODED_AT_ONCE = 256
"""Events that are decoded in one go: about 3 ms."""
_log = logs.get_logger(__name__)
_Read = tuple[Delivery, Any]
"""A message and the sample it holds."""


class EventConsumer:
    """The table from message type to decoder, and what becomes of messages."""

    def __init__(self, *, bus: Bus, intake: Intake, clock: Clock, decoders: Mapping[str, Decode] = DECODERS) -> None:
        self._bus = bus
        self._intake = intake
        self._clock = clock
        self._decoders = decoders

    async def run(self, *, slots: int, max_messages: int, stopping: asyncio.Event) -> None:
        """Take events until `stopping` is set and all hands are empty: `slots` batches of at most `max_messages`."""
        await self._bus.consume_batches(
            CONSUMER, self.handle, max_messages=max_messages, slots=slots, stopping=stopping
        )

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Take a batch: every message is answered, whatever becomes of it."""
        read = await self._read(deliveries)
        if read:
            await self._keep(read)

    async def _read(self, deliveries: Sequence[Delivery]) -> list[_Read]:
        """Return what can be decoded; everything else is answered here."""
        now = self._clock.now()
        read: list[_Read] = []
        unknown: Counter[str] = Counter()
        for place, delivery in enumerate(deliveries):
            if not place % _DECODED_AT_ONCE:
                await asyncio.sleep(0)  # the batch before is in the database and has its next statement to send
            decode = self._decoders.get(delivery.message_type)
            if decode is None:
                unknown[delivery.message_type] += 1
                await ack_later([delivery])
                continue
            try:
                read.append((delivery, decode(delivery.data, now)))
            except InvalidInput as error:
                await self._bury(delivery, error)
            except Exception as error:  # noqa: BLE001  # a bug must not end the consumer
                await self._stumble(delivery, error)
        for message_type, count in unknown.items():
            _log.warning("events of an unknown kind were left alone", message_type=message_type, count=count)
            _count("ignore", count)
        return read

    async def _keep(self, read: Sequence[_Read]) -> None:
        """Keep samples and acknowledge their messages; when one spoils the batch it is found by halving."""
        try:
            await self._intake.add([sample for _, sample in read])
        except HeimdexError as error:
            if not isinstance(error, InvalidInput):
                await _again(read, error)
            elif len(read) == 1:
                await self._bury(read[0][0], error)
            else:
                await self._halve(read)
        except Exception as error:  # noqa: BLE001  # a bug must not end the consumer
            if len(read) == 1:
                await self._stumble(read[0][0], error)
            else:
                await self._halve(read)
        else:
            await ack_later(delivery for delivery, _ in read)
            _count("ack", len(read))

    async def _halve(self, read: Sequence[_Read]) -> None:
        middle = len(read) // 2
        await self._keep(read[:middle])
        await self._keep(read[middle:])

    async def _stumble(self, delivery: Delivery, error: Exception) -> None:
        """Let a message that runs into a bug of ours come again, or bury it when it did so for long."""
        _log.error("taking an event ended in a bug", exc_info=error, subject=delivery.subject)
        if delivery.deliveries >= MAX_BUG_DELIVERIES:
            await self._bury(delivery, error)
        else:
            await delivery.retry(delay_seconds(delivery.deliveries))
            _count("retry", 1)

    async def _bury(self, delivery: Delivery, error: Exception) -> None:
        """Copy a message to the dead letters and end it; should the copy fail, it comes again."""
        _log.error(
            "an event can not be kept and was put aside",
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
            with correlation.bound_to(delivery.correlation_id):
                await self._bus.publish(letter)
        except HeimdexError:
            await delivery.retry(delay_seconds(delivery.deliveries))
            _count("retry", 1)
        else:
            await delivery.reject()
            _count("reject", 1)
            metrics.EVENTS_TAKEN.labels("none", "refused").inc()


async def _again(read: Sequence[_Read], error: HeimdexError) -> None:
    delay = delay_seconds(max(delivery.deliveries for delivery, _ in read))
    _log.warning("events could not be kept and will come again", reason=error.reason, count=len(read))
    for delivery, _ in read:
        await delivery.retry(delay)
    _count("retry", len(read))


def _count(disposition: str, count: int) -> None:
    metrics.MESSAGES_HANDLED.labels(CONSUMER, disposition).inc(count)
