"""Reports to answers. What was not measured stays absent, so JSON never holds a zero or a NaN in its place."""

from typing import Any, TypeVar

from google.protobuf.message import Message

from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.domain import reports
from metrics_svc.domain.quantiles import Quantiles

__all__ = [
    "encode_failures",
    "encode_latency",
    "encode_queue",
    "encode_rtf",
    "encode_searches",
    "encode_stages",
    "encode_throughput",
    "encode_throughput_v2",
]

MessageT = TypeVar("MessageT", bound=Message)
_NS_PER_MS = 1e6


def encode_latency(report: reports.LatencyReport) -> admin.ProcessingLatencyResponse:
    """Return the answer of `performance/latency`."""
    return admin.ProcessingLatencyResponse(
        videos_measured=report.videos,
        avg_processing_ms=report.avg_processing_ms,
        **_percentiles(report.processing_ms, "processing_ms"),
        avg_queue_ms=report.avg_queue_ms,
        avg_total_ms=report.avg_total_ms,
        **_coverage(report.coverage),
    )


def encode_rtf(report: reports.RtfReport) -> admin.RTFDistributionResponse:
    """Return the answer of `performance/rtf`."""
    return admin.RTFDistributionResponse(
        videos_measured=report.videos,
        videos_without_duration=report.videos_without_duration,
        avg_rtf=report.avg_rtf,
        **_percentiles(report.rtf, "rtf"),
        avg_video_duration_s=report.avg_video_s,
        avg_processing_duration_s=report.avg_processing_s,
        **_coverage(report.coverage),
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
        **_coverage(report.coverage),
    )


def encode_stages(report: reports.StageReport) -> admin.StagePerformanceResponse:
    """Return the answer of `performance/stages`."""
    return admin.StagePerformanceResponse(data=map(_stage_item, report.rows), **_coverage(report.coverage))


def encode_failures(report: reports.FailureReport) -> admin.FailuresByStageResponse:
    """Return the answer of `failures/by-stage`."""
    return admin.FailuresByStageResponse(
        data=[
            admin.FailureByStageItem(processing_stage=row.stage, failure_count=row.count, failure_pct=row.percent)
            for row in report.rows
        ],
        **_coverage(report.coverage),
    )


def encode_throughput(report: reports.ThroughputReport) -> admin.ThroughputTimeSeriesResponse:
    """Return the answer of `timeseries/throughput`."""
    return admin.ThroughputTimeSeriesResponse(
        data=[
            admin.ThroughputDataPoint(
                day=day.day.isoformat(), videos_ready=day.videos_ready, hours_ready=day.hours_ready
            )
            for day in report.days
        ],
        **_coverage(report.coverage),
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
            )
            for day in report.days
        ],
        **_coverage(report.coverage),
    )


def encode_searches(report: reports.SearchActivityReport) -> admin.SearchTimeSeriesResponse:
    """Return the answer of `timeseries/search`."""
    return admin.SearchTimeSeriesResponse(
        data=[
            admin.SearchDataPoint(day=day.day.isoformat(), searches=day.searches, avg_latency_ms=day.avg_latency_ms)
            for day in report.days
        ],
        **_coverage(report.coverage),
    )


def _stage_item(row: reports.StageRow) -> admin.StagePerformanceItem:
    return admin.StagePerformanceItem(
        processing_stage=row.stage,
        outcome=row.outcome,
        model=row.model,
        count=row.count,
        avg_ms=row.avg_ms,
        **_percentiles(row.ms, "ms"),
        max_ms=row.max_ms,
        sum_ms=row.sum_ms,
        avg_wait_ms=row.avg_wait_ms,
        buckets=[
            admin.LatencyBucket(from_ms=one.from_ns / _NS_PER_MS, to_ms=one.to_ns / _NS_PER_MS, count=one.count)
            for one in row.buckets
        ],
    )


def _percentiles(quantiles: Quantiles | None, unit: str) -> dict[str, Any]:
    if quantiles is None:
        return {}
    return {f"p50_{unit}": quantiles.p50, f"p95_{unit}": quantiles.p95, f"p99_{unit}": quantiles.p99}


def _coverage(coverage: reports.Coverage) -> dict[str, int]:
    return {"measured": coverage.measured, "approximate": coverage.approximate, "missing": coverage.missing}
