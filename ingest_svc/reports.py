"""What is told to metrics_svc besides stages: videos as they are, bytes, uploads. Values to messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.core.ids import owner_key
from chassis.core.stages import Outcome, Stage
from chassis.core.subjects import stage_subject
from chassis.io import correlation
from chassis.io.jetstream import Outgoing
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp
from heimdex.metrics.v1 import stage_event_pb2, storage_measured_pb2, video_changed_pb2
from ingest_svc.codec import state_to_proto
from ingest_svc.domain.stored import NO_VIDEO, Kind
from ingest_svc.ports import ScheduledMessage, ToldVideo

__all__ = ["Upload", "scanned_message", "stored_message", "upload_message", "video_message"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_KEY = "none"
"""Stands for the key in the subject of what belongs to no video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload that ended. `upload_id` is its own; `video_id` is empty when no video came of it."""

    upload_id: str
    owner_id: str
    started_at: datetime
    finished_at: datetime
    duration_ns: int
    outcome: Outcome
    reason: str = ""
    video_id: str = ""
    size_bytes: int | None = None


def video_message(video: ToldVideo, *, is_deleted: bool = False) -> ScheduledMessage:
    """Return what tells of a video; of one that is deleted nothing that people wrote."""
    event = video_changed_pb2.VideoChanged(
        video_id=video.id,
        owner_id=video.owner_id,
        sequence=video.sequence,
        filename="" if is_deleted else video.filename,
        state=state_to_proto(video.state),
        stage=stage_to_proto(Stage(video.stage)),
        generation=video.generation,
        duration_ns=video.duration_ns,
        size_bytes=video.size_bytes,
        created_at=timestamp(video.created_at),
        updated_at=timestamp(video.updated_at),
        finished_at=timestamp(video.finished_at),
        error_reason=video.error_reason or "",
        error_message="" if is_deleted else video.error_message or "",
        scene_count=video.scene_count,
        is_deleted=is_deleted,
    )
    message = Outgoing(
        stage_subject("ingest", "video_changed", video.id),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"video/{video.id}/{video.sequence}",
        correlation.current(),
    )
    return ScheduledMessage(message, video.created_at)


def stored_message(video_id: str, owner_id: str, kinds: Mapping[Kind, int], measured_at: datetime) -> ScheduledMessage:
    """Return what tells how many bytes of some kinds a video holds, or of NO_VIDEO what belongs to none."""
    event = storage_measured_pb2.StorageMeasured(
        video_id=video_id,
        owner_id=owner_id,
        measured_at=timestamp(measured_at),
        stored=[storage_measured_pb2.StoredBytes(kind=kind, bytes=size) for kind, size in kinds.items()],
    )
    key = _NO_KEY if video_id == NO_VIDEO else video_id
    message = Outgoing(
        stage_subject("ingest", "storage_measured", key),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"stored/{key}/{_micros(measured_at)}",
    )
    return ScheduledMessage(message, measured_at)


def scanned_message(scanned_at: datetime, disk: tuple[int, int] | None) -> Outgoing:
    """Return what tells that the whole object store was looked at; `disk` is free and total bytes, None for none."""
    free, total = disk or (None, None)
    event = storage_measured_pb2.StoreScanned(
        store="objects", scanned_at=timestamp(scanned_at), free_bytes=free, total_bytes=total
    )
    return Outgoing(
        stage_subject("ingest", "store_scanned", "objects"),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"scanned/objects/{_micros(scanned_at)}",
    )


def upload_message(upload: Upload) -> Outgoing:
    """Return what tells of an upload."""
    holder = upload.video_id or owner_key(upload.owner_id)
    event = stage_event_pb2.OperationEvent(
        event_id=f"{holder}/upload/{upload.upload_id}",
        operation=stage_event_pb2.OPERATION_UPLOAD,
        owner_id=upload.owner_id,
        video_id=upload.video_id,
        outcome=outcome_to_proto(upload.outcome),
        reason=upload.reason,
        started_at=timestamp(upload.started_at),
        finished_at=timestamp(upload.finished_at),
        duration_ns=upload.duration_ns,
        size_bytes=upload.size_bytes,
    )
    return Outgoing(
        stage_subject("ingest", "operation_event", holder),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"operation/{event.event_id}",
        correlation.current(),
    )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
