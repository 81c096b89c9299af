"""Batches from a real broker: what has come is taken together, at once; nothing is lost, kept back or held up."""

import asyncio
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from chassis.core.subjects import STREAMS, ConsumerSpec, stage_subject
from chassis.io import metrics
from chassis.io.batch_pull import BatchPull, serve_batches
from chassis.io.concurrently import beside
from chassis.io.delivery import ack_later
from chassis.io.jetstream import Bus, Outgoing
from deploy.local.nats_permissions import inbox_prefix
from tests.support.eventually import eventually

CONSUMER = "metrics_take_stage_events"
SUBJECT = stage_subject("inference", "stage_event", "v1")


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test", corrects_topology=True) as bus:
        yield bus


async def publish(bus, numbers):
    for number in numbers:
        await bus.publish(Outgoing(SUBJECT, b"payload %d" % number, "heimdex.Test", f"id {number}"))


class Taking:
    """A handler that remembers batches; it acknowledges unless told otherwise."""

    def __init__(self) -> None:
        self.batches, self.gate = [], asyncio.Event()
        self.gate.set()

    @property
    def ids(self):
        return [msg_id for batch in self.batches for msg_id in batch]

    async def __call__(self, deliveries) -> None:
        self.batches.append([delivery.msg_id for delivery in deliveries])
        await self.gate.wait()
        await ack_later(deliveries)


@asynccontextmanager
async def consuming(bus, handler, *, max_messages=10, slots=1):
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            bus.consume_batches(CONSUMER, handler, max_messages=max_messages, slots=slots, stopping=stopping)
        )
        try:
            yield
        finally:
            stopping.set()


async def is_drained(bus):
    return await bus.backlog(CONSUMER) == (0, 0)


async def test_everything_is_taken_once_in_batches_of_the_size_that_is_allowed(bus):
    await publish(bus, range(95))
    taking = Taking()
    async with consuming(bus, taking, max_messages=10, slots=2):
        await eventually(lambda: len(taking.ids) == 95)
        await eventually(lambda: is_drained(bus))

    assert sorted(taking.ids) == sorted(f"id {number}" for number in range(95))
    assert max(map(len, taking.batches)) == 10


async def test_a_message_that_comes_alone_is_in_hand_at_once(bus):
    taking = Taking()
    waits = []
    async with consuming(bus, taking):
        for number in range(5):
            begun = monotonic()
            await publish(bus, [number])
            await eventually(lambda number=number: len(taking.ids) == number + 1, every_seconds=0.001)
            waits.append(monotonic() - begun)

    assert sorted(waits)[2] < 0.2


async def test_no_more_is_fetched_than_there_is_room_for(bus):
    """Two batches wait and one is in hand; the rest stays with the broker, for another replica."""
    await publish(bus, range(60))
    taking = Taking()
    taking.gate.clear()
    async with consuming(bus, taking, max_messages=5):
        await eventually(lambda: bool(taking.batches))
        await asyncio.wait_for(bus.ping(), 5)
        waiting, in_hand = await bus.backlog(CONSUMER)
        taking.gate.set()
        await eventually(lambda: len(taking.ids) == 60)

    assert waiting >= 60 - 3 * 5
    assert in_hand <= 3 * 5


async def test_two_replicas_share_the_work(bus, bus_url):
    await publish(bus, range(80))
    first, second = Taking(), Taking()
    async with (
        Bus.open(bus_url, name="replica") as other,
        consuming(bus, first, max_messages=5),
        consuming(other, second, max_messages=5),
    ):
        await eventually(lambda: len(first.ids) + len(second.ids) == 80)

    assert not set(first.ids) & set(second.ids)


async def test_what_a_bug_left_unanswered_comes_again(bus):
    await publish(bus, range(3))
    calls = []

    async def stumble(deliveries):
        calls.append([delivery.deliveries for delivery in deliveries])
        if len(calls) == 1:
            await ack_later(deliveries[:1])
            raise RuntimeError("a bug")
        await ack_later(deliveries)

    before = metrics.MESSAGES_HANDLED.labels(CONSUMER, "bug")._value.get()
    async with consuming(bus, stumble):
        await eventually(lambda: is_drained(bus))
        await eventually(lambda: sum(map(len, calls)) >= 5)

    assert max(max(counts) for counts in calls) == 2
    assert metrics.MESSAGES_HANDLED.labels(CONSUMER, "bug")._value.get() - before == 2


