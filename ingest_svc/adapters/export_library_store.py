"""What users read of their exports, and what the making of one reads of its videos, in PostgreSQL."""

from datetime import datetime

from chassis.core.errors import NotFound
from chassis.core.mediatime import TimeSpan
from chassis.io.postgres import Database, load_queries, record_value
from ingest_svc.adapters.export_rows import export_row
from ingest_svc.exports.record import ExportRow, SceneSpan, SourceRow

__all__ = ["ExportLibraryStore"]

_EXPORTS = load_queries("ingest_svc", "sql/exports.sql")


class ExportLibraryStore:
    """Reads for one owner at a time; what is another owner's does not exist here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, owner_id: str, export_id: str) -> ExportRow:
        """Return an export, also one that has expired.

        Raises:
            NotFound: there is none of that id, it was deleted, or it is not the owner's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_EXPORTS["get_export"], export_id, owner_id)
        if row is None:
            raise NotFound("there is no such export", reason="EXPORT_NOT_FOUND")
        return export_row(row)

    async def page(
        self,
        owner_id: str,
        *,
        state: str | None,
        scene_id: str,
        video_id: str,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[ExportRow]:
        """Return a page of exports, newest first; an empty scene or video means all."""
        at, last_id = after or (None, None)
        values = (owner_id, state, scene_id or None, video_id or None, at, last_id, limit)
        async with self._database.connection() as connection:
            return [export_row(row) for row in await connection.fetch(_EXPORTS["list_exports"], *values)]

    async def scene(self, owner_id: str, scene_id: str) -> SceneSpan:
        """Return where a scene lies.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_EXPORTS["scene_span"], scene_id, owner_id)
        if row is None:
            raise NotFound("there is no such scene", reason="SCENE_NOT_FOUND", metadata={"scene": scene_id})
        return SceneSpan(row["video_id"], TimeSpan(row["start_ns"], row["end_ns"]))

    async def source(self, owner_id: str, video_id: str) -> SourceRow:
        """Return what must be known of a video to cut it.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_EXPORTS["export_source"], video_id, owner_id)
        if row is None:
            raise NotFound("there is no such video", reason="VIDEO_NOT_FOUND", metadata={"video": video_id})
        values = {name: record_value(row, name) for name in SourceRow.__dataclass_fields__}
        return SourceRow(**(values | {"media_info": values["media_info"] or b""}))

    async def open_of_video(self, owner_id: str, video_id: str) -> list[str]:
        """Return the exports of a user that show a video and are not over."""
        async with self._database.connection() as connection:
            return [row["id"] for row in await connection.fetch(_EXPORTS["open_exports_of_video"], owner_id, video_id)]
