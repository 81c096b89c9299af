"""The conformance suite of EventStore: once in effect, whatever comes in whatever order; days instead of old hours."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chassis.core.errors import InvalidInput
from chassis.core.stages import PIPELINE
from chassis.io import metrics
from chassis.io.concurrently import all_of
from chassis.io.postgres import Database
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.codec.bins import decode_bins
from metrics_svc.domain.events.sketch import Sketch
from tests.support.metrics_samples import (
    MINUTE_NS,
    NOW,
    operation_event,
    run_event,
    samples_of,
    search_event,
    stage_event,
    stamp,
)

OWNERS = ("ada", "bob", "cem")
HOUR = timedelta(hours=1)
SKETCHES = (
    "SELECT owner_id, period_start, is_day, measure, stage, outcome, model, measured, approximate, missing, total,"
    " smallest, largest, bins FROM metrics.sketches ORDER BY 1, 2, 3, 4, 5, 6, 7"
)


async def fetch(database, query, *values: object):
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *values)]


async def count(database, table):
    ((rows,),) = await fetch(database, f"SELECT count(*) FROM metrics.{table}")  # noqa: S608  # our own words
    return rows


def library(seed=1, size=120):
    """Events of all kinds over two days, late ones and unknown ones among them."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    events = []
    for number in range(size):
        owner, at = draw.choice(OWNERS), NOW - timedelta(seconds=draw.randrange(2 * 86_400))
        video = {"owner_id": owner, "finished_at": at, "video_duration_ns": draw.randrange(3) * MINUTE_NS}
        stage = draw.choice(PIPELINE).name
        events += [
            stage_event(number, stage=stage, duration_ns=draw.randrange(1 << 40), model=draw.choice("mn"), **video),
            run_event(number, duration_ns=draw.randrange(1 << 45), elapsed_ns=5, **video)
            if draw.random() < 0.8
            else run_event(number, failed_in=stage, **video),
            search_event(number, owner_id=owner, at=at, latency_ns=draw.randrange(1 << 30)),
            operation_event(number, owner_id=owner, operation=draw.choice(("UPLOAD", "EXPORT")), finished_at=at),
        ]
    unknown = stage_event("x", finished_at=NOW - HOUR)
    unknown.stage, unknown.outcome = 17, 9
    return [*events, unknown]


@pytest.fixture
async def kept_at_once(new_database):
    """What a store holds that was given everything in one batch."""
    async with Database.open(await new_database("metrics_svc", "metrics"), max_connections=2) as database:
        await PostgresEventStore(database).add(samples_of(*library()))
        yield await fetch(database, SKETCHES)


@pytest.mark.parametrize("seed", range(4))
async def test_a_stream_three_times_in_any_order_and_in_any_batches_leaves_the_same_rows(
    event_store, database, kept_at_once, seed
):
    """R-STG-08: bit for bit, sketches included."""
    draw = random.Random(seed)  # noqa: S311
    samples = samples_of(*library())
    stream = samples * 3
    draw.shuffle(stream)
    new = 0
    while stream:
        size = draw.choice((1, 7, 50, 200))
        batch, stream = stream[:size], stream[size:]
        new += await event_store.add(batch)

    assert new == len(samples)
    assert await fetch(database, SKETCHES) == kept_at_once
    assert await count(database, "contradictions") == 0


async def test_two_writers_at_once_leave_the_same_rows(event_store, database, kept_at_once):
    """Replicas: no event is counted twice, none is lost, nobody deadlocks."""
    samples = samples_of(*library())
    other = PostgresEventStore(database)
    orders = [random.Random(seed).sample(samples, len(samples)) for seed in (1, 2)]  # noqa: S311
    for start in range(0, len(samples), 40):
        await all_of(
            *(store.add(order[start : start + 40]) for store, order in zip((event_store, other), orders, strict=True))
        )

    assert await fetch(database, SKETCHES) == kept_at_once


