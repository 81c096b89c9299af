"""Values of ingest_svc to protobuf and back."""

from google.protobuf.any_pb2 import Any as ProtoAny
from google.protobuf.json_format import ParseDict
from google.rpc import error_details_pb2, status_pb2

from chassis.core.stages import Outcome, Stage
from chassis.io.grpc_status import DOMAIN
from chassis.io.signed_urls import sign_path
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2
from ingest_svc.domain.video import Step, VideoState
from ingest_svc.ports import AttemptRow, SceneRow, VideoRow

__all__ = [
    "job_messages",
    "scene_message",
    "state_from_proto",
    "state_to_proto",
    "step_state_to_proto",
    "video_message",
]

_INVALID_ARGUMENT = 3
_INTERNAL = 13


def state_to_proto(state: str) -> "video_pb2.VideoState.ValueType":
    """Return the enum value of a state."""
    return video_pb2.VideoState.Value(f"VIDEO_STATE_{state.upper()}")


def state_from_proto(value: int) -> VideoState | None:
    """Return the state of an enum value; None for UNSPECIFIED."""
    return VideoState(video_pb2.VideoState.Name(value).removeprefix("VIDEO_STATE_").lower()) if value else None  # type: ignore[arg-type]


def step_state_to_proto(state: str) -> "video_pb2.StepState.ValueType":
    """Return the enum value of a step's state."""
    return video_pb2.StepState.Value(f"STEP_STATE_{state.upper()}")


def video_message(row: VideoRow, media_secret: str) -> video_pb2.Video:
    """Return a video as users see it."""
    stage = Stage(row.stage)
    message = video_pb2.Video(
        id=row.id,
        name=f"videos/{row.id}",
        state=state_to_proto(row.state),
        stage=stage_to_proto(stage),
        filename=row.filename,
        mime_type=row.mime_type,
        size_bytes=row.size_bytes,
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        indexed_at=timestamp(row.indexed_at),
        queued_at=timestamp(row.queued_at),
        processing_started_at=timestamp(row.processing_started_at),
        processing_finished_at=timestamp(row.processing_finished_at),
        processing_stage="completed" if row.state is VideoState.READY else str(stage),
        generation=row.generation,
        scene_count=row.scene_count,
        language=row.language or "",
        steps=[_step_message(step) for step in row.steps],
        etag=f'"{row.generation}-{int(row.updated_at.timestamp() * 1e6):x}"',
        metadata=video_pb2.VideoMetadata(
            title=row.title,
            description=row.description,
            tags=row.tags,
            thumbnail_url=sign_path(media_secret, row.thumbnail_key),
        ),
    )
    ParseDict(dict(row.attributes), message.metadata.attributes)
    if row.duration_ns is not None:
        message.duration_s = round(row.duration_ns / 1e9, 3)
    if row.media_info is not None:
        message.media_info.MergeFromString(row.media_info)
        message.media_info.original_filename = row.filename
    if row.processing_started_at and row.processing_finished_at:
        message.processing_duration_ms = int(
            (row.processing_finished_at - row.processing_started_at).total_seconds() * 1000
        )
    if row.state is VideoState.FAILED:
        message.error.CopyFrom(_error_message(row))
    return message


def _error_message(row: VideoRow) -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(
        reason=row.error_reason or "UNKNOWN", domain=DOMAIN, metadata={"stage": row.failed_stage or row.stage}
    )
    packed = ProtoAny()
    packed.Pack(info)
    code = _INTERNAL if row.error_reason in {"INTERNAL", "POISON"} else _INVALID_ARGUMENT
    return status_pb2.Status(code=code, message=row.error_message or "", details=[packed])


def _step_message(step: Step) -> video_pb2.StageStep:
    return video_pb2.StageStep(
        stage=stage_to_proto(step.stage),
        state=step_state_to_proto(step.state),
        attempts=step.attempt,
        reason=step.reason,
        message=step.message,
        queued_at=timestamp(step.queued_at),
        started_at=timestamp(step.started_at),
        finished_at=timestamp(step.finished_at),
    )


def scene_message(row: SceneRow, media_secret: str) -> video_pb2.Scene:
    """Return a scene as users see it, with a fresh link to its picture."""
    scene = video_pb2.Scene.FromString(row.message)
    scene.created_at.CopyFrom(timestamp(row.created_at))  # type: ignore[arg-type]
    scene.thumbnail_url = sign_path(media_secret, scene.thumbnail_key)
    return scene


def job_messages(rows: list[AttemptRow]) -> list[video_pb2.Job]:
    """Group attempts by run and stage."""
    jobs: dict[tuple[int, str], video_pb2.Job] = {}
    for row in rows:
        job = jobs.setdefault(
            (row.generation, row.stage),
            video_pb2.Job(generation=row.generation, stage=stage_to_proto(Stage(row.stage))),
        )
        job.attempts.append(
            video_pb2.Attempt(
                number=row.number,
                fence=row.fence,
                worker=row.worker,
                queued_at=timestamp(row.queued_at),
                started_at=timestamp(row.started_at),
                finished_at=timestamp(row.finished_at),
                outcome=outcome_to_proto(Outcome(row.outcome)) if row.outcome else stage_pb2.OUTCOME_UNSPECIFIED,
                reason=row.reason,
                message=row.message,
                deliveries=row.deliveries,
            )
        )
    return [jobs[key] for key in sorted(jobs, key=lambda key: (key[0], jobs[key].stage))]
