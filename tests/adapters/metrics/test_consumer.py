import asyncio
import random
from contextlib import asynccontextmanager
from itertools import pairwise
from time import monotonic

import nats
import pytest

from chassis.core.clock import SystemClock
from chassis.core.errors import InvalidInput, UpstreamUnavailable
from chassis.core.subjects import HEADER_MESSAGE_TYPE, dead_subject, stage_subject
from chassis.io import metrics
from chassis.io.jetstream import Bus, Outgoing
from metrics_svc.consumer import CONSUMER, MAX_BUG_DELIVERIES, EventConsumer
from metrics_svc.domain.events.samples import OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.intake import Intake
from tests.support.eventually import eventually
from tests.support.metrics_samples import operation_event, run_event, search_event, stage_event

KINDS = (StageSample, VideoRun, SearchSample, OperationSample)


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test") as bus:
        yield bus


@asynccontextmanager
async def consuming(bus, sink, *, slots=2, max_messages=100):
    stopping = asyncio.Event()
    consumer = EventConsumer(bus=bus, intake=Intake(dict.fromkeys(KINDS, sink)), clock=SystemClock())
    before = finished()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(slots=slots, max_messages=max_messages, stopping=stopping))
        try:
            yield lambda count: finished() - before == count
        finally:
            stopping.set()


async def publish(bus, event, *, msg_id=None, message_type=None):
    payload = event if isinstance(event, bytes) else event.SerializeToString()
    kind = message_type or event.DESCRIPTOR.full_name
    await bus.publish(Outgoing(stage_subject("inference", "stage_event", "v"), payload, kind, msg_id or event.event_id))


STAGE_EVENT = "heimdex.metrics.v1.StageEvent"


def handled(disposition):
    return metrics.MESSAGES_HANDLED.labels(CONSUMER, disposition)._value.get()


def finished():
    return sum(handled(disposition) for disposition in ("ack", "ignore", "reject"))


async def count(database, table):
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM metrics.{table}")  # noqa: S608  # our own words


async def test_events_delivered_three_times_in_any_order_are_kept_once(bus, event_store, database):
    """R-STG-08: deliver every event 3 times -> same rows."""
    events = [
        *(stage_event(number) for number in range(20)),
        *(run_event(number) for number in range(10)),
        *(search_event(number) for number in range(10)),
        *(operation_event(number) for number in range(5)),
    ]
    deliveries = [(event, time) for event in events for time in range(3)]
    random.Random(3).shuffle(deliveries)  # noqa: S311  # not a secret
    before = handled("ack")
    for event, time in deliveries:
        await publish(bus, event, msg_id=f"{event.event_id}/{time}")
    async with consuming(bus, event_store, max_messages=16) as has_taken:
        await eventually(lambda: has_taken(135))
    tables = ("stage_events", "video_runs", "search_events", "operations", "contradictions")

    assert [await count(database, table) for table in tables] == [20, 10, 10, 5, 0]
    assert handled("ack") - before == 135
    await eventually(lambda: is_drained(bus))


async def is_drained(bus):
    return await bus.backlog(CONSUMER) == (0, 0)


async def test_what_was_sent_while_it_was_away_is_taken_when_it_comes_back(bus, event_store, database):
    """R-STG-09: stop metrics_svc; restart -> numbers catch up fully."""
    async with consuming(bus, event_store) as has_taken:
        await publish(bus, stage_event(1))
        await eventually(lambda: has_taken(1))
    await publish(bus, stage_event(2))
    async with consuming(bus, event_store) as has_taken:
        await eventually(lambda: has_taken(1))

    assert await count(database, "stage_events") == 2


async def test_an_undecodable_event_goes_to_the_dead_letters_and_holds_nothing_up(bus, bus_url, event_store, database):
    rejected, refused = handled("reject"), metrics.EVENTS_TAKEN.labels("none", "refused")._value.get()
    await publish(bus, b"\xff\xff", msg_id="broken", message_type=STAGE_EVENT)
    await publish(bus, stage_event(1, event_id="x" * 600), msg_id="unstorable")
    await publish(bus, stage_event(1))
    async with consuming(bus, event_store, slots=1) as has_taken:
        await eventually(lambda: has_taken(3))
    client = await nats.connect(bus_url)
    info = await client.jetstream().stream_info("HEIMDEX_DEAD", subjects_filter="heimdex.dead.>")
    first = await client.jetstream().get_msg("HEIMDEX_DEAD", 1)
    await client.close()

    assert await count(database, "stage_events") == 1
    assert handled("reject") - rejected == 2
    assert metrics.EVENTS_TAKEN.labels("none", "refused")._value.get() - refused == 2
    assert info.state.messages == 2
    assert (first.subject, first.data) == (dead_subject("metrics", "undecodable", "none"), b"\xff\xff")
    assert first.headers[HEADER_MESSAGE_TYPE] == STAGE_EVENT


