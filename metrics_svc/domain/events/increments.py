"""From new samples to what they add to the sketches: one row per owner, hour, measure, stage, outcome and model.

The definitions are those of `measures`. Everything is done by column: a batch has thousands of samples and touches
thousands of rows, and this is on the path of every event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chassis.core.stages import Outcome, Stage
from metrics_svc.domain.events.measures import ALL_OWNERS, NANO, SUM_ONLY, Measure
from metrics_svc.domain.events.samples import Batch, OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.events.sketch import MAX_VALUE, SCALE_BINS, Bins, Counts, bins_of

__all__ = ["HOUR_US", "Cell", "Entries", "Increments", "increments_of"]

HOUR_US = 3_600_000_000
_STRIDE = 1 << (SCALE_BINS - 1).bit_length()
_HALF_BITS = 32
_MISSING = -1
_Ints = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


class Cell(NamedTuple):
    """The key of a row: `period_us` is the first instant of a UTC hour, in microseconds since 1970."""

    owner_id: str
    period_us: int
    measure: str
    stage: str
    outcome: str
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """How many values of which rows fell into which bins: three int64[n], by row and then by bin, each pair once."""

    rows: _Ints
    bins: Bins
    counts: Counts

    @classmethod
    def of(cls, rows: _Ints, bins: Bins, counts: Counts) -> "Entries":
        """Sort and add up: associative and commutative, bit for bit."""
        if not rows.size:
            return cls(rows, bins, counts)
        pairs, where = np.unique(rows * _STRIDE + bins, return_inverse=True)
        sums = np.zeros(pairs.size, np.int64)
        np.add.at(sums, where, counts)
        return cls(pairs // _STRIDE, pairs % _STRIDE, sums)

    def by_row(self, rows: int) -> list[tuple[Bins, Counts]]:
        """Return bins and counts of each of the rows 0 to `rows` - 1."""
        cuts = np.searchsorted(self.rows, np.arange(1, rows)).tolist()
        starts, ends = [0, *cuts], [*cuts, self.rows.size]
        return [(self.bins[a:b], self.counts[a:b]) for a, b in zip(starts, ends, strict=True)] if rows else []


@dataclass(frozen=True, slots=True, eq=False)
class Increments:
    """What a batch adds, by column: place i of every column belongs to `cells[i]`, and each cell is there once.

    `smallest` and `largest` are None where there is no value. `entries.rows` are places; measures that are only summed
    or counted have no entries.
    """

    cells: list[Cell]
    measured: list[int]
    approximate: list[int]
    missing: list[int]
    total: list[int]
    smallest: list[int | None]
    largest: list[int | None]
    entries: Entries


def increments_of(batch: Batch) -> Increments:
    """Return what new samples add, for their owners and for ALL_OWNERS; int64 sums hold up to 2^21 samples a batch."""
    gathering = _Gathering()
    if batch.stages:
        _add_stages(gathering, batch.stages)
    if batch.runs:
        _add_runs(gathering, batch.runs)
    if batch.searches:
        _add_searches(gathering, batch.searches)
    for operation in sorted({sample.operation for sample in batch.operations}):
        _add_operations(gathering, operation, [one for one in batch.operations if one.operation == operation])
    return gathering.increments()


@dataclass(frozen=True, slots=True)
class _Groups:
    """Which row each sample falls into, once for its owner and once for everybody: codes are int64[2n]."""

    keys: list[tuple[str, int, str, str, str]]
    codes: _Ints

    @classmethod
    def of(
        cls,
        owners: Sequence[str],
        counted_us: Sequence[int],
        stages: Sequence[str],
        outcomes: Sequence[str],
        models: Sequence[str],
    ) -> "_Groups":
        hours = (np.array(counted_us, np.int64) // HOUR_US * HOUR_US).tolist()
        index: dict[tuple[str, int, str, str, str], int] = {}
        own = np.array(
            [index.setdefault(key, len(index)) for key in zip(owners, hours, stages, outcomes, models, strict=True)]
        )
        everybody = np.array([index.setdefault((ALL_OWNERS, *key[1:]), len(index)) for key in list(index)])
        return cls(list(index), np.concatenate([own, everybody[own]]))

    def where(self, having: _Flags) -> "_Groups":
        """Return the groups of some of the samples alone."""
        used, codes = np.unique(self.codes[np.tile(having, 2)], return_inverse=True)
        return _Groups([self.keys[place] for place in used.tolist()], codes)


@dataclass(slots=True)
class _Gathering:
    """Columns that grow by a measure at a time."""

    cells: list[Cell] = field(default_factory=list)
    columns: list[tuple[_Ints, ...]] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    entries: list[tuple[_Ints, Bins]] = field(default_factory=list)

    def count(self, measure: Measure, groups: _Groups, is_approximate: _Flags) -> None:
        """Add a measure without a value."""
        size = len(groups.keys)
        everything = np.bincount(groups.codes, minlength=size)
        approximate = np.bincount(groups.codes[np.tile(is_approximate, 2)], minlength=size)
        nothing = np.zeros(size, np.int64)
        none = np.full(size, _MISSING)
        self._take(measure, groups, (everything - approximate, approximate, nothing, none, none), [0] * size)

    def measure(self, measure: str, groups: _Groups, values: _Ints, is_approximate: _Flags) -> None:
        """Add a measure of values, _MISSING where there is none."""
        size, codes = len(groups.keys), groups.codes
        has = values != _MISSING
        known, both = values[has], np.tile(has, 2)
        twice, rows = np.tile(known, 2), codes[both]
        approximate = np.bincount(codes[np.tile(has & is_approximate, 2)], minlength=size)
        found = np.bincount(rows, minlength=size)
        smallest, largest = np.full(size, MAX_VALUE), np.full(size, _MISSING)
        np.minimum.at(smallest, rows, twice)
        np.maximum.at(largest, rows, twice)
        missing = np.bincount(codes[~both], minlength=size)
        if measure not in SUM_ONLY:
            self.entries.append((rows + len(self.cells), np.tile(bins_of(known), 2)))
        self._take(
            measure, groups, (found - approximate, approximate, missing, smallest, largest), _sums(rows, twice, size)
        )

    def increments(self) -> Increments:
        """Return everything that was added."""
        columns = [np.concatenate(parts) for parts in zip(*self.columns, strict=True)] or [np.empty(0, np.int64)] * 5
        measured, approximate, missing, smallest, largest = columns
        has = (largest >= 0).tolist()
        rows = np.concatenate([rows for rows, _ in self.entries]) if self.entries else np.empty(0, np.int64)
        bins = np.concatenate([bins for _, bins in self.entries]) if self.entries else np.empty(0, np.int64)
        return Increments(
            cells=self.cells,
            measured=measured.tolist(),
            approximate=approximate.tolist(),
            missing=missing.tolist(),
            total=self.totals,
            smallest=[value if known else None for value, known in zip(smallest.tolist(), has, strict=True)],
            largest=[value if known else None for value, known in zip(largest.tolist(), has, strict=True)],
            entries=Entries.of(rows, bins, np.ones(rows.size, np.int64)),
        )

    def _take(self, measure: str, groups: _Groups, columns: tuple[_Ints, ...], totals: list[int]) -> None:
        self.cells += [Cell(key[0], key[1], measure, key[2], key[3], key[4]) for key in groups.keys]
        self.columns.append(columns)
        self.totals += totals


def _add_stages(gathering: _Gathering, samples: Sequence[StageSample]) -> None:
    column: Any = StageSample(*zip(*samples, strict=True))  # type: ignore[arg-type]  # a column under each name
    groups = _Groups.of(column.owner_id, column.counted_us, column.stage, column.outcome, column.model)
    never = np.zeros(len(samples), np.bool_)
    rests_on_clocks = np.array(column.is_clock_corrected) | np.array(column.is_backfilled)
    for measure, values, is_approximate in (
        (Measure.WORK, column.duration_ns, rests_on_clocks),
        (Measure.WAIT, column.wait_ns, rests_on_clocks),
        (Measure.CPU, column.cpu_ns, never),
    ):
        gathering.measure(measure, groups, _values(values), is_approximate)
    for measure, values in (
        (Measure.GPU, column.gpu_ns),
        (Measure.ENERGY, column.energy_uj),
        (Measure.CALLS, column.model_calls),
    ):
        amounts = _values(values)
        if (having := amounts != _MISSING).any():
            gathering.measure(measure, groups.where(having), amounts[having], never[having])


def _add_runs(gathering: _Gathering, samples: Sequence[VideoRun]) -> None:
    column: Any = VideoRun(*zip(*samples, strict=True))  # type: ignore[arg-type]
    nobody = ("",) * len(samples)
    stages = [failed_in or stage for failed_in, stage in zip(column.failed_stage, column.stage, strict=True)]
    groups = _Groups.of(column.owner_id, column.counted_us, stages, column.outcome, nobody)
    gathering.count(Measure.RUN, groups, np.array(column.is_backfilled))
    ready = [run for run in samples if run.stage == Stage.COMPLETED and run.outcome == Outcome.SUCCEEDED]
    if ready:
        _add_ready(gathering, ready)


def _add_ready(gathering: _Gathering, samples: Sequence[VideoRun]) -> None:
    column: Any = VideoRun(*zip(*samples, strict=True))  # type: ignore[arg-type]
    nobody = ("",) * len(samples)
    groups = _Groups.of(column.owner_id, column.counted_us, column.stage, column.outcome, nobody)
    processing, queue = _values(column.duration_ns), _values(column.queue_ns)
    video, elapsed = _values(column.video_duration_ns), _values(column.elapsed_ns)
    is_backfilled = np.array(column.is_backfilled)
    rests_on_clocks = np.array(column.is_clock_corrected) | is_backfilled
    is_partial = rests_on_clocks | (np.array(column.unmeasured_attempts) > 0)
    has_queue, has_rtf = (processing >= 0) & (queue >= 0), (processing >= 0) & (video > 0)
    for measure, values, is_approximate in (
        (Measure.PROCESSING, processing, is_partial),
        (Measure.QUEUE, queue, rests_on_clocks),
        (Measure.TOTAL, np.where(has_queue, _capped_sum(processing, queue), _MISSING), is_partial),
        (Measure.QUEUED_PROCESSING, np.where(has_queue, processing, _MISSING), is_partial),
        (Measure.ELAPSED, elapsed, rests_on_clocks),
        (Measure.RTF, np.where(has_rtf, _rtf(processing, video), _MISSING), is_partial),
        (Measure.RTF_VIDEO, np.where(has_rtf, video, _MISSING), is_partial),
        (Measure.RTF_PROCESSING, np.where(has_rtf, processing, _MISSING), is_partial),
        (Measure.VIDEO_LENGTH, video, is_backfilled),
    ):
        gathering.measure(measure, groups, values, is_approximate)


def _add_searches(gathering: _Gathering, samples: Sequence[SearchSample]) -> None:
    column: Any = SearchSample(*zip(*samples, strict=True))  # type: ignore[arg-type]
    nothing, succeeded = ("",) * len(samples), (Outcome.SUCCEEDED,) * len(samples)
    groups = _Groups.of(column.owner_id, column.counted_us, nothing, succeeded, nothing)
    gathering.measure(Measure.SEARCH, groups, _values(column.latency_ns), np.zeros(len(samples), np.bool_))
    empty = [sample for sample in samples if not sample.results_count]
    if empty:
        column = SearchSample(*zip(*empty, strict=True))  # type: ignore[arg-type]
        size = len(empty)
        groups = _Groups.of(column.owner_id, column.counted_us, nothing[:size], succeeded[:size], nothing[:size])
        gathering.count(Measure.EMPTY_SEARCH, groups, np.zeros(size, np.bool_))


def _add_operations(gathering: _Gathering, operation: str, samples: Sequence[OperationSample]) -> None:
    """Add operations of one kind; its word is that of the measure."""
    column: Any = OperationSample(*zip(*samples, strict=True))  # type: ignore[arg-type]
    nothing = ("",) * len(samples)
    groups = _Groups.of(column.owner_id, column.counted_us, nothing, column.outcome, nothing)
    gathering.measure(operation, groups, _values(column.duration_ns), np.array(column.is_clock_corrected))


def _values(column: Sequence[int | None]) -> _Ints:
    return np.array([_MISSING if value is None else value for value in column], np.int64)


def _capped_sum(left: _Ints, right: _Ints) -> _Ints:
    """Return the sum of values that are not negative, MAX_VALUE where it can not be held."""
    return np.where(left > MAX_VALUE - np.maximum(right, 0), MAX_VALUE, left + np.maximum(right, 0))


def _rtf(processing: _Ints, video: _Ints) -> _Ints:
    """Return processing over length in billionths, rounded, at most MAX_VALUE."""
    ratio = processing.astype(np.float64) / np.maximum(video, 1) * NANO
    fits = ratio < MAX_VALUE
    return np.where(fits, np.rint(np.where(fits, ratio, 0.0)).astype(np.int64), MAX_VALUE)


def _sums(rows: _Ints, values: _Ints, size: int) -> list[int]:
    """Return the exact sum of each row: halves of 32 bits are summed as doubles, which are exact up to 2^53."""
    high = np.bincount(rows, weights=values >> _HALF_BITS, minlength=size).astype(np.int64).tolist()
    low = np.bincount(rows, weights=values & ((1 << _HALF_BITS) - 1), minlength=size).astype(np.int64).tolist()
    return [(up << _HALF_BITS) + down for up, down in zip(high, low, strict=True)]
