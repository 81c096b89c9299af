"""Latency over time, and of what is not a stage: the answers as values, and how they are made of readings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from chassis.core.stages import Outcome
from metrics_svc.domain.answers.answering import NS_PER_MS
from metrics_svc.domain.answers.readings import (
    NOTHING,
    OTHER_OPERATIONS,
    DayRows,
    Group,
    Readings,
    Summary,
    gathered,
    summaries_of,
    summary_of,
)
from metrics_svc.domain.answers.reports import Coverage, add_up, in_pipeline_order, outcome_rank, share_in_percent
from metrics_svc.domain.answers.windows import Period, Window
from metrics_svc.domain.events.measures import Measure

__all__ = [
    "TOTAL",
    "LatencyPoint",
    "OperationReport",
    "OperationRow",
    "SearchQualityPoint",
    "SearchQualityReport",
    "StageLatencyReport",
    "StageSeries",
    "operations",
    "search_quality",
    "stage_latency",
]

TOTAL = "total"
"""The series of whole videos, beside those of stages."""
_MOST_SERIES = 32
_MOST_ITEMS = 100
_PERIODS_AT_ONCE = 16


@dataclass(slots=True)
class LatencyPoint:
    """One period of a series, milliseconds. `wire` is where the codec keeps its encoding, made once; not a value."""

    day: date
    summary: Summary
    wire: bytes | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StageSeries:
    """One stage, or TOTAL, over the whole window and in every period of it."""

    stage: str
    coverage: Coverage
    summary: Summary
    points: Sequence[LatencyPoint]


@dataclass(frozen=True, slots=True)
class StageLatencyReport:
    """TOTAL first, then stages in the order of the pipeline."""

    window: Window
    series: Sequence[StageSeries]
    series_left_out: int

    @property
    def coverage(self) -> Coverage:
        """That of all series together."""
        return add_up(one.coverage for one in self.series)


@dataclass(frozen=True, slots=True)
class SearchQualityPoint:
    """One period; milliseconds."""

    day: date
    searches: int
    without_result: int
    summary: Summary

    @property
    def zero_result_rate_pct(self) -> float | None:
        """Share of searches without a result, 0 to 100; None without searches."""
        return share_in_percent(self.without_result, self.searches)


@dataclass(frozen=True, slots=True)
class SearchQualityReport:
    """Every period of the window; `whole` is all of it, its day that of the start."""

    window: Window
    coverage: Coverage
    whole: SearchQualityPoint
    points: tuple[SearchQualityPoint, ...]


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One kind of operation and outcome; milliseconds."""

    operation: str
    outcome: str
    coverage: Coverage
    summary: Summary
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class OperationReport:
    """Searches, uploads, exports, and what only a newer version knows."""

    window: Window
    coverage: Coverage
    rows: tuple[OperationRow, ...]
    rows_left_out: int


def stage_latency(readings: Readings, period: Period, *, model: str = "", outcome: str = "") -> StageLatencyReport:
    """Return the length of work by stage and of whole videos, over time; an empty outcome is `succeeded`."""
    outcome = outcome or Outcome.SUCCEEDED

    def stage_of(group: Group) -> str | None:
        return group.stage if outcome == group.outcome and model in ("", group.model) else None

    nothing = [_nothing_on(day) for day in readings.window.periods(period)]
    made = (period, outcome, model)
    work = _series(readings, Measure.WORK, nothing, stage_of, made)
    series = list(in_pipeline_order(work))
    if outcome == Outcome.SUCCEEDED and not model:
        videos = list(_series(readings, Measure.PROCESSING, nothing, lambda _group: TOTAL, made))
        series = [*(videos or [StageSeries(TOTAL, Coverage(), Summary(), nothing)]), *series]
    return StageLatencyReport(readings.window, series[:_MOST_SERIES], max(0, len(series) - _MOST_SERIES))


def search_quality(readings: Readings, period: Period) -> SearchQualityReport:
    """Return latency of searches and how many had no result, over time."""
    found = readings.by_period(Measure.SEARCH, period)
    empty = readings.by_period(Measure.EMPTY_SEARCH, period)
    summaries = dict(zip(found, summaries_of(list(found.values()), NS_PER_MS), strict=True))
    all_of_it, all_empty = readings.total(Measure.SEARCH), readings.total(Measure.EMPTY_SEARCH)
    return SearchQualityReport(
        readings.window,
        all_of_it.coverage,
        SearchQualityPoint(
            readings.window.start.date(), all_of_it.samples, all_empty.samples, summary_of(all_of_it, NS_PER_MS)
        ),
        tuple(
            SearchQualityPoint(
                day,
                found.get(day, NOTHING).samples,
                empty.get(day, NOTHING).samples,
                summaries.get(day, Summary()),
            )
            for day in readings.window.periods(period)
        ),
    )


