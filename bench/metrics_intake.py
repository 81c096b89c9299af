"""At least 20,000 events a second go from JetStream to durable rows and sketches, on two cores.

Both sides drain the same stream of events, published beforehand, of 25 owners and with every tenth event twice, and are
done when everything is committed and acknowledged. Ours keeps raw rows without repetitions and the sketches of every
owner, hour and stage, in one transaction per batch. The peer is what one would write in an hour: bare nats-py, protobuf
and asyncpg, `INSERT ... ON CONFLICT DO NOTHING` by the batch, no sketches.
"""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import nats
import uvloop
from nats.aio.msg import Msg

from bench.harness import Aim, Gate, Measured, Quantity, Run, Stopwatch
from bench.mesh import running_servers
from bench.synthetic_library import Shape, SyntheticLibrary
from chassis.core.clock import SystemClock
from chassis.core.subjects import stage_subject
from chassis.io.jetstream import Bus
from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from chassis.io.topology import consumer_spec
from deploy.local import LocalServers
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.consumer import CONSUMER, EventConsumer
from metrics_svc.domain.events.samples import OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.intake import Intake
from metrics_svc.settings import Settings

__all__ = ["measure"]

_PEER = "bare nats-py, protobuf and asyncpg: fetch, parse, INSERT ON CONFLICT DO NOTHING, ack; no sketches"
_TYPE = "heimdex.metrics.v1.StageEvent"
_BARE_CONSUMER, _BARE_BATCH, _WINDOW = "bench_bare", 1_000, 500
_TWICE_EVERY = 10
_CREATE = """CREATE TABLE metrics.bench_events (
    event_id text PRIMARY KEY, video_id text, owner_id text, stage int, outcome int,
    queued_at timestamptz, started_at timestamptz, finished_at timestamptz, duration_ns bigint, model text)"""
_INSERT = """INSERT INTO metrics.bench_events SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::int[], $5::int[],
    $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::text[]) ON CONFLICT DO NOTHING"""


async def measure(run: Run) -> Measured:
    """Publish, then drain with the one, then with the other."""
    count = run.count(300_000, 2_000)
    events = _events(count)
    distinct = len({event.event_id for event in events})
    async with running_servers(run.folder("servers")) as servers:
        nats_url, dsn = servers.nats_url("operator"), servers.database_url("metrics")
        run.say(f"{count:,} events are published")
        await asyncio.to_thread(lambda: uvloop.run(_publish(nats_url, events)))
        run.say("the bare script drains them")
        bare_s, bare_rows = await asyncio.to_thread(lambda: uvloop.run(_drain_bare(nats_url, dsn, count)))
        run.say("metrics_svc drains them")
        ours_s, rows, sketched, largest = await asyncio.to_thread(lambda: uvloop.run(_drain(servers)))
    return Measured(
        values={
            "events_per_s": Quantity(round(count / ours_s), "1/s"),
            "bare_events_per_s": Quantity(round(count / bare_s), "1/s"),
            "seconds_per_20k": Quantity(round(20_000 * ours_s / count, 3), "s"),
            "largest_sketch_row": Quantity(largest, "B"),
        },
        ratio=ours_s / bare_s,
        peer=_PEER,
        gates=(
            Gate("every distinct event is a row", rows == distinct, f"{rows} of {distinct}"),
            Gate("the bare script has as many", bare_rows == distinct, f"{bare_rows} of {distinct}"),
            Gate("every row is in the sketches once", sketched == rows, f"{sketched} of {rows}"),
        ),
        aims=(Aim("seconds_per_20k", 1.0), Aim("largest_sketch_row", 4_096)),
        inputs=(events[0].SerializeToString(), str(count).encode()),
    )


