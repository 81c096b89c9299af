"""From publish to handler a message takes at most 1.25 times as long through chassis as through bare nats-py (p50).

Both sides use one durable file stream with work-queue retention on the same NATS server (which syncs every write
before it answers), pull one message at a time and acknowledge with confirmation. One message is under way at a time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import nats
import uvloop
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from bench.harness import Aim, Gate, Measured, Run, Stopwatch, quantile, spread
from bench.mesh import running_servers
from chassis.io.jetstream import Bus, Delivery, Outgoing

__all__ = ["measure"]

_BLOCK = 25
_PAYLOAD = b"x" * 512  # about what a StageWork weighs
_CONSUMER, _SUBJECT = "index_forget_video", "heimdex.work.v1.index.forget_video.bench"
_BARE_STREAM, _BARE_CONSUMER, _BARE_SUBJECT = "BENCH", "bare", "bench.work.bare"
_PEER = "bare nats-py, same server, same stream and consumer settings"


class _Side(Protocol):
    """One way to send a message and to receive it."""

    received: list[bytes]

    async def roundtrip(self, identity: str) -> float:
        """Send one message; return the seconds until the handler had it, once it is acknowledged."""


async def measure(run: Run) -> Measured:
    """Measure both ways in alternating blocks."""
    messages = run.count(500, 50)
    # Services run on uvloop; so must this, and the supervisor of the servers must not.
    async with running_servers(run.folder("bus")) as servers:
        url = servers.nats_url("operator")
        ours, bare, problems = await asyncio.to_thread(lambda: uvloop.run(_alternate(run, url, messages)))
    return Measured(
        values={
            **spread("chassis", ours, 50, 99),
            **spread("bare", bare, 50, 99),
        },
        ratio=quantile(ours, 50) / quantile(bare, 50),
        peer=_PEER,
        gates=(Gate("every message was handled once and in order", not problems, "; ".join(problems)),),
        aims=(Aim("ratio", 1.25),),
        inputs=(_PAYLOAD, str(messages).encode()),
    )


async def _alternate(run: Run, url: str, messages: int) -> tuple[list[float], list[float], list[str]]:
    samples: dict[str, list[float]] = {"chassis": [], "bare": []}
    async with _chassis_side(url) as ours, _bare_side(url) as bare:
        sides: dict[str, _Side] = {"chassis": ours, "bare": bare}
        for side in sides.values():
            for number in range(20):
                await side.roundtrip(f"warm-{number}")
            side.received.clear()
        for block in range(0, messages, _BLOCK):
            run.say(f"messages {block} of {messages}")
            order = list(sides) if block // _BLOCK % 2 == 0 else list(sides)[::-1]
            for name in order:
                for number in range(block, min(block + _BLOCK, messages)):
                    samples[name].append(await sides[name].roundtrip(str(number)))
        wanted = [_payload(str(number)) for number in range(messages)]
        problems = [f"{name} differs" for name, side in sides.items() if side.received != wanted]
    return samples["chassis"], samples["bare"], problems


def _payload(identity: str) -> bytes:
    return identity.encode().ljust(len(_PAYLOAD), b"x")


class _ChassisSide:
    def __init__(self, bus: Bus) -> None:
        self.received: list[bytes] = []
        self._bus = bus
        self._watch = Stopwatch()
        self._seconds = 0.0
        self._done = asyncio.Event()

    async def handle(self, delivery: Delivery) -> None:
        self._seconds = self._watch.seconds
        self.received.append(delivery.data)
        await delivery.ack()
        self._done.set()

    async def roundtrip(self, identity: str) -> float:
        self._done.clear()
        self._watch = Stopwatch()
        message = Outgoing(_SUBJECT, _payload(identity), "heimdex.bench.Message", f"bench/{identity}")
        await self._bus.publish(message)
        await self._done.wait()
        return self._seconds


@asynccontextmanager
async def _chassis_side(url: str) -> AsyncIterator[_ChassisSide]:
    stopping = asyncio.Event()
    async with Bus.open(url, name="bench-out") as out, Bus.open(url, name="bench-in") as into:
        side = _ChassisSide(out)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(into.consume(_CONSUMER, side.handle, slots=1, stopping=stopping))
            try:
                yield side
            finally:
                stopping.set()


class _BareSide:
    def __init__(self, publisher: nats.js.JetStreamContext) -> None:
        self.received: list[bytes] = []
        self._publisher = publisher
        self._watch = Stopwatch()
        self._seconds = 0.0
        self._done = asyncio.Event()

    async def consume(self, reader: nats.js.JetStreamContext) -> None:
        subscription = await reader.pull_subscribe_bind(consumer=_BARE_CONSUMER, stream=_BARE_STREAM)
        while True:
            try:
                (message,) = await subscription.fetch(1, timeout=5)
            except NatsTimeoutError:
                continue
            self._seconds = self._watch.seconds
            self.received.append(message.data)
            await message.ack_sync()
            self._done.set()

    async def roundtrip(self, identity: str) -> float:
        self._done.clear()
        self._watch = Stopwatch()
        await self._publisher.publish(_BARE_SUBJECT, _payload(identity), headers={"Nats-Msg-Id": f"bare/{identity}"})
        await self._done.wait()
        return self._seconds


@asynccontextmanager
async def _bare_side(url: str) -> AsyncIterator[_BareSide]:
    out, into = await nats.connect(url), await nats.connect(url)
    stream = StreamConfig(
        name=_BARE_STREAM,
        subjects=["bench.work.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        duplicate_window=300,
    )
    await out.jetstream().add_stream(stream)
    consumer = ConsumerConfig(name=_BARE_CONSUMER, durable_name=_BARE_CONSUMER, ack_policy=AckPolicy.EXPLICIT)
    await out.jetstream().add_consumer(_BARE_STREAM, consumer)
    side = _BareSide(out.jetstream())
    reading = asyncio.ensure_future(side.consume(into.jetstream()))
    try:
        yield side
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await out.close()
        await into.close()
