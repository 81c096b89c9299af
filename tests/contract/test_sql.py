"""Every statement fits the schema that the migrations make, and the schema explains itself."""

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from chassis.core.errors import Corruption
from chassis.io.migrate import read_migrations
from chassis.io.postgres import Database, load_queries
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.adapters.rows import step_values, video_row, video_values
from ingest_svc.domain.advance import register
from ingest_svc.domain.video import Step
from ingest_svc.ports import AttemptRow, SourceFacts, TransitionRow, VideoRow
from ingest_svc.work_codec import encode_outgoing
from tests.support.ingest_lab import OWNER, T0, registered
from tools.dump_schema import SCHEMAS, describe, picture_file

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    package: sorted(f"sql/{file.name}" for file in (ROOT / package / "sql").glob("*.sql") if file.name != "schema.sql")
    for package in SCHEMAS
}
"""The files with the statements of each service."""
STATEMENTS = [
    (package, file, name) for package, files in FILES.items() for file in files for name in load_queries(package, file)
]
READERS = {
    "list_steps": {field.name for field in fields(Step)},
    "list_steps_of_many": {field.name for field in fields(Step)} | {"video_id"},
    "list_attempts": {field.name for field in fields(AttemptRow)},
    "list_transitions": {field.name for field in fields(TransitionRow)},
    "work_facts": {field.name for field in fields(SourceFacts)},
    "get_video": {field.name for field in fields(VideoRow)} - {"steps"},
    "list_videos": {field.name for field in fields(VideoRow)} - {"steps"},
}
"""What the columns of a statement become."""


@pytest.fixture
async def ingest(new_database):
    async with Database.open(await new_database("ingest_svc", "ingest"), max_connections=4) as database:
        yield database


async def misfits(database, package) -> dict[str, str]:
    """What the server says of the statements that do not fit its schema, by name."""
    found = {}
    async with database.connection() as connection:
        for file in FILES[package]:
            for name, statement in load_queries(package, file).items():
                try:
                    await connection.prepare(statement)
                except asyncpg.PostgresError as error:
                    found[name] = str(error)
    return found


async def test_every_statement_prepares_against_the_migrated_schema(database):
    """R-SCH-03, R-SCH-08."""
    assert await misfits(database, database.package) == {}


@pytest.mark.parametrize(("package", "file", "name"), STATEMENTS)
def test_every_statement_is_described_in_sentences(package, file, name):
    lines = itertools.takewhile(lambda line: line.startswith("-- "), load_queries(package, file)[name].splitlines())
    sentences = " ".join(line.removeprefix("-- ") for line in lines)

    assert re.fullmatch(r"[A-Z\[].+\.", sentences), sentences


@pytest.mark.parametrize("package", SCHEMAS)
def test_every_statement_is_used(package):
    nodes = [node for _, tree in trees(package) for node in ast.walk(tree)]
    spoken = {node.value for node in nodes if isinstance(node, ast.Constant)}
    begun = {
        node.values[0].value
        for node in nodes
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant)
    }
    names = {name for owner, _, name in STATEMENTS if owner == package} - spoken

    # A name may be put together, as f"forget_{table}".
    assert {name for name in names if not any(name.removeprefix(part) in spoken for part in begun)} == set()


async def test_callers_pass_as_many_values_as_the_statement_has_parameters(ingest):
    """R-SCH-08: the caller and its statement are compared without running them."""
    wanted = await parameter_counts(ingest, "ingest_svc")
    calls = [(name, given, place) for file, tree in trees("ingest_svc") for name, given, place in _calls(file, tree)]

    assert [(name, given, place) for name, given, place in calls if given != wanted[name]] == []
    assert len(calls) >= 20  # the rest unpack the values of a row:
    video, _ = register(video_id="v", owner_id="o", at=T0)
    assert len(video_values(video)) == wanted["update_video"]
    assert len(step_values("v", video.steps[0])) == wanted["upsert_step"]


async def test_rows_have_a_column_for_every_field_of_what_they_become(ingest):
    """R-SCH-03: statement and dataclass are compared by name."""
    async with ingest.connection() as connection:
        for name, wanted in READERS.items():
            statement = await connection.prepare(load_queries("ingest_svc")[name])
            columns = {one.name for one in statement.get_attributes()}

            assert columns == wanted, name


async def test_a_dropped_column_is_named(ingest):
    """R-SCH-03: drop a column in a scratch database."""
    async with ingest.connection() as connection:
        await connection.execute("ALTER TABLE ingest.videos DROP COLUMN language")
    found = await misfits(ingest, "ingest_svc")

    assert set(found) == {"get_video", "list_videos", "set_findings"}
    assert all("language" in text for text in found.values())


def test_a_row_without_a_column_names_it():
    """R-SCH-01: the mapper names what is missing."""
    with pytest.raises(Corruption, match="column attributes"):
        video_row({}, ())


async def test_columns_added_by_hand_change_nothing(ingest):
    """R-SCH-01, R-UI-01, R-OPS-05: the S0 bug as a regression test, and old code on a newer schema."""
    async with ingest.connection() as connection:
        for table in ("videos", "video_metadata", "steps", "attempts", "transitions"):
            await connection.execute(f"ALTER TABLE ingest.{table} ADD COLUMN surprise text DEFAULT 'boo'")
    store, library = ProgressStore(ingest, encode_outgoing), LibraryStore(ingest)
    video = await registered(store, title="Harbour")
    listed = await library.list_videos(OWNER, state=None, after=None, limit=10)

    assert [(row.id, row.title) for row in listed] == [(video.id, "Harbour")]
    assert len(await library.list_attempts(OWNER, video.id)) == 1
    assert len(await library.list_transitions(video.id, 0)) == 2


