"""What is sent because of an export: the work, and how long its owner waited for it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from chassis.core.stages import Outcome, Stage, StageRecord
from chassis.core.subjects import dead_subject, stage_subject, work_subject
from chassis.io import correlation
from chassis.io.jetstream import Delivery
from chassis.io.jetstream import Outgoing as Message
from chassis.io.stage import outcome_to_proto, stage_event, timestamp
from heimdex.ingest.v1 import work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.exports.facts import Dispatch
from ingest_svc.domain.exports.state import Export
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports.record import AskedAt, Order, Result
from ingest_svc.ports import ScheduledMessage

__all__ = ["attempt_message", "ended_message", "undecodable_message", "work_message"]

_NOT_MEASURED = -1
_OUTCOMES: Mapping[ExportState, Outcome] = MappingProxyType(
    {
        ExportState.COMPLETED: Outcome.SUCCEEDED,
        ExportState.FAILED: Outcome.FAILED,
        ExportState.CANCELLED: Outcome.CANCELLED,
    }
)


def work_message(export: Export, dispatch: Dispatch) -> ScheduledMessage:
    """Return the work of a hand-out."""
    work = work_pb2.ExportClip(export_id=export.id, fence=dispatch.fence)
    message = Message(
        work_subject("ingest", "export_clip", export.id),
        work.SerializeToString(),
        work.DESCRIPTOR.full_name,
        f"work/{export.id}/{Stage.EXPORTING}/{dispatch.fence}",
        correlation.current(),
    )
    return ScheduledMessage(message, dispatch.not_before)


def attempt_message(export_id: str, record: StageRecord) -> Message:
    """Return the stage event of one hand-out."""
    event = stage_event(record)
    event.event_id = f"{export_id}/{record.stage}/{record.fence}"
    return Message(
        stage_subject("ingest", "stage_event", record.video_id),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"stage/{event.event_id}",
        correlation.current(),
    )


def undecodable_message(delivery: Delivery) -> Message:
    """Return the dead letter of a message that is no work."""
    return Message(
        dead_subject("ingest", "undecodable", "none"),
        delivery.data,
        delivery.message_type,
        f"dead/{delivery.msg_id}",
    )


def ended_message(
    export: Export, order: Order, result: Result | None, *, asked: AskedAt, now: AskedAt, at: datetime
) -> ScheduledMessage:
    """Return what tells how a run ended, from asked to stored.

    Its length is that of one monotonic clock; where it ends by another one than it began by, nobody measured it.
    """
    is_measured = bool(asked.clock) and asked.clock == now.clock and now.ns >= asked.ns
    event = stage_event_pb2.OperationEvent(
        event_id=f"{export.id}/export/{export.run}",
        operation=stage_event_pb2.OPERATION_EXPORT,
        owner_id=export.owner_id,
        video_id=order.cuts[0].video_id,
        outcome=outcome_to_proto(_OUTCOMES[export.state]),
        reason=export.reason,
        started_at=timestamp(export.asked_at),
        finished_at=timestamp(export.completed_at),
        duration_ns=now.ns - asked.ns if is_measured else _NOT_MEASURED,
        size_bytes=result.size_bytes if result else None,
        media_duration_ns=result.duration_ns if result else None,
    )
    message = Message(
        stage_subject("ingest", "operation_event", export.id),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"operation/{event.event_id}",
        correlation.current(),
    )
    return ScheduledMessage(message, at)
