"""Facts, work and results to protobuf and back: what travels between the stages."""

from datetime import UTC, datetime

from chassis.core.mediatime import TimeSpan
from chassis.core.stages import Outcome
from chassis.core.subjects import STAGE_CONTEXT, dead_subject, work_subject
from chassis.io import correlation
from chassis.io.jetstream import Outgoing as Message
from chassis.io.stage import stage_from_proto, stage_to_proto, timestamp
from heimdex.common.v1 import blob_pb2, stage_pb2
from heimdex.ingest.v1 import video_pb2, work_pb2
from ingest_svc.domain.facts import DeadLetter, Dispatch, Ended, Fact, Outgoing, RunEnded, Started
from ingest_svc.domain.lengths import lengths_told
from ingest_svc.domain.probe import MediaFacts, VideoTrack
from ingest_svc.domain.video import Step, Video
from ingest_svc.ports import SceneRow, ScheduledMessage, SourceFacts
from ingest_svc.run_ends import run_message

__all__ = [
    "decode_fact",
    "encode_outgoing",
    "ended_work",
    "facts_from",
    "forget_message",
    "media_info_message",
    "scene_row",
]

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
            stage=stage_from_proto(started.stage),
            fence=started.fence,
            at=started.started_at.ToDatetime(tzinfo=UTC),
            worker=_storable(started.worker),
            deliveries=started.deliveries,
        )
    if message_type == "heimdex.ingest.v1.StageEnded":
        ended = work_pb2.StageEnded.FromString(payload)
        return ended.video_id, _decode_ended(ended)
    return None


def _decode_ended(ended: work_pb2.StageEnded) -> Ended:
    has_info = ended.HasField("media_info")
    return Ended(
        stage=stage_from_proto(ended.stage),
        fence=ended.fence,
        started_at=ended.started_at.ToDatetime(tzinfo=UTC),
        finished_at=ended.finished_at.ToDatetime(tzinfo=UTC),
        outcome=Outcome(stage_pb2.Outcome.Name(ended.outcome).removeprefix("OUTCOME_").lower()),
        result_key=_storable(ended.result_key),
        reason=_storable(ended.reason),
        message=_storable(ended.message),
        is_permanent=ended.is_permanent,
        worker=_storable(ended.worker),
        media_info=ended.media_info.SerializeToString() if has_info else b"",
        duration_ns=ended.duration_of_video_ns if has_info else None,
        deliveries=max(0, ended.deliveries),
        lengths=lengths_told(fence=ended.fence, work_fence=ended.work_fence, duration_ns=ended.duration_ns),
    )


def ended_work(message_type: str, payload: bytes) -> tuple[str, str] | None:
    """Return video and owner when the message tells the end of a stage; None for every other message."""
    if message_type != "heimdex.ingest.v1.StageEnded":
        return None
    ended = work_pb2.StageEnded.FromString(payload)
    return (ended.video_id, ended.owner_id) if ended.owner_id else None


def _storable(text: str) -> str:
    """Return the text without the one character that PostgreSQL refuses; hostile metadata may bring it."""
    return text.replace("\0", "")


def encode_outgoing(video: Video, outgoing: Outgoing, facts: SourceFacts) -> ScheduledMessage:
    """Return the message that tells a decision.

    Raises:
        ValueError: the end of a run that was not measured.
    """
    match outgoing:
        case Dispatch():
            return ScheduledMessage(_work_message(video, outgoing.step, facts), outgoing.not_before)
        case DeadLetter():
            work = _work(video, outgoing.step, facts)
            return ScheduledMessage(
                Message(
                    dead_subject("ingest", outgoing.step.stage, video.id),
                    work.SerializeToString(),
                    "heimdex.ingest.v1.StageWork",
                    f"dead/{video.id}/{outgoing.step.stage}/{outgoing.step.fence}",
                    correlation.current(),
                ),
                video.queued_at,
            )
        case RunEnded():
            if outgoing.length is None:
                raise ValueError("a run is measured before its end is told")
            return ScheduledMessage(run_message(video, outgoing.outcome, outgoing.length), video.queued_at)


