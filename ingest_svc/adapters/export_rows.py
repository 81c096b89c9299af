"""Rows of exports to values and back."""

from typing import Any

from chassis.core.mediatime import TimeSpan
from chassis.io.postgres import Row, record_value
from ingest_svc.domain.exports.state import Export
from ingest_svc.domain.exports.values import CaptionStyle, Cut, ExportState, Options, Quality, Ratio, Strategy
from ingest_svc.exports.record import AskedAt, ExportRow, Order, Result

__all__ = ["export_row", "new_values", "progress_values", "result_values"]

_PROGRESS = (
    "id",
    "owner_id",
    "run",
    "attempt",
    "fence",
    "starts",
    "created_at",
    "asked_at",
    "queued_at",
    "expires_at",
    "started_at",
    "completed_at",
    "worker",
    "is_charged",
)


def export_row(row: Row) -> ExportRow:
    """Return an export with everything that is known of it."""
    export = Export(
        **{name: record_value(row, name) for name in _PROGRESS},
        state=ExportState(record_value(row, "state")),
        reason=record_value(row, "error_reason"),
        message=record_value(row, "error_message"),
    )
    return ExportRow(
        export=export,
        order=_order(row),
        result=_result(row),
        progress=record_value(row, "progress"),
        updated_at=record_value(row, "updated_at"),
        deleted_at=record_value(row, "deleted_at"),
        asked=AskedAt(record_value(row, "asked_ns"), record_value(row, "asked_on")),
        version=record_value(row, "version"),
    )


def _order(row: Row) -> Order:
    columns = ("video_ids", "starts_ns", "ends_ns", "scene_ids")
    parts = zip(*(record_value(row, name) for name in columns), strict=True)
    return Order(
        cuts=tuple(Cut(video, TimeSpan(start, end), scene) for video, start, end, scene in parts),
        options=Options(
            strategy=Strategy(record_value(row, "strategy")),
            ratio=Ratio(record_value(row, "ratio")),
            quality=Quality(record_value(row, "quality")),
            captions=CaptionStyle(record_value(row, "captions")),
            snaps=record_value(row, "snaps"),
        ),
        request_id=record_value(row, "request_id") or "",
        request_digest=record_value(row, "request_digest"),
        resolution=record_value(row, "resolution"),
        storage_path=record_value(row, "storage_path"),
    )


def _result(row: Row) -> Result | None:
    report, size, length = (record_value(row, name) for name in ("check_report", "file_size_bytes", "duration_ns"))
    if report is None or size is None or length is None:
        return None
    starts, ends = record_value(row, "cut_starts_ns") or (), record_value(row, "cut_ends_ns") or ()
    return Result(
        spans=tuple(TimeSpan(start, end) for start, end in zip(starts, ends, strict=True)),
        used_strategy=Strategy(record_value(row, "used_strategy")),
        is_stream_copy=record_value(row, "is_stream_copy"),
        notes=tuple(record_value(row, "notes")),
        report=report,
        has_captions=record_value(row, "has_captions"),
        size_bytes=size,
        duration_ns=length,
    )


def new_values(export: Export, order: Order, asked: AskedAt) -> tuple[Any, ...]:
    """Return the parameters of `insert_export`."""
    options, cuts = order.options, order.cuts
    return (
        export.id,
        export.owner_id,
        order.request_id or None,
        order.request_digest,
        export.state,
        export.run,
        export.attempt,
        export.fence,
        export.starts,
        export.is_charged,
        options.strategy,
        options.ratio,
        options.quality,
        options.captions,
        options.snaps,
        [cut.video_id for cut in cuts],
        [cut.scene_id for cut in cuts],
        [cut.span.start_ns for cut in cuts],
        [cut.span.end_ns for cut in cuts],
        order.resolution,
        order.storage_path,
        export.created_at,
        export.asked_at,
        export.queued_at,
        export.expires_at,
        asked.ns,
        asked.clock,
    )


def progress_values(export: Export) -> tuple[Any, ...]:
    """Return the parameters of `update_export` but for the last, the time of the change."""
    return (
        export.id,
        export.state,
        export.run,
        export.attempt,
        export.fence,
        export.starts,
        export.is_charged,
        export.asked_at,
        export.queued_at,
        export.started_at,
        export.completed_at,
        export.worker,
        export.reason,
        export.message,
    )


def result_values(export_id: str, result: Result) -> tuple[Any, ...]:
    """Return the parameters of `set_export_result`."""
    return (
        export_id,
        [span.start_ns for span in result.spans],
        [span.end_ns for span in result.spans],
        result.used_strategy,
        result.is_stream_copy,
        list(result.notes),
        result.report,
        result.has_captions,
        result.size_bytes,
        result.duration_ns,
    )
