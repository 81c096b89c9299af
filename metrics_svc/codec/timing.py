"""Latency over time to answers. A year of points is encoded once: what did not change is put together as bytes."""

from collections.abc import Iterable

from google.protobuf.message import Message

from heimdex.metrics.v1 import timing_pb2
from metrics_svc.codec.answers import coverage_fields, percentile_fields, window_fields
from metrics_svc.domain.answers import timing

__all__ = ["encode_operations", "encode_search_quality", "encode_stage_latency"]

_SERIES = timing_pb2.StageLatencyTimeSeriesResponse.DESCRIPTOR.fields_by_name["series"].number
_POINTS = timing_pb2.StageLatencySeries.DESCRIPTOR.fields_by_name["data"].number
_LENGTH_DELIMITED = 2
_SEVEN_BITS = 0x7F


def encode_stage_latency(report: timing.StageLatencyReport) -> timing_pb2.StageLatencyTimeSeriesResponse:
    """Return the answer of `timeseries/latency`.

    Making three thousand messages takes ten times as long as reading them from bytes, and the bytes of a day stay as
    they are until the day changes; a repeated field is its items one after the other.
    """
    head = timing_pb2.StageLatencyTimeSeriesResponse(
        series_left_out=report.series_left_out, **coverage_fields(report.coverage), **window_fields(report.window)
    )
    parts = [head.SerializeToString(), *(_framed(_SERIES, _series(one)) for one in report.series)]
    return timing_pb2.StageLatencyTimeSeriesResponse.FromString(b"".join(parts))


def encode_search_quality(report: timing.SearchQualityReport) -> timing_pb2.SearchQualityTimeSeriesResponse:
    """Return the answer of `timeseries/search-quality`."""
    whole = report.whole
    return timing_pb2.SearchQualityTimeSeriesResponse(
        data=[
            timing_pb2.SearchQualityDataPoint(
                day=point.day.isoformat(),
                searches=point.searches,
                searches_without_result=point.without_result,
                zero_result_rate_pct=point.zero_result_rate_pct,
                avg_ms=point.summary.mean,
                **percentile_fields(point.summary.quantiles, "ms"),
            )
            for point in report.points
        ],
        searches=whole.searches,
        searches_without_result=whole.without_result,
        zero_result_rate_pct=whole.zero_result_rate_pct,
        avg_ms=whole.summary.mean,
        **percentile_fields(whole.summary.quantiles, "ms"),
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def encode_operations(report: timing.OperationReport) -> timing_pb2.OperationPerformanceResponse:
    """Return the answer of `performance/operations`."""
    return timing_pb2.OperationPerformanceResponse(
        data=[
            timing_pb2.OperationPerformanceItem(
                operation=row.operation,
                outcome=row.outcome,
                count=row.summary.count,
                avg_ms=row.summary.mean,
                **percentile_fields(row.summary.quantiles, "ms"),
                max_ms=row.max_ms,
                **coverage_fields(row.coverage),
            )
            for row in report.rows
        ],
        items_left_out=report.rows_left_out,
        **coverage_fields(report.coverage),
        **window_fields(report.window),
    )


def _series(series: timing.StageSeries) -> bytes:
    head = timing_pb2.StageLatencySeries(
        processing_stage=series.stage,
        count=series.summary.count,
        avg_ms=series.summary.mean,
        **percentile_fields(series.summary.quantiles, "ms"),
        **coverage_fields(series.coverage),
    )
    return b"".join((head.SerializeToString(), *_points(series.points)))


def _points(points: Iterable[timing.LatencyPoint]) -> list[bytes]:
    return [point.wire or _point(point) for point in points]


def _point(point: timing.LatencyPoint) -> bytes:
    """Encode a point as an item of its series, and keep that beside it."""
    message: Message = timing_pb2.LatencyDataPoint(
        day=point.day.isoformat(),
        count=point.summary.count,
        avg_ms=point.summary.mean,
        **percentile_fields(point.summary.quantiles, "ms"),
    )
    point.wire = _framed(_POINTS, message.SerializeToString())
    return point.wire


def _framed(number: int, payload: bytes) -> bytes:
    """Return a field of a message that holds bytes."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > _SEVEN_BITS:
        digits.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
