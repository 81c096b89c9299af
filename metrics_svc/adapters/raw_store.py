"""Raw events in their tables: what is there already is found first, and only what is new is written, by COPY.

COPY takes two thirds of what an INSERT takes, but refuses a whole batch for one row that is there already. So this is
only right under the lock that lets one writer in at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import Any, get_type_hints

from asyncpg.pgproto.pgproto import UUID

from chassis.core.errors import InvalidInput
from chassis.io.postgres import Connection
from metrics_svc.codec.copy_rows import (
    Encode,
    booleans,
    copy_rows,
    integers,
    long_integers,
    rows_of,
    texts,
    times,
    uuids,
)
from metrics_svc.domain.events.novelty import Novelty, sift
from metrics_svc.domain.events.samples import (
    Batch,
    OperationSample,
    Sample,
    SearchSample,
    StageSample,
    VideoRun,
    event_key,
)

__all__ = ["TABLES", "EventTable", "Prepared", "RawRows", "prepared"]

_INTEGERS = frozenset({"generation", "attempt", "worker_slots", "unmeasured_attempts", "results_count"})
"""Columns of 4 bytes; other numbers take 8."""


@dataclass(frozen=True, slots=True)
class EventTable:
    """The table of a kind of samples: its columns are the fields of the sample, in order; its times stand together."""

    name: str
    kind: Any
    """The class of its samples."""
    known: str
    """The statement that finds what is there already."""

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        fields = self.kind._fields[1:]
        return ["event_key", *(f"{name.removesuffix('_us')}_at" if name.endswith("_us") else name for name in fields)]

    def rows(self, samples: Sequence[Any], keys: Sequence[bytes]) -> list[bytes]:
        """Return the rows of samples as COPY takes them.

        Raises:
            InvalidInput: a number does not fit its column.
        """
        columns = list(zip(*samples, strict=True))[1:]
        try:
            fields = [encode(column) for encode, column in zip(_encoders(self.kind), columns, strict=True)]
        except OverflowError as error:
            raise InvalidInput("a number does not fit its column", reason="UNSTORABLE_EVENT") from error
        return rows_of([uuids(keys), *fields])


@cache
def _encoders(kind: Any) -> tuple[Encode, ...]:
    """Return what makes the fields of each column but the key."""
    return tuple(_encoder(name, hint) for name, hint in list(get_type_hints(kind).items())[1:])


def _encoder(name: str, hint: Any) -> Encode:
    if name.endswith("_us"):
        return times
    if hint is str:
        return texts
    if hint is bool:
        return booleans
    return integers if name in _INTEGERS else long_integers


_RUNS = EventTable("video_runs", VideoRun, "known_video_runs")
TABLES = (
    EventTable("stage_events", StageSample, "known_stage_events"),
    _RUNS,
    EventTable("search_events", SearchSample, "known_search_events"),
    EventTable("operations", OperationSample, "known_operations"),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Samples of one kind with their keys, by id, and their rows: all that can be done before the lock is taken."""

    table: EventTable
    samples: Sequence[Any]
    keys: Mapping[str, bytes]
    rows: Sequence[bytes]


def prepared(batch: Batch) -> list[Prepared]:
    """Return the kinds that a batch has.

    Raises:
        InvalidInput: a number does not fit its column.
    """
    kinds: tuple[Sequence[Sample], ...] = (batch.stages, batch.runs, batch.searches, batch.operations)
    return [_prepared(table, samples) for table, samples in zip(TABLES, kinds, strict=True) if samples]


def _prepared(table: EventTable, samples: Sequence[Sample]) -> Prepared:
    keys = {sample.event_id: event_key(sample.event_id) for sample in samples}
    return Prepared(table, samples, keys, table.rows(samples, [keys[sample.event_id] for sample in samples]))


class RawRows:
    """The raw events, within a transaction of somebody else's."""

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self._queries = queries

    async def keep_new(self, parts: Sequence[Prepared]) -> dict[str, Novelty]:
        """Write what is new and remember contradictions; return what became of each kind, by table."""
        return {part.table.name: await self._keep(part) for part in parts}

    async def _keep(self, part: Prepared) -> Novelty:
        novelty = sift(part.samples, await self._known(part.table, part.samples, part.keys))
        if novelty.new:
            await self._connection.copy_to_table(
                part.table.name,
                schema_name="metrics",
                columns=part.table.columns,
                source=BytesIO(copy_rows([part.rows[place] for place in novelty.places])),
                format="binary",
            )
        if novelty.contradictions:
            digests = [sha256(told.differences.encode("utf-8")).digest()[:16] for told in novelty.contradictions]
            await self._connection.executemany(
                self._queries["add_contradiction"],
                [
                    (UUID(part.keys[told.event_id]), UUID(digest), part.table.name, *told)
                    for told, digest in zip(novelty.contradictions, digests, strict=True)
                ],
            )
        return novelty

    async def _known(self, table: EventTable, samples: Sequence[Any], keys: Mapping[str, bytes]) -> list[Any]:
        wanted: list[list[Any]] = [[UUID(key) for key in keys.values()]]
        if table is _RUNS:
            wanted += [[run.video_id for run in samples], [run.generation for run in samples]]
        rows = await self._connection.fetch(self._queries[table.known], *wanted)
        ids = {key: event_id for event_id, key in keys.items()} if rows else {}
        return [table.kind(ids.get(row[0].bytes, str(row[0])), *tuple(row)[1:]) for row in rows]
