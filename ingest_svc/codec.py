"""Values of ingest_svc to protobuf and back."""

from datetime import UTC, datetime

from google.protobuf.any_pb2 import Any as ProtoAny
from google.protobuf.json_format import ParseDict
from google.rpc import error_details_pb2, status_pb2

from chassis.core.mediatime import TimeSpan
from chassis.core.stages import Outcome, Stage
from chassis.core.subjects import STAGE_CONTEXT, dead_subject, stage_subject, work_subject
from chassis.io import correlation
from chassis.io.grpc_status import DOMAIN
from chassis.io.jetstream import Outgoing as Message
from chassis.io.signed_urls import sign_path
from chassis.io.stage import outcome_to_proto, stage_from_proto, stage_to_proto, timestamp, worker_name
from heimdex.common.v1 import blob_pb2, stage_pb2
from heimdex.ingest.v1 import video_pb2, work_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.probe import MediaFacts, VideoTrack
from ingest_svc.domain.video import DeadLetter, Dispatch, Ended, Fact, Outgoing, RunEnded, Started, Step, Video, VideoState
from ingest_svc.ports import AttemptRow, SceneRow, ScheduledMessage, SourceFacts, VideoRow

__all__ = ["decode_fact", "encode_outgoing", "facts_from", "forget_message", "job_messages", "media_info_message", "scene_message", "scene_row", "state_from_proto", "state_to_proto", "step_state_to_proto", "video_message"]

_INVALID_ARGUMENT = 3
_INTERNAL = 13


def decode_fact(message_type: str, payload: bytes) -> tuple[str, Fact] | None:
    """Return the video and the fact of a message; None for a message of a newer version.

    Raises:
        google.protobuf.message.DecodeError: the payload is damaged.
    """
    if message_type == "heimdex.ingest.v1.StageStarted":
        started = work_pb2.StageStarted.FromString(payload)
        return started.video_id, Started(
            stage=stage_from_proto(started.stage), fence=started.fence, at=started.started_at.ToDatetime(tzinfo=UTC),
            worker=started.worker, deliveries=started.deliveries,
        )  # fmt: skip
    if message_type == "heimdex.ingest.v1.StageEnded":
        ended = work_pb2.StageEnded.FromString(payload)
        return ended.video_id, _decode_ended(ended)
    return None


def _decode_ended(ended: work_pb2.StageEnded) -> Ended:
    has_info = ended.HasField("media_info")
    return Ended(
        stage=stage_from_proto(ended.stage), fence=ended.fence, started_at=ended.started_at.ToDatetime(tzinfo=UTC),
        finished_at=ended.finished_at.ToDatetime(tzinfo=UTC),
        outcome=Outcome(stage_pb2.Outcome.Name(ended.outcome).removeprefix("OUTCOME_").lower()),
        result_key=ended.result_key, reason=ended.reason, message=ended.message, is_permanent=ended.is_permanent, worker=ended.worker,
        media_info=ended.media_info.SerializeToString() if has_info else b"",
        duration_ns=ended.duration_of_video_ns if has_info else None,
    )  # fmt: skip


def encode_outgoing(video: Video, outgoing: Outgoing, facts: SourceFacts) -> ScheduledMessage:
    """Return the message that tells a decision."""
    match outgoing:
        case Dispatch():
            return ScheduledMessage(_work_message(video, outgoing.step, facts), outgoing.not_before)
        case DeadLetter():
            work = _work(video, outgoing.step, facts)
            return ScheduledMessage(
                Message(
                    dead_subject("ingest", outgoing.step.stage, video.id), work.SerializeToString(), "heimdex.ingest.v1.StageWork",
                    f"dead/{video.id}/{outgoing.step.stage}/{outgoing.step.fence}", correlation.current(),
                ),
                video.queued_at,
            )  # fmt: skip
        case RunEnded():
            return ScheduledMessage(_run_message(video, outgoing.outcome), video.queued_at)


def _work(video: Video, step: Step, facts: SourceFacts) -> work_pb2.StageWork:
    return work_pb2.StageWork(
        video_id=video.id, owner_id=video.owner_id, generation=video.generation, stage=stage_to_proto(step.stage), attempt=step.attempt,
        fence=step.fence, queued_at=timestamp(step.queued_at), title=facts.title, filename=facts.filename,
        source=blob_pb2.BlobRef(key=facts.source_key, size_bytes=facts.size_bytes, sha256=facts.sha256),
        inputs=[
            work_pb2.StageResultRef(stage=stage_to_proto(one.stage), key=one.result_key) for one in video.steps if one.state.is_over
        ],
        duration_ns=video.duration_ns or 0,
    )  # fmt: skip


