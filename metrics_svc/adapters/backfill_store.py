"""Backfills in PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from chassis.core.errors import NotReady
from chassis.io.postgres import Database, Row, load_queries, record_value
from metrics_svc.domain.backfill.backfill import Backfill, BackfillState, KnownRun, Tally, VideoEnd

__all__ = ["PostgresBackfillStore"]

_LOCK = 0x6865696462616B66
"""Identity of the advisory lock of whoever works on backfills, arbitrary and fixed."""
_PLAIN = (
    "number",
    "backfill_id",
    "request_id",
    "dry_run",
    "pages",
    "last_video_id",
    "videos_total",
    "sentence",
    "started_by",
    "started_at",
    "updated_at",
    "finished_at",
)


class PostgresBackfillStore:
    """BackfillStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/backfill.sql")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Try to be the only one who works on backfills while the block runs.

        The lock belongs to a connection: it is free the moment its process dies. Should the connection break while the
        process lives, another may begin too, and `keep` refuses one of the two.
        """
        async with self._database.connection() as connection:
            is_ours = await connection.fetchval(self._queries["backfill_turn"], _LOCK)
            try:
                yield is_ours
            finally:
                if is_ours:
                    await connection.fetchval(self._queries["end_backfill_turn"], _LOCK)

    async def start(self, backfill: Backfill) -> Backfill:
        """Start a backfill and return it, or the one that the same request started before."""
        async with self._database.connection() as connection:
            await connection.execute(
                self._queries["add_backfill"],
                backfill.backfill_id,
                backfill.request_id,
                backfill.dry_run,
                backfill.started_by,
                backfill.started_at,
            )
            row = await connection.fetchrow(self._queries["backfill_of_request"], backfill.request_id)
            if row is not None:
                return _backfill(row)
            other = await connection.fetchrow(self._queries["running_backfill"])
        raise NotReady(
            "another backfill runs; wait for it or cancel it",
            reason="BACKFILL_RUNNING",
            metadata={"backfill_id": "" if other is None else other["backfill_id"]},
        )

    async def get(self, backfill_id: str) -> Backfill | None:
        """Return a backfill; None when there is none of that id."""
        return await self._one("get_backfill", backfill_id)

    async def running(self) -> Backfill | None:
        """Return the backfill that runs; None when none does."""
        return await self._one("running_backfill")

    async def list(self, *, before: int | None, limit: int) -> tuple[Backfill, ...]:
        """Return backfills, the newest first, without their videos."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._queries["list_backfills"], before, limit)
        return tuple(map(_backfill, rows))

    async def keep(self, backfill: Backfill) -> bool:
        """Write down a backfill after one more page."""
        tally = backfill.tally
        async with self._database.connection() as connection:
            kept = await connection.fetchval(
                self._queries["keep_backfill_page"],
                backfill.backfill_id,
                backfill.pages - 1,
                backfill.state,
                backfill.last_video_id,
                backfill.videos_total,
                tally.examined,
                tally.changed,
                tally.fine,
                tally.unfinished,
                tally.failed,
                _written(backfill.preview),
                _written(backfill.failures),
                backfill.updated_at,
                backfill.finished_at,
            )
        return kept is not None

    async def explain(self, backfill_id: str, sentence: str) -> None:
        """Say what a backfill that runs waits for."""
        async with self._database.connection() as connection:
            await connection.execute(self._queries["explain_backfill"], backfill_id, sentence)

    async def end(self, backfill_id: str, state: BackfillState, sentence: str, now: datetime) -> None:
        """End a backfill that runs."""
        async with self._database.connection() as connection:
            await connection.execute(self._queries["end_backfill"], backfill_id, state, sentence, now)

    async def runs(self, ends: Sequence[VideoEnd]) -> dict[tuple[str, int], KnownRun]:
        """Return the runs that are counted for some ends, by video and generation."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                self._queries["runs_of_videos"], [end.video_id for end in ends], [end.generation for end in ends]
            )
        found = (KnownRun(**{name: record_value(row, name) for name in KnownRun.__dataclass_fields__}) for row in rows)
        return {(run.video_id, run.generation): run for run in found}

    async def _one(self, name: str, *values: object) -> Backfill | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(self._queries[name], *values)
        return None if row is None else _backfill(row)


def _backfill(row: Row) -> Backfill:
    plain: dict[str, Any] = {name: record_value(row, name) for name in _PLAIN}
    return Backfill(
        **plain,
        state=BackfillState(record_value(row, "state")),
        tally=Tally(**{name: record_value(row, name) for name in Tally.__dataclass_fields__}),
        preview=_read(record_value(row, "preview")),
        failures=_read(record_value(row, "failures")),
    )


def _written(ends: Iterable[VideoEnd]) -> str:
    return json.dumps([{name: _plain(getattr(end, name)) for name in VideoEnd.__dataclass_fields__} for end in ends])


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(text: str) -> tuple[VideoEnd, ...]:
    known = VideoEnd.__dataclass_fields__
    found = []
    for item in json.loads(text):
        at = item["finished_at"]
        kept = {name: item[name] for name in known}
        found.append(VideoEnd(**{**kept, "finished_at": None if at is None else datetime.fromisoformat(at)}))
    return tuple(found)
