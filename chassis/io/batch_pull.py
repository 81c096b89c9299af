"""Many messages at once from a durable consumer: ask for as many as there is room for, take whatever has come.

A pull of nats-py waits for a full batch or its time, and makes a task for every message that is late. Here a request
stays with the broker while messages come: what arrives alone is in hand at once, what gathers while hands are full is
taken together.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from chassis.core.subjects import ConsumerSpec
from chassis.io import logs, metrics
from chassis.io.concurrently import beside
from chassis.io.delivery import Delivery

__all__ = ["BatchHandler", "BatchPull", "serve_batches"]

BatchHandler = Callable[[Sequence[Delivery]], Awaitable[None]]
_log = logs.get_logger(__name__)
_EXPIRES_SECONDS = 5.0
_LATE_SECONDS = 1.0
_MAX_REQUEST_BYTES = 16 << 20
_DRAIN_SECONDS = 2.0
_STATUS, _DESCRIPTION = "Status", "Description"
_NOT_FOUND, _CONFLICT, _NO_RESPONDERS = "404", "409", "503"


class BatchPull:
    """Room for `2 * max_messages` that have come or were asked for, beside what is in hand.

    What waits here or in hand for long is kept alive at the broker.
    """

    def __init__(self, client: Client, consumer: ConsumerSpec, *, max_messages: int) -> None:
        self._client = client
        self.consumer = consumer
        self._max_messages = max_messages
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.name}"
        self._inbox = client.new_inbox()
        self._waiting: deque[Msg] = deque()
        self._taken = 0
        self._in_hand: dict[int, list[Msg]] = {}
        self._request = 0
        self._asked = 0
        self._deadline = 0.0
        self._reconnects = client.stats["reconnects"]
        self._news = asyncio.Event()
        self._error: NatsError | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["BatchPull"]:
        """Listen while the block runs; what nobody took goes back to the broker at once."""
        subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._arrived)
        try:
            async with beside(self._keep_alive()):
                yield self
        finally:
            with suppress(NatsError, TimeoutError):
                # What is on its way still comes, so that it can be given back.
                await asyncio.wait_for(subscription.drain(), _DRAIN_SECONDS)  # type: ignore[no-untyped-call]
            for msg in self._waiting:
                with suppress(NatsError):
                    await msg.nak()

    @asynccontextmanager
    async def take(self, stopping: asyncio.Event) -> AsyncIterator[list[Msg]]:
        """Wait for messages and lend up to `max_messages` for the block; none when `stopping` is set.

        Raises:
            NatsError: the broker does not know the consumer, or does not answer.
        """
        while not self._waiting and not stopping.is_set():
            await self._ask()
            self._news.clear()
            if not self._waiting:
                await _first_of(self._news, stopping, seconds=_LATE_SECONDS)
            if self._error is not None:
                error, self._error = self._error, None
                raise error
        batch = [] if stopping.is_set() else self._first()
        number = self._taken
        self._in_hand[number] = batch
        try:
            await self._ask()
            yield batch
        finally:
            self._in_hand.pop(number, None)

    def _first(self) -> list[Msg]:
        count = min(self._max_messages, len(self._waiting))
        self._taken += count
        return [self._waiting.popleft() for _ in range(count)]

    async def _ask(self) -> None:
        """Ask for as many messages as there is room for, when the last request has ended and the room is worth it."""
        now = asyncio.get_running_loop().time()
        has_forgotten = self._client.stats["reconnects"] != self._reconnects
        room = 2 * self._max_messages - len(self._waiting)
        if (self._asked and now < self._deadline and not has_forgotten) or 2 * room < self._max_messages:
            return
        self._reconnects = self._client.stats["reconnects"]
        self._request += 1
        self._asked, self._deadline = room, now + _EXPIRES_SECONDS + _LATE_SECONDS
        request: dict[str, Any] = {
            "batch": room,
            "expires": int(_EXPIRES_SECONDS * 1e9),
            "max_bytes": _MAX_REQUEST_BYTES,
        }
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=f"{self._inbox}.{self._request}")

    async def _arrived(self, msg: Msg) -> None:
        if msg.reply:
            self._waiting.append(msg)
            self._asked = max(0, self._asked - 1)
        elif msg.subject == f"{self._inbox}.{self._request}":  # others are about requests that ended before
            headers = msg.headers or {}
            self._ended(headers.get(_STATUS, ""), headers.get(_DESCRIPTION, ""))
        self._news.set()

    def _ended(self, status: str, description: str) -> None:
        """Note that the broker is done with the request: it expired, it is full of bytes, or there is no consumer."""
        self._asked = 0
        if status in {_NOT_FOUND, _NO_RESPONDERS} or (status == _CONFLICT and "deleted" in description.lower()):
            self._error = NotFoundError(code=404, description=description or "the consumer does not answer")

    async def _keep_alive(self) -> None:
        """Tell the broker about what has been here for a third of the time after which it would be thought lost."""
        arrived, in_hand = 0, set[int]()
        while True:
            await asyncio.sleep(self.consumer.ack_wait_seconds / 3)
            late = list(islice(self._waiting, max(0, arrived - self._taken)))
            for number in in_hand & self._in_hand.keys():
                late += self._in_hand[number]
            for msg in late:
                if not msg.is_acked:
                    with suppress(NatsError):
                        await msg.in_progress()
            arrived, in_hand = self._taken + len(self._waiting), set(self._in_hand)


async def serve_batches(pull: BatchPull, handler: BatchHandler, stopping: asyncio.Event) -> None:
    """Hand over a batch after the other until `stopping` is set."""
    in_flight = metrics.MESSAGES_IN_FLIGHT.labels(pull.consumer.name)
    while not stopping.is_set():
        async with pull.take(stopping) as messages:
            in_flight.inc(len(messages))
            try:
                if messages:
                    await _guarded(handler, [Delivery(msg) for msg in messages], pull.consumer.name)
            finally:
                in_flight.dec(len(messages))


async def _guarded(handler: BatchHandler, deliveries: Sequence[Delivery], consumer: str) -> None:
    """Run a handler; what it leaves unanswered comes again, at once when it was cancelled."""
    delay_seconds = 1.0
    try:
        await handler(deliveries)
    except asyncio.CancelledError:
        delay_seconds = 0.0
        raise
    except Exception as error:  # noqa: BLE001  # the last line of defence of a consumer
        _log.error("a handler ended in a bug; its messages will come again", exc_info=error, consumer=consumer)
    finally:
        left = [delivery for delivery in deliveries if not delivery.is_answered]
        for delivery in left:
            await delivery.retry(delay_seconds)
        if left:
            metrics.MESSAGES_HANDLED.labels(consumer, "bug" if delay_seconds else "retry").inc(len(left))


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of the events is set, at most for a time."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