def _work_message(video: Video, step: Step, facts: SourceFacts) -> Message:
    return Message(
        work_subject(STAGE_CONTEXT[step.stage], step.stage, video.id), _work(video, step, facts).SerializeToString(),
        "heimdex.ingest.v1.StageWork", f"work/{video.id}/{step.stage}/{step.fence}", correlation.current(),
    )  # fmt: skip


def _run_message(video: Video, outcome: Outcome) -> Message:
    """Tell how a run ended; its length is from the first start to the end (R-STG-04)."""
    started = video.processing_started_at or video.processing_finished_at or video.queued_at
    finished = video.processing_finished_at or started
    stage = Stage.COMPLETED if outcome is Outcome.SUCCEEDED else Stage.FAILED
    failure = video.failure
    event = stage_event_pb2.StageEvent(
        event_id=f"{video.id}/{video.generation}/{stage}/{video.fence}", video_id=video.id, owner_id=video.owner_id,
        generation=video.generation, stage=stage_to_proto(stage), outcome=outcome_to_proto(outcome),
        reason=failure.reason if failure else "", queued_at=timestamp(video.queued_at),
        started_at=timestamp(started if video.processing_started_at else None), finished_at=timestamp(finished),
        duration_ns=max(0, round((finished - started).total_seconds() * 1e6) * 1000), video_duration_ns=video.duration_ns,
        worker=worker_name("ingest_svc"), failed_stage=stage_to_proto(failure.stage) if failure else None,
    )  # fmt: skip
    return Message(
        stage_subject("ingest", "stage_event", video.id), event.SerializeToString(), "heimdex.metrics.v1.StageEvent",
        f"stage/{event.event_id}", correlation.current(),
    )  # fmt: skip


def forget_message(video_id: str, owner_id: str, at: datetime) -> ScheduledMessage:
    """Return the work that makes index_svc forget a video."""
    work = work_pb2.ForgetVideo(video_id=video_id, owner_id=owner_id)
    stamp = int(at.timestamp() * 1e6)
    return ScheduledMessage(
        Message(
            work_subject("index", "forget_video", video_id), work.SerializeToString(), "heimdex.ingest.v1.ForgetVideo",
            f"forget/{video_id}/{stamp}", correlation.current(),
        ),
        at,
    )  # fmt: skip


def state_to_proto(state: str) -> "video_pb2.VideoState":
    """Return the enum value of a state."""
    return video_pb2.VideoState.Value(f"VIDEO_STATE_{state.upper()}")  # type: ignore[return-value]


def state_from_proto(value: int) -> VideoState | None:
    """Return the state of an enum value; None for UNSPECIFIED."""
    return VideoState(video_pb2.VideoState.Name(value).removeprefix("VIDEO_STATE_").lower()) if value else None  # type: ignore[arg-type]


def step_state_to_proto(state: str) -> "video_pb2.StepState":
    """Return the enum value of a step's state."""
    return video_pb2.StepState.Value(f"STEP_STATE_{state.upper()}")  # type: ignore[return-value]


def video_message(row: VideoRow, media_secret: str) -> video_pb2.Video:
    """Return a video as users see it."""
    stage = Stage(row.stage)
    message = video_pb2.Video(
        id=row.id, name=f"videos/{row.id}", state=state_to_proto(row.state), stage=stage_to_proto(stage), filename=row.filename,
        mime_type=row.mime_type, size_bytes=row.size_bytes, created_at=timestamp(row.created_at), updated_at=timestamp(row.updated_at),
        indexed_at=timestamp(row.indexed_at), queued_at=timestamp(row.queued_at),
        processing_started_at=timestamp(row.processing_started_at), processing_finished_at=timestamp(row.processing_finished_at),
        processing_stage="completed" if row.state is VideoState.READY else str(stage), generation=row.generation,
        scene_count=row.scene_count, language=row.language or "", steps=[_step_message(step) for step in row.steps],
        etag=f'"{row.generation}-{int(row.updated_at.timestamp() * 1e6):x}"',
        metadata=video_pb2.VideoMetadata(
            title=row.title, description=row.description, tags=row.tags, thumbnail_url=sign_path(media_secret, row.thumbnail_key)
        ),
    )  # fmt: skip
    ParseDict(dict(row.attributes), message.metadata.attributes)
    if row.duration_ns is not None:
        message.duration_s = round(row.duration_ns / 1e9, 3)
    if row.media_info is not None:
        message.media_info.MergeFromString(row.media_info)
        message.media_info.original_filename = row.filename
    if row.processing_started_at and row.processing_finished_at:
        message.processing_duration_ms = int((row.processing_finished_at - row.processing_started_at).total_seconds() * 1000)
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
        stage=stage_to_proto(step.stage), state=step_state_to_proto(step.state), attempts=step.attempt, reason=step.reason,
        message=step.message, queued_at=timestamp(step.queued_at), started_at=timestamp(step.started_at),
        finished_at=timestamp(step.finished_at),
    )  # fmt: skip