async def test_every_table_and_column_says_what_it_means(database):
    """R-STG-13."""
    async with database.connection() as connection:
        silent = await connection.fetch(
            "SELECT c.oid::regclass::text AS relation, a.attname::text AS column FROM pg_class c"
            " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " AND c.relkind = 'r'"
            " WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'schema_migrations'"
            " AND (obj_description(c.oid, 'pg_class') IS NULL"
            "      OR c.relkind = 'r' AND col_description(c.oid, a.attnum) IS NULL)",
            database.schema,
        )

    assert [tuple(row) for row in silent] == []


async def test_every_constraint_has_a_name_of_ours(database):
    """Errors are recognised by the name of the constraint, so the server may not invent one."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT c.conname::text AS name, t.relname::text AS relation FROM pg_constraint c"
            " JOIN pg_class t ON t.oid = c.conrelid"
            " WHERE c.connamespace = $1::regnamespace AND c.contype <> 'n'",
            database.schema,
        )
    text = "".join(one.sql for one in read_migrations(database.package))

    assert [row["name"] for row in rows if row["relation"] != "schema_migrations" and row["name"] not in text] == []


async def test_the_picture_of_the_schema_is_fresh(database):
    """R-SCH-02: `make golden` writes it; a hand edit is refused here."""
    assert picture_file(database.package).read_text(encoding="utf-8") == await describe(database, database.schema)


async def test_the_times_the_stage_and_the_duration_are_found_by_index_among_100_000_videos(ingest):
    """R-STG-12."""
    async with ingest.connection() as connection:
        await connection.execute(
            "INSERT INTO ingest.videos (id, owner_id, state, stage, generation, fence, filename, mime_type, size_bytes,"
            " sha256, source_key, created_at, updated_at, queued_at, processing_started_at, processing_finished_at)"
            " SELECT 'v' || n, 'o' || n % 100, 'ready', CASE WHEN n % 100 = 0 THEN 'indexing' ELSE 'finalizing' END, 1,"
            " 1, 'f', 'video/mp4', 1, '', 'k', q, q, q, q, q + n % 5000 * interval '10 ms'"
            " FROM (SELECT n, timestamptz '2026-01-01Z' + n * interval '1 minute' AS q"
            " FROM generate_series(1, 100000) n)"
        )
        await connection.execute("ANALYZE ingest.videos")

        async def plan(query, *values: object):
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *values))

        at = T0.replace(month=2)
        seen = "SELECT * FROM ingest.legacy_videos WHERE "
        assert "idx_videos_processing_finished_at" in await plan(
            f"{seen} processing_finished_at >= $1 AND processing_finished_at < $2", at, at + timedelta(days=1)
        )
        assert "idx_videos_processing_stage" in await plan("SELECT id FROM ingest.videos WHERE stage = 'indexing'")
        assert "idx_videos_processing_duration_ms" in await plan(f"{seen} processing_duration_ms > 49900")
        assert "idx_videos_owner_created_at" in await plan(
            load_queries("ingest_svc")["list_videos"], "o7", None, None, None, 50
        )


async def test_reports_read_their_window_by_index_among_100_000_runs(new_database):
    """R-STG-12, as the questions of metrics_svc ask it."""
    async with (
        Database.open(await new_database("metrics_svc", "metrics"), max_connections=1) as metrics,
        metrics.connection() as connection,
    ):
        await connection.execute(
            "INSERT INTO metrics.video_runs (event_key, video_id, owner_id, generation, stage, outcome, failed_stage,"
            " reason, counted_at, duration_ns, queue_ns, is_clock_corrected)"
            " SELECT gen_random_uuid(), n, 'o' || n % 100, 1, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END,"
            " CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END,"
            " CASE WHEN n % 50 = 0 THEN 'metadata' ELSE '' END, '',"
            " timestamptz '2026-01-01Z' + n * interval '3 minutes', n * 1000, 0, false"
            " FROM generate_series(1, 100000) n"
        )
        await connection.execute("ANALYZE metrics.video_runs")
        window = (T0.replace(month=3), T0.replace(month=3) + timedelta(days=1))
        queries = load_queries("metrics_svc", "sql/audit.sql")
        for name, more in {"latency": [], "failures": [], "throughput": ["day"], "queue": [], "rtf": []}.items():
            rows = await connection.fetch(f"EXPLAIN {queries[name]}", *window, "", *more)

            assert "video_runs_counted_at_idx" in "\n".join(row[0] for row in rows), name


async def parameter_counts(database, package):
    async with database.connection() as connection:
        return {
            name: len((await connection.prepare(statement)).get_parameters())
            for name, statement in load_queries(package).items()
        }


def trees(package) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((ROOT / package).rglob("*.py")):
        yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def _calls(file, tree) -> Iterator[tuple[str, int, str]]:
    """Calls of a named statement whose number of values is written down: (statement, values, place)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Subscript):
            continue
        key = node.args[0].slice
        if not isinstance(node.args[0].value, ast.Name) or node.args[0].value.id != "_Q":
            continue
        assert isinstance(key, ast.Constant), f"{file}:{node.lineno}: a statement is named by a constant"
        given = _given(node)
        if given is not None:
            yield str(key.value), given, f"{file}:{node.lineno}"


def _given(call: ast.Call) -> int | None:
    values = call.args[1:]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "executemany":
        rows = values[0].elt if isinstance(values[0], ast.ListComp) else None
        return len(rows.elts) if isinstance(rows, ast.Tuple) else None
    return None if any(isinstance(value, ast.Starred) for value in values) else len(values)
