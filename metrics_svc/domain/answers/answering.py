"""From readings to answers: what each number is, in terms of measures. Sums and counts are exact."""

from datetime import date

import numpy as np

from chassis.core.stages import Outcome, Stage
from metrics_svc.domain.answers.buckets import bucket_span, counts_by_bucket
from metrics_svc.domain.answers.readings import NOTHING, Group, Readings, Tally, gathered, summaries_of, summary_of
from metrics_svc.domain.answers.reports import (
    Bucket,
    DayOfSearches,
    DayOfVideos,
    FailureCount,
    FailureReport,
    LatencyReport,
    QueueReport,
    RtfReport,
    SearchActivityReport,
    StageReport,
    StageRow,
    ThroughputReport,
    add_up,
    fill_days,
    in_pipeline_order,
    share_failures,
)
from metrics_svc.domain.answers.windows import Period
from metrics_svc.domain.events.measures import NANO, Measure

__all__ = ["End", "end_of", "failures", "latency", "queue", "rtf", "searches", "stages", "throughput"]

NS_PER_MS = 1e6
NS_PER_S = 1e9
_NS_PER_HOUR = 3.6e12
_MOST_ROWS = 500


class End:
    """How a run ended, as the answers tell it."""

    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OTHERWISE = "otherwise"
    """In a way that only a newer version knows, or that contradicts itself."""


def end_of(group: Group) -> str:
    """Return how the runs of a group of Measure.RUN ended."""
    if group.stage == Stage.COMPLETED:
        return End.READY if group.outcome == Outcome.SUCCEEDED else End.OTHERWISE
    return {Outcome.FAILED.value: End.FAILED, Outcome.CANCELLED.value: End.CANCELLED}.get(group.outcome, End.OTHERWISE)


def latency(readings: Readings) -> LatencyReport:
    """Return how long videos that became ready took."""
    processing = readings.total(Measure.PROCESSING)
    others = [readings.total(measure) for measure in (Measure.QUEUE, Measure.TOTAL, Measure.ELAPSED)]
    working, queue, total, elapsed = summaries_of((processing, *others), NS_PER_MS)
    return LatencyReport(
        coverage=processing.coverage,
        videos=working.count,
        avg_processing_ms=working.mean,
        processing_ms=working.quantiles,
        videos_with_queue=queue.count,
        avg_queue_ms=queue.mean,
        queue_ms=queue.quantiles,
        videos_with_total=total.count,
        avg_total_ms=total.mean,
        total_ms=total.quantiles,
        videos_with_elapsed=elapsed.count,
        avg_elapsed_ms=elapsed.mean,
        elapsed_ms=elapsed.quantiles,
        window=readings.window,
    )


def rtf(readings: Readings) -> RtfReport:
    """Return how processing time compares with the length of videos that became ready."""
    factors = readings.total(Measure.RTF)
    told = summary_of(factors, NANO)
    return RtfReport(
        coverage=factors.coverage,
        videos=told.count,
        videos_without_duration=_without_length(readings.total(Measure.VIDEO_LENGTH)),
        avg_rtf=told.mean,
        rtf=told.quantiles,
        avg_video_s=readings.total(Measure.RTF_VIDEO).mean(NS_PER_S),
        avg_processing_s=readings.total(Measure.RTF_PROCESSING).mean(NS_PER_S),
        window=readings.window,
    )


def queue(readings: Readings) -> QueueReport:
    """Return waiting against working of videos that became ready and of which both are known."""
    both, working = readings.total(Measure.TOTAL), readings.total(Measure.QUEUED_PROCESSING)
    return QueueReport(
        coverage=both.coverage,
        videos=both.known,
        avg_queue_s=(both.total - working.total) / both.known / NS_PER_S if both.known else None,
        avg_processing_s=working.mean(NS_PER_S),
        window=readings.window,
    )


