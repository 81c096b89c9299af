import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from chassis.core.errors import InvalidInput, NotReady, Stopping
from inference_svc.adapters.model_files import Unavailable
from inference_svc.domain.model_registry import Task
from inference_svc.domain.scene import SceneInput, TextSource
from inference_svc.domain.vectors import cosine
from inference_svc.engine import InferenceEngine
from tests.support.inference_models import keyframes, local_engine
from tests.support.shared import MEDIA, needs_shared

REEL = MEDIA / "derived/objects_reel_noaudio.mp4"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[InferenceEngine]:
    opened = local_engine(tmp_path)
    yield opened
    await opened.close()


@needs_shared
async def test_the_scenes_of_a_reel_are_described(engine: InferenceEngine) -> None:
    """R-ING-07, R-ING-11: every scene has vectors of the declared length, and a query lies nearest to its scene."""
    times = (1.0, 3.0, 5.0, 7.0, 8.5, 10.0)
    scenes = [await engine.describe_scene(SceneInput((picture,), "", "")) for picture in keyframes(REEL, times)]
    first = [scene.tags[0].label for scene in scenes]
    queries = (await engine.embed_texts(["macaw", "parrot", "espresso"])).rows
    nearest = [
        int(np.argmax([cosine(query, scene.tags_vector) for scene in scenes if scene.tags_vector is not None]))
        for query in queries
    ]

    assert "macaw" in first[2]
    assert {"espresso", "cup"} <= {tag.label for tag in scenes[1].tags}
    assert nearest == [2, 2, 1]
    assert scenes[2].summary.startswith("Likely: macaw")
    assert all(scene.text.source is TextSource.PLACEHOLDER for scene in scenes)
    assert all(scene.text_vector is not None and scene.text_vector.shape == (384,) for scene in scenes)
    assert all(scene.image_vector is not None and scene.image_vector.shape == (1280,) for scene in scenes)
    assert {tag.model.split("@")[0] for tag in scenes[1].tags} == {"mobilenet_v2_imagenet", "yolox_nano_coco"}
    assert all(not scene.skipped for scene in scenes)


@needs_shared
async def test_a_fixture_recogniser_says_that_it_is_one(engine: InferenceEngine) -> None:
    done = await engine.transcribe(MEDIA / "speech/jfk.flac")

    assert done.is_fixture
    assert done.model.startswith("whisper-fixture@")
    assert done.transcript.language == "en"


@needs_shared
async def test_silence_has_no_language(engine: InferenceEngine) -> None:
    done = await engine.transcribe(MEDIA / "derived/silent_audio.mov")

    assert (done.transcript.segments, done.transcript.language) == ((), "")


async def test_what_is_missing_is_named_and_nothing_fails(tmp_path: Path) -> None:
    """A machine without weights but those in wheels: text and OCR work, the rest is named with its remedy."""
    engine = local_engine(tmp_path, model_dir=None)
    speech = await engine.pool.select(Task.ASR)
    scene = await engine.describe_scene(SceneInput((), "ask not what your country can do", ""))

    assert isinstance(speech, Unavailable)
    assert speech.fix_command == f"{sys.executable} -m inference_svc.pull faster-whisper-base"
    assert set(scene.skipped) == {"image_tags", "image_embedding", "object_detection"}
    assert scene.text.source is TextSource.TRANSCRIPT
    assert scene.text_vector is not None
    with pytest.raises(NotReady) as refusal:
        await engine.transcribe(tmp_path / "x")
    assert refusal.value.reason == "MODEL_UNAVAILABLE"
    await engine.close()


async def test_a_task_can_be_switched_off(tmp_path: Path) -> None:
    engine = local_engine(tmp_path, disabled_tasks=("text_embedding", "ocr"))
    scene = await engine.describe_scene(SceneInput((), "", "My Holiday"))

    assert scene.text_vector is None
    assert {"text_embedding", "ocr"} <= set(scene.skipped)
    await engine.close()


@needs_shared
async def test_a_broken_picture_is_the_callers_fault(engine: InferenceEngine) -> None:
    with pytest.raises(InvalidInput):
        await engine.describe_scene(SceneInput((b"no picture",), "", ""))


@needs_shared
async def test_the_list_of_models_says_what_is_in_use(engine: InferenceEngine) -> None:
    for task in Task:
        await engine.pool.select(task)
    used = {task: status.spec.name for status in engine.pool.statuses() for task in status.selected_tasks}

    assert used == {
        Task.ASR: "whisper-fixture",
        Task.TEXT_EMBEDDING: "all-minilm-l6-v2",
        Task.IMAGE_TAGS: "mobilenet_v2_imagenet",
        Task.IMAGE_EMBEDDING: "mobilenet_v2_imagenet",
        Task.OBJECT_DETECTION: "yolox_nano_coco",
        Task.OCR: "rapidocr-ppocrv6-small",
        Task.FACE_DETECTION: "yunet_face",
    }


async def test_a_closed_engine_refuses(tmp_path: Path) -> None:
    engine = local_engine(tmp_path)
    await engine.embed_texts(["x"])
    await engine.close()
    with pytest.raises(Stopping):
        await engine.embed_texts(["x"])
