"""The two stages this service does: transcription and scene_processing. Load, ask the engine, encode."""

import tempfile
import threading
from pathlib import Path
from typing import Protocol

from chassis.core.errors import Corruption
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.results import load_input
from chassis.io.stage import StageSpan
from heimdex.ingest.v1 import video_pb2, work_pb2
from inference_svc.adapters.model_files import Unavailable
from inference_svc.codec import (
    moment_to_proto,
    segment_from_proto,
    skipped_to_proto,
    spoken_between,
    transcript_to_proto,
)
from inference_svc.domain.model_registry import Task
from inference_svc.domain.scene import SceneInput
from inference_svc.domain.transcript import Segment
from inference_svc.engine import InferenceEngine

__all__ = ["describe_scenes", "transcribe_audio"]

_NS_PER_SECOND = 1_000_000_000
_NO_AUDIO = "NO_AUDIO"
_MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"


class _Sink(Protocol):
    """A span, as far as it takes what was counted."""

    items: int | None
    bytes_read: int | None
    model: str
    skipped_reason: str


async def transcribe_audio(
    work: work_pb2.StageWork, span: StageSpan, *, engine: InferenceEngine, blobs: BlobStore
) -> work_pb2.StageResult:
    """Write down the sound of a video. No sound track and no model are results, not failures (R-ING-04).

    Raises:
        HeimdexError: as `InferenceEngine.transcribe`, and what the object store raises.
    """
    source = await load_input(blobs, work, Stage.METADATA)
    if not source.metadata.HasField("audio"):
        return _untranscribed(work, span, _NO_AUDIO)
    if isinstance(await engine.pool.select(Task.ASR), Unavailable):
        return _untranscribed(work, span, _MODEL_UNAVAILABLE)
    cancelled = threading.Event()
    with tempfile.TemporaryDirectory(prefix="heimdex-asr-") as scratch:
        audio = Path(scratch) / "audio.flac"
        span.bytes_read = await _fetch(blobs, source.metadata.audio.key, audio)
        try:
            done = await engine.transcribe(audio, is_cancelled=cancelled.is_set)
        finally:
            cancelled.set()  # a worker that is stopped must not leave the model busy for a minute
    span.items, span.model = len(done.transcript.segments), done.model
    return work_pb2.StageResult(transcription=transcript_to_proto(work.video_id, done))


async def describe_scenes(
    work: work_pb2.StageWork, span: StageSpan, *, engine: InferenceEngine, blobs: BlobStore
) -> work_pb2.StageResult:
    """Describe every shot of a video and turn it into vectors, in order.

    Raises:
        HeimdexError: as `InferenceEngine.describe_scene`, and what the object store raises.
    """
    shots = (await load_input(blobs, work, Stage.SCENE_DETECTION)).scene_detection.shots
    segments = await _segments(work, blobs)
    output = work_pb2.MomentsOutput()
    skipped: dict[str, str] = {}
    span.bytes_read = 0
    for index, shot in enumerate(shots):
        keyframes = [await blobs.get(frame.image.key) for frame in shot.keyframes]
        span.bytes_read += sum(map(len, keyframes))
        start, end = shot.span.start_ns / _NS_PER_SECOND, shot.span.end_ns / _NS_PER_SECOND
        # The last shot keeps a word that a recogniser placed at the very end of the sound.
        text, words = spoken_between(segments, start, end if index + 1 < len(shots) else float("inf"))
        seen = await engine.describe_scene(SceneInput(tuple(keyframes), text, work.title))
        skipped |= seen.skipped
        output.moments.append(moment_to_proto(work, index, shot, words, seen))
    output.skipped_capabilities.extend(skipped_to_proto(skipped))
    span.items = len(output.moments)
    span.model = ",".join(sorted({model for moment in output.moments for model in moment.scene.models}))
    return work_pb2.StageResult(moments=output)


def _untranscribed(work: work_pb2.StageWork, span: _Sink, reason: str) -> work_pb2.StageResult:
    span.skipped_reason, span.items = reason, 0
    return work_pb2.StageResult(
        transcription=video_pb2.Transcript(video_id=work.video_id, skipped_reason=reason),
    )


async def _segments(work: work_pb2.StageWork, blobs: BlobStore) -> tuple[Segment, ...]:
    transcription = (await load_input(blobs, work, Stage.TRANSCRIPTION)).transcription
    try:
        return tuple(segment_from_proto(message) for message in transcription.segments)
    except ValueError as cause:
        raise Corruption("a stored transcript can not be read", reason="RESULT_CORRUPT") from cause


async def _fetch(blobs: BlobStore, key: str, target: Path) -> int:
    """Copy an object into a file; returns its length in bytes."""
    with target.open("wb") as sink:
        async for piece in blobs.stream(key):
            sink.write(piece)
        return sink.tell()
