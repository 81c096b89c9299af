"""`python -m bench.bare_pipeline FOLDER`: the whole work on a video in one process, without a mesh.

Which work: the functions that ingest_svc runs in its sandboxed children (PyAV probe, sound, PySceneDetect, keyframes),
the engine of inference_svc (faster-whisper, picture, text and on-screen-text models) and the Milvus Lite store of
index_svc, all called in this process, with scene detection and transcription side by side as in the mesh. So the
libraries, models and settings are equal by construction, and what differs is the mesh: upload, processes, queues,
database, object store, events.

Reads one JSON line {"path", "video"} per request and answers one {"seconds", "scenes"}; the first line is {"ready"}.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.core.ids import derived_id, scene_id
from chassis.io.settings import load
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.domain.moment import Moment, MomentText, Record
from inference_svc.adapters.model_files import Unavailable
from inference_svc.codec import spoken_between
from inference_svc.domain.model_registry import Task
from inference_svc.domain.scene import SceneDescription, SceneInput
from inference_svc.domain.transcript import Segment
from inference_svc.engine import InferenceEngine
from inference_svc.settings import ModelSettings
from ingest_svc.adapters.media_child import detecting, probing
from ingest_svc.domain.keyframes import Scene
from ingest_svc.domain.media_limits import SandboxLimits
from ingest_svc.domain.media_report import (
    ProbeResult,
    SceneDetectionResult,
    SceneOptions,
    audio_only_scenes,
    read_probe,
    read_scenes,
)
from ingest_svc.domain.probe import AcceptanceLimits

__all__ = ["BarePipeline"]

_NS = 1_000_000_000
_AUDIO = "audio.flac"
_OWNER = "u_bench"


@dataclass(frozen=True, slots=True)
class BarePipeline:
    """The work, step by step."""

    engine: InferenceEngine
    store: MilvusStore
    options: SceneOptions

    async def process(self, path: Path, video: str) -> list[dict[str, Any]]:
        """Probe, cut, transcribe, describe, index; return the scenes as a user of the mesh would see them."""
        with tempfile.TemporaryDirectory(prefix="heimdex-bare-") as scratch:
            folder = Path(scratch)
            probed = await asyncio.to_thread(self._probe, path, folder)
            async with asyncio.TaskGroup() as group:
                cutting = group.create_task(asyncio.to_thread(self._cut, path, folder, probed))
                hearing = group.create_task(self._hear(probed))
            scenes, segments = cutting.result().scenes, hearing.result()
            described = [
                await self._describe(folder, scene, segments, is_last=number + 1 == len(scenes))
                for number, scene in enumerate(scenes)
            ]
            moments = tuple(
                _moment(video, path.name, number, scene, text, seen)
                for number, (scene, (text, seen)) in enumerate(zip(scenes, described, strict=True))
            )
            await self.store.upsert_video(_OWNER, video, 1, moments)
        return [_public(scene, text, seen) for scene, (text, seen) in zip(scenes, described, strict=True)]

    def _probe(self, path: Path, folder: Path) -> ProbeResult:
        accepted = AcceptanceLimits()
        request = {
            "path": str(path),
            "out_dir": str(folder),
            "audio_name": _AUDIO,
            "max_pixels": accepted.max_pixels,
            "max_duration_seconds": accepted.max_duration_seconds,
        }
        return read_probe(_as_json(probing.run(request, _silent)), out_dir=folder, audio_name=_AUDIO)

    def _cut(self, path: Path, folder: Path, probed: ProbeResult) -> SceneDetectionResult:
        facts, options = probed.facts, self.options
        if facts.video is None:
            return audio_only_scenes(facts, options)
        request = {
            "path": str(path),
            "out_dir": str(folder),
            "stream_index": facts.video.index,
            "duration_ns": facts.duration_ns,
            "max_pixels": AcceptanceLimits().max_pixels,
            "threads": SandboxLimits().threads,
            "threshold": options.threshold,
            "min_shot_seconds": options.min_shot_seconds,
            "slot_ns": options.slot_ns,
            "keyframe_max_side": options.keyframe_max_side,
            "thumbnail_max_side": options.thumbnail_max_side,
        }
        return read_scenes(_as_json(detecting.run(request, _silent)), out_dir=folder, facts=facts, options=options)

    async def _hear(self, probed: ProbeResult) -> tuple[Segment, ...]:
        if probed.audio is None or isinstance(await self.engine.pool.select(Task.ASR), Unavailable):
            return ()
        return (await self.engine.transcribe(probed.audio.path)).transcript.segments

    async def _describe(
        self, folder: Path, scene: Scene, segments: tuple[Segment, ...], *, is_last: bool
    ) -> tuple[str, SceneDescription]:
        end = float("inf") if is_last else scene.span.end_ns / _NS
        text, _words = spoken_between(segments, scene.span.start_ns / _NS, end)
        keyframes = tuple((folder / frame.file_name).read_bytes() for frame in scene.keyframes)
        return text, await self.engine.describe_scene(SceneInput(keyframes, text, ""))


def _moment(  # noqa: PLR0917  # the six parts of a moment
    video: str, filename: str, number: int, scene: Scene, text: str, seen: SceneDescription
) -> Moment:
    labels = tuple(tag.label for tag in seen.tags)
    record = Record(
        scene_id=scene_id(video, "1", scene.span.start_ns),
        video_id=video,
        owner_id=_OWNER,
        generation=1,
        index=number,
        span=scene.span,
        text=MomentText(speech=text, on_screen="\n".join(seen.ocr_lines), tags=labels, filename=filename),
        payload=json.dumps(_public(scene, text, seen)).encode(),
    )
    recipe = derived_id("r", seen.text_recipe) if seen.text_recipe else ""
    return Moment(record, text_vector=seen.text_vector, tags_vector=seen.tags_vector, text_recipe=recipe)


def _public(scene: Scene, text: str, seen: SceneDescription) -> dict[str, Any]:
    return {
        "start_s": scene.span.start_ns / _NS,
        "end_s": scene.span.end_ns / _NS,
        "transcript_segment": text,
        "ocr_lines": list(seen.ocr_lines),
        "tags": [tag.label for tag in seen.tags],
    }


def _as_json(answer: Mapping[str, object]) -> Any:
    """Return what the parent of a child would read: the answer after a trip through JSON."""
    return json.loads(json.dumps(answer))


def _silent(_fraction: float) -> None:
    """Hear of progress and tell nobody."""


async def _serve(folder: Path) -> None:
    engine, store = InferenceEngine(load(ModelSettings)), MilvusStore(str(folder / "moments.db"))
    await store.open()
    # The mesh's defaults (ingest_svc.settings): a shorter shot than 0.6 s is no scene.
    pipeline = BarePipeline(engine, store, SceneOptions(threshold=27.0, min_shot_seconds=0.6))
    _tell({"ready": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        began = time.perf_counter()
        scenes = await pipeline.process(Path(request["path"]), request["video"])
        _tell({"seconds": time.perf_counter() - began, "scenes": scenes})
    await store.close()
    await engine.close()


def _tell(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