def operations(readings: Readings, *, outcome: str = "") -> OperationReport:
    """Return how long searches, uploads and exports took, by outcome; an empty outcome takes all."""
    rows = sorted(_operation_rows(readings, outcome), key=lambda row: (outcome_rank(row.outcome), row.outcome))
    kinds = [Measure.SEARCH, Measure.UPLOAD, Measure.EXPORT, *sorted({row.operation for row in rows})]
    rows.sort(key=lambda row: kinds.index(row.operation))
    return OperationReport(
        readings.window,
        add_up(row.coverage for row in rows),
        tuple(rows[:_MOST_ITEMS]),
        max(0, len(rows) - _MOST_ITEMS),
    )


def _operation_rows(readings: Readings, outcome: str) -> Iterator[OperationRow]:
    for measure in (Measure.SEARCH, Measure.UPLOAD, Measure.EXPORT, OTHER_OPERATIONS):
        found = readings.by(measure, lambda group: group if outcome in ("", group.outcome) else None)
        for (group, tally), summary in zip(found.items(), summaries_of(list(found.values()), NS_PER_MS), strict=True):
            longest = None if tally.largest is None else tally.largest / NS_PER_MS
            yield OperationRow(group.stage or measure, group.outcome, tally.coverage, summary, longest)


StageOf = Callable[[Group], str | None]
_Made = tuple[Period, str, str]
"""What points depend on beside the days: the period and the filters."""


def _series(
    readings: Readings, measure: Measure, nothing: Sequence[LatencyPoint], stage_of: StageOf, made: _Made
) -> Iterator[StageSeries]:
    """Yield a series for every stage that has something; `nothing` is a point of every period."""
    whole = readings.by(measure, stage_of)
    found = _points(readings.days[measure], stage_of, made)
    days = [found.get(empty.day, {}) for empty in nothing]
    for (stage, tally), summary in zip(whole.items(), summaries_of(list(whole.values()), NS_PER_MS), strict=True):
        points = [points.get(stage, empty) for points, empty in zip(days, nothing, strict=True)]
        yield StageSeries(stage, tally.coverage, summary, points)


def _points(days: Sequence[DayRows], stage_of: StageOf, made_key: _Made) -> dict[date, dict[str, LatencyPoint]]:
    """Return the points of each period that has some; they are kept beside its first day as long as its days stay."""
    of_periods: dict[date, list[DayRows]] = {}
    for one in days:
        of_periods.setdefault(made_key[0].first_day(one.day), []).append(one)
    found: dict[date, dict[str, LatencyPoint]] = {}
    key, fresh = "|".join(made_key), []
    for first_day, (first, *others) in of_periods.items():
        kept = first.made.get(key)
        if kept is not None and kept[0] == others:
            found[first_day] = kept[1]
        else:
            fresh.append((first_day, first, others))
    for place in range(0, len(fresh), _PERIODS_AT_ONCE):
        some = fresh[place : place + _PERIODS_AT_ONCE]
        made = _made_points(
            ((first_day, one) for first_day, first, others in some for one in (first, *others)), stage_of
        )
        found |= made
        for first_day, first, others in some:
            # Nothing is kept of a filter that fits nothing: whoever asks with made-up words fills no memory.
            if first_day in made:
                first.made[key] = others, made[first_day]
    return found


def _made_points(days: Iterable[tuple[date, DayRows]], stage_of: StageOf) -> dict[date, dict[str, LatencyPoint]]:
    def key_of(first_day: date, group: Group) -> tuple[date, str] | None:
        stage = stage_of(group)
        return None if stage is None else (first_day, stage)

    tallies = gathered(
        (key_of(first_day, group), tally) for first_day, one in days for group, tally in one.rows.items()
    )
    found: dict[date, dict[str, LatencyPoint]] = {}
    for (first_day, stage), summary in zip(tallies, summaries_of(list(tallies.values()), NS_PER_MS), strict=True):
        found.setdefault(first_day, {})[stage] = LatencyPoint(first_day, summary)
    return found


@lru_cache(maxsize=1_024)
def _nothing_on(day: date) -> LatencyPoint:
    return LatencyPoint(day, Summary())
