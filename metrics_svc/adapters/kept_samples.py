"""Kept events as the samples they once were, as far as sketches are made of them: for what was never sketched."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any

from chassis.io.postgres import Connection, load_queries
from metrics_svc.domain.answers.readings import OTHER_OPERATIONS
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.measures import Measure
from metrics_svc.domain.events.samples import Batch, OperationSample, SearchSample, StageSample, VideoRun

__all__ = ["EVERY_MEASURE", "read_kept"]

_ROWS_AT_ONCE = 1_000
"""Rows that are read at a time: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A table of events: the statement that reads it, a sample of which nothing is known, and what it measures."""

    statement: str
    blank: Any
    measures: frozenset[str]


_STAGES = frozenset({Measure.WORK, Measure.WAIT, Measure.CPU, Measure.GPU, Measure.ENERGY, Measure.CALLS})
_SEARCHES = frozenset({Measure.SEARCH, Measure.EMPTY_SEARCH})
_OPERATIONS = frozenset({Measure.UPLOAD, Measure.EXPORT, OTHER_OPERATIONS})
_SOURCES = (
    _Source("stage_events_between", StageSample(*(None,) * len(StageSample._fields)), _STAGES),  # type: ignore[arg-type]
    _Source(
        "video_runs_between",
        VideoRun(*(None,) * len(VideoRun._fields)),  # type: ignore[arg-type]
        frozenset(Measure) - _STAGES - _SEARCHES - _OPERATIONS,
    ),
    _Source("search_events_between", SearchSample(*(None,) * len(SearchSample._fields)), _SEARCHES),  # type: ignore[arg-type]
    _Source("operations_between", OperationSample(*(None,) * len(OperationSample._fields)), _OPERATIONS),  # type: ignore[arg-type]
)
EVERY_MEASURE = frozenset(Measure) | {OTHER_OPERATIONS}


async def read_kept(
    connection: Connection, window: Window, owner_id: str, measures: Collection[str]
) -> AsyncIterator[Batch]:
    """Yield the events that count in a window, of the kinds that any of `measures` is made of, in pieces.

    Within a transaction of the caller's. An empty `owner_id` means everybody.
    """
    queries = load_queries("metrics_svc", "sql/answers.sql")
    for source in _SOURCES:
        if not source.measures.isdisjoint(measures):
            cursor = await connection.cursor(queries[source.statement], window.start, window.end, owner_id)
            while rows := await cursor.fetch(_ROWS_AT_ONCE):
                yield Batch.of([source.blank._replace(**dict(row)) for row in rows])
