"""Increments into sketches: counts and sums are added by the database, bins are read, merged and written here.

Only right under the lock that lets one writer in at a time: bins are read before they are written.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from chassis.io.postgres import Connection
from metrics_svc.codec.bins import decode_many, encode_many
from metrics_svc.domain.events.increments import Cell, Entries, Increments

__all__ = ["SketchRows"]

_US_PER_DAY = 86_400_000_000


class SketchRows:
    """The sketches, within a transaction of somebody else's."""

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, increments: Increments, *, are_days: bool) -> None:
        """Add to rows of hours, or of days, and make the versions of their days rise."""
        cells = increments.cells
        merged = await self._merged(cells, increments.entries, are_days=are_days)
        await self._connection.execute(
            self._queries["add_to_sketches"],
            *_columns(cells),
            are_days,
            _array(increments.measured),
            _array(increments.approximate),
            _array(increments.missing),
            _array(increments.total),
            _array(increments.smallest),
            _array(increments.largest),
            merged,
        )
        await self.touch({(cell.owner_id, cell.period_us // _US_PER_DAY) for cell in cells})

    async def touch(self, days: set[tuple[str, int]]) -> None:
        """Make the versions of days rise: pairs of an owner and a number of days since 1970."""
        await self._connection.execute(
            self._queries["touch_days"], [owner for owner, _ in days], [day for _, day in days]
        )

    async def _merged(self, cells: Sequence[Cell], entries: Entries, *, are_days: bool) -> list[bytes]:
        """Return the bins of each cell, as bytes: what is kept together with what is added."""
        binned = np.unique(entries.rows).tolist()
        kept = await self._connection.fetch(
            self._queries["bins_of_cells"], *_columns([cells[row] for row in binned]), are_days, _array(binned)
        )
        rows, bins, counts = decode_many([row["number"] for row in kept], [row["bins"] for row in kept])
        together = Entries.of(
            np.concatenate([entries.rows, rows]),
            np.concatenate([entries.bins, bins]),
            np.concatenate([entries.counts, counts]),
        )
        sizes = np.bincount(together.rows, minlength=len(cells)).tolist()
        return encode_many(sizes, together.bins, together.counts)


def _columns(cells: Sequence[Cell]) -> list[object]:
    owners, periods, *words = zip(*cells, strict=True) if cells else ((),) * len(Cell._fields)
    return [_texts(owners), _array(periods), *map(_texts, words)]


def _texts(values: Sequence[str]) -> str:
    """Return an array of texts as PostgreSQL writes it; few of them are different."""
    quoted = {value: '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in frozenset(values)}
    return "{" + ",".join([quoted[value] for value in values]) + "}"


def _array(numbers: Iterable[int | None]) -> str:
    """Return an array as PostgreSQL writes it: the driver takes ten times as long for one of its own."""
    return "{" + ",".join(["NULL" if number is None else str(number) for number in numbers]) + "}"
