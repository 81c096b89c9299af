"""The five SQL functions: what they tell, whom they let in, and what those can not see."""

import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from deploy.local.postgres import READER
from tests.support.audit_lab import mixed_events
from tests.support.metrics_samples import MINUTE_NS, run_event, samples_of

COLUMNS = {
    "get_admin_processing_latency": (
        "videos_measured avg_processing_ms p50_processing_ms p95_processing_ms p99_processing_ms avg_queue_ms"
        " avg_total_ms"
    ),
    "get_admin_rtf_distribution": (
        "videos_measured avg_rtf p50_rtf p95_rtf p99_rtf avg_video_duration_s avg_processing_duration_s"
    ),
    "get_admin_queue_analysis": (
        "videos_measured avg_queue_time_s avg_processing_time_s avg_total_time_s queue_time_pct processing_time_pct"
    ),
    "get_admin_failures_by_stage": "processing_stage failure_count failure_pct",
    "get_admin_throughput_timeseries_v2": "day videos_ready videos_failed hours_ready avg_processing_s avg_rtf",
}


@asynccontextmanager
async def connected(url):
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def ask(connection, name, *values: object):
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    return [dict(row) for row in await connection.fetch(f"SELECT * FROM metrics.{name}({places})", *values)]  # noqa: S608


@pytest.mark.parametrize("name", COLUMNS)
async def test_a_function_has_the_columns_operators_know_in_both_forms(database, name):
    """R-AD2-01 to 05, R-AD2-08."""
    async with database.connection() as connection:
        for values in ("7", "now() - interval '1 day', now()"):
            statement = await connection.prepare(f"SELECT * FROM metrics.{name}({values})")  # noqa: S608

            assert COLUMNS[name].split() == [column.name for column in statement.get_attributes()]


async def test_days_are_whole_utc_days_with_today(database, event_store):
    """R-AD2-06: `days` is what `range` is over HTTP."""
    now = datetime.now(UTC)
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    first_instant, instant_before = today - timedelta(days=2), today - timedelta(days=2, microseconds=1)
    runs = [
        run_event(1, finished_at=first_instant),
        run_event(2, finished_at=instant_before),
        run_event(3, finished_at=now),
    ]
    await event_store.add(samples_of(*runs, now=now))
    async with database.connection() as connection:
        (three,) = await ask(connection, "get_admin_processing_latency", 3)
        days = await ask(connection, "get_admin_throughput_timeseries_v2", 4)

    assert three["videos_measured"] == 2
    assert [day["videos_ready"] for day in days] == [1, 1, 0, 1]
    assert days[-1]["day"] == today.date()


async def test_they_tell_what_a_hand_computation_tells(database, event_store):
    """R-AD2-01 to 05."""
    now = datetime.now(UTC)
    lengths = {"finished_at": now, "video_duration_ns": 2 * MINUTE_NS}
    silent = run_event(4, duration_ns=4 * MINUTE_NS, finished_at=now, video_duration_ns=0)
    await event_store.add(
        samples_of(
            run_event(1, duration_ns=1 * MINUTE_NS, **lengths),
            run_event(2, duration_ns=3 * MINUTE_NS, **lengths),
            silent,
            run_event(5, failed_in="METADATA", finished_at=now),
            run_event(6, failed_in="INDEXING", finished_at=now),
            run_event(7, failed_in="INDEXING", finished_at=now),
            run_event(8, failed_in="INDEXING", outcome="CANCELLED", finished_at=now),
            now=now,
        )
    )
    async with database.connection() as connection:
        (latency,), (rtf,), (queue,) = [
            await ask(connection, name, 1)
            for name in ("get_admin_processing_latency", "get_admin_rtf_distribution", "get_admin_queue_analysis")
        ]
        failures = await ask(connection, "get_admin_failures_by_stage", 1)
        (day,) = await ask(connection, "get_admin_throughput_timeseries_v2", 1)

    assert (latency["videos_measured"], latency["avg_processing_ms"], latency["p50_processing_ms"]) == (3, 160e3, 180e3)
    assert (latency["avg_queue_ms"], latency["avg_total_ms"]) == (1e3, 161e3)
    assert (rtf["videos_measured"], rtf["avg_rtf"], rtf["p50_rtf"], rtf["avg_video_duration_s"]) == (2, 1.0, 1.0, 120)
    assert (queue["avg_total_time_s"], queue["queue_time_pct"]) == (161, pytest.approx(100 / 161))
    assert queue["queue_time_pct"] + queue["processing_time_pct"] == pytest.approx(100)
    assert [tuple(row.values()) for row in failures] == [
        ("indexing", 2, pytest.approx(200 / 3)),
        ("metadata", 1, pytest.approx(100 / 3)),
    ]
    assert (day["videos_ready"], day["videos_failed"], day["hours_ready"]) == (3, 3, pytest.approx(4 / 60))
    assert (day["avg_processing_s"], day["avg_rtf"]) == (160, 1.0)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("days", [0, 366, -1, None])
async def test_days_that_are_no_range_are_refused(database, name, days):
    """R-AD2-06."""
    async with database.connection() as connection:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="days must be 1 to 365"):
            await connection.fetch(f"SELECT * FROM metrics.{name}($1::integer)", days)  # noqa: S608


