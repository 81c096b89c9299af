"""The bus on a real broker: stored once, delivered until answered, one message per free hand."""

import asyncio

import pytest
from nats.errors import Error as NatsError

from chassis.core.errors import UpstreamUnavailable
from chassis.core.subjects import CONSUMERS, STREAMS, fact_subject, work_subject
from chassis.io import correlation
from chassis.io.concurrently import all_of, beside
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.topology import consumer_spec, ensure_topology
from deploy.local.nats_permissions import inbox_prefix
from tests.support.eventually import eventually

CONSUMER = "ingest_probe_media"
SUBJECT = work_subject("ingest", "metadata", "v1")


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test", corrects_topology=True) as bus:
        yield bus


def message(number=0, subject=SUBJECT):
    return Outgoing(subject, b"payload %d" % number, "heimdex.Test", f"id {number}")


async def state(bus, stream="HEIMDEX_WORK"):
    return (await bus._jetstream.stream_info(stream)).state


async def work(bus, handler, *, slots=1):
    stopping = asyncio.Event()

    async def run():
        await bus.consume(CONSUMER, handler, slots=slots, stopping=stopping)

    return stopping, asyncio.create_task(run())


async def finished(bus):
    assert await bus.pending(CONSUMER) == 0


async def test_the_same_identity_is_stored_once(bus):
    """R-STG-08: publishing again is harmless, also by many at once and with other bytes."""
    first = await bus.publish(message())
    again = await all_of(*(bus.publish(message()) for _ in range(5)))
    await bus.publish(Outgoing(SUBJECT, b"other", "heimdex.Test", "id 0"))

    assert set(again) == {first}
    assert (await state(bus)).messages == 1


async def test_a_delivery_carries_what_it_was_published_with(bus):
    """R-OPS-02: the correlation id of the block travels along."""
    got = []

    async def take(delivery):
        got.append(delivery)
        await delivery.ack()

    with correlation.bound_to("follow-me"):
        await bus.publish(message())
    stopping, task = await work(bus, take)
    await eventually(lambda: len(got) == 1)
    stopping.set()
    await task
    (one,) = got

    assert (one.subject, one.data, one.message_type) == (SUBJECT, b"payload 0", "heimdex.Test")
    assert (one.msg_id, one.correlation_id, one.deliveries) == ("id 0", "follow-me", 1)
    assert (await state(bus)).messages == 0  # acknowledged work is gone


async def test_the_verbs_say_what_the_broker_does_next(bus):
    """R-RET-01: retry comes again, reject never, and a bug comes again too."""
    seen = []

    async def take(delivery):
        seen.append((delivery.data, delivery.deliveries))
        if delivery.data == b"payload 1":
            await delivery.reject()
        elif delivery.deliveries == 1 and delivery.data == b"payload 2":
            await delivery.retry(0)
        elif delivery.deliveries == 1 and delivery.data == b"payload 3":
            raise ValueError("a bug")
        else:
            await delivery.keep()
            await delivery.ack()

    for number in range(4):
        await bus.publish(message(number))
    stopping, task = await work(bus, take)
    await eventually(lambda: finished(bus))
    stopping.set()
    await task

    assert sorted(seen) == [
        (b"payload 0", 1),
        (b"payload 1", 1),
        (b"payload 2", 1),
        (b"payload 2", 2),
        (b"payload 3", 1),
        (b"payload 3", 2),
    ]
    assert (await state(bus)).messages == 0


async def test_a_worker_holds_one_message_per_free_hand(bus):
    """Prefetching more would make two replicas do the same work."""
    hands, go_on = [], asyncio.Event()

    async def take(delivery):
        hands.append(delivery.msg_id)
        await go_on.wait()
        await delivery.ack()

    for number in range(8):
        await bus.publish(message(number))
    stopping, task = await work(bus, take, slots=3)
    await eventually(lambda: len(hands) == 3)
    info = await bus._jetstream.consumer_info("HEIMDEX_WORK", CONSUMER)

    assert (info.num_ack_pending, info.num_pending, len(hands)) == (3, 5, 3)
    assert await bus.pending(CONSUMER) == 8
    stopping.set()
    go_on.set()
    await task
    assert len(hands) == 3
    assert await bus.pending(CONSUMER) == 5


async def test_stopping_an_idle_worker_takes_no_time(bus):
    stopping, task = await work(bus, lambda _: None, slots=2)
    await asyncio.sleep(0)
    stopping.set()

    async with asyncio.timeout(2.0):
        await task


