"""What ingest_svc tells metrics_svc, read from the outbox of a test database."""

from typing import Any

from heimdex.metrics.v1 import stage_event_pb2, storage_measured_pb2, video_changed_pb2

__all__ = ["told_bytes", "told_uploads", "told_videos"]


async def _payloads(database: Any, kind: str) -> list[bytes]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT payload FROM ingest.outbox WHERE message_type = $1 ORDER BY id", f"heimdex.metrics.v1.{kind}"
        )
    return [row["payload"] for row in rows]


async def told_videos(database: Any, video_id: str = "") -> list[video_changed_pb2.VideoChanged]:
    """Events that tell of videos, or of one video, in the order of decision."""
    events = map(video_changed_pb2.VideoChanged.FromString, await _payloads(database, "VideoChanged"))
    return [event for event in events if video_id in {"", event.video_id}]


async def told_bytes(database: Any) -> list[storage_measured_pb2.StorageMeasured]:
    """Events that tell of bytes, in the order of decision."""
    return [
        storage_measured_pb2.StorageMeasured.FromString(one) for one in await _payloads(database, "StorageMeasured")
    ]


async def told_uploads(database: Any) -> list[stage_event_pb2.OperationEvent]:
    """Events that tell of uploads that were accepted, in the order of decision."""
    return [stage_event_pb2.OperationEvent.FromString(one) for one in await _payloads(database, "OperationEvent")]
