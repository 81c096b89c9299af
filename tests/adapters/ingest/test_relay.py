"""Outbox, intake and sweeper on a real broker: nothing is lost, nothing counts twice."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.core.stages import Outcome, Stage
from chassis.core.subjects import fact_subject
from chassis.io.concurrently import beside
from chassis.io.jetstream import Outgoing
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp
from heimdex.ingest.v1 import work_pb2
from ingest_svc.channels import OUTBOX_CHANNEL
from ingest_svc.domain.video import StepState, VideoState
from ingest_svc.relay import FactIntake, OutboxRelay, Sweeper
from tests.support.eventually import eventually
from tests.support.ingest_lab import T0, count, open_steps, registered, result_of, settle


@pytest.fixture
def relay(progress, bus, clock):
    return OutboxRelay(progress, bus, clock)


class Sent:
    """A sweeper, and a relay that has sent everything."""

    def __init__(self, progress, bus, clock, relay) -> None:
        self.sweeper = Sweeper(progress, bus, clock, overdue_seconds=30.0, period_seconds=0.05)
        self.progress, self.bus, self.clock, self.relay = progress, bus, clock, relay

    async def sweep(self, after_seconds=0):
        self.clock.forward(after_seconds)
        return await self.sweeper.sweep()

    async def open_steps(self, video):
        return open_steps(await self.progress.apply(video.id, lambda one: (one, ())))


@pytest.fixture
def sweeper(progress, bus, clock, relay):
    return Sent(progress, bus, clock, relay)


async def stream(bus, name="HEIMDEX_WORK"):
    return (await bus._jetstream.stream_info(name)).state


async def emptied(database):
    assert await count(database, "outbox", "published_at IS NULL") == 0


async def send_all(database, relay):
    async with beside(relay.run()):
        await eventually(lambda: emptied(database))


@asynccontextmanager
async def taking_in(progress, bus, blobs, clock):
    stopping = asyncio.Event()
    intake = FactIntake(progress, bus, blobs, clock)
    async with beside(bus.consume("ingest_take_facts", intake.handle, slots=2, stopping=stopping)):
        yield
        stopping.set()


def ended(video, step, outcome=Outcome.SUCCEEDED, *, msg_id=None, at=T0):
    fact = work_pb2.StageEnded(
        video_id=video.id,
        stage=stage_to_proto(step.stage),
        fence=step.fence,
        started_at=timestamp(at),
        finished_at=timestamp(at + timedelta(seconds=1)),
        outcome=outcome_to_proto(outcome),
        result_key="k",
        worker="w",
    )
    subject = fact_subject("ingest", "stage_ended", video.id)
    identity = msg_id or f"ended/{video.id}/{step.stage}/{step.fence}"
    return Outgoing(subject, fact.SerializeToString(), "heimdex.ingest.v1.StageEnded", identity)


async def test_a_crash_between_send_and_mark_sends_the_same_identity_and_the_broker_keeps_one(
    database, progress, bus, relay
):
    """R-STG-09, K8: the outbox sends again what it does not know to be sent."""
    await registered(progress)

    async def crash(due):
        await relay._send(due)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await progress.take_due(T0, 10, crash)
    assert (await stream(bus)).messages == 1
    assert await count(database, "outbox", "published_at IS NULL") == 2
    await send_all(database, relay)

    assert ((await stream(bus)).messages, (await stream(bus, "HEIMDEX_STAGE")).messages) == (1, 1)
    assert await count(database, "outbox", "stream_sequence = 1") == 2


async def test_the_relay_sends_at_once_when_it_is_woken_and_holds_back_what_is_not_due(database, progress, bus, clock):
    """R-RET-01, R-ING-01: a commit wakes the relay through the database; a retry waits for its time."""
    relay = OutboxRelay(progress, bus, clock)
    async with beside(database.listen(OUTBOX_CHANNEL, relay.wake)), beside(relay.run()):
        video = await registered(progress)
        await eventually(lambda: emptied(database))
        failure = result_of(open_steps(video)[0], Outcome.FAILED, reason="UPSTREAM_UNAVAILABLE")
        video = await settle(progress, video, failure)
        await eventually(lambda: _one_waits(database))
        await eventually(lambda: _idle(relay))
        assert await count(database, "outbox", "published_at IS NULL AND subject LIKE '%.downloading.%'") == 1
        clock.forward(1.0)
        await eventually(lambda: emptied(database))

    assert (await stream(bus)).messages == 2


async def test_two_relays_send_each_message_once_and_in_all(database, progress, bus, clock):
    for number in range(30):
        await registered(progress, f"clip {number}")
    first, second = (OutboxRelay(progress, bus, clock) for _ in range(2))
    async with beside(first.run()), beside(second.run()):
        await eventually(lambda: emptied(database))

    assert (await stream(bus)).messages == 30


async def test_a_fact_moves_its_video_on_and_is_acknowledged(database, progress, bus, blobs, clock):
    """R-STG-07, R-RET-06: the same answer under three identities is decided upon once."""
    video = await registered(progress)
    step = open_steps(video)[0]
    for number in range(3):
        await bus.publish(ended(video, step, msg_id=f"copy {number}"))
    async with taking_in(progress, bus, blobs, clock):
        await eventually(lambda: _nothing_waits(bus))

    assert await count(database, "inbox") == 3
    assert await count(database, "outbox", "subject LIKE '%.metadata.%'") == 1


async def test_facts_that_nobody_can_use_do_not_block_those_behind_them(database, progress, bus, blobs, clock):
    """R-SCH-16, R-STO-05: garbage is put aside; newer kinds and facts of deleted videos are acknowledged."""
    video = await registered(progress)
    good = ended(video, open_steps(video)[0])
    subject = good.subject
    garbage = (
        Outgoing(subject, b"\xff\xff\xff", good.message_type, "garbage"),
        Outgoing(subject, work_pb2.StageEnded(stage=99).SerializeToString(), good.message_type, "unknown stage"),
    )
    newer = Outgoing(subject, b"\x0a\x01x", "heimdex.ingest.v9.Later", "newer")
    orphan_fact = work_pb2.StageEnded.FromString(good.payload)
    orphan_fact.video_id = "v_deleted"
    orphan = Outgoing(subject, orphan_fact.SerializeToString(), good.message_type, "orphan")
    for one in (*garbage, newer, orphan, good):
        await bus.publish(one)
    async with taking_in(progress, bus, blobs, clock):
        await eventually(lambda: _nothing_waits(bus))

    assert (await stream(bus, "HEIMDEX_DEAD")).messages == len(garbage)
    assert await count(database, "steps", "stage = 'downloading' AND state = 'done'") == 1


async def test_a_fact_is_taken_in_once_the_database_is_back(database, progress, bus, blobs, clock):
    """R-STG-09: a fact that could not be stored comes again."""
    video = await registered(progress)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE ingest.inbox RENAME TO hidden")
    await bus.publish(ended(video, open_steps(video)[0]))
    async with taking_in(progress, bus, blobs, clock):
        await eventually(lambda: _delivered_again(bus))
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE ingest.hidden RENAME TO inbox")
        await eventually(lambda: _nothing_waits(bus))

    assert await count(database, "steps", "stage = 'downloading' AND state = 'done'") == 1


async def test_work_that_the_broker_lost_is_handed_out_again(database, progress, bus, sweeper):
    """R-RET-02: no video waits for ever for work that is nowhere."""
    video = await registered(progress)
    await send_all(database, sweeper.relay)
    await bus._jetstream.purge_stream("HEIMDEX_WORK")

    assert await sweeper.sweep(31) == 1
    assert await sweeper.sweep() == 0
    await send_all(database, sweeper.relay)
    (step,) = await sweeper.open_steps(video)
    assert (step.attempt, step.state) == (1, StepState.QUEUED)
    assert step.fence > open_steps(video)[0].fence
    assert (await stream(bus)).messages == 1


async def test_work_that_the_broker_holds_or_the_outbox_still_has_is_left_alone(database, progress, bus, sweeper):
    """R-RET-02: slow is not lost."""
    await registered(progress, "sent")
    await send_all(database, sweeper.relay)
    await registered(progress, "not sent yet")

    assert await sweeper.sweep(3_600) == 0
    assert (await stream(bus)).messages == 1


async def test_young_work_and_ended_videos_are_not_swept(database, progress, bus, sweeper):
    video = await registered(progress)
    await send_all(database, sweeper.relay)
    await bus._jetstream.purge_stream("HEIMDEX_WORK")
    assert await sweeper.sweep(29) == 0
    cut = result_of(open_steps(video)[0], Outcome.FAILED, is_permanent=True, reason="X")
    video = await settle(progress, video, cut)

    assert video.state is VideoState.FAILED
    assert await sweeper.sweep(3_600) == 0


async def test_nothing_is_swept_while_facts_wait(database, progress, bus, blobs, sweeper):
    """R-RET-02: the work may be gone because it is done, and its answer not read yet."""
    video = await registered(progress)
    await send_all(database, sweeper.relay)
    await bus.publish(ended(video, open_steps(video)[0]))
    await bus._jetstream.purge_stream("HEIMDEX_WORK")

    assert await sweeper.sweep(31) == 0
    async with taking_in(progress, bus, blobs, sweeper.clock):
        await eventually(lambda: _nothing_waits(bus))
    assert [one.stage for one in await sweeper.open_steps(video)] == [Stage.METADATA]


async def test_a_sweep_without_a_broker_loses_no_patience(database, progress, bus, relay, clock):
    """R-OPS-01: it reports and tries again; nothing is handed out on a guess."""
    await registered(progress)
    await send_all(database, relay)
    clock.forward(31)
    await bus._client.close()
    sweeper = Sweeper(progress, bus, clock, overdue_seconds=30.0, period_seconds=0.01)

    with pytest.raises(UpstreamUnavailable):
        await sweeper.sweep()
    assert await count(database, "outbox", "subject LIKE 'heimdex.work.%'") == 1


async def _one_waits(database):
    assert await count(database, "outbox", "published_at IS NULL") == 1


async def _nothing_waits(bus):
    assert await bus.pending("ingest_take_facts") == 0


async def _delivered_again(bus):
    info = await bus._jetstream.consumer_info("HEIMDEX_FACT", "ingest_take_facts")
    assert (info.num_redelivered or 0) > 0 or (info.delivered.consumer_seq > info.delivered.stream_seq)


async def _idle(relay):
    assert not relay._wake.is_set()