async def test_stopping_takes_no_time_and_gives_back_what_nobody_took(bus):
    await publish(bus, range(40))
    taking = Taking()
    taking.gate.clear()
    begun = monotonic()
    async with consuming(bus, taking, max_messages=5):
        await eventually(lambda: bool(taking.batches))
        taking.gate.set()
    again = Taking()
    async with consuming(bus, again, max_messages=50):
        await eventually(lambda: len(set(taking.ids) | set(again.ids)) == 40, within_seconds=5)

    assert monotonic() - begun < 10  # far below the 15 s after which the broker would have noticed by itself


async def test_streams_that_were_lost_are_declared_again(bus):
    """R-RET-02: a broker that came back empty is filled again without a restart of the service."""
    taking = Taking()
    async with consuming(bus, taking):
        for stream in STREAMS:
            await bus._jetstream.delete_stream(stream.name)
        await publish(bus, [1])
        await eventually(lambda: taking.ids == ["id 1"], within_seconds=20)


async def test_a_consumer_that_was_deleted_is_declared_again(bus):
    taking = Taking()
    async with consuming(bus, taking):
        await publish(bus, [1])
        await eventually(lambda: taking.ids == ["id 1"])
        await eventually(lambda: is_drained(bus))
        await bus._jetstream.delete_consumer("HEIMDEX_STAGE", CONSUMER)
        await publish(bus, [2])
        await eventually(lambda: "id 2" in taking.ids, within_seconds=20)


async def test_a_connection_that_was_lost_is_pulled_on_again(bus):
    taking = Taking()
    async with consuming(bus, taking):
        await publish(bus, [1])
        await eventually(lambda: taking.ids == ["id 1"])
        bus._client._transport.close()
        await eventually(lambda: bus._client.stats["reconnects"] > 0)
        await publish(bus, [2])
        await eventually(lambda: taking.ids == ["id 1", "id 2"], within_seconds=4)


async def test_the_service_that_takes_events_may_do_all_this(servers, bus):
    """The permissions of its user at the broker: pull, acknowledge, give back."""
    await publish(bus, range(10))
    taking = Taking()
    async with (
        Bus.open(servers.nats_url("metrics"), name="metrics_svc", inbox_prefix=inbox_prefix("metrics")) as own,
        consuming(own, taking, max_messages=4),
    ):
        await eventually(lambda: len(taking.ids) == 10)
        await eventually(lambda: is_drained(bus))


async def test_what_is_in_hand_for_long_is_not_thought_lost(bus):
    """Neither what is worked on nor what waits behind it is delivered to somebody else in the meantime."""
    spec = ConsumerSpec("slow", "HEIMDEX_STAGE", "heimdex.stage.v1.>", ack_wait_seconds=1.5)
    await bus._jetstream.add_consumer(
        spec.stream,
        ConsumerConfig(
            durable_name=spec.name, ack_policy=AckPolicy.EXPLICIT, ack_wait=1.5, filter_subject=spec.subject
        ),
    )
    await publish(bus, range(6))
    taking, stopping = Taking(), asyncio.Event()
    taking.gate.clear()
    async with (
        BatchPull(bus._client, spec, max_messages=3).opened() as pull,
        beside(serve_batches(pull, taking, stopping)),
    ):
        await eventually(lambda: bool(taking.batches))
        begun = asyncio.get_running_loop().time()
        await eventually(lambda: asyncio.get_running_loop().time() - begun > 4)
        taking.gate.set()
        await eventually(lambda: len(taking.ids) >= 6)
        info = await bus._jetstream.consumer_info(spec.stream, spec.name)
        stopping.set()

    assert taking.ids == [f"id {number}" for number in range(6)]
    assert info.num_redelivered == 0
