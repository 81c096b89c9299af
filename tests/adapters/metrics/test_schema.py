"""The schema explains itself, and what the audit reads tells the fields that answers have."""

import pytest
from google.protobuf.descriptor import FieldDescriptor

from chassis.io.migrate import migrate, read_migrations
from chassis.io.postgres import load_queries
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.adapters.audit_store import ORACLES, SOURCES
from metrics_svc.codec.audit import method_of
from metrics_svc.domain.audit.audited import AUDITED, LABELS

QUERIES = load_queries("metrics_svc", "sql/audit.sql")
NO_NUMBERS = {FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM}
SAYS_WHERE = {"bucket"}
"""A column that becomes labels."""


def fields_of(message, prefix=""):
    """The paths of all numbers of an answer and of those within it."""
    for field in message.fields:
        if field.message_type is not None and field.message_type.file.package == "heimdex.metrics.v1":
            yield from fields_of(field.message_type, f"{prefix}{field.name}.")
        elif field.message_type is None and field.cpp_type not in NO_NUMBERS and field.name not in LABELS:
            yield f"{prefix}{field.name}"


@pytest.mark.parametrize("audited", AUDITED, ids=lambda one: one.name)
async def test_the_raw_events_tell_every_number_of_an_answer_and_no_other(database, audited):
    """R-AD2-08: a field that nobody computes a second time is named here."""
    answer = admin.DESCRIPTOR.services_by_name["AdminService"].methods_by_name[method_of(audited)].output_type
    wanted = audited.fields or set(fields_of(answer))
    told = set()
    async with database.connection() as connection:
        for source in SOURCES[audited.path]:
            columns = [one.name for one in (await connection.prepare(QUERIES[source.statement])).get_attributes()]
            assert len(columns) == len(set(columns))
            told |= {
                f"{source.prefix}{name}"
                for name in set(columns) - LABELS - SAYS_WHERE
                if source.columns is None or name in source.columns
            }

    assert told == wanted


@pytest.mark.parametrize("path", ORACLES)
async def test_an_sql_function_tells_fields_of_its_answer(database, path):
    """R-AD2-08."""
    name, prefix = ORACLES[path]
    (audited, *_) = [one for one in AUDITED if one.path == path]
    answer = admin.DESCRIPTOR.services_by_name["AdminService"].methods_by_name[method_of(audited)].output_type
    async with database.connection() as connection:
        columns = [one.name for one in (await connection.prepare(QUERIES[name])).get_attributes()]

    assert {f"{prefix}{column}" for column in columns if column not in LABELS} <= set(fields_of(answer))


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


async def test_every_function_says_what_it_means(database):
    """R-STG-13."""
    async with database.connection() as connection:
        silent = await connection.fetch(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'metrics'::regnamespace"
            " AND obj_description(oid, 'pg_proc') IS NULL"
        )

    assert silent == []


async def test_migrating_twice_is_migrating_once(database):
    assert await migrate(database, package="metrics_svc", schema="metrics") == len(read_migrations("metrics_svc"))
