"""The edges of a window: what no whole hour holds is counted from the events, by the rules of the intake."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.io.postgres import Connection
from metrics_svc.domain.increments import Increments, increments_of
from metrics_svc.domain.measures import Measure
from metrics_svc.domain.readings import OTHER_OPERATIONS, Group, Tally
from metrics_svc.domain.samples import Batch, OperationSample, Sample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.windows import Window

__all__ = ["EventTallies", "place_of"]

_ROWS_AT_ONCE = 1_000
"""Rows that are counted at a time: a few milliseconds."""


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


class EventTallies:
    """Events, counted within a transaction of somebody else's."""

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self._queries = queries

    async def count(
        self, window: Window, owner_id: str, measures: Collection[str]
    ) -> AsyncIterator[tuple[str, Group, Tally]]:
        """Yield tallies of what counts in a window, with their measure and group; each may come in several pieces."""
        for source in _SOURCES:
            if not source.measures.isdisjoint(measures):
                cursor = await self._connection.cursor(
                    self._queries[source.statement], window.start, window.end, owner_id
                )
                while rows := await cursor.fetch(_ROWS_AT_ONCE):
                    samples: list[Sample] = [source.blank._replace(**dict(row)) for row in rows]
                    for measure, group, tally in _tallies(increments_of(Batch.of(samples)), owner_id):
                        if measure in measures:
                            yield measure, group, tally


def _tallies(increments: Increments, owner_id: str) -> Iterator[tuple[str, Group, Tally]]:
    parts = increments.entries.by_row(len(increments.cells))
    for place, cell in enumerate(increments.cells):
        if cell.owner_id == owner_id:
            measure, group = place_of(cell.measure, Group(cell.stage, cell.outcome, cell.model))
            bins, counts = parts[place]
            yield (
                measure,
                group,
                Tally(
                    increments.measured[place],
                    increments.approximate[place],
                    increments.missing[place],
                    increments.total[place],
                    increments.smallest[place],
                    increments.largest[place],
                    bins.astype("u2"),
                    counts,
                ),
            )


_KNOWN = frozenset(Measure)


def place_of(measure: str, group: Group) -> tuple[str, Group]:
    """Return under which measure and group a row is read: an operation of a newer version keeps its word as stage."""
    if measure in _KNOWN:
        return measure, group
    return OTHER_OPERATIONS, group._replace(stage=measure)
