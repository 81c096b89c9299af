"""How the end of a run is told: as it was measured, or as it was filled in later."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from chassis.core.stages import Outcome, Stage
from chassis.core.subjects import stage_subject
from chassis.io import correlation
from chassis.io.jetstream import Outgoing as Message
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp, worker_name
from heimdex.common.v1 import stage_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.lengths import RunLength
from ingest_svc.domain.video import Video, VideoState
from ingest_svc.ports import ScheduledMessage, ToldVideo

__all__ = ["backfilled_run_message", "run_message"]

_MAX_INT32 = (1 << 31) - 1
_OUTCOME_OF: Mapping[VideoState, Outcome] = MappingProxyType(
    {
        VideoState.READY: Outcome.SUCCEEDED,
        VideoState.FAILED: Outcome.FAILED,
        VideoState.CANCELLED: Outcome.CANCELLED,
    }
)


def run_message(video: Video, outcome: Outcome, length: RunLength) -> Message:
    """Tell how a run ended: its length is the sum of its attempts, beside the time that passed meanwhile (K4)."""
    started, finished = video.processing_started_at, video.processing_finished_at
    stage = Stage.COMPLETED if outcome is Outcome.SUCCEEDED else Stage.FAILED
    failure = video.failure
    event = stage_event_pb2.StageEvent(
        event_id=f"{video.id}/{video.generation}/{stage}/{video.fence}",
        video_id=video.id,
        owner_id=video.owner_id,
        generation=video.generation,
        stage=stage_to_proto(stage),
        outcome=outcome_to_proto(outcome),
        reason=failure.reason if failure else "",
        queued_at=timestamp(video.queued_at),
        started_at=timestamp(started),
        finished_at=timestamp(finished),
        duration_ns=length.measured_ns,
        video_duration_ns=video.duration_ns,
        worker=worker_name("ingest_svc"),
        failed_stage=stage_to_proto(failure.stage) if failure else stage_pb2.STAGE_UNSPECIFIED,
        unmeasured_attempts=min(length.unmeasured, _MAX_INT32),
        elapsed_ns=_ns_between(started, finished),
    )
    return _message(event)


def backfilled_run_message(video: ToldVideo, failed_stage: str | None) -> ScheduledMessage:
    """Tell the end of a run that was filled in later: when, roughly, and how it ended; nothing else (R-BKF-02)."""
    state = VideoState(video.state)
    stage = Stage.COMPLETED if state is VideoState.READY else Stage.FAILED
    has_failed = state is VideoState.FAILED
    event = stage_event_pb2.StageEvent(
        event_id=f"{video.id}/{video.generation}/{stage}/backfill",
        video_id=video.id,
        owner_id=video.owner_id,
        generation=video.generation,
        stage=stage_to_proto(stage),
        outcome=outcome_to_proto(_OUTCOME_OF[state]),
        reason=(video.error_reason or "") if has_failed else "",
        finished_at=timestamp(video.finished_at),
        video_duration_ns=video.duration_ns,
        worker=worker_name("ingest_svc"),
        failed_stage=_stage_of(failed_stage) if has_failed else stage_pb2.STAGE_UNSPECIFIED,
        provenance=stage_event_pb2.PROVENANCE_BACKFILLED,
    )
    return ScheduledMessage(_message(event), video.updated_at)


def _stage_of(word: str | None) -> "stage_pb2.Stage.ValueType":
    """Return the stage of a word; an older version may have had words of its own."""
    return stage_to_proto(Stage(word)) if word in set(Stage) else stage_pb2.STAGE_UNSPECIFIED


def _ns_between(start: datetime | None, end: datetime | None) -> int | None:
    """Return the time between two moments of wall clocks, never negative; None when one is not known."""
    if start is None or end is None:
        return None
    return max(0, (end - start) // timedelta(microseconds=1)) * 1000


def _message(event: stage_event_pb2.StageEvent) -> Message:
    return Message(
        stage_subject("ingest", "stage_event", event.video_id),
        event.SerializeToString(),
        event.DESCRIPTOR.full_name,
        f"stage/{event.event_id}",
        correlation.current(),
    )