async def test_a_function_of_days_runs_as_the_owner_of_the_schema_with_a_pinned_path(database):
    """R-AD2-09."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT proname::text, oidvectortypes(proargtypes) AS asked, prosecdef, proconfig,"
            " proowner = (SELECT nspowner FROM pg_namespace WHERE nspname = 'metrics') AS is_owners,"
            " EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0) AS is_everybodys"
            " FROM pg_proc WHERE pronamespace = 'metrics'::regnamespace AND proname = ANY($1)",
            list(COLUMNS),
        )

    assert len(rows) == 2 * len(COLUMNS)
    for row in rows:
        assert row["proconfig"] == ["search_path=pg_catalog, pg_temp"]
        assert (row["is_owners"], row["is_everybodys"]) == (True, False)
        assert row["prosecdef"] is (row["asked"] == "integer")


@pytest.fixture
async def both_schemas(servers):
    """The database of a mesh, where every service has its own role and schema, with some events in it."""
    for role, package in (("ingest", "ingest_svc"), ("metrics", "metrics_svc")):
        async with Database.open(servers.database_url(role), max_connections=2) as database:
            await migrate(database, package=package, schema=role)
    return servers


async def relations(url):
    async with connected(url) as connection:
        rows = await connection.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'S')"
            " AND relnamespace::regnamespace::text IN ('metrics', 'ingest')"
        )
    return [row["name"] for row in rows]


async def test_a_reader_calls_the_functions_and_sees_no_row_of_metrics_and_no_transcript(both_schemas):
    """R-AD2-09: that role can not select a transcript, nor any other row."""
    tables = await relations(both_schemas.database_url())
    async with connected(both_schemas.database_url(READER)) as connection:
        for name in COLUMNS:
            assert await connection.fetch(f"SELECT * FROM metrics.{name}(30)") is not None  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM metrics.{name}(now(), now() + interval '1 second')")  # noqa: S608
        for table in tables:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CALL metrics.let_readers_in()")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE metrics.mine (id integer)")

    assert {"metrics.video_runs", "metrics.search_events", "metrics.sketches", "ingest.videos"} <= set(tables)


async def test_the_role_of_the_service_sees_no_row_of_the_library(both_schemas):
    """R-AD2-09: metrics_svc itself can not select a transcript."""
    tables = [name for name in await relations(both_schemas.database_url()) if name.startswith("ingest.")]
    async with connected(both_schemas.database_url("metrics")) as connection:
        for table in tables:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608


async def test_a_table_of_the_callers_can_not_stand_in_for_ours(both_schemas):
    """R-AD2-09: whoever calls has no say in which rows are read."""
    async with connected(both_schemas.database_url()) as connection:
        await connection.execute(f"GRANT TEMP ON DATABASE heimdex TO {READER}")
    async with connected(both_schemas.database_url(READER)) as connection:
        before = await ask(connection, "get_admin_failures_by_stage", 365)
        await connection.execute("CREATE TEMP TABLE video_runs AS SELECT now() AS counted_at, 'failed' AS stage")
        await connection.execute("SET search_path = pg_temp, public")

        assert await ask(connection, "get_admin_failures_by_stage", 365) == before
    async with connected(both_schemas.database_url()) as connection:
        await connection.execute(f"REVOKE TEMP ON DATABASE heimdex FROM {READER}")


async def test_an_owner_that_may_not_make_roles_migrates_all_the_same_and_lets_readers_in_later(servers):
    """R-AD2-09 on a server of somebody else's: no superuser, and no role until its administrator makes one."""
    name = f"test_{secrets.token_hex(6)}"
    async with connected(servers.database_url()) as admin:
        await admin.execute(f"CREATE DATABASE {name} OWNER metrics")
        await admin.execute(f"ALTER ROLE {READER} RENAME TO somebody_else")
        try:
            async with Database.open(servers.database_url("metrics", database=name), max_connections=1) as database:
                await migrate(database, package="metrics_svc", schema="metrics")
            roles = await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", READER)
        finally:
            await admin.execute(f"ALTER ROLE somebody_else RENAME TO {READER}")
        async with (
            connected(servers.database_url("metrics", database=name)) as owner,
            connected(servers.database_url(database=name)) as superuser,
        ):
            await superuser.execute(f"SET ROLE {READER}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ask(superuser, "get_admin_rtf_distribution", 1)
            await owner.execute("CALL metrics.let_readers_in()")

            assert (await ask(superuser, "get_admin_rtf_distribution", 1))[0]["videos_measured"] == 0
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    assert roles == 0


async def test_both_forms_tell_the_same(database, event_store):
    """R-AD2-08: what the audit asks is what operators call."""
    now = datetime.now(UTC)
    await event_store.add(samples_of(*mixed_events(days=6, until=now), now=now))
    tomorrow = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    async with database.connection() as connection:
        for name in COLUMNS:
            of_days = await ask(connection, name, 4)

            assert of_days == await ask(connection, name, tomorrow - timedelta(days=4), tomorrow), name
            assert of_days
