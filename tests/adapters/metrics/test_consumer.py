import asyncio
import random
from contextlib import asynccontextmanager

import nats
import pytest

from chassis.core.clock import SystemClock
from chassis.core.errors import InvalidInput, UpstreamUnavailable
from chassis.core.subjects import HEADER_MESSAGE_TYPE, dead_subject, stage_subject
from chassis.io import metrics
from chassis.io.jetstream import Bus, Outgoing
from metrics_svc.consumer import CONSUMER, EventConsumer
from metrics_svc.intake import Intake
from tests.support.eventually import eventually
from tests.support.metrics_samples import batch_of, run_event, search_event, stage_event

STAGE_EVENT, SEARCH_EVENT = "heimdex.metrics.v1.StageEvent", "heimdex.metrics.v1.SearchEvent"


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test") as bus:
        yield bus


@asynccontextmanager
async def consuming(bus, store, *, slots=8):
    stopping = asyncio.Event()
    consumer = EventConsumer(bus=bus, intake=Intake(store), clock=SystemClock())
    before = finished()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(slots=slots, stopping=stopping))
        try:
            yield lambda count: finished() - before == count
        finally:
            stopping.set()


async def publish(bus, payload, message_type, *, msg_id, context="inference", message="stage_event"):
    await bus.publish(Outgoing(stage_subject(context, message, "v"), payload, message_type, msg_id))


def handled(disposition):
    return metrics.MESSAGES_HANDLED.labels(CONSUMER, disposition)._value.get()


def finished():
    return sum(handled(disposition) for disposition in ("ack", "ignore", "reject"))


async def count(database, table):
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM metrics.{table}")  # noqa: S608  # our own words


async def test_events_delivered_three_times_in_any_order_are_kept_once(bus, store, database):
    """R-STG-08: deliver every event 3 times -> same rows."""
    events = [
        *((STAGE_EVENT, stage_event(number)) for number in range(20)),
        *((STAGE_EVENT, run_event(number)) for number in range(10)),
        *((SEARCH_EVENT, search_event(number)) for number in range(10)),
    ]
    deliveries = [(kind, event, time) for kind, event in events for time in range(3)]
    random.Random(3).shuffle(deliveries)  # noqa: S311  # not a secret
    before = handled("ack")
    for kind, event, time in deliveries:
        await publish(bus, event.SerializeToString(), kind, msg_id=f"{event.event_id}/{kind}/{time}")
    async with consuming(bus, store) as has_taken:
        await eventually(lambda: has_taken(120))

    assert [await count(database, table) for table in ("stage_events", "video_runs", "search_events")] == [20, 10, 10]
    assert handled("ack") - before == 120


async def test_what_was_sent_while_it_was_away_is_taken_when_it_comes_back(bus, store, database):
    """R-STG-09: stop metrics_svc; restart -> numbers catch up fully."""
    async with consuming(bus, store) as has_taken:
        await publish(bus, stage_event(1).SerializeToString(), STAGE_EVENT, msg_id="1")
        await eventually(lambda: has_taken(1))
    await publish(bus, stage_event(2).SerializeToString(), STAGE_EVENT, msg_id="2")
    async with consuming(bus, store) as has_taken:
        await eventually(lambda: has_taken(1))

    assert await count(database, "stage_events") == 2


async def test_an_undecodable_event_goes_to_the_dead_letters_and_holds_nothing_up(bus, bus_url, store, database):
    rejected = handled("reject")
    await publish(bus, b"\xff\xff", STAGE_EVENT, msg_id="broken")
    await publish(bus, stage_event(1, event_id="x" * 600).SerializeToString(), STAGE_EVENT, msg_id="unstorable")
    await publish(bus, stage_event(1).SerializeToString(), STAGE_EVENT, msg_id="good")
    async with consuming(bus, store, slots=1) as has_taken:
        await eventually(lambda: has_taken(3))
    client = await nats.connect(bus_url)
    info = await client.jetstream().stream_info("HEIMDEX_DEAD", subjects_filter="heimdex.dead.>")
    first = await client.jetstream().get_msg("HEIMDEX_DEAD", 1)
    await client.close()

    assert await count(database, "stage_events") == 1
    assert handled("reject") - rejected == 2
    assert info.state.messages == 2
    assert (first.subject, first.data) == (dead_subject("metrics", "undecodable", "none"), b"\xff\xff")
    assert first.headers[HEADER_MESSAGE_TYPE] == STAGE_EVENT


async def test_an_event_of_an_unknown_kind_is_counted_and_left_alone(bus, store):
    ignored = handled("ignore")
    await publish(bus, b"anything", "heimdex.metrics.v9.Hologram", msg_id="future")
    async with consuming(bus, store) as has_taken:
        await eventually(lambda: has_taken(1))

    assert handled("ignore") - ignored == 1


class FailingOnce:
    """The real store after one error."""

    def __init__(self, store, error) -> None:
        self._store, self._errors = store, [error]

    async def add(self, batch):
        if self._errors:
            raise self._errors.pop()
        return await self._store.add(batch)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), RuntimeError("a bug")])
async def test_an_event_that_could_not_be_stored_comes_again(bus, store, database, error):
    await publish(bus, stage_event(1).SerializeToString(), STAGE_EVENT, msg_id="1")
    async with consuming(bus, FailingOnce(store, error)) as has_taken:
        await eventually(lambda: has_taken(1))

    assert await count(database, "stage_events") == 1


async def test_one_bad_sample_does_not_spoil_those_beside_it(store, database):
    good, bad = batch_of(stage_event(1)).stages[0], batch_of(stage_event(2)).stages[0]
    object.__setattr__(bad, "reason", "\x00")  # what the codec would never let through
    intake = Intake(store)
    results = await asyncio.gather(intake.add(good), intake.add(bad), intake.add(good), return_exceptions=True)

    assert [type(result) for result in results] == [type(None), InvalidInput, type(None)]
    assert await count(database, "stage_events") == 1


class Gate:
    """Lets one batch in at a time and remembers how large each was."""

    def __init__(self) -> None:
        self.open, self.sizes = asyncio.Event(), []

    async def add(self, batch):
        self.sizes.append(len(batch.stages))
        await self.open.wait()
        return 0


async def test_what_gathers_while_an_insert_is_on_its_way_goes_together():
    gate, samples = Gate(), [batch_of(stage_event(number)).stages[0] for number in range(10)]
    intake = Intake(gate)
    async with asyncio.TaskGroup() as tasks:
        for sample in samples:
            tasks.create_task(intake.add(sample))
        await eventually(lambda: bool(gate.sizes))
        gate.open.set()

    assert sum(gate.sizes) == 10
    assert len(gate.sizes) <= 2


async def test_a_cancelled_caller_takes_nobody_with_it():
    gate, samples = Gate(), [batch_of(stage_event(number)).stages[0] for number in range(3)]
    intake = Intake(gate)
    tasks = [asyncio.ensure_future(intake.add(sample)) for sample in samples]
    await eventually(lambda: bool(gate.sizes))
    tasks[0].cancel()
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError, type(None), type(None)]