async def test_everybody_together_is_the_sum_of_the_owners(event_store, database):
    await event_store.add(samples_of(*library()))
    sums = (
        "SELECT measure, stage, outcome, model, period_start, sum(measured), sum(approximate), sum(missing),"
        " sum(total), min(smallest), max(largest) FROM metrics.sketches WHERE (owner_id = '') = $1"
        " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    )

    assert await fetch(database, sums, True) == await fetch(database, sums, False)


async def test_sketches_hold_exactly_the_raw_lengths(event_store, database):
    await event_store.add(samples_of(*library()))
    rows = await fetch(
        database,
        "SELECT bins, total, smallest, largest FROM metrics.sketches WHERE owner_id = '' AND measure = 'work'",
    )
    lengths = [row[0] for row in await fetch(database, "SELECT duration_ns FROM metrics.stage_events")]
    kept = Sketch.merged(Sketch(*decode_bins(bins), int(total), low, high) for bins, total, low, high in rows)

    assert kept == Sketch.of(np.array(lengths))


async def test_what_came_first_stands_and_what_contradicts_it_is_counted_and_shown(event_store, database):
    """The same id and other content: visible, and in no number."""
    counter = metrics.EVENTS_TAKEN.labels("stage_events", "contradicted")
    before = counter._value.get()
    await event_store.add(samples_of(stage_event(1)))
    once = await fetch(database, SKETCHES)
    for _ in range(3):
        assert await event_store.add(samples_of(stage_event(1, duration_ns=5, reason="HUH"))) == 0
    shown = await fetch(
        database, "SELECT kind, event_id, owner_id, differences::jsonb::text FROM metrics.contradictions"
    )

    assert await fetch(database, SKETCHES) == once
    assert shown == [
        (
            "stage_events",
            "v1/1/transcription/1",
            "owner",
            '{"reason": ["", "HUH"], "duration_ns": [60000000000, 5]}',
        )
    ]
    assert counter._value.get() - before == 3


async def test_a_contradiction_within_a_batch_is_one_too(event_store, database):
    assert await event_store.add(samples_of(stage_event(1), stage_event(1, duration_ns=1), stage_event(1))) == 1
    assert await fetch(database, "SELECT duration_ns FROM metrics.stage_events") == [(MINUTE_NS,)]
    assert await count(database, "contradictions") == 1


async def test_the_same_event_at_another_time_of_arrival_is_no_contradiction(event_store, database):
    """An event without an end is counted when it came first."""
    endless = stage_event(1)
    endless.ClearField("finished_at")
    await event_store.add(samples_of(endless, now=NOW))
    await event_store.add(samples_of(endless, now=NOW + 5 * HOUR))

    assert await fetch(database, "SELECT DISTINCT period_start FROM metrics.sketches") == [(NOW,)]
    assert await count(database, "contradictions") == 0


async def test_a_run_ends_once_whatever_its_event_is_called(event_store, database):
    await event_store.add(samples_of(run_event(1)))

    assert await event_store.add(samples_of(run_event(1, event_id="another"), run_event(1, event_id="third"))) == 0
    assert await event_store.add(samples_of(run_event(1, event_id="another", generation=2))) == 1
    assert await count(database, "contradictions") == 0
    assert await event_store.add(samples_of(run_event(1, event_id="another", duration_ns=7))) == 0
    assert await count(database, "contradictions") == 1


async def test_what_is_filled_in_later_does_not_gainsay_what_was_measured(event_store, database):
    """R-BKF: a backfill over a video that is known changes nothing and accuses nobody."""
    await event_store.add(samples_of(run_event(1)))

    assert await event_store.add(samples_of(run_event(1, event_id="backfill/v1/1", provenance=1))) == 0
    assert await count(database, "contradictions") == 0


async def test_a_batch_is_kept_whole_or_not_at_all(event_store, database):
    good, bad = samples_of(stage_event(1), search_event(1))
    with pytest.raises(InvalidInput):
        await event_store.add([good, bad._replace(query_text="\x00")])  # what the codec would never let through
    with pytest.raises(InvalidInput):
        await event_store.add([good, samples_of(run_event(2))[0]._replace(duration_ns=-5)])

    assert (await count(database, "stage_events"), await count(database, "sketches")) == (0, 0)
    assert await event_store.add([good]) == 1


async def test_the_longest_ids_and_words_are_kept(event_store, database):
    """An index refuses long entries: nothing that the codec lets through may meet that limit."""
    wide = "\N{PILE OF POO}"
    draw = random.Random(1)  # noqa: S311
    noise = "".join(chr(draw.randrange(0x10000, 0x10FFFF)) for _ in range(5_000))
    event = stage_event(
        1, event_id=noise[:512], video_id=noise[512:1024], owner_id=noise[1024:1536], model=noise[1536:]
    )

    assert await event_store.add(samples_of(event, run_event(wide * 100, owner_id=noise[:512]))) == 2


async def test_a_late_event_falls_into_its_hour_and_makes_the_version_of_its_day_rise(event_store, database):
    await event_store.add(samples_of(stage_event(1)))
    ((version,),) = await fetch(database, "SELECT max(version) FROM metrics.sketch_days")
    at = NOW - timedelta(days=3, minutes=30)
    await event_store.add(samples_of(stage_event(2, finished_at=at)))
    days = await fetch(database, "SELECT owner_id, day, version > $1 FROM metrics.sketch_days ORDER BY 2, 1", version)

    assert days == [
        ("", at.date(), True),
        ("owner", at.date(), True),
        ("", NOW.date(), False),
        ("owner", NOW.date(), False),
    ]
    assert {row[0] for row in await fetch(database, "SELECT period_start FROM metrics.sketches")} == {
        NOW,
        at.replace(minute=0),
    }


async def test_absurd_clocks_are_counted_when_they_arrive(event_store, database):
    """R-STG-04: the years 2, 1970 and 9998, and a wait of two thousand years; the same again is the same."""
    absurd = [datetime(2, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)]
    events = [stage_event(number, started_at=stamp(NOW)) for number in range(len(absurd))]
    for event, at in zip(events, absurd, strict=True):
        event.finished_at.CopyFrom(stamp(at))
        event.queued_at.CopyFrom(stamp(at))
    assert await event_store.add(samples_of(*events)) == 3
    assert await event_store.add(samples_of(*events, now=NOW + HOUR)) == 0

    assert await count(database, "contradictions") == 0
    assert await fetch(database, "SELECT finished_at FROM metrics.stage_events ORDER BY 1") == [(at,) for at in absurd]
    assert await fetch(database, "SELECT DISTINCT period_start FROM metrics.sketches") == [(NOW,)]
    assert await fetch(
        database, "SELECT measured, approximate, missing FROM metrics.sketches WHERE measure = 'wait' AND owner_id = ''"
    ) == [(0, 2, 1)]


@pytest.mark.parametrize("seconds", [-62_135_596_800, 253_402_300_799, 1 << 60])
async def test_the_ends_of_time_are_no_time(event_store, database, seconds):
    event = stage_event(1)
    event.started_at.seconds = event.finished_at.seconds = seconds
    for _ in range(2):
        await event_store.add(samples_of(event))

    assert await fetch(database, "SELECT started_at, finished_at FROM metrics.stage_events") == [(None, None)]


async def test_a_writer_that_dies_leaves_nothing_behind(event_store, database):
    """A cancelled batch rolls back, and the next writer gets the lock."""
    task = asyncio.ensure_future(event_store.add(samples_of(*library(size=300))))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await count(database, "stage_events") == 0
    assert await event_store.add(samples_of(stage_event(1))) == 1
