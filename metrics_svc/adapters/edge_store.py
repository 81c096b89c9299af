"""The edges of a window: what no whole hour holds is counted from the events, by the rules of the intake."""

from collections.abc import AsyncIterator, Collection, Iterator

from chassis.io.postgres import Connection
from metrics_svc.adapters.kept_samples import read_kept
from metrics_svc.domain.answers.readings import OTHER_OPERATIONS, Group, Tally
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.events.increments import Increments, increments_of
from metrics_svc.domain.events.measures import Measure

__all__ = ["EventTallies", "place_of"]


class EventTallies:
    """Events, counted within a transaction of somebody else's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(
        self, window: Window, owner_id: str, measures: Collection[str]
    ) -> AsyncIterator[tuple[str, Group, Tally]]:
        """Yield tallies of what counts in a window, with their measure and group; each may come in several pieces."""
        async for batch in read_kept(self._connection, window, owner_id, measures):
            for measure, group, tally in _tallies(increments_of(batch), owner_id):
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