def _work(video: Video, step: Step, facts: SourceFacts) -> work_pb2.StageWork:
    return work_pb2.StageWork(
        video_id=video.id,
        owner_id=video.owner_id,
        generation=video.generation,
        stage=stage_to_proto(step.stage),
        attempt=step.attempt,
        fence=step.fence,
        queued_at=timestamp(step.queued_at),
        title=facts.title,
        filename=facts.filename,
        source=blob_pb2.BlobRef(key=facts.source_key, size_bytes=facts.size_bytes, sha256=facts.sha256),
        inputs=[
            work_pb2.StageResultRef(stage=stage_to_proto(one.stage), key=one.result_key)
            for one in video.steps
            if one.state.is_over
        ],
        duration_ns=video.duration_ns or 0,
    )


def _work_message(video: Video, step: Step, facts: SourceFacts) -> Message:
    return Message(
        work_subject(STAGE_CONTEXT[step.stage], step.stage, video.id),
        _work(video, step, facts).SerializeToString(),
        "heimdex.ingest.v1.StageWork",
        f"work/{video.id}/{step.stage}/{step.fence}",
        correlation.current(),
    )


def forget_message(video_id: str, owner_id: str, at: datetime) -> ScheduledMessage:
    """Return the work that makes index_svc forget a video."""
    work = work_pb2.ForgetVideo(video_id=video_id, owner_id=owner_id)
    stamp = int(at.timestamp() * 1e6)
    return ScheduledMessage(
        Message(
            work_subject("index", "forget_video", video_id),
            work.SerializeToString(),
            "heimdex.ingest.v1.ForgetVideo",
            f"forget/{video_id}/{stamp}",
            correlation.current(),
        ),
        at,
    )


def scene_row(scene: video_pb2.Scene, *, span: TimeSpan, at: datetime) -> SceneRow:
    """Return the row of a scene."""
    return SceneRow(
        id=scene.id,
        index=scene.index,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        transcript_segment=scene.transcript_segment,
        combined_text=scene.combined_text,
        text_recipe=scene.text_recipe,
        message=scene.SerializeToString(),
        created_at=at,
    )


def media_info_message(facts: MediaFacts, filename: str) -> video_pb2.MediaInfo:
    """Return the facts about a file as users see them."""
    video, audio = facts.video, facts.audio
    return video_pb2.MediaInfo(
        container=",".join(facts.formats),
        video_codec=video.codec if video else "",
        audio_codec=audio.codec if audio else "",
        width=video.width if video else 0,
        height=video.height if video else 0,
        rotation_degrees=video.rotation_degrees if video else 0,
        fps=video.fps if video else 0.0,
        is_variable_frame_rate=video.is_vfr if video else False,
        pixel_format=video.pixel_format if video else "",
        bit_depth=video.bit_depth if video else 0,
        audio_tracks=[
            video_pb2.AudioTrack(
                codec=track.codec,
                channels=track.channels,
                sample_rate_hz=track.sample_rate_hz,
                language=track.language,
                is_transcribed=audio is not None and track.index == audio.index,
            )
            for track in facts.audio_tracks
        ],
        video_stream_count=len(facts.video_tracks),
        subtitle_stream_count=facts.subtitle_stream_count,
        bit_rate_bps=facts.bit_rate_bps,
        original_filename=filename,
    )


def facts_from(output: work_pb2.MetadataOutput, size_bytes: int) -> MediaFacts:
    """Return the facts that stage metadata found, as far as the later stages need them: the tracks that were chosen."""
    info = output.media_info
    video = None
    if output.HasField("video_stream_index"):
        video = VideoTrack(
            index=output.video_stream_index,
            codec=info.video_codec,
            coded_width=info.width,
            coded_height=info.height,
            width=info.width,
            height=info.height,
            rotation_degrees=info.rotation_degrees,
            fps=info.fps,
            is_vfr=info.is_variable_frame_rate,
            pixel_format=info.pixel_format,
            bit_depth=info.bit_depth,
            bit_rate_bps=0,
            is_default=True,
        )
    return MediaFacts(
        formats=tuple(info.container.split(",")),
        size_bytes=size_bytes,
        duration_ns=output.duration_ns,
        bit_rate_bps=info.bit_rate_bps,
        video=video,
        audio=None,
        video_tracks=(video,) if video else (),
        audio_tracks=(),
        subtitle_stream_count=info.subtitle_stream_count,
    )