def scene_message(row: SceneRow, media_secret: str) -> video_pb2.Scene:
    """Return a scene as users see it, with a fresh link to its picture."""
    scene = video_pb2.Scene.FromString(row.message)
    scene.created_at.CopyFrom(timestamp(row.created_at))  # type: ignore[arg-type]
    scene.thumbnail_url = sign_path(media_secret, scene.thumbnail_key)
    return scene


def scene_row(scene: video_pb2.Scene, *, span: TimeSpan, at: datetime) -> SceneRow:
    """Return the row of a scene."""
    return SceneRow(
        id=scene.id, index=scene.index, start_ns=span.start_ns, end_ns=span.end_ns, transcript_segment=scene.transcript_segment,
        combined_text=scene.combined_text, text_recipe=scene.text_recipe, message=scene.SerializeToString(), created_at=at,
    )  # fmt: skip


def media_info_message(facts: MediaFacts, filename: str) -> video_pb2.MediaInfo:
    """Return the facts about a file as users see them."""
    video, audio = facts.video, facts.audio
    return video_pb2.MediaInfo(
        container=",".join(facts.formats), video_codec=video.codec if video else "", audio_codec=audio.codec if audio else "",
        width=video.width if video else 0, height=video.height if video else 0,
        rotation_degrees=video.rotation_degrees if video else 0, fps=video.fps if video else 0.0,
        is_variable_frame_rate=video.is_vfr if video else False, pixel_format=video.pixel_format if video else "",
        bit_depth=video.bit_depth if video else 0,
        audio_tracks=[
            video_pb2.AudioTrack(
                codec=track.codec, channels=track.channels, sample_rate_hz=track.sample_rate_hz, language=track.language,
                is_transcribed=audio is not None and track.index == audio.index,
            )
            for track in facts.audio_tracks
        ],
        video_stream_count=len(facts.video_tracks), subtitle_stream_count=facts.subtitle_stream_count,
        bit_rate_bps=facts.bit_rate_bps, original_filename=filename,
    )  # fmt: skip


def facts_from(output: work_pb2.MetadataOutput, size_bytes: int) -> MediaFacts:
    """Return the facts that stage metadata found, as far as the later stages need them: the tracks that were chosen."""
    info = output.media_info
    video = None
    if output.HasField("video_stream_index"):
        video = VideoTrack(
            index=output.video_stream_index, codec=info.video_codec, coded_width=info.width, coded_height=info.height, width=info.width,
            height=info.height, rotation_degrees=info.rotation_degrees, fps=info.fps, is_vfr=info.is_variable_frame_rate,
            pixel_format=info.pixel_format, bit_depth=info.bit_depth, bit_rate_bps=0, is_default=True,
        )  # fmt: skip
    return MediaFacts(
        formats=tuple(info.container.split(",")), size_bytes=size_bytes, duration_ns=output.duration_ns, bit_rate_bps=info.bit_rate_bps,
        video=video, audio=None, video_tracks=(video,) if video else (), audio_tracks=(), subtitle_stream_count=info.subtitle_stream_count,
    )  # fmt: skip


def job_messages(rows: list[AttemptRow]) -> list[video_pb2.Job]:
    """Group attempts by run and stage."""
    jobs: dict[tuple[int, str], video_pb2.Job] = {}
    for row in rows:
        job = jobs.setdefault(
            (row.generation, row.stage), video_pb2.Job(generation=row.generation, stage=stage_to_proto(Stage(row.stage)))
        )
        job.attempts.append(
            video_pb2.Attempt(
                number=row.number, fence=row.fence, worker=row.worker, queued_at=timestamp(row.queued_at),
                started_at=timestamp(row.started_at), finished_at=timestamp(row.finished_at),
                outcome=outcome_to_proto(Outcome(row.outcome)) if row.outcome else None, reason=row.reason, message=row.message,
                deliveries=row.deliveries,
            )
        )  # fmt: skip
    return [jobs[key] for key in sorted(jobs, key=lambda key: (key[0], jobs[key].stage))]
