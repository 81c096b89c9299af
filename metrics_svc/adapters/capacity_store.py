"""What the workers told, from PostgreSQL: packed there, so that a hundred thousand rows cost us a millisecond."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from chassis.io.postgres import Database, Row, load_queries
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.recording import Numbers, Pieces, Recording, Runs

__all__ = ["PostgresCapacityStore"]

_NULL = -(1 << 63)
_PIECE_NUMBERS = 11
_RUN_NUMBERS = 2
_US, _NS = 1e6, 1e9


class PostgresCapacityStore:
    """CapacityStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/capacity.sql")

    async def begin_of_latest(self, window: Window, pieces: int) -> datetime | None:
        """Return the moment after which a window holds exactly so many pieces of work; None when it holds no more.

        Ever longer parts of the window are looked at, so that a year costs no more than the part that is found.
        """
        days = 1
        while True:
            start = max(window.start, window.end - timedelta(days=days))
            rows = await self._all("moment_of_piece", Window(start, window.end), pieces)
            if rows or start == window.start:
                return rows[0]["counted_at"] if rows else None
            days *= 2

    async def begin_of_work(self, window: Window) -> datetime | None:
        """Return when the first piece of work that ended in a window was handed out; None when there is none."""
        (row,) = await self._all("begin_of_work", window)
        begin: datetime | None = row["begin_at"]
        return begin

    async def recording(self, window: Window) -> Recording:
        """Return what ended in a window."""
        # Ends of runs first: of a run that ends just now, all work is there by the time we look for it.
        (runs,) = await self._all("packed_runs", window)
        work = await self._all("packed_work", window)
        models = await self._all("models_at_work", window)
        table = _table(runs["runs"] or b"", _RUN_NUMBERS)
        return Recording(
            window=window,
            runs=Runs(key=table[:, 0], queued_s=_seconds(table[:, 1], window)),
            pieces={row["stage"]: _pieces(_table(row["pieces"], _PIECE_NUMBERS), window) for row in work},
            models={row["model"]: row["key"] for row in models},
        )

    async def _all(self, name: str, window: Window, *more: object) -> Sequence[Row]:
        async with self._database.connection() as connection:
            return await connection.fetch(self._queries[name], window.start, window.end, *more)


def _table(packed: bytes, columns: int) -> Numbers:
    return np.frombuffer(packed, ">i8").astype(np.int64).reshape(-1, columns)


def _pieces(table: Numbers, window: Window) -> Pieces:
    return Pieces(
        run=table[:, 0],
        attempt=table[:, 1],
        queued_s=_seconds(table[:, 2], window),
        started_s=_seconds(table[:, 3], window),
        service_s=_lengths(table[:, 4]),
        wait_s=_lengths(table[:, 5]),
        model=table[:, 6],
        worker=table[:, 7],
        slots=table[:, 8],
        is_corrected=table[:, 9] != 0,
        is_skipped=table[:, 10] != 0,
    )


def _seconds(moments_us: Numbers, window: Window) -> npt.NDArray[np.float64]:
    """Return moments as seconds since the start of the window; whole microseconds are kept for any date."""
    start_us = round(window.start.timestamp() * _US)
    return np.where(moments_us == _NULL, np.nan, (moments_us - start_us) / _US)


def _lengths(lengths_ns: Numbers) -> npt.NDArray[np.float64]:
    return np.where(lengths_ns == _NULL, np.nan, lengths_ns / _NS)
