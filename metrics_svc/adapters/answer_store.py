"""Sketches read for answers: days from memory as long as their versions say so, all else from one snapshot.

An answer is never older than the database: each reads the versions of its days first, in the snapshot in which it reads
whatever has changed.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from functools import lru_cache
from weakref import WeakValueDictionary

import asyncpg
import numpy as np

from chassis.core.errors import HeimdexError, UpstreamUnavailable
from chassis.io.postgres import Connection, Database, load_queries
from metrics_svc.adapters.edge_store import EventTallies, place_of
from metrics_svc.adapters.sketch_cache import SketchCache
from metrics_svc.codec.bins import decode_bins
from metrics_svc.domain.answers.readings import OTHER_OPERATIONS, DayRows, Group, Integers, Readings, Tally, gathered
from metrics_svc.domain.answers.windows import Window, midnight

__all__ = ["PostgresAnswerStore"]

_ROWS_AT_ONCE = 400
"""Rows that are decoded at a time: a few milliseconds, in which nothing else is answered."""
_MANY_DAYS = 31
"""Who has to read more days than that waits for whoever reads days of the same owner, instead of reading them too."""
_ONE_DAY = timedelta(days=1)
_MAX_UINT32 = (1 << 32) - 1
_Placed = tuple[str, Group, Tally]
"""A tally, with the measure and group it belongs to."""


class PostgresAnswerStore:
    """AnswerStore over schema `metrics`, with about `cache_bytes` of decoded days in memory."""

    def __init__(self, database: Database, *, cache_bytes: int) -> None:
        self._database = database
        self._queries = load_queries("metrics_svc", "sql/answers.sql")
        self._cache = SketchCache(cache_bytes)
        self._readers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def reading(self, database: Database) -> "PostgresAnswerStore":
        """Return a store with the same memory that reads a moment of the same database."""
        store = PostgresAnswerStore(database, cache_bytes=0)
        store._cache, store._readers = self._cache, self._readers
        return store

    @property
    def kept_bytes(self) -> int:
        """About how many bytes of decoded days are in memory."""
        return self._cache.size

    async def read(self, window: Window, owner_id: str, measures: Collection[str]) -> Readings:
        """Return what one snapshot of the store says of some measures of an owner."""
        async with self._snapshot() as connection:
            reading = _Reading(
                connection, self._queries, self._cache, window=window, owner_id=owner_id, measures=measures
            )
            if await reading.count_changed_days() <= _MANY_DAYS:
                return await reading.readings()
        # The lock comes before the connection: those who wait must not use up the pool.
        lock = self._readers.setdefault(owner_id, asyncio.Lock())
        async with lock, self._snapshot() as connection:
            reading = _Reading(
                connection, self._queries, self._cache, window=window, owner_id=owner_id, measures=measures
            )
            await reading.count_changed_days()
            return await reading.readings()

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        try:
            async with (
                self._database.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection
        except HeimdexError:
            raise
        except asyncpg.PostgresError as error:
            raise UpstreamUnavailable("the database can not do that now", reason="DATABASE_UNAVAILABLE") from error


class _Reading:
    """One question within one snapshot."""

    def __init__(
        self,
        connection: Connection,
        queries: Mapping[str, str],
        cache: SketchCache,
        *,
        window: Window,
        owner_id: str,
        measures: Collection[str],
    ) -> None:
        self._connection = connection
        self._queries = queries
        self._cache = cache
        self._window = window
        self._owner_id = owner_id
        self._kept = {measure: cache.days_of(owner_id, measure) for measure in measures}
        self._whole = window.whole_days()
        self._versions: dict[date, int] = {}
        self._found: dict[str, dict[date, DayRows]] = {measure: {} for measure in measures}

    async def count_changed_days(self) -> int:
        """Look which whole days are in memory as they are now, and return how many are not."""
        if not self._whole:
            return 0
        rows = await self._connection.fetch(
            self._queries["versions_of_days"], self._owner_id, self._whole[0], self._whole[-1]
        )
        self._versions = dict(map(tuple, rows))
        for measure, kept in self._kept.items():
            found = self._found[measure]
            for day, version in self._versions.items():
                if (rows_of_day := kept.get(day, version)) is not None:
                    found[day] = rows_of_day
        return len({day for measure in self._kept for day in self._changed(measure)})

    async def readings(self) -> Readings:
        """Read what is not in memory, and return all of it."""
        measures_by_days: dict[tuple[date, ...], list[str]] = {}
        for measure in self._kept:
            measures_by_days.setdefault(self._changed(measure), []).append(measure)
        for days, measures in measures_by_days.items():
            for first, last in _runs(days):
                await self._read_days(first, last, measures)
        for piece in self._window.partial_days():
            await self._read_partial_day(piece)
        whole = frozenset(self._whole)
        days_of = {measure: sorted(found.values(), key=lambda one: one.day) for measure, found in self._found.items()}
        parts_of = {measure: kept.parts(days_of[measure], whole) for measure, kept in self._kept.items()}
        self._cache.settle(self._owner_id, self._kept)
        return Readings(self._window, days_of, parts_of)

    def _changed(self, measure: str) -> tuple[date, ...]:
        return tuple(sorted(self._versions.keys() - self._found[measure].keys()))

    async def _read_days(self, first: date, last: date, measures: Collection[str]) -> None:
        """Read whole days, all of which have versions, and keep them in memory."""
        day, placed = first, list[_Placed]()
        async for row in self._sketches(Window(midnight(first), midnight(last) + _ONE_DAY), measures):
            if row["day"] != day:
                self._keep(day, measures, placed)
                day, placed = row["day"], []
            placed.append(_placed(row))
        self._keep(day, measures, placed)
        for number in range((last - first).days + 1):
            self._keep(first + _ONE_DAY * number, measures, ())

    def _keep(self, day: date, measures: Collection[str], placed: Sequence[_Placed]) -> None:
        """Keep all that there is of a day; what is kept of it already stays."""
        for measure, rows in _by_measure(measures, placed).items():
            if day not in self._found[measure]:
                self._found[measure][day] = DayRows(day, rows)
                self._kept[measure].put(self._versions[day], self._found[measure][day])

    async def _read_partial_day(self, piece: Window) -> None:
        """Read a piece of a day: whole hours from sketches unless they were folded, the rest from the events."""
        day = piece.start.date()
        is_folded = await self._connection.fetch(self._queries["folded_days"], self._owner_id, [day])
        edges = (piece,) if is_folded else piece.partial_hours()
        events = EventTallies(self._connection)
        placed: list[_Placed] = []
        for edge in edges:
            placed += [one async for one in events.count(edge, self._owner_id, self._kept)]
        hours = None if is_folded else piece.whole_hours()
        if hours is not None:
            placed += [_placed(row) async for row in self._sketches(hours, self._kept)]
        for measure, rows in _by_measure(self._kept, placed).items():
            if rows:
                self._found[measure][day] = DayRows(day, rows)

    async def _sketches(self, window: Window, measures: Collection[str]) -> AsyncIterator[asyncpg.Record]:
        cursor = await self._connection.cursor(
            self._queries["sketches_between"],
            self._owner_id,
            window.start,
            window.end,
            list(measures),
            OTHER_OPERATIONS in measures,
        )
        while rows := await cursor.fetch(_ROWS_AT_ONCE):
            for row in rows:
                yield row


@lru_cache(maxsize=4_096)
def _bins_and_counts(data: bytes) -> tuple[Integers, Integers]:
    """Decode bins to half of the bytes; most hours of today are the same as when they were read last."""
    bins, counts = decode_bins(data)
    is_small = not counts.size or counts.max() <= _MAX_UINT32
    return bins.astype(np.uint16), counts.astype(np.uint32) if is_small else counts


def _placed(row: asyncpg.Record) -> _Placed:
    _, measure, stage, outcome, model, measured, approximate, missing, total, smallest, largest, data = row
    bins, counts = _bins_and_counts(data)
    tally = Tally(measured, approximate, missing, int(total), smallest, largest, bins, counts)
    return *place_of(measure, Group(stage, outcome, model)), tally


def _by_measure(measures: Collection[str], placed: Sequence[_Placed]) -> dict[str, Mapping[Group, Tally]]:
    merged = gathered(((measure, group), tally) for measure, group, tally in placed)
    found: dict[str, dict[Group, Tally]] = {measure: {} for measure in measures}
    for (measure, group), tally in merged.items():
        found[measure][group] = tally
    return dict(found)


def _runs(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of every run of days without a gap."""
    first = 0
    for place, day in enumerate(days):
        if place + 1 == len(days) or days[place + 1] - day != _ONE_DAY:
            yield days[first], day
            first = place + 1
