"""A schema is brought up to date at start, once, by whoever comes first, and never by an older program."""

import re

import pytest

from chassis.core.errors import Corruption, NotReady
from chassis.io.concurrently import all_of
from chassis.io.migrate import migrate, read_migrations
from tests.contract.test_sql import misfits
from tools.dump_schema import SCHEMAS


async def test_an_older_schema_is_brought_up_to_date_at_start(database):
    """R-SCH-04: start against an old database."""
    wanted = len(read_migrations(database.package))
    async with database.connection() as connection:
        await connection.execute(f"DROP SCHEMA {database.schema} CASCADE")

    assert wanted == await migrate(database, package=database.package, schema=database.schema)


async def test_a_newer_schema_is_refused_with_both_versions_and_left_alone(database):
    """R-SCH-04, R-OPS-05: an old program on a new schema does not touch it."""
    known = len(read_migrations(database.package))
    async with database.connection() as connection:
        table = f"{database.schema}.schema_migrations"
        await connection.execute(f"INSERT INTO {table} VALUES ({known + 1}, 'later', '')")  # noqa: S608

    with pytest.raises(NotReady, match=f"at version {known + 1}, this program knows {known}") as refused:
        await migrate(database, package=database.package, schema=database.schema)
    assert refused.value.reason == "SCHEMA_TOO_NEW"


async def test_a_migration_that_changed_after_it_ran_is_refused(database):
    """R-SCH-02."""
    async with database.connection() as connection:
        table = f"{database.schema}.schema_migrations"
        await connection.execute(f"UPDATE {table} SET sha256 = 'edited' WHERE version = 1")  # noqa: S608

    with pytest.raises(Corruption, match="migration 0001_") as refused:
        await migrate(database, package=database.package, schema=database.schema)
    assert refused.value.reason == "MIGRATION_CHANGED"


async def test_replicas_that_migrate_at_once_agree(database):
    """R-SCH-04: the second waits for the first and finds nothing to do."""
    async with database.connection() as connection:
        await connection.execute(f"DROP SCHEMA {database.schema} CASCADE")
    package, schema = database.package, database.schema
    versions = await all_of(*(migrate(database, package=package, schema=schema) for _ in range(4)))

    assert set(versions) == {len(read_migrations(package))}
    assert await misfits(database, package) == {}


@pytest.mark.parametrize("package", SCHEMAS)
def test_migrations_only_add(package):
    """R-SCH-05: no table, view or column is dropped or renamed."""
    for migration in read_migrations(package):
        assert not re.search(r"\b(DROP (TABLE|COLUMN|VIEW)|RENAME)\b", migration.sql, re.IGNORECASE), migration.name