def stages(readings: Readings, *, model: str = "", outcome: str = "") -> StageReport:
    """Return how long work takes, by stage, outcome and model; an empty filter takes all."""

    def key_of(group: Group) -> Group | None:
        return group if model in ("", group.model) and outcome in ("", group.outcome) else None

    work, waits = readings.by(Measure.WORK, key_of), readings.by(Measure.WAIT, key_of)
    told = dict(zip(work, summaries_of(list(work.values()), NS_PER_MS), strict=True))
    waited = dict(zip(waits, summaries_of(list(waits.values()), NS_PER_MS), strict=True))
    rows = in_pipeline_order(
        StageRow(
            stage=group.stage,
            outcome=group.outcome,
            model=group.model,
            coverage=tally.coverage,
            count=told[group].count,
            avg_ms=told[group].mean,
            ms=told[group].quantiles,
            max_ms=None if tally.largest is None else tally.largest / NS_PER_MS,
            sum_ms=tally.total / NS_PER_MS,
            avg_wait_ms=waited[group].mean if group in waited else None,
            wait_ms=waited[group].quantiles if group in waited else None,
            buckets=_buckets(tally),
        )
        for group, tally in work.items()
    )
    return StageReport(
        add_up(row.coverage for row in rows), rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS), readings.window
    )


def failures(readings: Readings) -> FailureReport:
    """Return where videos broke; cancelled ones are counted apart."""
    ends = readings.by(Measure.RUN, end_of)
    broken = readings.by(Measure.RUN, lambda group: group.stage if end_of(group) == End.FAILED else None)
    return FailureReport(
        ends.get(End.FAILED, NOTHING).coverage,
        share_failures(FailureCount(stage, tally.samples) for stage, tally in broken.items()),
        ends.get(End.CANCELLED, NOTHING).samples,
        ends.get(End.OTHERWISE, NOTHING).samples,
        readings.window,
    )


def throughput(readings: Readings, period: Period) -> ThroughputReport:
    """Return what ended in each period, empty ones included."""
    ends = gathered(
        ((period.first_day(one.day), end_of(group)), tally)
        for one in readings.days[Measure.RUN]
        for group, tally in one.rows.items()
    )
    processing, factors, lengths = (
        readings.by_period(measure, period) for measure in (Measure.PROCESSING, Measure.RTF, Measure.VIDEO_LENGTH)
    )

    def told(day: date) -> DayOfVideos:
        ready, failed, cancelled, otherwise = (
            ends.get((day, end), NOTHING).samples for end in (End.READY, End.FAILED, End.CANCELLED, End.OTHERWISE)
        )
        length = lengths.get(day, NOTHING)
        return DayOfVideos(
            day=day,
            videos_ready=ready,
            videos_failed=failed,
            videos_cancelled=cancelled,
            videos_otherwise=otherwise,
            hours_ready=None if ready and not length.known else length.total / _NS_PER_HOUR,
            videos_without_duration=_without_length(length),
            avg_processing_s=processing.get(day, NOTHING).mean(NS_PER_S),
            avg_rtf=factors.get(day, NOTHING).mean(NANO),
        )

    return ThroughputReport(
        add_up(tally.coverage for tally in ends.values()),
        tuple(map(told, readings.window.periods(period))),
        add_up(tally.coverage for (_, end), tally in ends.items() if end == End.READY),
        readings.window,
    )


def searches(readings: Readings, period: Period) -> SearchActivityReport:
    """Return the searches of each period, empty ones included."""
    found = {
        day: DayOfSearches(
            day=day, searches=tally.samples, avg_latency_ms=tally.mean(NS_PER_MS), coverage=tally.coverage
        )
        for day, tally in readings.by_period(Measure.SEARCH, period).items()
    }
    return SearchActivityReport(
        add_up(day.coverage for day in found.values()),
        fill_days(readings.window.periods(period), found, DayOfSearches(day=date.min)),
        readings.window,
    )


def _without_length(lengths: Tally) -> int:
    """Return how many videos have an unknown length, or none."""
    has_zeros = lengths.bins.size > 0 and lengths.bins[0] == 0
    return lengths.missing + (int(lengths.counts[0]) if has_zeros else 0)


def _buckets(tally: Tally) -> tuple[Bucket, ...]:
    if not tally.bins.size:
        return ()
    found = counts_by_bucket(tally.bins.astype(np.int64), tally.counts.astype(np.int64))
    return tuple(Bucket(*bucket_span(number), count) for number, count in found.items())
