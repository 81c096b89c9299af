"""Exports to protobuf, and what is asked for from it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from chassis.core.errors import FieldViolation, InvalidInput
from chassis.core.mediatime import seconds_from_ns
from chassis.io.signed_urls import link_end, sign_path
from chassis.io.stage import timestamp
from heimdex.ingest.v1 import export_pb2, export_service_pb2
from ingest_svc.domain.exports.rules import Quota, Segment
from ingest_svc.domain.exports.state import Export
from ingest_svc.domain.exports.values import CaptionStyle, Cut, ExportState, Options, Quality, Ratio, Strategy
from ingest_svc.exports.record import ExportRow, Order, Result, beside_key

__all__ = [
    "export_message",
    "options_from",
    "preview_message",
    "quota_message",
    "segments_from",
    "state_from",
]

T = TypeVar("T", bound=StrEnum)
_PREFIXES: Mapping[type[StrEnum], tuple[Any, str]] = MappingProxyType(
    {
        ExportState: (export_pb2.ExportState, "EXPORT_STATE_"),
        Strategy: (export_pb2.AspectRatioStrategy, "ASPECT_RATIO_STRATEGY_"),
        Ratio: (export_pb2.AspectRatio, "ASPECT_RATIO_"),
        Quality: (export_pb2.OutputQuality, "OUTPUT_QUALITY_"),
        CaptionStyle: (export_pb2.CaptionStyle, "CAPTION_STYLE_"),
    }
)


def _to_proto(word: StrEnum) -> Any:
    enum, prefix = _PREFIXES[type(word)]
    return enum.Value(prefix + word.name.removeprefix("R_"))


def _from_proto(cls: type[T], value: int, field: str) -> T | None:
    """Return the word of an enum value; None for UNSPECIFIED.

    Raises:
        InvalidInput: a value that is not known here.
    """
    if not value:
        return None
    for word in cls:
        if _to_proto(word) == value:
            return word
    raise InvalidInput(f"{field} is not known", violations=(FieldViolation(field, "must be a value of the contract"),))


def options_from(request: export_service_pb2.CreateExportRequest) -> Options:
    """Return what a person chose, the defaults where they chose nothing.

    Raises:
        InvalidInput: a value that is not known here.
    """
    strategy = _from_proto(Strategy, request.aspect_ratio_strategy, "aspect_ratio_strategy")
    return Options(
        strategy=strategy or Strategy.SMART,
        ratio=_from_proto(Ratio, request.aspect_ratio, "aspect_ratio") or Ratio.R_9_16,
        quality=_from_proto(Quality, request.output_quality, "output_quality") or Quality.MEDIUM,
        captions=_from_proto(CaptionStyle, request.caption_style, "caption_style") or CaptionStyle.NONE,
        snaps=request.snap_to_words if request.HasField("snap_to_words") else True,
    )


def segments_from(request: export_service_pb2.CreateExportRequest) -> tuple[Segment, ...]:
    """Return the stretches of a request as they were asked for."""
    return tuple(
        Segment(
            scene_id=one.scene,
            video_id=one.video,
            start_s=one.start_s if one.HasField("start_s") else None,
            end_s=one.end_s if one.HasField("end_s") else None,
        )
        for one in request.segments
    )


def state_from(value: int) -> ExportState | None:
    """Return the state to list; None for UNSPECIFIED.

    Raises:
        InvalidInput: a value that is not known here.
    """
    return _from_proto(ExportState, value, "status")


def export_message(row: ExportRow, media_secret: str, now: datetime) -> export_pb2.Export:
    """Return an export as its owner sees it, with links that end with it at the latest."""
    message = _message(row.export, row.order)
    message.etag = f'"{row.version}"'
    if row.progress is not None:
        message.progress_pct = round(row.progress * 100, 1)
    if row.result is not None:
        _fill_result(message, row.order, row.result)
        if row.export.state is ExportState.COMPLETED:
            _fill_links(message, row, media_secret, now)
    return message


def preview_message(export: Export, order: Order) -> export_pb2.Export:
    """Return what would be made: an export without an id and without a place."""
    message = _message(export, order)
    message.ClearField("id")
    message.ClearField("storage_path")
    return message


def _message(export: Export, order: Order) -> export_pb2.Export:
    options = order.options
    return export_pb2.Export(
        id=export.id,
        scene_id=order.cuts[0].scene_id if len(order.cuts) == 1 else "",
        user_id=export.owner_id,
        status=_to_proto(export.state),
        storage_path=order.storage_path,
        resolution=order.resolution,
        error_message=export.message,
        error_reason=export.reason,
        created_at=timestamp(export.created_at),
        started_at=timestamp(export.started_at),
        completed_at=timestamp(export.completed_at),
        expires_at=timestamp(export.expires_at),
        segments=[_segment(cut) for cut in order.cuts],
        aspect_ratio=_to_proto(options.ratio),
        aspect_ratio_strategy=_to_proto(options.strategy),
        output_quality=_to_proto(options.quality),
        caption_style=_to_proto(options.captions),
        snap_to_words=options.snaps,
        attempt=export.attempt,
    )


def _segment(cut: Cut) -> export_pb2.ExportSegment:
    """Return a stretch as it was asked for."""
    if cut.scene_id:
        return export_pb2.ExportSegment(scene=cut.scene_id)
    span = cut.span
    return export_pb2.ExportSegment(
        video=cut.video_id, start_s=seconds_from_ns(span.start_ns), end_s=seconds_from_ns(span.end_ns)
    )


def _fill_result(message: export_pb2.Export, order: Order, result: Result) -> None:
    message.file_size_bytes = result.size_bytes
    message.duration_s = seconds_from_ns(result.duration_ns)
    message.used_strategy = _to_proto(result.used_strategy)
    message.is_stream_copy = result.is_stream_copy
    message.notes.extend(result.notes)
    message.check_report.MergeFromString(result.report)
    for cut, span in zip(order.cuts, result.spans, strict=True):
        message.cuts.add(video=cut.video_id, start_s=seconds_from_ns(span.start_ns), end_s=seconds_from_ns(span.end_ns))


def _fill_links(message: export_pb2.Export, row: ExportRow, media_secret: str, now: datetime) -> None:
    key, seconds, until = row.order.storage_path, now.timestamp(), row.export.expires_at.timestamp()

    def link(target: str) -> str:
        return sign_path(media_secret, target, now_seconds=seconds, until_seconds=until)

    message.download_url, message.thumbnail_url = link(key), link(beside_key(key, "jpg"))
    ends_at = timestamp(datetime.fromtimestamp(link_end(seconds, until), UTC))
    if ends_at is not None:
        message.download_url_expires_at.CopyFrom(ends_at)
    if row.result is not None and row.result.has_captions:
        message.captions_srt_url, message.captions_vtt_url = (link(beside_key(key, kind)) for kind in ("srt", "vtt"))


def quota_message(quota: Quota) -> export_service_pb2.GetExportQuotaResponse:
    """Return what a user has used."""
    return export_service_pb2.GetExportQuotaResponse(
        limit=quota.limit, used=quota.used, remaining=quota.remaining, reset_at=timestamp(quota.reset_at)
    )
