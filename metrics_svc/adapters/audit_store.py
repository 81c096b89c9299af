"""What an audit reads of PostgreSQL: one moment, every answer from raw rows, the SQL functions, and the sketches."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import numpy as np

from chassis.core.errors import HeimdexError, UpstreamUnavailable
from chassis.core.stages import Outcome, Stage
from chassis.io.postgres import Connection, Database, Row, load_queries
from metrics_svc.codec.bins import decode_bins
from metrics_svc.domain.answers.buckets import BOUNDS_NS, bucket_span
from metrics_svc.domain.answers.series import Total
from metrics_svc.domain.answers.windows import Window, midnight
from metrics_svc.domain.audit.audited import LABELS, Audited
from metrics_svc.domain.audit.comparison import Account, Cell, Numbers, Value
from metrics_svc.domain.audit.rebuilding import KeptSketch, RawLengths, SketchKey, Tallied

__all__ = ["ORACLES", "SOURCES", "FrozenDatabase", "PostgresMoment", "Source"]

_STATEMENT_SECONDS = 600.0
"""A year of ten million events is sorted a few times, which takes longer than any answer may."""
_DAYS_AT_ONCE = timedelta(days=4)
_ONE_DAY = timedelta(days=1)
_NS_PER_MS = 1e6
_BEGIN = "SELECT set_config('work_mem', '64MB', true), set_config('idle_in_transaction_session_timeout', '300s', true)"
"""A query, for the moment is that of the first query."""
_REBUILT = ("rebuilt_attempts", "rebuilt_runs", "rebuilt_searches", "rebuilt_operations")
_STAGES, _OUTCOMES = list(map(str, Stage)), list(map(str, Outcome))


class FrozenDatabase(Database):
    """A database as it was at one moment: all who borrow get the same transaction, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self._frozen = connection
        self._lent = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def of(cls, database: Database) -> AsyncIterator["FrozenDatabase"]:
        """Hold the present moment of a database, read-only, while the block runs."""
        async with (
            database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_BEGIN)
            yield cls(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend the transaction; whoever wants it meanwhile waits."""
        async with self._lent:
            yield self._frozen

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend the transaction; there is nothing to commit."""
        async with self.connection() as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class Source:
    """A statement that tells some fields of an answer: where they stand in it, and what it is asked with.

    `more` are names of further values. `columns` are the columns that are fields; None: all.
    """

    statement: str
    prefix: str = ""
    more: tuple[str, ...] = ()
    columns: frozenset[str] | None = None


SOURCES: Mapping[str, tuple[Source, ...]] = {
    "overview": (Source("overview"),),
    "performance/latency": (Source("latency"),),
    "performance/rtf": (Source("rtf"),),
    "performance/queue": (Source("queue"),),
    "performance/stages": (
        Source("stages", "data.", ("stages", "outcomes")),
        Source("stage_heat", "data.buckets.", ("stages", "outcomes", "bounds")),
        Source("stages_in_all"),
    ),
    "performance/operations": (Source("operations", "data.", ("outcomes",)), Source("operations_in_all")),
    "failures/by-stage": (Source("failures", "data."), Source("failures_in_all")),
    "timeseries/throughput": (
        Source(
            "throughput",
            "data.",
            ("cut",),
            frozenset({"day", "videos_ready", "hours_ready", "videos_without_duration"}),
        ),
        Source("ready_in_all"),
    ),
    "timeseries/throughput-v2": (Source("throughput", "data.", ("cut",)), Source("runs_in_all")),
    "timeseries/search": (
        Source("searches", "data.", ("cut",), frozenset({"day", "searches", "avg_latency_ms"})),
        Source("searches_in_all", columns=frozenset({"measured", "approximate", "missing"})),
    ),
    "timeseries/search-quality": (
        Source(
            "searches",
            "data.",
            ("cut",),
            frozenset(
                {
                    "day",
                    "searches",
                    "searches_without_result",
                    "zero_result_rate_pct",
                    "avg_ms",
                    "p50_ms",
                    "p95_ms",
                    "p99_ms",
                }
            ),
        ),
        Source("searches_in_all"),
    ),
    "timeseries/latency": (
        Source("stage_series", "series.", ("stages",)),
        Source("stage_points", "series.data.", ("cut", "stages")),
        Source("series_in_all", more=("stages",)),
    ),
    "cost": (
        Source("work", "data.", ("cut",)),
        Source("work_in_all", "total."),
        Source("work_coverage"),
    ),
}
"""By the path of the answer: where its numbers come from when only the raw events are asked."""
ORACLES: Mapping[str, tuple[str, str]] = {
    "performance/latency": ("oracle_latency", ""),
    "performance/rtf": ("oracle_rtf", ""),
    "performance/queue": ("oracle_queue", ""),
    "failures/by-stage": ("oracle_failures", "data."),
    "timeseries/throughput-v2": ("oracle_throughput", "data."),
}
"""By the path of the answer: the statement that calls its SQL function, and where its fields stand."""


class PostgresMoment:
    """Moment over a frozen schema `metrics`."""

    def __init__(self, database: FrozenDatabase) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/audit.sql")

    async def raw(self, audited: Audited, window: Window, owner_id: str) -> Numbers:
        """Return an answer computed from the raw events, exactly."""
        values = {"cut": audited.cut, "stages": _STAGES, "outcomes": _OUTCOMES, "bounds": list(BOUNDS_NS)}
        numbers: dict[Cell, Value] = {}
        for source in SOURCES[audited.path]:
            rows = await self._all(source.statement, window, owner_id, *(values[name] for name in source.more))
            for row in rows:
                numbers |= _cells(dict(row), source.prefix, source.columns)
        return numbers

    async def oracle(self, audited: Audited, window: Window, owner_id: str) -> Account | None:
        """Return what the SQL function of an answer tells; None where there is no such function."""
        if audited.path not in ORACLES or audited.cut not in {"", "day"}:
            return None
        name, prefix = ORACLES[audited.path]
        async with self._lend() as connection:
            statement = await connection.prepare(self._queries[name], timeout=_STATEMENT_SECONDS)
            rows = await statement.fetch(window.start, window.end, owner_id, timeout=_STATEMENT_SECONDS)
            columns = [column.name for column in statement.get_attributes()]
        numbers = {cell: value for row in rows for cell, value in _cells(dict(row), prefix, None).items()}
        return Account(numbers, frozenset(f"{prefix}{name}" for name in columns if name not in LABELS))

    async def sketches(
        self, window: Window, owner_id: str
    ) -> AsyncIterator[tuple[Sequence[KeptSketch], Sequence[RawLengths]]]:
        """Yield the sketches of the days that a window touches and what the raw events say of them."""
        start, end = midnight(window.days[0]), midnight(window.days[-1]) + _ONE_DAY
        while start < end:
            days = Window(start, min(start + _DAYS_AT_ONCE, end))
            rows = await self._all("kept_sketches", days, owner_id)
            kept = await asyncio.to_thread(lambda rows: [_kept(row) for row in rows], rows)
            raw = [row for name in _REBUILT for row in await self._all(name, days, owner_id)]
            # The statements tell an owner and everybody; of one owner, the two are the same.
            raw = [row for row in raw if owner_id in ("", row["owner_id"])]
            yield kept, await asyncio.to_thread(lambda rows: [_raw(row) for row in rows], raw)
            start = days.end

    async def totals_outside(self, window: Window) -> Sequence[Total]:
        """Return what the sketches of all other days add up to, of everybody."""
        start, end = midnight(window.days[0]), midnight(window.days[-1]) + _ONE_DAY
        async with self._lend() as connection:
            rows = await connection.fetch(self._queries["totals_outside"], start, end)
        return [Total(**{**row, "total": int(row["total"])}) for row in map(dict, rows)]

    async def _all(self, name: str, window: Window, owner_id: str, *more: object) -> Sequence[asyncpg.Record]:
        async with self._lend() as connection:
            return await connection.fetch(
                self._queries[name], window.start, window.end, owner_id, *more, timeout=_STATEMENT_SECONDS
            )

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        try:
            async with self._database.connection() as connection:
                yield connection
        except HeimdexError:
            raise
        except asyncpg.PostgresError as error:
            raise UpstreamUnavailable("the database can not do that now", reason="DATABASE_UNAVAILABLE") from error


def _cells(row: Mapping[str, Any], prefix: str, columns: frozenset[str] | None) -> dict[Cell, Value]:
    taken = {name: value for name, value in row.items() if columns is None or name in columns}
    if "bucket" in taken:
        from_ns, to_ns = bucket_span(taken.pop("bucket"))
        taken |= {"from_ms": from_ns / _NS_PER_MS, "to_ms": to_ns / _NS_PER_MS}
    labels = {name: str(value) for name, value in taken.items() if name in LABELS}
    return {Cell.of(f"{prefix}{name}", labels): value for name, value in taken.items() if name not in LABELS}


def _kept(row: Row) -> KeptSketch:
    bins, counts = decode_bins(row["bins"])
    return KeptSketch(_key(row), row["period_start"], row["is_day"], _tallied(row), bins, counts)


def _raw(row: Row) -> RawLengths:
    return RawLengths(_key(row), row["period_start"], _tallied(row), np.array(row["lengths"] or (), np.int64))


def _key(row: Row) -> SketchKey:
    return SketchKey(row["owner_id"], row["measure"], row["stage"], row["outcome"], row["model"])


def _tallied(row: Row) -> Tallied:
    return Tallied(
        measured=row["measured"],
        approximate=row["approximate"],
        missing=row["missing"],
        total=int(row["total"]),
        smallest=row["smallest"],
        largest=row["largest"],
    )
