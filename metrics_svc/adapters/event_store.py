"""Events in PostgreSQL: raw rows and the sketches of them, in one transaction, one writer at a time."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg

from chassis.core.errors import HeimdexError, InvalidInput, StaleWrite, UpstreamUnavailable
from chassis.io import logs, metrics
from chassis.io.postgres import Connection, Database, load_queries
from metrics_svc.adapters.increment_store import SketchRows
from metrics_svc.adapters.kept_samples import EVERY_MEASURE, read_kept
from metrics_svc.adapters.raw_store import TABLES, RawRows, prepared
from metrics_svc.codec.bins import decode_bins
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.folding import Hour, end_of_hours, folded, start_of_day
from metrics_svc.domain.events.increments import Cell, increments_of
from metrics_svc.domain.events.measures import ALL_OWNERS
from metrics_svc.domain.events.novelty import Novelty
from metrics_svc.domain.events.samples import Batch, Sample

__all__ = ["PostgresEventStore"]

_log = logs.get_logger(__name__)
_DAYS_AT_ONCE = 10
"""Days of owners that one transaction folds or forgets: a few thousand rows, in less time than a batch of events."""
_ROWS_AT_ONCE = 10_000
_EVER = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_FORGETTING = (*(f"forget_{table.name}" for table in TABLES), "forget_contradictions")


class PostgresEventStore:
    """EventStore over schema `metrics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/events.sql")

    async def add(self, samples: Sequence[Sample]) -> int:
        """Keep what is new, all or nothing, and return how many samples were new."""
        parts = prepared(Batch.of(samples))
        async with self._writing() as connection:
            found = await RawRows(connection, self._queries).keep_new(parts)
            new = [sample for novelty in found.values() for sample in novelty.new]
            if new:
                await SketchRows(connection, self._queries).add(increments_of(Batch.of(new)), are_days=False)
        _report(found)
        return len(new)

    async def sketch_unsketched(self) -> int:
        """Make the sketches of events that were kept before there were any; return how many events got theirs.

        A store that has sketches has them of everything, for both are written in one transaction: it is left alone.
        """
        events = 0
        async with self._writing() as connection:
            if await connection.fetchval(self._queries["is_unsketched"]):
                rows = SketchRows(connection, self._queries)
                async for batch in read_kept(connection, _EVER, ALL_OWNERS, EVERY_MEASURE):
                    await rows.add(increments_of(batch), are_days=False)
                    events += len(batch)
        if events:
            _log.info("events of an older version were sketched", events=events)
        return events

    async def fold(self, now: datetime) -> int:
        """Merge hours older than FOLD_DAYS into their days, and return how many hour rows went."""
        gone = 0
        while True:
            async with self._writing() as connection:
                days = await connection.fetch(self._queries["days_to_fold"], end_of_hours(now), _DAYS_AT_ONCE)
                if not days:
                    return gone
                hours = await connection.fetch(
                    self._queries["take_hours"], [row["owner_id"] for row in days], [row["day"] for row in days]
                )
                await SketchRows(connection, self._queries).add(folded(_hours(hours)), are_days=True)
            gone += len(hours)

    async def forget(self, before: datetime) -> int:
        """Remove events and sketches of UTC days that ended by `before`, and return how many rows went."""
        end = start_of_day(before)
        gone = await self._forget_sketches(end)
        for name in _FORGETTING:
            while went := await self._forget_rows(name, end):
                gone += went
        return gone

    async def _forget_rows(self, name: str, end: datetime) -> int:
        async with self._lend() as connection:
            return _count(await connection.execute(self._queries[name], end, _ROWS_AT_ONCE))

    async def _forget_sketches(self, end: datetime) -> int:
        gone = 0
        while True:
            async with self._writing() as connection:
                days = await connection.fetch(self._queries["days_to_forget"], end.date(), _DAYS_AT_ONCE)
                if not days:
                    return gone
                columns = [row["owner_id"] for row in days], [row["day"] for row in days]
                await connection.execute(self._queries["remember_totals"], *columns)
                gone += _count(await connection.execute(self._queries["forget_sketches"], *columns))
                await connection.execute(self._queries["forget_days"], *columns)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        """Lend a transaction that no other writer runs beside."""
        async with self._lend() as connection, connection.transaction():
            await connection.execute(self._queries["lock_writers"])
            yield connection

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        try:
            async with self._database.connection() as connection:
                yield connection
        except HeimdexError:
            raise
        except asyncpg.UniqueViolationError as error:
            raise StaleWrite("an event was kept by somebody without the lock") from error
        except (
            asyncpg.DataError,
            asyncpg.IntegrityConstraintViolationError,
            asyncpg.ProgramLimitExceededError,
        ) as error:
            raise InvalidInput("the database refuses these values", reason="UNSTORABLE_EVENT") from error
        except asyncpg.PostgresError as error:
            raise UpstreamUnavailable("the database can not do that now", reason="DATABASE_UNAVAILABLE") from error


def _hours(rows: Iterable[asyncpg.Record]) -> Iterable[Hour]:
    size = len(Cell._fields)
    for row in rows:
        measured, approximate, missing, total, smallest, largest, data = tuple(row)[size:]
        bins, counts = decode_bins(data)
        cell = Cell(*tuple(row)[:size])
        yield Hour(cell, measured, approximate, missing, int(total), smallest, largest, bins, counts)


def _report(found: Mapping[str, Novelty]) -> None:
    """Tell Prometheus what became of a batch; contradictions are told to the log too, for a person must act."""
    for table, novelty in found.items():
        for disposition, count in (
            ("new", len(novelty.new)),
            ("repeated", novelty.repeated),
            ("contradicted", len(novelty.contradictions)),
        ):
            if count:
                metrics.EVENTS_TAKEN.labels(table, disposition).inc(count)
        if novelty.contradictions:
            _log.warning(
                "events came again and said something else; what came first stands",
                table=table,
                count=len(novelty.contradictions),
                event_id=novelty.contradictions[0].event_id,
            )


def _count(status: str) -> int:
    """Return how many rows a statement touched, from `DELETE 5`."""
    return int(status.rpartition(" ")[2])