async def test_an_event_of_an_unknown_kind_is_counted_and_left_alone(bus, event_store):
    ignored = handled("ignore")
    await publish(bus, b"anything", msg_id="future", message_type="heimdex.metrics.v9.Hologram")
    async with consuming(bus, event_store) as has_taken:
        await eventually(lambda: has_taken(1))

    assert handled("ignore") - ignored == 1


class Failing:
    """The real store, raising an error once, or always for a batch that holds one event."""

    def __init__(self, sink, error, *, poison=None) -> None:
        self._sink, self._error, self._poison = sink, error, poison
        self.sizes = []

    async def add(self, samples):
        self.sizes.append(len(samples))
        if self._error is not None and (self._poison is None or any(one.event_id == self._poison for one in samples)):
            error, self._error = self._error, self._error if self._poison else None
            raise error
        return await self._sink.add(samples)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), RuntimeError("a bug")])
async def test_an_event_that_could_not_be_kept_comes_again(bus, event_store, database, error):
    await publish(bus, stage_event(1))
    async with consuming(bus, Failing(event_store, error)) as has_taken:
        await eventually(lambda: has_taken(1))

    assert await count(database, "stage_events") == 1


@pytest.mark.parametrize("error", [InvalidInput("never"), RuntimeError("a bug")])
async def test_one_event_that_spoils_its_batch_is_found_and_the_others_are_kept(bus, event_store, database, error):
    """Halving: a batch of 64 with one bad event takes 13 tries, not 64."""
    for number in range(64):
        await publish(bus, stage_event(number))
    sink = Failing(event_store, error, poison="v40/1/transcription/1")
    rejected, retried = handled("reject"), handled("retry")
    async with consuming(bus, sink, slots=1, max_messages=64):
        await eventually(lambda: kept_all_but_one(database))

    assert sum(sink.sizes) <= 64 * 7
    assert (handled("reject") - rejected, handled("retry") - retried >= 1) == (
        (1, False) if isinstance(error, InvalidInput) else (0, True)
    )


async def kept_all_but_one(database):
    return await count(database, "stage_events") == 63


async def test_an_event_that_runs_into_a_bug_for_long_is_put_aside(bus, event_store):
    await publish(bus, stage_event(1))
    rejected = handled("reject")
    consumer = EventConsumer(
        bus=bus,
        intake=Intake(
            dict.fromkeys(KINDS, Failing(event_store, RuntimeError("a bug"), poison=stage_event(1).event_id))
        ),
        clock=SystemClock(),
    )

    class Worn:
        """A delivery that came as often as it may."""

        deliveries, message_type = MAX_BUG_DELIVERIES, STAGE_EVENT
        subject, msg_id, correlation_id, data = "s", "worn", "", stage_event(1).SerializeToString()
        rejected = False

        async def reject(self):
            self.rejected = True

    worn = Worn()
    await consumer.handle([worn])

    assert worn.rejected
    assert handled("reject") - rejected == 1


async def test_an_event_is_kept_within_a_fraction_of_a_second_when_nothing_else_comes(bus, event_store, database):
    """A batch is not waited for."""
    latencies = []
    async with consuming(bus, event_store) as has_taken:
        for number in range(1, 8):
            begun = monotonic()
            await publish(bus, stage_event(number))
            await eventually(lambda number=number: has_taken(number))
            latencies.append(monotonic() - begun)

    assert sorted(latencies)[len(latencies) // 2] < 0.5


class Gate:
    """Lets batches in when it is open and remembers how large each was."""

    def __init__(self) -> None:
        self.open, self.sizes = asyncio.Event(), []

    async def add(self, samples):
        self.sizes.append(len(samples))
        await self.open.wait()
        return len(samples)


async def test_what_gathers_while_hands_are_full_is_taken_together(bus):
    gate = Gate()
    await publish(bus, stage_event(0))
    async with consuming(bus, gate, slots=1, max_messages=100) as has_taken:
        await eventually(lambda: gate.sizes == [1])
        for number in range(1, 31):
            await publish(bus, stage_event(number))
        gate.open.set()
        await eventually(lambda: has_taken(31))

    assert sum(gate.sizes) == 31
    assert len(gate.sizes) <= 4


async def test_a_batch_is_no_larger_than_it_may_be(bus):
    gate = Gate()
    gate.open.set()
    for number in range(50):
        await publish(bus, stage_event(number))
    async with consuming(bus, gate, slots=2, max_messages=8) as has_taken:
        await eventually(lambda: has_taken(50))

    assert max(gate.sizes) <= 8
    assert all(early > 0 < late for early, late in pairwise(gate.sizes))


async def test_a_cancelled_consumer_gives_everything_back_at_once(bus, event_store, database):
    gate = Gate()
    for number in range(30):
        await publish(bus, stage_event(number))
    consumer = EventConsumer(bus=bus, intake=Intake(dict.fromkeys(KINDS, gate)), clock=SystemClock())
    task = asyncio.ensure_future(consumer.run(slots=2, max_messages=4, stopping=asyncio.Event()))
    await eventually(lambda: len(gate.sizes) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with consuming(bus, event_store) as has_taken:
        await eventually(lambda: has_taken(30), within_seconds=5)

    assert await count(database, "stage_events") == 30
