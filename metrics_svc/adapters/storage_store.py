"""Bytes in PostgreSQL: a span per measurement, which lasts until the next one of its video and kind."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from chassis.io.postgres import Connection, Database, load_queries
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.library.storage import Store, StoredMeasurement, StoredRow, points_of

__all__ = ["PostgresStorageStore"]


class PostgresStorageStore:
    """StorageStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/library.sql")

    async def add(self, samples: Sequence[StoredMeasurement | Store]) -> int:
        """Keep measurements and scans, and return how many were new."""
        async with self._database.transaction() as connection:
            await connection.execute(self._queries["lock_storage"])
            new = await self._add_points(connection, [one for one in samples if isinstance(one, StoredMeasurement)])
            for store in samples:
                if isinstance(store, Store):
                    new += await self._add_store(connection, store)
        return new

    async def _add_points(self, connection: Connection, measurements: Sequence[StoredMeasurement]) -> int:
        points = points_of(measurements)
        if not points:
            return 0
        keys = [one.video_id for one in points], [one.kind for one in points], [one.from_at for one in points]
        values = [one.owner_id for one in points], [one.bytes for one in points]
        new = await connection.fetch(self._queries["add_spans"], *keys, *values)
        await connection.execute(self._queries["close_spans"], *keys)
        await connection.execute(self._queries["cut_spans"], *keys)
        return len(new)

    async def _add_store(self, connection: Connection, store: Store) -> int:
        values = store.store, store.scanned_at, store.free_bytes, store.total_bytes
        return len(await connection.fetch(self._queries["add_store"], *values))

    async def by_kind(self, owner_id: str) -> dict[str, int]:
        """Return what is held now, by kind."""
        return {row["kind"]: row["bytes"] for row in await self._all("stored_by_kind", owner_id)}

    async def by_owner(self, owner_id: str, limit: int) -> tuple[tuple[StoredRow, ...], int]:
        """Return what is held now by those who hold most, and how many hold anything."""
        rows = await self._all("stored_by_owner", owner_id, limit)
        held = tuple(StoredRow(row["owner_id"], row["kind"], row["bytes"]) for row in rows)
        return held, rows[0]["owners"] if rows else 0

    async def changes(self, window: Window, owner_id: str) -> dict[date, int]:
        """Return by how many bytes the sum rose on each UTC day; all before the window is under the day before it."""
        rows = await self._all("stored_changes", window.start, window.end, owner_id)
        return {row["day"]: row["bytes"] for row in rows}

    async def first_measured(self) -> datetime | None:
        """Return the time of the first measurement of all."""
        (row,) = await self._all("first_measured")
        found: datetime | None = row["at"]
        return found

    async def stores(self) -> dict[str, Store]:
        """Return what is known of each store that was ever scanned."""
        return {row["store"]: Store(**dict(row)) for row in await self._all("stores")}

    async def measured_videos(self, owner_id: str) -> Coverage:
        """Return of how many videos the bytes were measured, and of how many not yet."""
        (row,) = await self._all("measured_videos", owner_id)
        return Coverage(measured=row["measured"], missing=row["missing"])

    async def _all(self, name: str, *values: object) -> Sequence[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], *values)
