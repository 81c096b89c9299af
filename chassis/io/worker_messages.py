"""What a worker tells: a stage event and a fact of the same record, and that it has begun."""

from datetime import datetime

from chassis.core.errors import HeimdexError
from chassis.core.stages import Stage, StageRecord
from chassis.core.subjects import STAGE_CONTEXT, dead_subject, fact_subject, stage_subject
from chassis.io.jetstream import Delivery, Outgoing
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp
from heimdex.ingest.v1 import work_pb2
from heimdex.metrics.v1 import stage_event_pb2

__all__ = ["begun_message", "buried_message", "ended_message", "event_message", "fact_of", "found_again"]


def fact_of(
    work: work_pb2.StageWork,
    record: StageRecord,
    error: Exception | None = None,
    *,
    deliveries: int,
    partial: work_pb2.StageEnded | None = None,
) -> work_pb2.StageEnded:
    """Return the fact that a piece of work has ended; `partial` holds what only its handler knows."""
    ended = work_pb2.StageEnded()
    if partial is not None:
        ended.CopyFrom(partial)
    ended.MergeFrom(
        work_pb2.StageEnded(
            video_id=work.video_id,
            owner_id=work.owner_id,
            stage=stage_to_proto(record.stage),
            fence=work.fence,
            work_fence=work.fence,
            deliveries=deliveries,
            started_at=timestamp(record.started_at),
            finished_at=timestamp(record.finished_at),
            duration_ns=record.duration_ns or 0,
            outcome=outcome_to_proto(record.outcome),
            reason=record.reason,
            worker=record.worker,
        )
    )
    if error is not None:
        ended.message = str(error) if isinstance(error, HeimdexError) else f"internal error ({type(error).__name__})"
        ended.is_permanent = isinstance(error, HeimdexError) and error.permanent
    return ended


def found_again(work: work_pb2.StageWork, stored: work_pb2.StageEnded) -> work_pb2.StageEnded:
    """Return the fact of a result that an earlier attempt left: good for whoever asks now, its length for that one."""
    ended = work_pb2.StageEnded()
    ended.CopyFrom(stored)
    ended.fence, ended.work_fence = work.fence, stored.fence
    return ended


def begun_message(work: work_pb2.StageWork, stage: Stage, delivery: Delivery, *, at: datetime, worker: str) -> Outgoing:
    """Return the fact that a worker has begun."""
    started = work_pb2.StageStarted(
        video_id=work.video_id,
        stage=stage_to_proto(stage),
        fence=work.fence,
        started_at=timestamp(at),
        worker=worker,
        deliveries=delivery.deliveries,
    )
    return Outgoing(
        fact_subject(STAGE_CONTEXT[stage], "stage_started", work.video_id),
        started.SerializeToString(),
        "heimdex.ingest.v1.StageStarted",
        f"started/{work.video_id}/{stage}/{work.fence}/{delivery.deliveries}",
    )


def ended_message(stage: Stage, ended: work_pb2.StageEnded) -> Outgoing:
    """Return the message of a fact; its identity is that of the answer, so the same answer is taken in once."""
    return Outgoing(
        fact_subject(STAGE_CONTEXT[stage], "stage_ended", ended.video_id),
        ended.SerializeToString(),
        "heimdex.ingest.v1.StageEnded",
        f"ended/{ended.video_id}/{stage}/{ended.fence}/{ended.outcome}",
    )


def event_message(stage: Stage, event: bytes) -> Outgoing:
    """Return the message of a serialised stage event."""
    told = stage_event_pb2.StageEvent.FromString(event)
    return Outgoing(
        stage_subject(STAGE_CONTEXT[stage], "stage_event", told.video_id),
        event,
        "heimdex.metrics.v1.StageEvent",
        f"stage/{told.event_id}",
    )


def buried_message(stage: Stage, delivery: Delivery) -> Outgoing:
    """Return the dead letter of a message that is no work."""
    return Outgoing(
        dead_subject(STAGE_CONTEXT[stage], "undecodable", "none"),
        delivery.data,
        delivery.message_type,
        f"dead/{delivery.msg_id}",
    )
