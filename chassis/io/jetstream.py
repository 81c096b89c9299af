"""JetStream: publish until it is stored; pull one message per free slot, acknowledged with confirmation, or batches."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import PubAck
from nats.js.errors import NoStreamResponseError, NotFoundError

from chassis.core.errors import UpstreamUnavailable
from chassis.core.subjects import HEADER_MSG_ID
from chassis.io import logs, metrics
from chassis.io.batch_pull import BatchHandler, BatchPull, serve_batches
from chassis.io.broker_client import BrokerClient
from chassis.io.concurrently import all_of
from chassis.io.delivery import Delivery, Outgoing
from chassis.io.topology import consumer_spec, ensure_topology

__all__ = ["Bus", "Delivery", "Outgoing"]

_log = logs.get_logger(__name__)
_FETCH_SECONDS = 5.0
_PUBLISH_TRY_SECONDS = 3.0
_PAUSE_SECONDS = 0.2


Handler = Callable[[Delivery], Awaitable[None]]


class Bus:
    """One connection to the broker."""

    def __init__(self, client: Client, *, corrects_topology: bool = False) -> None:
        self._client = client
        self._corrects = corrects_topology
        self._jetstream = client.jetstream(timeout=5.0)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        name: str,
        inbox_prefix: str = "_INBOX",
        wait_seconds: float = 30.0,
        corrects_topology: bool = False,
    ) -> AsyncIterator["Bus"]:
        """Connect, make sure that streams and consumers are there, and stay connected.

        Raises:
            UpstreamUnavailable: no broker came within `wait_seconds`.
        """

        async def on_error(error: Exception) -> None:
            _log.warning("the message broker reported an error", error=repr(error))

        client = BrokerClient()
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            try:
                async with asyncio.timeout_at(deadline):  # left alone, a client that never gives up connects for ever
                    await client.connect(
                        url,
                        name=name,
                        inbox_prefix=inbox_prefix,
                        error_cb=on_error,
                        allow_reconnect=True,
                        max_reconnect_attempts=-1,
                        reconnect_time_wait=_PAUSE_SECONDS,  # type: ignore[arg-type]  # fractions work
                        connect_timeout=2,
                        ping_interval=10,
                    )
                    bus = cls(client, corrects_topology=corrects_topology)
                    await ensure_topology(bus._jetstream, corrects=corrects_topology)
                break
            except (NatsError, OSError, TimeoutError) as error:
                with suppress(NatsError):
                    await client.close()
                if asyncio.get_running_loop().time() >= deadline:
                    raise UpstreamUnavailable(
                        "the message broker does not answer", reason="NATS_UNAVAILABLE"
                    ) from error
                client = BrokerClient()
                await asyncio.sleep(_PAUSE_SECONDS)
        try:
            yield bus
        finally:
            with suppress(NatsError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(client.close(), 3.0)

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        if not self._client.is_connected:
            raise UpstreamUnavailable("NATS is not connected", reason="NATS_UNAVAILABLE")
        await self._client.flush(timeout=2)

    async def publish(self, outgoing: Outgoing, *, patience_seconds: float = 30.0) -> int:
        """Publish until the broker has stored it and return its position in the stream.

        The same identity is sent every time, so trying again can not store it twice.

        Raises:
            UpstreamUnavailable: it was not stored within `patience_seconds`.
        """
        deadline = asyncio.get_running_loop().time() + patience_seconds
        while True:
            try:
                ack: PubAck = await asyncio.wait_for(
                    self._jetstream.publish(
                        outgoing.subject, outgoing.payload, timeout=_PUBLISH_TRY_SECONDS, headers=outgoing.headers()
                    ),
                    _PUBLISH_TRY_SECONDS + 1.0,
                )
                return int(ack.seq)
            except (NatsError, OSError, TimeoutError) as error:
                if asyncio.get_running_loop().time() >= deadline:
                    raise UpstreamUnavailable(
                        "the message broker did not store a message", reason="NATS_UNAVAILABLE"
                    ) from error
                await self._repair(error)

    async def holds(self, stream: str, sequence: int, msg_id: str) -> bool:
        """Tell whether a stream still holds the message with this identity at this position."""
        try:
            raw = await self._jetstream.get_msg(stream, sequence)
        except NotFoundError:
            return False
        except (NatsError, TimeoutError) as error:
            raise UpstreamUnavailable("the message broker does not answer", reason="NATS_UNAVAILABLE") from error
        return (raw.headers or {}).get(HEADER_MSG_ID) == msg_id

    async def pending(self, consumer: str) -> int:
        """Return how many messages a consumer has not acknowledged yet."""
        return sum(await self.backlog(consumer))

    async def backlog(self, consumer: str) -> tuple[int, int]:
        """Return how many messages of a consumer wait to be handed out, and how many are in hand."""
        spec = consumer_spec(consumer)
        try:
            info = await self._jetstream.consumer_info(spec.stream, spec.name)
        except (NatsError, TimeoutError) as error:
            raise UpstreamUnavailable("the message broker does not answer", reason="NATS_UNAVAILABLE") from error
        return int(info.num_pending or 0), int(info.num_ack_pending or 0)

    async def consume(self, consumer: str, handler: Handler, *, slots: int, stopping: asyncio.Event) -> None:
        """Pull one message per free slot and hand it to `handler`, until `stopping` is set and all hands are empty."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(slots):
                tasks.create_task(self._slot(consumer, handler, stopping))

    async def _slot(self, consumer: str, handler: Handler, stopping: asyncio.Event) -> None:
        spec = consumer_spec(consumer)
        in_flight = metrics.MESSAGES_IN_FLIGHT.labels(consumer)
        subscription: Any = None
        try:
            while not stopping.is_set():
                try:
                    if subscription is None:
                        subscription = await self._jetstream.pull_subscribe_bind(consumer=spec.name, stream=spec.stream)
                    msg = await _unless(stopping, subscription.fetch(1, timeout=_FETCH_SECONDS))
                except (TimeoutError, NatsError, json.JSONDecodeError) as error:
                    if not isinstance(error, TimeoutError | nats.errors.TimeoutError):
                        await self._renew(subscription, error)
                        subscription = None
                    continue
                for one in msg or ():
                    with in_flight.track_inprogress():
                        await _guarded(handler, Delivery(one), consumer)
        finally:
            if subscription is not None:
                with suppress(NatsError):
                    await subscription.unsubscribe()

    async def consume_batches(
        self, consumer: str, handler: BatchHandler, *, max_messages: int, slots: int, stopping: asyncio.Event
    ) -> None:
        """Hand what has come to `handler`, up to `max_messages` together and `slots` batches at once.

        A message that comes alone is handed over alone, at once. Ends when `stopping` is set and all hands are empty.
        The handler answers every message; those it left unanswered come again.
        """
        spec = consumer_spec(consumer)
        while not stopping.is_set():
            try:
                async with BatchPull(self._client, spec, max_messages=max_messages).opened() as pull:
                    await all_of(*(serve_batches(pull, handler, stopping) for _ in range(slots)))
            except (NatsError, TimeoutError) as error:
                await self._repair(error)

    async def _renew(self, subscription: Any, error: Exception) -> None:
        if subscription is not None:
            with suppress(NatsError):
                await subscription.unsubscribe()
        await self._repair(error)

    async def _repair(self, error: Exception) -> None:
        """Wait a little; if streams or consumers are gone (a lost store), declare them again."""
        await asyncio.sleep(_PAUSE_SECONDS)
        if (
            isinstance(error, NotFoundError | NoStreamResponseError)
            or "no responders" in str(error).lower()
            or "no stream" in str(error).lower()
        ):
            with suppress(NatsError, TimeoutError):
                await ensure_topology(self._jetstream, corrects=self._corrects)


async def _guarded(handler: Handler, delivery: Delivery, consumer: str) -> None:
    """Run a handler; a bug in it is logged, and the message comes again instead of ending the service."""
    try:
        await handler(delivery)
    except Exception as error:  # noqa: BLE001  # the last line of defence of a consumer
        _log.error("a handler ended in a bug; the message will come again", exc_info=error, consumer=consumer)
        metrics.MESSAGES_HANDLED.labels(consumer, "bug").inc()
        await delivery.retry(1.0)


async def _unless(stopping: asyncio.Event, work: Awaitable[Any]) -> Any:
    """Return the result of `work`, or None as soon as `stopping` is set."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for future in (task, stop):
            if not future.done():
                future.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await future
