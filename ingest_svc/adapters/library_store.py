"""What users read and edit, in PostgreSQL: videos, scenes, transcripts, attempts, history."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.core.errors import NotFound
from chassis.core.stages import Stage
from chassis.io.postgres import Database, load_queries
from ingest_svc.adapters.outbox import enqueue, tell_video, told_video
from ingest_svc.adapters.rows import attempt_row, scene_row, transition_row, video_row
from ingest_svc.channels import OUTBOX_CHANNEL, VIDEO_CHANNEL
from ingest_svc.ports import AttemptRow, SceneRow, ScheduledMessage, TransitionRow, VideoRow
from ingest_svc.reports import video_message

__all__ = ["LibraryStore", "MetadataChange"]

_Q = load_queries("ingest_svc")
_REPORTS = load_queries("ingest_svc", "sql/reports.sql")
MetadataChange = Mapping[str, Any]


class LibraryStore:
    """Reads and edits for one owner at a time; what is another owner's does not exist here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_video(self, owner_id: str, video_id: str) -> VideoRow:
        """Return a video.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_Q["get_video"], video_id, owner_id)
            if row is None:
                raise NotFound("there is no such video", reason="VIDEO_NOT_FOUND")
            return video_row(row, await connection.fetch(_Q["list_steps"], video_id))

    async def list_videos(
        self, owner_id: str, *, state: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> list[VideoRow]:
        """Return a page of videos, newest first, in two statements whatever their number (R-MET-04)."""
        at, last_id = after or (None, None)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_Q["list_videos"], owner_id, state, at, last_id, limit)
            steps = await connection.fetch(_Q["list_steps_of_many"], [row["id"] for row in rows])
        by_video: dict[str, list[Any]] = {}
        for step in steps:
            by_video.setdefault(step["video_id"], []).append(step)
        return [video_row(row, by_video.get(row["id"], ())) for row in rows]

    async def update_metadata(
        self, owner_id: str, video_id: str, change: Callable[[VideoRow], MetadataChange]
    ) -> VideoRow:
        """Change what people say about a video; `change` returns the new title, description, tags and attributes."""
        async with self._database.transaction() as connection:
            if (
                await connection.fetchval(
                    "SELECT 1 FROM ingest.videos WHERE id = $1 AND owner_id = $2 FOR UPDATE", video_id, owner_id
                )
                is None
            ):
                raise NotFound("there is no such video", reason="VIDEO_NOT_FOUND")
            row = await connection.fetchrow(_Q["get_video"], video_id, owner_id)
            assert row is not None  # noqa: S101  # the row is locked
            new = change(video_row(row, ()))
            await connection.execute(
                _Q["upsert_metadata"],
                video_id,
                new["title"],
                new["description"],
                list(new["tags"]),
                json.dumps(new["attributes"]),
            )
            await connection.execute(_Q["touch_video"], video_id)
            await tell_video(connection, video_id)
            await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")
            await connection.execute(_Q["notify"], VIDEO_CHANNEL, video_id)
        return await self.get_video(owner_id, video_id)

    async def delete_video(self, owner_id: str, video_id: str, outgoing: Sequence[ScheduledMessage]) -> None:
        """Remove a video with its rows, and decide to send what makes others forget it.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_REPORTS["tell_deleted_video"], video_id, owner_id)
            if row is None:
                raise NotFound("there is no such video", reason="VIDEO_NOT_FOUND")
            for one in (*outgoing, video_message(told_video(row), is_deleted=True)):
                await enqueue(connection, one)
            await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")
            await connection.execute(_Q["notify"], VIDEO_CHANNEL, video_id)

    async def list_failed(
        self, owner_id: str, *, stage: Stage | None, reason: str | None, limit: int
    ) -> list[tuple[str, Stage]]:
        """Return failed videos with the stage where each broke, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_Q["list_failed"], owner_id, stage, reason, limit)
        return [(row["id"], Stage(row["failed_stage"])) for row in rows]

    async def list_attempts(self, owner_id: str, video_id: str) -> list[AttemptRow]:
        """Return every attempt at a video, oldest first."""
        await self.get_video(owner_id, video_id)
        async with self._database.connection() as connection:
            return [attempt_row(row) for row in await connection.fetch(_Q["list_attempts"], video_id)]

    async def list_transitions(self, video_id: str, after: int) -> list[TransitionRow]:
        """Return the history of a video after a position."""
        async with self._database.connection() as connection:
            return [transition_row(row) for row in await connection.fetch(_Q["list_transitions"], video_id, after)]

    async def list_scenes(self, video_id: str, *, from_index: int, limit: int) -> list[SceneRow]:
        """Return scenes from a position on, in order."""
        async with self._database.connection() as connection:
            return [scene_row(row) for row in await connection.fetch(_Q["list_scenes"], video_id, from_index, limit)]

    async def get_scene(self, owner_id: str, scene_id: str) -> SceneRow:
        """Return a scene by its id.

        Raises:
            NotFound: there is none of that id, or it is not the owner's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_Q["get_scene"], scene_id, owner_id)
        if row is None:
            raise NotFound("there is no such scene", reason="SCENE_NOT_FOUND")
        return scene_row(row)

    async def get_transcript(self, owner_id: str, video_id: str) -> bytes:
        """Return the serialised transcript.

        Raises:
            NotFound: there is no such video, or it has no transcript yet.
        """
        await self.get_video(owner_id, video_id)
        async with self._database.connection() as connection:
            found: bytes | None = await connection.fetchval(_Q["get_transcript"], video_id, owner_id)
        if found is None:
            raise NotFound("the video has no transcript yet", reason="TRANSCRIPT_NOT_FOUND")
        return found

    async def store_findings(
        self,
        *,
        video_id: str,
        owner_id: str,
        generation: int,
        scenes: Sequence[SceneRow],
        transcript: bytes,
        language: str,
        thumbnail_key: str,
    ) -> bool:
        """Replace scenes and transcript by those of a run; return False when the video has gone or moved on."""
        async with self._database.transaction() as connection:
            known = await connection.fetchval(_Q["set_findings"], video_id, language, len(scenes), generation)
            if known is None:
                return False
            await connection.execute(_Q["delete_scenes"], video_id)
            await connection.executemany(
                _Q["insert_scene"],
                [
                    (
                        s.id,
                        video_id,
                        owner_id,
                        generation,
                        s.index,
                        s.start_ns,
                        s.end_ns,
                        s.transcript_segment,
                        s.combined_text,
                        s.text_recipe,
                        s.message,
                        s.created_at,
                    )
                    for s in scenes
                ],
            )
            await connection.execute(_Q["upsert_transcript"], video_id, generation, transcript)
            if thumbnail_key:
                await connection.execute(_Q["set_thumbnail"], video_id, thumbnail_key)
        return True
