"""Sketches computed anew from the values themselves, and held against those that are kept, bit for bit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.answers.series import Total
from metrics_svc.domain.audit.comparison import Account, Cell, Check, Comparison, Difference, Way, compare
from metrics_svc.domain.events.measures import ALL_OWNERS
from metrics_svc.domain.events.sketch import SCALE_BINS, Bins, Counts, Sketch

__all__ = ["SKETCHES", "KeptSketch", "RawLengths", "SketchKey", "Tallied", "compare_sketches", "totals_of"]

SKETCHES = "sketches"
"""The name under which differences between sketches are told."""
_EVERYBODY = "everybody"
_NUMBERS_OF_A_SKETCH = 7
RowT = TypeVar("RowT")


class SketchKey(NamedTuple):
    """What a sketch is of, but for its period; an empty owner is everybody."""

    owner_id: str
    measure: str
    stage: str
    outcome: str
    model: str


class Tallied(NamedTuple):
    """What is known exactly of the samples of a row; `smallest` and `largest` are None without a value."""

    measured: int
    approximate: int
    missing: int
    total: int
    smallest: int | None
    largest: int | None

    @property
    def samples(self) -> int:
        """All samples, with and without a value."""
        return self.measured + self.approximate + self.missing


@dataclass(frozen=True, slots=True, eq=False)
class KeptSketch:
    """A row of sketches as it is kept: of an hour, or of a day. No bins where only sums or counts are kept."""

    key: SketchKey
    period_start: datetime
    is_day: bool
    tallied: Tallied
    bins: Bins
    counts: Counts


@dataclass(frozen=True, slots=True, eq=False)
class RawLengths:
    """What the raw events of an hour say; `lengths` is empty where only sums or counts are kept."""

    key: SketchKey
    hour: datetime
    tallied: Tallied
    lengths: npt.NDArray[np.int64]


def compare_sketches(kept: Iterable[KeptSketch], raw: Iterable[RawLengths]) -> tuple[int, Comparison]:
    """Return how many sketches were compared, and where they differ.

    Both hold the same whole UTC days. What was folded to its day is compared by the day, together with hours that came
    later.
    """
    kept_days = _by_day((one.key, one.period_start, one) for one in kept)
    raw_days = _by_day((one.key, one.hour, one) for one in raw)
    sketches, faults = 0, list[Difference]()
    for key, day in sorted({*kept_days, *raw_days}):
        kept_rows, raw_rows = kept_days.get((key, day), []), raw_days.get((key, day), [])
        for period, kept_part, raw_part in _by_period(kept_rows, raw_rows):
            sketches += 1
            faults += _differences(key, period, kept_part, raw_part)
    compared = _NUMBERS_OF_A_SKETCH * sketches
    return sketches, Comparison((Check(SKETCHES, Way.TOLD, compared, len(faults)),), tuple(faults))


def _by_day(rows: Iterable[tuple[SketchKey, datetime, RowT]]) -> dict[tuple[SketchKey, date], list[RowT]]:
    found: defaultdict[tuple[SketchKey, date], list[RowT]] = defaultdict(list)
    for key, start, row in rows:
        found[key, start.date()].append(row)
    return dict(found)


def _by_period(
    kept: Sequence[KeptSketch], raw: Sequence[RawLengths]
) -> Iterator[tuple[datetime, Sequence[KeptSketch], Sequence[RawLengths]]]:
    """Yield what belongs together: all of the day when some of it is folded, every hour otherwise."""
    folded = [row.period_start for row in kept if row.is_day]
    if folded:
        yield folded[0], kept, raw
        return
    for hour in sorted({*(row.period_start for row in kept), *(row.hour for row in raw)}):
        yield hour, [row for row in kept if row.period_start == hour], [row for row in raw if row.hour == hour]


def _differences(
    key: SketchKey, period: datetime, kept: Sequence[KeptSketch], raw: Sequence[RawLengths]
) -> tuple[Difference, ...]:
    told, true = _added_up(row.tallied for row in kept), _added_up(row.tallied for row in raw)
    sketch = Sketch.of(np.concatenate([row.lengths for row in raw]) if raw else np.empty(0, np.int64))
    bins, counts = _merged(kept)
    if told == true and np.array_equal(bins, sketch.bins) and np.array_equal(counts, sketch.counts):
        return ()
    labels = {name: word for name, word in key._asdict().items() if word}
    labels |= {"owner_id": key.owner_id or _EVERYBODY, "period": period.isoformat()}
    if told is None or true is None:
        # One sentence is enough for a row that is not there.
        cells = [{Cell.of("samples", labels): None if side is None else side.samples} for side in (told, true)]
    else:
        wrong_bins = int(np.count_nonzero(_by_bin(bins, counts) != _by_bin(sketch.bins, sketch.counts)))
        cells = [
            {Cell.of(field, labels): value for field, value in {**side._asdict(), "wrong_bins": wrong}.items()}
            for side, wrong in ((told, wrong_bins), (true, 0))
        ]
    return compare(SKETCHES, cells[1], {Way.TOLD: Account(cells[0])}).differences


def _added_up(parts: Iterable[Tallied]) -> Tallied | None:
    rows = list(parts)
    if not rows:
        return None
    return Tallied(
        measured=sum(row.measured for row in rows),
        approximate=sum(row.approximate for row in rows),
        missing=sum(row.missing for row in rows),
        total=sum(row.total for row in rows),
        smallest=min((row.smallest for row in rows if row.smallest is not None), default=None),
        largest=max((row.largest for row in rows if row.largest is not None), default=None),
    )


def _merged(kept: Sequence[KeptSketch]) -> tuple[Bins, Counts]:
    """Return the bins that rows hold together, ascending, and their counts."""
    if len(kept) == 1:
        return kept[0].bins, kept[0].counts
    dense = np.zeros(SCALE_BINS, np.int64)
    for row in kept:
        dense += _by_bin(row.bins, row.counts)
    bins = np.flatnonzero(dense)
    return bins, dense[bins]


def _by_bin(bins: Bins, counts: Counts) -> Counts:
    """Return how many values fell into every bin of the scale, int64[SCALE_BINS]."""
    dense = np.zeros(SCALE_BINS, np.int64)
    np.add.at(dense, bins, counts)
    return dense


def totals_of(raw: Iterable[RawLengths]) -> tuple[Total, ...]:
    """Return what the raw events of everybody add up to, by measure, stage, outcome and model."""
    found: defaultdict[SketchKey, list[Tallied]] = defaultdict(list)
    for row in raw:
        if row.key.owner_id == ALL_OWNERS:
            found[row.key].append(row.tallied)
    return tuple(
        Total(
            *key[1:],
            measured=sum(row.measured for row in rows),
            approximate=sum(row.approximate for row in rows),
            missing=sum(row.missing for row in rows),
            total=sum(row.total for row in rows),
        )
        for key, rows in found.items()
    )
