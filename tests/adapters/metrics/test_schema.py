from dataclasses import fields

import pytest

from chassis.io.migrate import migrate, read_migrations
from chassis.io.postgres import load_queries
from metrics_svc.domain.samples import SearchSample, StageSample, VideoRun

QUERIES = load_queries("metrics_svc")
WINDOW = ["timestamptz", "timestamptz", "text"]
QUESTIONS = {
    "latency": [*WINDOW, "float8[]"],
    "rtf": [*WINDOW, "float8[]"],
    "queue": WINDOW,
    "stages": [*WINDOW, "float8[]", "int8[]"],
    "failures": WINDOW,
    "throughput": WINDOW,
    "searches": WINDOW,
}
ADDITIONS = {"add_stage_event": StageSample, "add_video_run": VideoRun, "add_search_event": SearchSample}
SQL_TYPES = {"str": "text", "int": "int", "datetime": "timestamptz", "bool": "bool"}


def test_every_statement_is_known_here():
    assert set(QUERIES) == {*QUESTIONS, *ADDITIONS}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_question_prepares_against_the_migrated_schema(database, name):
    async with database.connection() as connection:
        statement = await connection.prepare(QUERIES[name])

        assert [one.name for one in statement.get_parameters()] == QUESTIONS[name]
        assert all(one.name for one in statement.get_attributes())


@pytest.mark.parametrize("name", ADDITIONS)
async def test_an_addition_takes_one_array_per_field_in_the_order_of_the_fields(database, name):
    kind = ADDITIONS[name]
    async with database.connection() as connection:
        parameters = (await connection.prepare(QUERIES[name])).get_parameters()

    assert len(parameters) == len(fields(kind))
    for parameter, field in zip(parameters, fields(kind), strict=True):
        python = str(getattr(field.type, "__name__", field.type)).split(" | ")[0].rpartition(".")[2]
        assert parameter.name.startswith(SQL_TYPES[python]), (parameter, field)


async def test_the_columns_of_a_statement_are_the_fields_of_its_sample():
    for name, kind in ADDITIONS.items():
        inside = QUERIES[name].partition("(")[2].partition(")")[0]

        assert [word.strip() for word in inside.split(",")] == [field.name for field in fields(kind)]


async def test_every_column_and_table_says_what_it_means(database):
    """R-STG-13."""
    async with database.connection() as connection:
        silent = await connection.fetch(
            "SELECT c.oid::regclass::text, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " AND a.attnum > 0"
            " WHERE c.relnamespace = 'metrics'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migrations'"
            " AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL"
            " UNION SELECT c.oid::regclass::text, '' FROM pg_class c WHERE c.relnamespace = 'metrics'::regnamespace"
            " AND c.relkind = 'r' AND c.relname <> 'schema_migrations' AND obj_description(c.oid) IS NULL"
        )

    assert silent == []


async def test_migrating_twice_is_migrating_once(database):
    assert await migrate(database, package="metrics_svc", schema="metrics") == len(read_migrations("metrics_svc"))
