"""Sketches of whole days, decoded, for as long as their versions stay; what was asked least recently goes first."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from metrics_svc.domain.answers.readings import DayRows, Group, Tally, gathered

__all__ = ["KeptDays", "SketchCache"]

_BYTES_OF_A_MEASURE = 1_000
_BYTES_OF_A_DAY = 500
_BYTES_OF_A_ROW = 1_000
"""What Python needs for a tally, two arrays, and the points made of it; the bins come on top."""
_FEW_DAYS = 3
_MOST_STRETCHES = 4
_Part = Mapping[Group, Tally]
_Merged = tuple[tuple[DayRows, ...], _Part]
"""Days, and what they are together. Days are equal only to themselves: one that has changed is another."""


@dataclass(slots=True)
class KeptDays:
    """One measure of one owner: days with their versions, and what was merged of them. `size` is about its bytes."""

    size: int = _BYTES_OF_A_MEASURE
    _days: dict[date, tuple[int, DayRows]] = field(default_factory=dict)
    _months: dict[tuple[int, int], _Merged] = field(default_factory=dict)
    _stretches: OrderedDict[tuple[date, date], _Merged] = field(default_factory=OrderedDict)

    def get(self, day: date, version: int) -> DayRows | None:
        """Return a day as it was at a version; None when it is not kept."""
        kept = self._days.get(day)
        return kept[1] if kept is not None and kept[0] == version else None

    def put(self, version: int, rows: DayRows) -> None:
        """Keep a day, unless a newer version of it is kept."""
        kept = self._days.get(rows.day)
        if kept is None or kept[0] < version:
            self.size += _size_of(rows.rows) - (_size_of(kept[1].rows) if kept else 0)
            self._days[rows.day] = version, rows

    def parts(self, days: Sequence[DayRows], whole: Collection[date]) -> Sequence[_Part]:
        """Return the samples of days, in order, in few parts; only days in `whole` are the same in other answers.

        All but the newest day are one part, which is made once: of months, which are made once too.
        """
        settled = tuple(one for one in days if one.day in whole)[:-1]
        if len(settled) <= _FEW_DAYS:
            return [one.rows for one in days]
        stretch = settled[0].day, settled[-1].day
        kept = self._stretches.get(stretch)
        if kept is None or kept[0] != settled:
            kept = self._replace(kept, settled, self._by_month(settled))
            self._stretches[stretch] = kept
        self._stretches.move_to_end(stretch)
        if len(self._stretches) > _MOST_STRETCHES:
            self.size -= _size_of(self._stretches.popitem(last=False)[1][1])
        of_it = set(settled)
        return [kept[1], *(one.rows for one in days if one not in of_it)]

    def _by_month(self, days: Sequence[DayRows]) -> list[_Part]:
        """Return the samples of days by month; what is kept of a month is right only for the same days of it."""
        by_month: dict[tuple[int, int], list[DayRows]] = {}
        for one in days:
            by_month.setdefault((one.day.year, one.day.month), []).append(one)
        for month, of_it in by_month.items():
            kept = self._months.get(month)
            if kept is None or kept[0] != tuple(of_it):
                self._months[month] = self._replace(kept, tuple(of_it), [one.rows for one in of_it])
        return [self._months[month][1] for month in by_month]

    def _replace(self, kept: _Merged | None, days: tuple[DayRows, ...], parts: Sequence[_Part]) -> _Merged:
        merged = gathered(pair for part in parts for pair in part.items())
        self.size += _size_of(merged) - (_size_of(kept[1]) if kept else 0)
        return days, merged


class SketchCache:
    """All kept days of all owners and measures, at most about `limit_bytes` of them between two answers."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, str], KeptDays] = OrderedDict()
        self._sizes: dict[tuple[str, str], int] = {}
        self.size = 0

    def days_of(self, owner_id: str, measure: str) -> KeptDays:
        """Return what is kept of a measure of an owner; it becomes what was asked last."""
        key = owner_id, measure
        if key not in self._kept:
            self._kept[key] = KeptDays()
        self._kept.move_to_end(key)
        return self._kept[key]

    def settle(self, owner_id: str, measures: Collection[str]) -> None:
        """Take notice of what has grown, and let go of what was asked least recently until it fits."""
        for key in ((owner_id, measure) for measure in measures):
            if key in self._kept:
                self.size += self._kept[key].size - self._sizes.get(key, 0)
                self._sizes[key] = self._kept[key].size
        while self.size > self._limit_bytes and self._kept:
            key, _ = self._kept.popitem(last=False)
            self.size -= self._sizes.pop(key, 0)


def _size_of(rows: _Part) -> int:
    return _BYTES_OF_A_DAY + sum(_BYTES_OF_A_ROW + tally.bins.nbytes + tally.counts.nbytes for tally in rows.values())
