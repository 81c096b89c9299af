"""What metrics_svc was told, in PostgreSQL: of which videos, and of how many bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.io.postgres import Connection, Database, load_queries
from ingest_svc.adapters.outbox import enqueue, told_video
from ingest_svc.channels import OUTBOX_CHANNEL
from ingest_svc.domain.stored import ExportHolder, Holding, Kind, Told, what_changed
from ingest_svc.reports import stored_message, video_message

__all__ = ["KnownVideo", "ReportStore", "StoredExport"]

_Q = load_queries("ingest_svc")
_REPORTS = load_queries("ingest_svc", "sql/reports.sql")
_EXPORTS = load_queries("ingest_svc", "sql/exports.sql")


@dataclass(frozen=True, slots=True)
class KnownVideo:
    """Whose a video is, and whether more is to come of its run."""

    owner_id: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class StoredExport:
    """Whose an export is, and the key of its file."""

    holder: ExportHolder
    storage_path: str


class ReportStore:
    """Remembers what was told, so that only what changed is told again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell_videos(self, told_before: datetime, limit: int) -> int:
        """Tell of videos that were never told of, or not since `told_before`; return how many those were.

        A video that is being changed at the moment is left to that change.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_REPORTS["tell_untold_videos"], told_before, limit)
            for row in rows:
                await enqueue(connection, video_message(told_video(row)))
            await _wake_relay(connection, is_needed=bool(rows))
        return len(rows)

    async def known(self, video_ids: Sequence[str]) -> dict[str, KnownVideo]:
        """Return those of some videos that there are."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_REPORTS["owners_of_videos"], list(video_ids))
        return {row["id"]: KnownVideo(row["owner_id"], row["is_open"]) for row in rows}

    async def stored_videos(self, video_ids: Sequence[str] | None) -> dict[str, str]:
        """Return the owners of the videos (all, or of some) of which something was told; the videos may be gone."""
        some = None if video_ids is None else list(video_ids)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_REPORTS["stored_videos"], some)
        return {row["video_id"]: row["owner_id"] for row in rows}

    async def exports(self, video_ids: Sequence[str] | None) -> dict[str, StoredExport]:
        """Return the exports of which the store may hold something, all or those counted to some videos."""
        some = None if video_ids is None else list(video_ids)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EXPORTS["holders_of_exports"], some)
        return {
            row["id"]: StoredExport(ExportHolder(row["video_id"], row["owner_id"]), row["storage_path"]) for row in rows
        }

    async def tell_stored(
        self, holdings: Sequence[Holding], *, measured_at: datetime, now: datetime, tell_before: datetime
    ) -> int:
        """Tell what differs from what was told, and what was told before `tell_before`; return of how many videos.

        A holding is all there is of its video: a kind that it does not name is gone. What was measured after
        `measured_at` by somebody else stays as it is.
        """
        async with self._database.transaction() as connection:
            told = await _lock_told(connection, [holding.video_id for holding in holdings])
            count = 0
            for holding in holdings:
                changed = what_changed(
                    holding.kinds,
                    told.get(holding.video_id, {}),
                    measured_at=measured_at,
                    now=now,
                    tell_before=tell_before,
                )
                if changed:
                    await _remember(connection, holding, changed, measured_at)
                    count += 1
            await _wake_relay(connection, is_needed=count > 0)
        return count


async def _lock_told(connection: Connection, video_ids: list[str]) -> dict[str, dict[Kind, Told]]:
    told: dict[str, dict[Kind, Told]] = {}
    for row in await connection.fetch(_REPORTS["lock_stored"], video_ids):
        told.setdefault(row["video_id"], {})[Kind(row["kind"])] = Told(row["bytes"], row["measured_at"])
    return told


async def _remember(connection: Connection, holding: Holding, changed: dict[Kind, int], measured_at: datetime) -> None:
    video, owner = holding.video_id, holding.owner_id
    kept = [(video, kind, owner, size, measured_at) for kind, size in changed.items() if size]
    gone = [(video, kind) for kind, size in changed.items() if not size]
    await connection.executemany(_REPORTS["set_stored"], kept)
    await connection.executemany(_REPORTS["delete_stored"], gone)
    await enqueue(connection, stored_message(video, owner, changed, measured_at))


async def _wake_relay(connection: Connection, *, is_needed: bool) -> None:
    if is_needed:
        await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")
