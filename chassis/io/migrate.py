"""Migrations: numbered SQL files, forward only, checksummed, under an advisory lock. The only source of a schema."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from chassis.core.errors import Corruption, NotReady
from chassis.io.postgres import Database

__all__ = ["Migration", "migrate", "read_migrations"]

_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_LOCK = 0x68656D64  # "hemd": one lock for all schemas of a database


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str
    sha256: str


def read_migrations(package: str) -> tuple[Migration, ...]:
    """Return the migrations of a service in order.

    Raises:
        ValueError: the numbers are not 1, 2, 3, ...
    """
    found = []
    for entry in files(package).joinpath("sql/migrations").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            sql = entry.read_text(encoding="utf-8")
            found.append(Migration(int(match["version"]), match["name"], sql, hashlib.sha256(sql.encode()).hexdigest()))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {package} are not numbered without gaps from 0001")
    return tuple(found)


async def migrate(database: Database, *, package: str, schema: str) -> int:
    """Bring a schema to the newest version and return that version.

    Raises:
        Corruption: a migration that was applied has changed since.
        NotReady: the database is newer than this program.
    """
    migrations = read_migrations(package)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema):
            await connection.execute(f"CREATE SCHEMA {schema}")
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
            " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch(f"SELECT version, sha256 FROM {schema}.schema_migrations ORDER BY version")  # noqa: S608  # our own constant
        applied = {int(row["version"]): str(row["sha256"]) for row in rows}
        if applied and max(applied) > len(migrations):
            raise NotReady(
                f"schema {schema} is at version {max(applied)}, this program knows {len(migrations)};"
                " start a newer program",
                reason="SCHEMA_TOO_NEW",
            )
        for migration in migrations:
            if migration.version in applied:
                if applied[migration.version] != migration.sha256:
                    raise Corruption(
                        f"migration {migration.version:04d}_{migration.name} was changed after it ran",
                        reason="MIGRATION_CHANGED",
                    )
                continue
            await connection.execute(migration.sql)
            await connection.execute(
                f"INSERT INTO {schema}.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",  # noqa: S608  # our own constant
                migration.version,
                migration.name,
                migration.sha256,
            )
    return len(migrations)
