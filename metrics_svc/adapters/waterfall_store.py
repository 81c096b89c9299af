"""The attempts and runs of one video in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import fields

import asyncpg

from chassis.io.postgres import Database, load_queries
from metrics_svc.domain.library.library import VideoChange
from metrics_svc.domain.library.waterfall import MAX_RUNS, Attempt, RunEnd

__all__ = ["MAX_ATTEMPTS", "PostgresWaterfallStore"]

MAX_ATTEMPTS = 5_000
"""How many of the newest attempts are read."""
_ATTEMPT = tuple(field.name for field in fields(Attempt))
_END = tuple(field.name for field in fields(RunEnd))


class PostgresWaterfallStore:
    """WaterfallStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/library.sql")

    async def video(self, video_id: str) -> VideoChange | None:
        """Return what is known of a video; None when it was never told of."""
        rows = await self._all("video", video_id)
        return VideoChange(**dict(rows[0])) if rows else None

    async def attempts(self, video_id: str, generation: int) -> tuple[Attempt, ...]:
        """Return the attempts that ended, the newest."""
        rows = await self._all("attempts_of_video", video_id, generation, MAX_ATTEMPTS)
        return tuple(Attempt(**{name: row[name] for name in _ATTEMPT}) for row in rows)

    async def ends(self, video_id: str, generation: int) -> tuple[RunEnd, ...]:
        """Return the ends of its runs, the newest."""
        rows = await self._all("ends_of_video", video_id, generation, MAX_RUNS)
        return tuple(RunEnd(**{name: row[name] for name in _END}) for row in rows)

    async def _all(self, name: str, *values: object) -> Sequence[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], *values)
