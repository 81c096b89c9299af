"""An old data folder keeps its history: events of a version without sketches get theirs, once."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.io.migrate import migrate, read_migrations
from chassis.io.postgres import Database
from metrics_svc.adapters.event_store import PostgresEventStore
from tests.adapters.metrics.test_event_store import SKETCHES, fetch, library
from tests.support.metrics_samples import NOW, samples_of, search_event

BEFORE_SKETCHES = 2
"""The last version of the schema without sketches."""
FINISHED = datetime(2026, 9, 1, 12, tzinfo=UTC)
ATTEMPT = (
    "INSERT INTO metrics.stage_events (event_id, video_id, owner_id, generation, stage, attempt, outcome, reason,"
    " finished_at, counted_at, duration_ns, wait_ns, is_clock_corrected, model, worker) VALUES ($1, 'v', 'ada', 1, $2,"
    " 1, 'succeeded', '', $3, $3, $4, 0, false, '', 'w')"
)
RUN = (
    "INSERT INTO metrics.video_runs (event_id, video_id, owner_id, generation, stage, outcome, failed_stage, reason,"
    " finished_at, counted_at, duration_ns, queue_ns, is_clock_corrected, video_duration_ns) VALUES ('v/1/completed',"
    " 'v', 'ada', 1, 'completed', 'succeeded', '', '', $1, $1, 90, 10, false, 100)"
)


async def test_sketches_that_are_made_later_are_those_the_intake_would_have_made(event_store, database):
    """R-STG-08: from the raw rows alone, bit for bit."""
    kept = await event_store.add(samples_of(*library()))
    wanted = await fetch(database, SKETCHES)
    async with database.connection() as connection:
        await connection.execute("TRUNCATE metrics.sketches, metrics.sketch_days")

    assert await event_store.sketch_unsketched() == kept
    assert await fetch(database, SKETCHES) == wanted


async def test_a_store_that_has_sketches_is_left_alone(event_store, database):
    assert await event_store.sketch_unsketched() == 0
    await event_store.add(samples_of(search_event(1, at=NOW)))
    wanted = await fetch(database, SKETCHES)

    assert await event_store.sketch_unsketched() == 0
    assert await fetch(database, SKETCHES) == wanted


@pytest.fixture
async def old_database(new_database):
    """A database as the version before sketches left it: one video of two attempts, ended long ago."""
    migrations = read_migrations("metrics_svc")[:BEFORE_SKETCHES]
    async with Database.open(await new_database("ingest_svc", "ingest"), max_connections=2) as database:
        async with database.transaction() as connection:
            await connection.execute(
                "CREATE SCHEMA metrics; CREATE TABLE metrics.schema_migrations (version integer PRIMARY KEY,"
                " name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            for migration in migrations:
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO metrics.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.sha256,
                )
            await connection.execute(ATTEMPT, "v/1/probing/1", "probing", FINISHED - timedelta(hours=1), 20)
            await connection.execute(ATTEMPT, "v/1/indexing/2", "indexing", FINISHED, 40)
            await connection.execute(RUN, FINISHED)
        yield database


async def test_a_database_of_the_version_before_sketches_goes_on_with_its_history(old_database):
    """K4: what was told as time from start to end becomes elapsed; processing is the sum of the attempts."""
    await migrate(old_database, package="metrics_svc", schema="metrics")
    store = PostgresEventStore(old_database)

    assert await store.sketch_unsketched() == 3
    (run,) = await fetch(old_database, "SELECT duration_ns, elapsed_ns, unmeasured_attempts FROM metrics.video_runs")
    sums = await fetch(
        old_database,
        "SELECT measure, sum(total)::bigint FROM metrics.sketches WHERE owner_id = 'ada'"
        " AND measure IN ('work', 'processing', 'elapsed', 'queue') GROUP BY 1 ORDER BY 1",
    )
    assert run == (60, 90, 0)
    assert sums == [("elapsed", 90), ("processing", 60), ("queue", 10), ("work", 60)]