async def test_the_broker_is_asked_whether_it_still_holds_a_message(bus):
    """R-RET-02."""
    sequence = await bus.publish(message())

    assert await bus.holds("HEIMDEX_WORK", sequence, "id 0")
    assert not await bus.holds("HEIMDEX_WORK", sequence, "another at its place")
    assert not await bus.holds("HEIMDEX_WORK", sequence + 1, "id 0")


async def test_what_may_not_be_said_is_an_error_of_ours(servers, bus):
    """R-USR-04: a permission error shows up as a publish that is never confirmed."""
    async with Bus.open(servers.nats_url("metrics"), name="metrics", inbox_prefix=inbox_prefix("metrics")) as metrics:
        with pytest.raises(UpstreamUnavailable) as refused:
            await metrics.publish(message(), patience_seconds=0.1)

    assert refused.value.reason == "NATS_UNAVAILABLE"
    assert (await state(bus)).messages == 0


async def test_without_a_broker_opening_gives_up_in_our_words():
    """R-OPS-01."""
    with pytest.raises(UpstreamUnavailable) as refused:
        async with Bus.open("nats://127.0.0.1:1", name="test", wait_seconds=0.1):
            pass
    assert refused.value.reason == "NATS_UNAVAILABLE"


async def test_the_topology_is_declared_once_however_often_and_by_however_many(bus):
    """R-OPS-05: every replica declares at its start."""
    await bus.publish(message())
    await all_of(*(ensure_topology(bus._jetstream) for _ in range(4)))
    streams = {one.config.name: one.config for one in await bus._jetstream.streams_info()}
    consumers = {one.name for stream in STREAMS for one in await bus._jetstream.consumers_info(stream.name)}

    assert set(streams) == {one.name for one in STREAMS}
    assert consumers == {one.name for one in CONSUMERS}
    assert (await state(bus)).messages == 1
    assert all(one.duplicate_window == 300 for one in streams.values())


async def test_a_stream_of_another_shape_is_corrected_without_losing_its_messages(bus):
    await bus.publish(message())
    config = (await bus._jetstream.stream_info("HEIMDEX_WORK")).config
    await bus._jetstream.update_stream(config.evolve(max_bytes=10_000, duplicate_window=1.0))
    await ensure_topology(bus._jetstream, corrects=False)
    assert (await bus._jetstream.stream_info("HEIMDEX_WORK")).config.max_bytes == 10_000
    await ensure_topology(bus._jetstream)
    after = (await bus._jetstream.stream_info("HEIMDEX_WORK")).config

    assert (after.max_bytes, after.duplicate_window) == (STREAMS[0].max_bytes, 300)
    assert (await state(bus)).messages == 1


async def test_streams_that_were_lost_are_declared_again_by_who_needs_them(bus):
    """R-RET-02: a broker that came back empty is filled again without a restart of the services."""
    got = []

    async def take(delivery):
        got.append(delivery.msg_id)
        await delivery.ack()

    stopping, task = await work(bus, take)
    for stream in STREAMS:
        await bus._jetstream.delete_stream(stream.name)
    await bus.publish(message(1))
    await eventually(lambda: got == ["id 1"], within_seconds=20)
    stopping.set()
    await task


async def test_a_ping_tells_a_closed_connection(bus_url):
    """R-OPS-01."""
    async with Bus.open(bus_url, name="test") as bus:
        await bus.ping()
        await bus._client.close()
        with pytest.raises((UpstreamUnavailable, NatsError)):
            await bus.ping()


def test_a_consumer_that_nobody_declared_is_not_known():
    assert consumer_spec(CONSUMER).stream == "HEIMDEX_WORK"
    with pytest.raises(KeyError):
        consumer_spec("nobody")


async def test_facts_stay_for_their_readers(bus):
    """R-STG-09: a reader that was away reads them later."""
    await bus.publish(message(1, fact_subject("ingest", "stage_ended", "v1")))
    seen = asyncio.Event()

    async def take(delivery):
        await delivery.ack()
        seen.set()

    stopping = asyncio.Event()
    async with beside(bus.consume("ingest_take_facts", take, slots=1, stopping=stopping)):
        await asyncio.wait_for(seen.wait(), 10)
        stopping.set()
    assert (await state(bus, "HEIMDEX_FACT")).messages == 1
