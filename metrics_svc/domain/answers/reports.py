"""The answers, as values: what was counted, what was measured, and what is missing. Never a zero for "unknown"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol, TypeVar

from chassis.core.stages import Outcome, Stage
from metrics_svc.domain.answers.quantiles import Quantiles
from metrics_svc.domain.answers.windows import Window

__all__ = [
    "Bucket",
    "Coverage",
    "DayOfSearches",
    "DayOfVideos",
    "FailureCount",
    "FailureReport",
    "FailureShare",
    "LatencyReport",
    "QueueReport",
    "RtfReport",
    "SearchActivityReport",
    "StageReport",
    "StageRow",
    "ThroughputReport",
    "add_up",
    "fill_days",
    "in_pipeline_order",
    "outcome_rank",
    "share_failures",
    "share_in_percent",
    "split_in_percent",
]

_STAGE_RANK = {stage.value: rank for rank, stage in enumerate(Stage)}
_OUTCOME_RANK = {outcome.value: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far an answer can be trusted.

    `measured` samples are exact; `approximate` ones rest on a corrected clock or were backfilled; `missing` ones should
    have the number and have none. The three add up to all samples of the window.
    """

    measured: int = 0
    approximate: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyReport:
    """How long videos that became ready took; milliseconds. Each quantity is over the videos of which it is known."""

    coverage: Coverage
    videos: int = 0
    avg_processing_ms: float | None = None
    processing_ms: Quantiles | None = None
    videos_with_queue: int = 0
    avg_queue_ms: float | None = None
    queue_ms: Quantiles | None = None
    videos_with_total: int = 0
    avg_total_ms: float | None = None
    total_ms: Quantiles | None = None
    videos_with_elapsed: int = 0
    avg_elapsed_ms: float | None = None
    elapsed_ms: Quantiles | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RtfReport:
    """Processing seconds over video seconds, for videos with a known, positive length."""

    coverage: Coverage
    videos: int = 0
    videos_without_duration: int = 0
    avg_rtf: float | None = None
    rtf: Quantiles | None = None
    avg_video_s: float | None = None
    avg_processing_s: float | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """Waiting against working; seconds, over videos of which both are known."""

    coverage: Coverage
    videos: int = 0
    avg_queue_s: float | None = None
    avg_processing_s: float | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many lengths fall into [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage, outcome and model; milliseconds. `count` are the pieces of work whose length is known."""

    stage: str
    outcome: str
    model: str
    coverage: Coverage
    count: int
    avg_ms: float | None
    ms: Quantiles | None
    max_ms: float | None
    sum_ms: float
    avg_wait_ms: float | None
    buckets: tuple[Bucket, ...]
    wait_ms: Quantiles | None = None


@dataclass(frozen=True, slots=True)
class StageReport:
    """Rows in the order of the pipeline; the coverage is that of all rows, those left out included."""

    coverage: Coverage
    rows: tuple[StageRow, ...]
    rows_left_out: int = 0
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Videos that broke in one stage."""

    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class FailureShare:
    """Videos that broke in one stage, and their share of all failures, 0 to 100."""

    stage: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Stages with failures, in the order of the pipeline, and how runs ended that did not become ready."""

    coverage: Coverage
    rows: tuple[FailureShare, ...]
    videos_cancelled: int = 0
    videos_otherwise: int = 0
    window: Window | None = None

    @property
    def videos_failed(self) -> int:
        """How many failed, in whatever stage."""
        return sum(row.count for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfVideos:
    """What ended in the period that begins with a UTC day.

    `hours_ready` is None when videos became ready and the length of none is known; `videos_without_duration` are those
    whose length is unknown or zero.
    """

    day: date
    videos_ready: int = 0
    videos_failed: int = 0
    videos_cancelled: int = 0
    videos_otherwise: int = 0
    hours_ready: float | None = 0.0
    videos_without_duration: int = 0
    avg_processing_s: float | None = None
    avg_rtf: float | None = None
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True, slots=True)
class ThroughputReport:
    """Every period of the window, in order; the coverage is that of all runs, or of those that became ready."""

    coverage: Coverage
    days: tuple[DayOfVideos, ...]
    ready: Coverage = field(default_factory=Coverage)
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfSearches:
    """What was asked in the period that begins with a UTC day."""

    day: date
    searches: int = 0
    avg_latency_ms: float | None = None
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True, slots=True)
class SearchActivityReport:
    """Every period of the window, in order."""

    coverage: Coverage
    days: tuple[DayOfSearches, ...]
    window: Window | None = None


class _Daily(Protocol):
    @property
    def day(self) -> date: ...


class _Staged(Protocol):
    @property
    def stage(self) -> str: ...


DayT = TypeVar("DayT", bound=_Daily)
StagedT = TypeVar("StagedT", bound=_Staged)


def add_up(parts: Iterable[Coverage]) -> Coverage:
    """Return the coverage of disjoint parts together."""
    total = Coverage()
    for part in parts:
        total = Coverage(
            total.measured + part.measured, total.approximate + part.approximate, total.missing + part.missing
        )
    return total


def in_pipeline_order(rows: Iterable[StagedT]) -> tuple[StagedT, ...]:
    """Return rows by stage as the pipeline runs, then by outcome and model; words from the future come last."""
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                _STAGE_RANK.get(row.stage, len(_STAGE_RANK)),
                row.stage,
                outcome_rank(getattr(row, "outcome", "")),
                getattr(row, "outcome", ""),
                getattr(row, "model", ""),
            ),
        )
    )


def outcome_rank(outcome: str) -> int:
    """Return the place of an outcome, success first; words from the future come last."""
    return _OUTCOME_RANK.get(outcome, len(_OUTCOME_RANK))


def share_failures(counts: Iterable[FailureCount]) -> tuple[FailureShare, ...]:
    """Return each stage's share of all failures; the shares of a non-empty answer sum to 100."""
    ordered = in_pipeline_order(counts)
    total = sum(row.count for row in ordered)
    return tuple(FailureShare(row.stage, row.count, 100.0 * row.count / total) for row in ordered if row.count)


def split_in_percent(part: float | None, rest: float | None) -> tuple[float, float] | None:
    """Return the shares of two parts, which sum to 100; None when there is nothing to share."""
    if part is None or rest is None or part + rest <= 0:
        return None
    share = 100.0 * part / (part + rest)
    return share, 100.0 - share


def share_in_percent(part: int, whole: int) -> float | None:
    """Return what share of a whole a part of it is, 0 to 100; None when there is no whole."""
    return 100.0 * part / whole if whole else None


def fill_days(days: Iterable[date], found: Mapping[date, DayT], empty: DayT) -> tuple[DayT, ...]:
    """Return a row for every day: what was found, or `empty` with that day."""
    return tuple(found[day] if day in found else replace(empty, day=day) for day in days)  # type: ignore[type-var]
