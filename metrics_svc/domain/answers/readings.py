"""What sketches say about a stretch of time: tallies by day, and in parts that are as few as can be, to be added up."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.answers.quantiles import FRACTIONS, Quantiles
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Period, Window
from metrics_svc.domain.events.sketch import SCALE_BINS, bins_values

__all__ = [
    "NOTHING",
    "OTHER_OPERATIONS",
    "DayRows",
    "Group",
    "Integers",
    "Readings",
    "Summary",
    "Tally",
    "gathered",
    "quantiles_of",
    "summaries_of",
    "summary_of",
]

Integers = npt.NDArray[np.integer[Any]]
KeyT = TypeVar("KeyT", bound=Hashable)
_NO_BINS: Integers = np.empty(0, np.uint16)
_GROUPS_AT_ONCE = 32


class Group(NamedTuple):
    """What tallies are kept apart by, as lower-case words; empty where it does not apply."""

    stage: str
    outcome: str
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """All samples of one measure and group in a stretch of time.

    `bins` ascend, as metrics_svc.domain.events.sketch numbers them; `counts` are how many values fell into each. Both
    are empty for measures that are only counted or summed. `total`, `smallest` and `largest` are exact.
    """

    measured: int = 0
    approximate: int = 0
    missing: int = 0
    total: int = 0
    smallest: int | None = None
    largest: int | None = None
    bins: Integers = field(default_factory=lambda: _NO_BINS)
    counts: Integers = field(default_factory=lambda: _NO_BINS)

    @classmethod
    def merged(cls, parts: Sequence["Tally"]) -> "Tally":
        """Return the tally of all samples of all parts, in any order the same."""
        return cls.merged_each((parts,))[0]

    @classmethod
    def merged_each(cls, groups: Sequence[Sequence["Tally"]]) -> list["Tally"]:
        """Return the tally of each group of parts; a group has at least one."""
        several = [parts for parts in groups if len(parts) > 1]
        merged = iter(
            [
                _added_up(parts, *binned)
                for first in range(0, len(several), _GROUPS_AT_ONCE)
                for parts, binned in zip(
                    several[first : first + _GROUPS_AT_ONCE],
                    _merged_bins(several[first : first + _GROUPS_AT_ONCE]),
                    strict=True,
                )
            ]
        )
        return [parts[0] if len(parts) == 1 else next(merged) for parts in groups]

    @property
    def known(self) -> int:
        """Samples that have a value."""
        return self.measured + self.approximate

    @property
    def samples(self) -> int:
        """All samples, with and without a value."""
        return self.measured + self.approximate + self.missing

    @property
    def coverage(self) -> Coverage:
        """How far it can be trusted."""
        return Coverage(self.measured, self.approximate, self.missing)

    def mean(self, unit: float) -> float | None:
        """Return the exact mean in a unit that is `unit` of what is kept; None when no value is known."""
        return self.total / self.known / unit if self.known else None


def _added_up(parts: Sequence[Tally], bins: Integers, counts: Integers) -> Tally:
    measured = approximate = missing = total = 0
    smallest: int | None = None
    largest: int | None = None
    for part in parts:
        measured += part.measured
        approximate += part.approximate
        missing += part.missing
        total += part.total
        if part.smallest is not None and (smallest is None or part.smallest < smallest):
            smallest = part.smallest
        if part.largest is not None and (largest is None or part.largest > largest):
            largest = part.largest
    return Tally(measured, approximate, missing, total, smallest, largest, bins, counts)


def _merged_bins(groups: Sequence[Sequence[Tally]]) -> list[tuple[Integers, Integers]]:
    """Return bins and counts of each group of parts, all of them added up in one pass."""
    binned = [(number, part) for number, parts in enumerate(groups) for part in parts if part.bins.size]
    if not binned:
        return [(_NO_BINS, _NO_BINS)] * len(groups)
    starts = np.repeat([number * SCALE_BINS for number, _ in binned], [part.bins.size for _, part in binned])
    # Exact: float64 of bincount's weights holds integers up to 2^53, more events than a disk holds.
    dense = np.bincount(
        starts + np.concatenate([part.bins for _, part in binned]),
        weights=np.concatenate([part.counts for _, part in binned]),
    )
    found = np.flatnonzero(dense)
    counts = dense[found].astype(np.int64)
    cuts = np.searchsorted(found, np.arange(1, len(groups)) * SCALE_BINS)
    return [
        ((part - number * SCALE_BINS).astype(np.uint16), part_counts.copy())
        for number, (part, part_counts) in enumerate(zip(np.split(found, cuts), np.split(counts, cuts), strict=True))
    ]


OTHER_OPERATIONS = "operation"
"""Under this measure operations are read that this version does not know; `stage` of their group is their word."""
NOTHING = Tally()
"""The tally of no samples."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many values there are, their mean and percentiles, in one unit; both None when there is none."""

    count: int = 0
    mean: float | None = None
    quantiles: Quantiles | None = None


