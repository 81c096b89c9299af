"""Events to samples, requests to questions, reports to answers.

What a newer writer sends is kept under its number; what can never be stored is refused; what was not measured stays
absent in the answer, so JSON never holds a zero or a NaN in its place.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.stages import Stage
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.domain import reports
from metrics_svc.domain.quantiles import Quantiles
from metrics_svc.domain.samples import (
    Sample,
    SearchSample,
    StageSample,
    VideoRun,
    Wait,
    clean_text,
    counted_at,
    length_or_none,
    require_id,
    wait_between,
)
from metrics_svc.domain.words import END_OF_RUN, outcome_word, stage_word
from metrics_svc.handlers import Question

__all__ = [
    "DECODERS",
    "decode_search_event",
    "decode_stage_event",
    "encode_failures",
    "encode_latency",
    "encode_queue",
    "encode_rtf",
    "encode_searches",
    "encode_stages",
    "encode_throughput",
    "encode_throughput_v2",
    "question_of",
]

MessageT = TypeVar("MessageT", bound=Message)
_NS_PER_MS = 1e6


def decode_stage_event(payload: bytes, now: datetime) -> StageSample | VideoRun:
    """Read a StageEvent: COMPLETED and FAILED are the end of a run, everything else is a piece of work.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = _parse(stage_event_pb2.StageEvent, payload)
    if stage_word(event.stage) in END_OF_RUN:
        return VideoRun(
            **_common(event, now),
            queue_ns=_wait(event).ns,
            failed_stage=stage_word(event.failed_stage) if stage_word(event.stage) == Stage.FAILED else "",
        )
    return StageSample(
        **_common(event, now),
        attempt=event.attempt,
        wait_ns=_wait(event).ns,
        items=_optional(event, "items"),
        bytes_read=_optional(event, "bytes_read"),
        model=clean_text(event.model),
        worker=clean_text(event.worker),
        cpu_ns=length_or_none(_optional(event, "cpu_ns")),
    )


def decode_search_event(payload: bytes, now: datetime) -> SearchSample:
    """Read a SearchEvent.

    Raises:
        InvalidInput: it can not be read, or never be stored.
    """
    event = _parse(stage_event_pb2.SearchEvent, payload)
    asked_at = _moment(event, "at")
    return SearchSample(
        event_id=require_id("event_id", event.event_id),
        owner_id=require_id("owner_id", event.owner_id),
        asked_at=asked_at,
        counted_at=counted_at(asked_at, now)[0],
        latency_ns=length_or_none(event.latency_ns),
        results_count=event.results_count,
        query_text=clean_text(event.query_text),
    )


DECODERS: Mapping[str, Callable[[bytes, datetime], Sample]] = MappingProxyType(
    {
        stage_event_pb2.StageEvent.DESCRIPTOR.full_name: decode_stage_event,
        stage_event_pb2.SearchEvent.DESCRIPTOR.full_name: decode_search_event,
    }
)
"""By the message type in the header: what reads it, given the bytes and the present time."""


def question_of(request: Any) -> Question:
    """Read a request that has `range`, `start_at`, `end_at` and `owner_id`.

    Raises:
        InvalidInput: a time is given that no date can hold.
    """
    moments = {field: _moment(request, field) for field in ("start_at", "end_at")}
    wrong = tuple(
        FieldViolation(field, "is no time between the years 1 and 9999")
        for field, moment in moments.items()
        if moment is None and request.HasField(field)
    )
    if wrong:
        raise InvalidInput("the window can not be read", reason="INVALID_RANGE", violations=wrong)
    return Question(range_text=request.range, owner_id=request.owner_id, **moments)


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


def _moment(message: Any, field: str) -> datetime | None:
    """Return a time, aware and in UTC; None when it is absent or no date can hold it."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _common(event: stage_event_pb2.StageEvent, now: datetime) -> dict[str, Any]:
    finished_at = _moment(event, "finished_at")
    at, is_replaced = counted_at(finished_at, now)
    return {
        "event_id": require_id("event_id", event.event_id),
        "video_id": require_id("video_id", event.video_id),
        "owner_id": require_id("owner_id", event.owner_id),
        "generation": event.generation,
        "stage": stage_word(event.stage),
        "outcome": outcome_word(event.outcome),
        "reason": clean_text(event.reason),
        "queued_at": _moment(event, "queued_at"),
        "started_at": _moment(event, "started_at"),
        "finished_at": finished_at,
        "counted_at": at,
        "duration_ns": length_or_none(event.duration_ns),
        "is_clock_corrected": is_replaced or _wait(event).is_corrected,
        "video_duration_ns": length_or_none(_optional(event, "video_duration_ns")),
    }


def _wait(event: stage_event_pb2.StageEvent) -> Wait:
    return wait_between(_moment(event, "queued_at"), _moment(event, "started_at"))


def _parse(kind: type[MessageT], payload: bytes) -> MessageT:
    try:
        return kind.FromString(payload)
    except DecodeError as error:
        raise InvalidInput("the event can not be read", reason="UNDECODABLE_EVENT") from error


def _optional(message: Message, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None