def _events(count: int) -> list[stage_event_pb2.StageEvent]:
    """Return that many events by the time they ended, every tenth of them once more later."""
    library = SyntheticLibrary(Shape(days=7, videos=max(100, count // 7), until=datetime.now(UTC)))
    once = list(itertools.islice(library.stage_events(), count * _TWICE_EVERY // (_TWICE_EVERY + 1)))
    once.sort(key=lambda event: event.finished_at.ToNanoseconds())
    twice = once[::_TWICE_EVERY][: count - len(once)]
    return [*once, *twice]


async def _publish(url: str, events: Sequence[stage_event_pb2.StageEvent]) -> None:
    """Publish with a window of unconfirmed messages; each under an identity of its own, so that none is dropped."""
    async with Bus.open(url, name="bench-topology", corrects_topology=True):
        pass
    client = await nats.connect(url)
    stream = client.jetstream()
    try:
        for first in range(0, len(events), _WINDOW):
            sent = [
                await stream.publish_async(
                    stage_subject("ingest", "stage_event", event.video_id),
                    event.SerializeToString(),
                    headers={"Nats-Msg-Id": f"bench/{first + number}", "Heimdex-Message-Type": _TYPE},
                )
                for number, event in enumerate(events[first : first + _WINDOW])
            ]
            await asyncio.wait_for(asyncio.gather(*sent), 60)
    finally:
        await client.close()


async def _drain_bare(url: str, dsn: str, count: int) -> tuple[float, int]:
    client, connection = await nats.connect(url), await asyncpg.connect(dsn)
    stream = consumer_spec(CONSUMER).stream
    try:
        await connection.execute(_CREATE)
        subscription = await client.jetstream().pull_subscribe(
            "heimdex.stage.v1.>", durable=_BARE_CONSUMER, stream=stream
        )
        watch, taken = Stopwatch(), 0
        while taken < count:
            messages = await subscription.fetch(_BARE_BATCH, timeout=10)
            await connection.execute(_INSERT, *zip(*map(_bare_row, messages), strict=True))
            for message in messages:
                await message.ack()
            taken += len(messages)
        await client.flush()
        seconds = watch.seconds
        rows = int(await connection.fetchval("SELECT count(*) FROM metrics.bench_events"))
        await client.jetstream().delete_consumer(stream, _BARE_CONSUMER)
        return seconds, rows
    finally:
        await connection.close()
        await client.close()


def _bare_row(message: Msg) -> tuple[Any, ...]:
    event = stage_event_pb2.StageEvent.FromString(message.data)
    return (
        event.event_id,
        event.video_id,
        event.owner_id,
        event.stage,
        event.outcome,
        event.queued_at.ToDatetime(UTC),
        event.started_at.ToDatetime(UTC),
        event.finished_at.ToDatetime(UTC),
        event.duration_ns,
        event.model,
    )


async def _drain(servers: LocalServers) -> tuple[float, int, int, int]:
    """Drain with the consumer of metrics_svc; return seconds, rows, samples in the sketches, the largest sketch row."""
    stopping = asyncio.Event()
    async with (
        Database.open(servers.database_url("metrics")) as database,
        Bus.open(servers.nats_url("operator"), name="bench-metrics") as bus,
    ):
        await migrate(database, package="metrics_svc", schema="metrics")
        store = PostgresEventStore(database)
        kinds = (StageSample, VideoRun, SearchSample, OperationSample)
        consumer = EventConsumer(bus=bus, intake=Intake(dict.fromkeys(kinds, store)), clock=SystemClock())
        fields = Settings.__dataclass_fields__
        slots, size = int(str(fields["intake_slots"].default)), int(str(fields["intake_batch"].default))
        watch = Stopwatch()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(consumer.run(slots=slots, max_messages=size, stopping=stopping))
            while await bus.pending(CONSUMER):  # noqa: ASYNC110  # the broker knows when it is done, and tells nobody
                await asyncio.sleep(0.05)
            seconds = watch.seconds
            stopping.set()
        async with database.connection() as connection:
            rows = await connection.fetchval(
                "SELECT (SELECT count(*) FROM metrics.stage_events) + (SELECT count(*) FROM metrics.video_runs)"
            )
            sketched = await connection.fetchval(
                "SELECT sum(measured + approximate + missing)::bigint FROM metrics.sketches"
                " WHERE owner_id = '' AND measure IN ('work', 'run')"
            )
            largest = await connection.fetchval("SELECT max(pg_column_size(sketches.*)) FROM metrics.sketches")
    return seconds, rows, sketched, largest
