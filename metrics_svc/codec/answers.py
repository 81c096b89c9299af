"""Reports to answers. What was not measured stays absent, so JSON never holds a zero or a NaN in its place."""

from typing import Any

from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.codec.wire import stamp_of
from metrics_svc.domain.answers import reports
from metrics_svc.domain.answers.quantiles import Quantiles
from metrics_svc.domain.answers.windows import Window

__all__ = [
    "coverage_fields",
    "encode_failures",
    "encode_latency",
    "encode_queue",
    "encode_rtf",
    "encode_searches",
    "encode_stages",
    "encode_throughput",
    "encode_throughput_v2",
    "percentile_fields",
    "window_fields",
]

_NS_PER_MS = 1e6


def encode_latency(report: reports.LatencyReport) -> admin.ProcessingLatencyResponse:
    """Return the answer of `performance/latency`."""
    return admin.ProcessingLatencyResponse(
        videos_measured=report.videos,
        avg_processing_ms=report.avg_processing_ms,
        **percentile_fields(report.processing_ms, "processing_ms"),
        videos_with_queue=report.videos_with_queue,
        avg_queue_ms=report.avg_queue_ms,
        **percentile_fields(report.queue_ms, "queue_ms"),
        videos_with_total=report.videos_with_total,
        avg_total_ms=report.avg_total_ms,
        **percentile_fields(report.total_ms, "total_ms"),
        videos_with_elapsed=report.videos_with_elapsed,
        avg_elapsed_ms=report.avg_elapsed_ms,
        **percentile_fields(report.elapsed_ms, "elapsed_ms"),
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_rtf(report: reports.RtfReport) -> admin.RTFDistributionResponse:
    """Return the answer of `performance/rtf`."""
    return admin.RTFDistributionResponse(
        videos_measured=report.videos,
        videos_without_duration=report.videos_without_duration,
        avg_rtf=report.avg_rtf,
        **percentile_fields(report.rtf, "rtf"),
        avg_video_duration_s=report.avg_video_s,
        avg_processing_duration_s=report.avg_processing_s,
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_queue(report: reports.QueueReport) -> admin.QueueAnalysisResponse:
    """Return the answer of `performance/queue`; the two percentages sum to 100."""
    waiting, working = report.avg_queue_s, report.avg_processing_s
    shares = reports.split_in_percent(waiting, working)
    return admin.QueueAnalysisResponse(
        videos_measured=report.videos,
        avg_queue_time_s=waiting,
        avg_processing_time_s=working,
        avg_total_time_s=None if waiting is None or working is None else waiting + working,
        queue_time_pct=shares[0] if shares else None,
        processing_time_pct=shares[1] if shares else None,
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_stages(report: reports.StageReport) -> admin.StagePerformanceResponse:
    """Return the answer of `performance/stages`."""
    return admin.StagePerformanceResponse(
        data=map(_stage_item, report.rows),
        items_left_out=report.rows_left_out,
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_failures(report: reports.FailureReport) -> admin.FailuresByStageResponse:
    """Return the answer of `failures/by-stage`."""
    return admin.FailuresByStageResponse(
        data=[
            admin.FailureByStageItem(processing_stage=row.stage, failure_count=row.count, failure_pct=row.percent)
            for row in report.rows
        ],
        videos_failed=report.videos_failed,
        videos_cancelled=report.videos_cancelled,
        videos_otherwise=report.videos_otherwise,
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_throughput(report: reports.ThroughputReport) -> admin.ThroughputTimeSeriesResponse:
    """Return the answer of `timeseries/throughput`."""
    return admin.ThroughputTimeSeriesResponse(
        data=[
            admin.ThroughputDataPoint(
                day=day.day.isoformat(),
                videos_ready=day.videos_ready,
                hours_ready=day.hours_ready,
                videos_without_duration=day.videos_without_duration,
            )
            for day in report.days
        ],
        **coverage_fields(report.ready),
        **window_fields(report.window),
    )


def encode_throughput_v2(report: reports.ThroughputReport) -> admin.EnhancedThroughputTimeSeriesResponse:
    """Return the answer of `timeseries/throughput-v2`."""
    return admin.EnhancedThroughputTimeSeriesResponse(
        data=[
            admin.EnhancedThroughputDataPoint(
                day=day.day.isoformat(),
                videos_ready=day.videos_ready,
                videos_failed=day.videos_failed,
                hours_ready=day.hours_ready,
                avg_processing_s=day.avg_processing_s,
                avg_rtf=day.avg_rtf,
                videos_cancelled=day.videos_cancelled,
                videos_without_duration=day.videos_without_duration,
                videos_otherwise=day.videos_otherwise,
            )
            for day in report.days
        ],
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_searches(report: reports.SearchActivityReport) -> admin.SearchTimeSeriesResponse:
    """Return the answer of `timeseries/search`."""
    return admin.SearchTimeSeriesResponse(
        data=[
            admin.SearchDataPoint(day=day.day.isoformat(), searches=day.searches, avg_latency_ms=day.avg_latency_ms)
            for day in report.days
        ],
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def _stage_item(row: reports.StageRow) -> admin.StagePerformanceItem:
    return admin.StagePerformanceItem(
        processing_stage=row.stage,
        outcome=row.outcome,
        model=row.model,
        count=row.count,
        avg_ms=row.avg_ms,
        **percentile_fields(row.ms, "ms"),
        max_ms=row.max_ms,
        sum_ms=row.sum_ms,
        avg_wait_ms=row.avg_wait_ms,
        **percentile_fields(row.wait_ms, "wait_ms"),
        buckets=[
            admin.LatencyBucket(from_ms=one.from_ns / _NS_PER_MS, to_ms=one.to_ns / _NS_PER_MS, count=one.count)
            for one in row.buckets
        ],
        **coverage_fields(row.coverage),
    )


def percentile_fields(quantiles: Quantiles | None, unit: str) -> dict[str, Any]:
    """Return the three fields of a message that hold percentiles of something; none when there are none."""
    if quantiles is None:
        return {}
    return {f"p50_{unit}": quantiles.p50, f"p95_{unit}": quantiles.p95, f"p99_{unit}": quantiles.p99}


def coverage_fields(coverage: reports.Coverage) -> dict[str, Any]:
    """Return the three fields of a message that say how far it can be trusted."""
    return {"measured": coverage.measured, "approximate": coverage.approximate, "missing": coverage.missing}


def window_fields(window: Window | None) -> dict[str, Any]:
    """Return the two fields of a message that say which stretch of time it is about."""
    return {} if window is None else {"start_at": stamp_of(window.start), "end_at": stamp_of(window.end)}
