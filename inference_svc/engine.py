"""What the models can do together: write down speech, embed texts and pictures, describe a scene.

A capability whose model is not here is left out and named, never faked and never a failure of the whole.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chassis.core.errors import Corruption
from chassis.io.spending import charged, metered
from inference_svc.adapters.audio_reader import read_audio
from inference_svc.adapters.image_reader import read_image
from inference_svc.adapters.model_files import Unavailable
from inference_svc.domain.detections import Detection
from inference_svc.domain.model_registry import ModelSpec, Task
from inference_svc.domain.preprocess import Image, distinct
from inference_svc.domain.scene import (
    COMBINED_TEXT_VERSION,
    SceneDescription,
    SceneInput,
    Tag,
    TextLine,
    combine_text,
    merge_lines,
    merge_tags,
    summarise,
    tag_of,
)
from inference_svc.domain.transcript import RawSegment, Transcript, normalise_segments
from inference_svc.domain.vectors import Matrix, Vector, mean_direction
from inference_svc.model_pool import ModelPool, Selection
from inference_svc.ports import AudioJob, Recognition, TaggedImage
from inference_svc.settings import ModelSettings

__all__ = ["Embedded", "InferenceEngine", "Look", "Transcription"]

_MAX_TAGS = 12
_MAX_LINES = 24
_TASKS_OF_A_LOOK = (Task.IMAGE_TAGS, Task.OBJECT_DETECTION, Task.OCR, Task.IMAGE_EMBEDDING)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors, and what made them."""

    rows: Matrix
    """float32[n, dimensions], rows L2-normalised, in the order of the request."""
    model: str
    """`name@revision`."""
    recipe: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """A transcript, and what made it."""

    transcript: Transcript
    model: str
    """`name@revision`."""
    is_fixture: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What the picture models said about the keyframes of one scene."""

    tags: tuple[Tag, ...]
    entities: tuple[str, ...]
    lines: tuple[str, ...]
    vector: Vector | None
    recipe: str
    skipped: dict[str, str]


class InferenceEngine:
    """The models as one thing. All methods may be called concurrently."""

    def __init__(self, settings: ModelSettings, pool: ModelPool | None = None) -> None:
        """Open the models; the text encoder is loaded ahead, so that the first search is as fast as the second."""
        self.pool = pool or ModelPool(settings)
        self._settings = settings
        self.pool.warm(Task.TEXT_EMBEDDING)

    async def close(self) -> None:
        """Close all models; see `ModelPool.close`."""
        await asyncio.to_thread(self.pool.close)

    async def embed_texts(self, texts: Sequence[str]) -> Embedded:
        """Turn texts into vectors; equal texts give equal bytes on a CPU.

        Raises:
            NotReady: No text model is here.
            Overloaded, DeadlineExceeded, Stopping, UpstreamUnavailable: As `ModelWorker.run`.
        """
        selection = await self.pool.require(Task.TEXT_EMBEDDING)
        rows = await self.pool.run(selection, texts)
        stacked = np.stack(rows) if rows else np.empty((0, selection.spec.dimensions), np.float32)
        return Embedded(stacked, selection.spec.label, _text_recipe(selection.spec))

    async def transcribe(
        self,
        audio: Path,
        *,
        language: str = "",
        on_progress: Callable[[float], None] | None = None,
        on_segment: Callable[[RawSegment], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Transcription:
        """Write down a sound file. The callbacks run in the model's thread.

        Raises:
            NotReady: No speech model is here.
            UnreadableMedia: The file holds no sound that can be read.
            InvalidInput: It is too long, or the language is unknown.
            Stopping: It was cancelled.
            Overloaded, DeadlineExceeded, UpstreamUnavailable: As `ModelWorker.run`.
        """
        selection = await self.pool.require(Task.ASR)
        samples = await asyncio.to_thread(charged(read_audio), audio, max_seconds=self._settings.max_audio_seconds)
        job = AudioJob(samples, language, on_progress, on_segment, is_cancelled)
        heard: Recognition = (await self.pool.run(selection, [job]))[0]
        segments = normalise_segments(heard.segments, duration=heard.duration, voiced=heard.voiced)
        spoken = heard.language if segments else ""
        transcript = Transcript(spoken, heard.language_probability, heard.duration, heard.voiced, segments)
        return Transcription(transcript, selection.spec.label, selection.spec.is_fixture)

    async def look(self, keyframes: Sequence[bytes]) -> Look:
        """Ask every picture model about the encoded keyframes of one scene (JPEG, PNG or WebP).

        Raises:
            InvalidInput: A keyframe is no picture.
            Overloaded, DeadlineExceeded, Stopping, UpstreamUnavailable: As `ModelWorker.run`.
        """
        images = [await asyncio.to_thread(charged(read_image), encoded) for encoded in keyframes]
        selected = {task: await self.pool.select(task) for task in _TASKS_OF_A_LOOK}
        skipped = {task.value: found.reason for task, found in selected.items() if isinstance(found, Unavailable)}
        here = {task: found for task, found in selected.items() if isinstance(found, Selection)}
        if not images:
            return Look((), (), (), None, "", skipped)
        try:
            async with asyncio.TaskGroup() as group:
                tagging = group.create_task(metered(self._tagged(here, images, skipped)))
                detecting = group.create_task(metered(self._detected(here.get(Task.OBJECT_DETECTION), images, skipped)))
                reading = group.create_task(metered(self._read(here.get(Task.OCR), images, skipped)))
        except ExceptionGroup as failures:
            # Callers map one error to one status; the others are consequences of the same trouble.
            raise failures.exceptions[0] from failures
        tags, vector, recipe = tagging.result()
        objects = detecting.result()
        merged_objects = merge_tags(objects, limit=_MAX_TAGS)
        return Look(
            tags=merge_tags([*tags, *objects], limit=_MAX_TAGS),
            entities=tuple(tag.label for tag in merged_objects),
            lines=merge_lines(reading.result(), limit=_MAX_LINES),
            vector=vector,
            recipe=recipe,
            skipped=skipped,
        )

    async def describe_scene(self, scene: SceneInput) -> SceneDescription:
        """Look at the keyframes, put the scene's text together, and turn text and tags into vectors.

        Raises:
            InvalidInput: A keyframe is no picture.
            Overloaded, DeadlineExceeded, Stopping, UpstreamUnavailable: As `ModelWorker.run`.
        """
        look = await self.look(scene.keyframes)
        names = [name for tag in look.tags for name in (tag.label, *tag.synonyms)]
        text = combine_text(transcript=scene.transcript, title=scene.title, lines=look.lines, tags=names)
        skipped = dict(look.skipped)
        texts = [text.combined, *([", ".join(names)] if names else [])]
        selected = await self.pool.select(Task.TEXT_EMBEDDING)
        rows: list[Vector] = []
        if isinstance(selected, Unavailable):
            skipped[Task.TEXT_EMBEDDING.value] = selected.reason
        else:
            rows = await self._capable(selected, texts, Task.TEXT_EMBEDDING, skipped)
        return SceneDescription(
            tags=look.tags,
            entities=look.entities,
            ocr_lines=look.lines,
            summary=summarise([tag.label for tag in look.tags], look.lines),
            text=text,
            text_vector=rows[0] if rows else None,
            text_recipe=_text_recipe(selected.spec) if rows and isinstance(selected, Selection) else "",
            tags_vector=rows[1] if len(rows) > 1 else None,
            image_vector=look.vector,
            image_recipe=look.recipe,
            skipped=skipped,
        )

    async def _tagged(
        self, here: dict[Task, Selection], images: list[Image], skipped: dict[str, str]
    ) -> tuple[list[list[Tag]], Vector | None, str]:
        """Labels per picture, and the scene's picture vector; one run where one model gives both."""
        tagger, encoder = here.get(Task.IMAGE_TAGS), here.get(Task.IMAGE_EMBEDDING)
        tagged: list[TaggedImage] = await self._capable(tagger, images, Task.IMAGE_TAGS, skipped)
        model = tagger.spec.label if tagger else ""
        tags = [[tag_of(label, score, model) for label, score in image.labels] for image in tagged]
        if encoder is None:
            return tags, None, ""
        if tagger is not None and encoder.spec.name == tagger.spec.name:
            rows = [image.embedding for image in tagged]
        elif Task.IMAGE_TAGS in encoder.spec.tasks:
            rows = [image.embedding for image in await self._capable(encoder, images, Task.IMAGE_EMBEDDING, skipped)]
        else:
            rows = await self._capable(encoder, images, Task.IMAGE_EMBEDDING, skipped)
        return (tags, mean_direction(np.stack(rows)), str(encoder.spec.recipe)) if rows else (tags, None, "")

    async def _detected(
        self, selection: Selection | None, images: list[Image], skipped: dict[str, str]
    ) -> list[list[Tag]]:
        found: list[tuple[Detection, ...]] = await self._capable(selection, images, Task.OBJECT_DETECTION, skipped)
        model = selection.spec.label if selection else ""
        return [[Tag(thing.label, thing.score, model) for thing in picture] for picture in found]

    async def _read(
        self, selection: Selection | None, images: list[Image], skipped: dict[str, str]
    ) -> list[tuple[TextLine, ...]]:
        # Reading is by far the slowest look, and a still shot says the same in all its keyframes.
        chosen = [images[place] for place in distinct(images)] if selection else []
        return await self._capable(selection, chosen, Task.OCR, skipped)

    async def _capable(
        self, selection: Selection | None, items: Sequence[object], task: Task, skipped: dict[str, str]
    ) -> list[Any]:
        """Run items; a model whose files turn out to be bad is left out and named like one that is not here."""
        if selection is None:
            return []
        try:
            return await self.pool.run(selection, items)
        except Corruption as error:
            skipped[task.value] = error.message
            return []


def _text_recipe(spec: ModelSpec) -> str:
    return f"{spec.recipe}+text{COMBINED_TEXT_VERSION}"
