"""Videos as an older version or an import left them, and what a database holds.

old_videos(database, ...)     insert rows of ingest.videos: terminal, without an end
fingerprint(database, s)      the content of every table of a schema, to be compared
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.io.postgres import Database

__all__ = ["T_OLD", "fingerprint", "old_videos", "videos"]

T_OLD = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
"""When the first of the old videos was last changed; the others follow a minute apart."""
_INSERT = """
INSERT INTO ingest.videos (id, owner_id, state, stage, generation, fence, filename, mime_type, size_bytes, sha256,
    source_key, duration_ns, error_reason, created_at, updated_at, queued_at, processing_started_at,
    processing_finished_at)
VALUES ($1, $2, $3, $4, 1, 0, $5, 'video/mp4', 1, '', 'k', $6, $7, $8, $9, $8, $10, $11)
"""


async def old_videos(database: Database, *names: str, state: str = "ready", **columns: Any) -> None:
    """Insert one video per name; `columns` replaces what it would have, e.g. owner_id, updated_at or started_at."""
    async with database.connection() as connection:
        for number, name in enumerate(names):
            changed = columns.get("updated_at", T_OLD + timedelta(minutes=number))
            await connection.execute(
                _INSERT,
                name,
                columns.get("owner_id", "ada"),
                state,
                columns.get("stage", "finalizing"),
                f"{name}.mp4",
                columns.get("duration_ns", 60_000_000_000),
                columns.get("error_reason"),
                T_OLD - timedelta(days=1),
                changed,
                columns.get("started_at"),
                columns.get("finished_at"),
            )


async def fingerprint(database: Database, schema: str, *, but: tuple[str, ...] = ()) -> str:
    """Return a digest of every row of every table of a schema, apart from the tables named."""
    digest = hashlib.sha256()
    async with database.connection() as connection:
        tables = await connection.fetch(
            "SELECT relname::text AS name FROM pg_class"
            " WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY 1",
            schema,
        )
        for table in tables:
            if table["name"] not in but:
                rows = await connection.fetch(f"SELECT t::text AS row FROM {schema}.{table['name']} t ORDER BY 1")  # noqa: S608
                digest.update(repr((table["name"], [row["row"] for row in rows])).encode())
    return digest.hexdigest()


async def videos(database: Database) -> dict[str, dict[str, Any]]:
    """Return what is known of the times of every video, by id."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT v.id, state, v.processing_started_at, v.processing_finished_at, updated_at, failed_stage,"
            " end_backfilled_by, l.processing_duration_ms FROM ingest.videos v JOIN ingest.legacy_videos l USING (id)"
        )
    return {row["id"]: dict(row) for row in rows}
