"""What the sweep of exports reads and removes, in PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from chassis.io.postgres import Database, load_queries
from ingest_svc.channels import VIDEO_CHANNEL

__all__ = ["ExportSweepStore", "HeldExport", "OverdueExport"]

_QUERIES = load_queries("ingest_svc")
_EXPORTS = load_queries("ingest_svc", "sql/exports.sql")


@dataclass(frozen=True, slots=True)
class OverdueExport:
    """An export that was handed out long ago and that nobody is at; what the carrier said of its message."""

    id: str
    fence: int
    msg_id: str | None
    published_at: datetime | None
    stream_sequence: int | None


@dataclass(frozen=True, slots=True)
class HeldExport:
    """An export that is to have no objects."""

    id: str
    storage_path: str


class ExportSweepStore:
    """Exports of everybody, as far as a sweep goes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overdue(self, before: datetime) -> list[OverdueExport]:
        """Return the exports that were handed out before a time and that nobody was at since."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EXPORTS["overdue_exports"], before)
        return [OverdueExport(**{name: row[name] for name in OverdueExport.__dataclass_fields__}) for row in rows]

    async def out_of_time(self, now: datetime) -> list[str]:
        """Return exports whose time is over and that do not say so yet."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(_EXPORTS["exports_out_of_time"], now)]

    async def empty_one(self, remove: Callable[[HeldExport], Awaitable[None]]) -> bool:
        """Let `remove` take the objects of one export away that is to have none; return whether there was one.

        Nobody can make or retry it meanwhile.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_EXPORTS["lock_held_export"])
            if row is None:
                return False
            await remove(HeldExport(row["id"], row["storage_path"]))
            await connection.execute(_EXPORTS["set_export_emptied"], row["id"])
            for video in set(row["video_ids"]):
                await connection.execute(_QUERIES["notify"], VIDEO_CHANNEL, video)  # its bytes are measured anew
        return True

    async def purge(self, *, expired_before: datetime, deleted_before: datetime) -> None:
        """Forget exports that expired, or were asked for and then deleted, before a time."""
        async with self._database.connection() as connection:
            await connection.execute(_EXPORTS["purge_exports"], expired_before, deleted_before)