def quantiles_of(tallies: Sequence[Tally]) -> npt.NDArray[np.float64]:
    """Return the quantiles at FRACTIONS of tallies that all have bins, float64[n, 3], in what is kept.

    Each is bit for bit what Sketch.quantiles says; all are found in one pass.
    """
    if not tallies:
        return np.empty((0, len(FRACTIONS)))
    bins = np.concatenate([tally.bins for tally in tallies])
    ends = np.cumsum(np.concatenate([tally.counts for tally in tallies]), dtype=np.int64)
    last = np.cumsum([tally.bins.size for tally in tallies]) - 1
    before = np.concatenate([[0], ends[last[:-1]]])
    most = (ends[last] - before - 1)[:, None]
    positions = most.astype(np.float64) * np.asarray(FRACTIONS)
    low = np.floor(positions).astype(np.int64)
    high = np.minimum(low + 1, most)
    smallest = np.array([tally.smallest for tally in tallies], np.float64)[:, None]
    largest = np.array([tally.largest for tally in tallies], np.float64)[:, None]

    def value_at(rank: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        found = bins[np.searchsorted(ends, rank + before[:, None], side="right")]
        return np.clip(bins_values(found.astype(np.int64)), smallest, largest)

    below = value_at(low)
    quantiles: npt.NDArray[np.float64] = below + (value_at(high) - below) * (positions - low)
    return quantiles


def summaries_of(tallies: Sequence[Tally], unit: float) -> list[Summary]:
    """Return the summary of each tally in a unit that is `unit` of what is kept."""
    binned = [tally for tally in tallies if tally.bins.size]
    found = iter((quantiles_of(binned) / unit).tolist())
    return [
        Summary(tally.known, tally.mean(unit), Quantiles(*next(found)) if tally.bins.size else None)
        for tally in tallies
    ]


def summary_of(tally: Tally, unit: float) -> Summary:
    """Return the summary of a tally in a unit that is `unit` of what is kept."""
    return summaries_of((tally,), unit)[0]


@dataclass(frozen=True, slots=True, eq=False)
class DayRows:
    """One measure on one UTC day, as far as the day lies in the window.

    A day that has not changed is the same object in every answer, so what is made of it can be kept in `made`, under
    keys that are few: groups that it has.
    """

    day: date
    rows: Mapping[Group, Tally]
    made: dict[Hashable, Any] = field(default_factory=dict)


Takes = Callable[[Group], bool]


def _everything(_group: Group) -> bool:
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What one snapshot of the store says about a window.

    `days` holds the days that have something, in order. `parts` holds the same samples in fewer pieces.
    """

    window: Window
    days: Mapping[str, Sequence[DayRows]]
    parts: Mapping[str, Sequence[Mapping[Group, Tally]]]

    def total(self, measure: str, takes: Takes = _everything) -> Tally:
        """Return everything of a measure that is taken."""
        return Tally.merged(
            [tally for part in self.parts[measure] for group, tally in part.items() if takes(group)] or [NOTHING]
        )

    def by(self, measure: str, key_of: Callable[[Group], KeyT | None]) -> dict[KeyT, Tally]:
        """Return tallies by a key of their group; a key of None is left out."""
        return gathered((key_of(group), tally) for part in self.parts[measure] for group, tally in part.items())

    def by_period(self, measure: str, period: Period, takes: Takes = _everything) -> dict[date, Tally]:
        """Return tallies by the first day of the period; periods without any are left out."""
        return gathered(
            (period.first_day(one.day), tally)
            for one in self.days[measure]
            for group, tally in one.rows.items()
            if takes(group)
        )


def gathered(pairs: Iterable[tuple[KeyT | None, Tally]]) -> dict[KeyT, Tally]:
    """Merge tallies of the same key; a key of None is left out."""
    found: defaultdict[KeyT, list[Tally]] = defaultdict(list)
    for key, tally in pairs:
        if key is not None:
            found[key].append(tally)
    return dict(zip(found, Tally.merged_each(list(found.values())), strict=True))
