"""Every statement of library.sql fits the schema that the migrations make, and every one is used."""

import inspect

import pytest

from chassis.io.postgres import load_queries
from metrics_svc.adapters import library_store, storage_store, waterfall_store

QUERIES = load_queries("metrics_svc", "sql/library.sql")


@pytest.mark.parametrize("name", QUERIES)
async def test_a_statement_prepares_against_the_migrated_schema(database, name):
    """R-SCH-03."""
    async with database.connection() as connection:
        assert await connection.prepare(QUERIES[name])


def test_every_statement_is_used():
    modules = (library_store, storage_store, waterfall_store)
    spoken = "".join(inspect.getsource(module) for module in modules)

    assert [name for name in QUERIES if f'"{name}"' not in spoken] == []
