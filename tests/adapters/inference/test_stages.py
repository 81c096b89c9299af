from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chassis.core.errors import Corruption
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.stage import StageSpan, stage_to_proto
from heimdex.common.v1 import blob_pb2, media_time_pb2
from heimdex.ingest.v1 import video_pb2, work_pb2
from inference_svc.engine import InferenceEngine
from inference_svc.handlers import describe_scenes, transcribe_audio
from tests.support.inference_models import keyframes, local_engine
from tests.support.shared import MEDIA, needs_shared

CUTS_S = (0.0, 6.0, 11.0, 18.0, 24.0, 30.0)
REEL = MEDIA / "derived/speech_reel.mp4"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[InferenceEngine]:
    opened = local_engine(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(str(tmp_path / "blobs"))


async def work_with(blobs: BlobStore, inputs: dict[Stage, work_pb2.StageResult]) -> work_pb2.StageWork:
    work = work_pb2.StageWork(video_id="v_1", owner_id="u_1", generation=1, attempt=1, fence=1)
    for stage, result in inputs.items():
        key = f"results/{stage}.pb"
        await blobs.put(key, result.SerializeToString())
        work.inputs.add(stage=stage_to_proto(stage), key=key)
    return work


async def with_sound(blobs: BlobStore, clip: Path) -> work_pb2.StageResult:
    await blobs.put_file("audio", clip)
    return work_pb2.StageResult(metadata=work_pb2.MetadataOutput(audio=blob_pb2.BlobRef(key="audio")))


async def shots(blobs: BlobStore) -> work_pb2.StageResult:
    output = work_pb2.SceneDetectionOutput()
    for index, (start, end) in enumerate(pairwise(CUTS_S)):
        (picture,) = keyframes(REEL, ((start + end) / 2,))
        await blobs.put(f"keyframes/{index}.jpg", picture)
        shot = output.shots.add(
            span=media_time_pb2.MediaSpan(start_ns=int(start * 1e9), end_ns=int(end * 1e9)),
            thumbnail=blob_pb2.BlobRef(key=f"thumbs/{index}.jpg"),
        )
        shot.keyframes.add(image=blob_pb2.BlobRef(key=f"keyframes/{index}.jpg"))
    return work_pb2.StageResult(scene_detection=output)


@needs_shared
async def test_a_reel_becomes_moments(engine: InferenceEngine, blobs: BlobStore) -> None:
    """R-ING-06 to R-ING-09: the words of a scene lie in it, and together the scenes say what the transcript says."""
    span = StageSpan(datetime.now(UTC))
    spoken = await transcribe_audio(
        await work_with(blobs, {Stage.METADATA: await with_sound(blobs, REEL)}), span, engine=engine, blobs=blobs
    )
    assert (span.items, span.skipped_reason) == (3, "")

    work = await work_with(blobs, {Stage.SCENE_DETECTION: await shots(blobs), Stage.TRANSCRIPTION: spoken})
    seen = StageSpan(datetime.now(UTC))
    moments = (await describe_scenes(work, seen, engine=engine, blobs=blobs)).moments.moments
    scenes = [moment.scene for moment in moments]

    assert [(scene.index, scene.start_s, scene.end_s) for scene in scenes] == [
        (index, CUTS_S[index], CUTS_S[index + 1]) for index in range(5)
    ]
    assert all(scene.start_s <= word.start_s < scene.end_s for scene in scenes for word in scene.words)
    assert " ".join(scene.transcript_segment for scene in scenes if scene.transcript_segment) == " ".join(
        segment.text for segment in spoken.transcription.segments
    )
    assert scenes[0].transcript_segment.startswith("And so my fellow Americans")
    assert [scene.text_source == video_pb2.TEXT_SOURCE_TRANSCRIPT for scene in scenes] == [
        bool(scene.transcript_segment) for scene in scenes
    ]
    assert len({scene.id for scene in scenes}) == 5
    assert {len(np.frombuffer(moment.text_vector, "<f4")) for moment in moments} == {384}
    assert {len(np.frombuffer(moment.image_vector, "<f4")) for moment in moments} == {1280}
    assert (seen.items, "all-minilm-l6-v2" in seen.model) == (5, True)


@needs_shared
async def test_the_same_work_has_the_same_result(engine: InferenceEngine, blobs: BlobStore) -> None:
    """R-ING-10: a repeat after a crash writes the same bytes."""
    silent = work_pb2.StageResult(transcription=video_pb2.Transcript(video_id="v_1", skipped_reason="NO_AUDIO"))
    detected = await shots(blobs)
    del detected.scene_detection.shots[2:]
    work = await work_with(blobs, {Stage.SCENE_DETECTION: detected, Stage.TRANSCRIPTION: silent})
    first = await describe_scenes(work, StageSpan(datetime.now(UTC)), engine=engine, blobs=blobs)
    second = await describe_scenes(work, StageSpan(datetime.now(UTC)), engine=engine, blobs=blobs)

    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


async def test_a_video_without_sound_has_an_empty_transcript(engine: InferenceEngine, blobs: BlobStore) -> None:
    """R-ING-04."""
    span = StageSpan(datetime.now(UTC))
    work = await work_with(blobs, {Stage.METADATA: work_pb2.StageResult(metadata=work_pb2.MetadataOutput())})
    result = await transcribe_audio(work, span, engine=engine, blobs=blobs)

    assert span.skipped_reason == "NO_AUDIO"
    assert result.transcription.skipped_reason == "NO_AUDIO"


async def test_without_a_recogniser_the_stage_is_skipped_and_not_failed(tmp_path: Path, blobs: BlobStore) -> None:
    engine = local_engine(tmp_path, model_dir=None)
    metadata = work_pb2.StageResult(metadata=work_pb2.MetadataOutput(audio=blob_pb2.BlobRef(key="audio")))
    span = StageSpan(datetime.now(UTC))
    await transcribe_audio(await work_with(blobs, {Stage.METADATA: metadata}), span, engine=engine, blobs=blobs)
    await engine.close()

    assert span.skipped_reason == "MODEL_UNAVAILABLE"


async def test_work_without_its_inputs_is_refused_for_good(engine: InferenceEngine, blobs: BlobStore) -> None:
    with pytest.raises(Corruption) as refusal:
        await transcribe_audio(
            work_pb2.StageWork(video_id="v_1"), StageSpan(datetime.now(UTC)), engine=engine, blobs=blobs
        )

    assert refusal.value.reason == "INPUT_MISSING"
    assert refusal.value.permanent
