"""Domain values to protobuf and back, for this service's borders."""

import numpy as np

from chassis.core.ids import scene_id
from heimdex.inference.v1 import inference_service_pb2 as api
from heimdex.ingest.v1 import video_pb2, work_pb2
from inference_svc.adapters.model_files import Available, Unavailable
from inference_svc.domain.model_registry import Task
from inference_svc.domain.scene import SceneDescription, Tag
from inference_svc.domain.transcript import Segment, TrustMark, Word, join_words, words_between
from inference_svc.domain.vectors import Vector
from inference_svc.engine import Transcription
from inference_svc.model_pool import ModelStatus
from inference_svc.subjects import FoundSubjects, Subject

__all__ = [
    "PIPELINE_VERSION",
    "model_to_proto",
    "moment_to_proto",
    "segment_from_proto",
    "segment_to_proto",
    "skipped_to_proto",
    "spoken_between",
    "subjects_to_proto",
    "tag_to_proto",
    "transcript_to_proto",
    "vector_bytes",
    "vector_to_proto",
]

PIPELINE_VERSION = "1"
"""Part of every scene id: raise it when the same video is cut or described in a way that may not be mixed."""

_NS_PER_SECOND = 1_000_000_000


def segment_to_proto(segment: Segment) -> video_pb2.TranscriptSegment:
    """Encode a segment."""
    return video_pb2.TranscriptSegment(
        index=segment.index,
        start_s=segment.start,
        end_s=segment.end,
        text=segment.text,
        words=[_word_to_proto(word) for word in segment.words],
        trust_marks=[mark.value for mark in segment.marks],
    )


def segment_from_proto(message: video_pb2.TranscriptSegment) -> Segment:
    """Decode a segment.

    Raises:
        ValueError: A trust mark is unknown.
    """
    words = tuple(Word(word.text, word.start_s, word.end_s, word.probability) for word in message.words)
    marks = tuple(TrustMark(mark) for mark in message.trust_marks)
    return Segment(message.index, message.start_s, message.end_s, message.text, words, marks)


def transcript_to_proto(video: str, done: Transcription) -> video_pb2.Transcript:
    """Encode a transcript."""
    return video_pb2.Transcript(
        video_id=video,
        language=done.transcript.language,
        segments=[segment_to_proto(segment) for segment in done.transcript.segments],
        model=done.model,
        is_fixture_model=done.is_fixture,
    )


def spoken_between(segments: tuple[Segment, ...], start: float, end: float) -> tuple[str, tuple[Word, ...]]:
    """Return the trusted words that begin in [start, end), as a line and with their times.

    Untrusted segments stay in the transcript, marked, and out of the scenes, which are what is indexed.
    """
    trusted = [segment for segment in segments if segment.is_trusted]
    words = words_between(trusted, start, end)
    return join_words(words), words


def moment_to_proto(
    work: work_pb2.StageWork, index: int, shot: work_pb2.Shot, words: tuple[Word, ...], seen: SceneDescription
) -> work_pb2.Moment:
    """Encode a scene and its vectors. Its id comes from the video, the pipeline version and its first instant."""
    models = list(dict.fromkeys([*(tag.model for tag in seen.tags), *_recipe_models(seen)]))
    scene = video_pb2.Scene(
        id=scene_id(work.video_id, PIPELINE_VERSION, shot.span.start_ns),
        video_id=work.video_id,
        index=index,
        start_s=shot.span.start_ns / _NS_PER_SECOND,
        end_s=shot.span.end_ns / _NS_PER_SECOND,
        transcript_segment=join_words(words),
        visual_summary=seen.summary,
        combined_text=seen.text.combined,
        visual_entities=seen.entities,
        tags=[tag.label for tag in seen.tags],
        text_source=video_pb2.TextSource.Value(f"TEXT_SOURCE_{seen.text.source.value}"),
        ocr_lines=seen.ocr_lines,
        scored_tags=[tag_to_proto(tag) for tag in seen.tags],
        words=[_word_to_proto(word) for word in words],
        text_recipe=seen.text_recipe,
        models=models,
        thumbnail_key=shot.thumbnail.key,
    )
    return work_pb2.Moment(
        scene=scene,
        text_vector=vector_bytes(seen.text_vector),
        tags_vector=vector_bytes(seen.tags_vector),
        image_vector=vector_bytes(seen.image_vector),
        text_vector_recipe=seen.text_recipe,
        image_vector_recipe=seen.image_recipe,
    )


def vector_bytes(vector: Vector | None) -> bytes:
    """Encode float32[n] as little-endian bytes; None is empty."""
    return b"" if vector is None else np.asarray(vector, "<f4").tobytes()


def vector_to_proto(vector: Vector) -> api.Vector:
    """Encode a vector with its length."""
    return api.Vector(values_f32=vector_bytes(vector), dimensions=len(vector))


def tag_to_proto(tag: Tag) -> video_pb2.ScoredTag:
    """Encode a tag."""
    return video_pb2.ScoredTag(label=tag.label, score=tag.score, model=tag.model)


def skipped_to_proto(skipped: dict[str, str]) -> list[str]:
    """Encode capabilities that did not take part, `name: reason`, sorted."""
    return [f"{name}: {reason}" for name, reason in sorted(skipped.items())]


def subjects_to_proto(found: FoundSubjects) -> api.DetectSubjectsResponse:
    """Encode what was found in pictures."""
    return api.DetectSubjectsResponse(
        pictures=[
            api.PictureSubjects(
                faces=[_subject_to_proto(face) for face in picture.faces],
                objects=[_subject_to_proto(thing) for thing in picture.objects],
            )
            for picture in found.pictures
        ],
        models=found.models,
        skipped_capabilities=skipped_to_proto(found.skipped),
    )


def model_to_proto(status: ModelStatus, task: Task) -> api.Model:
    """Encode one line of the list of models; a model with two tasks has two lines."""
    spec, found = status.spec, status.resolution
    pending = "its weights are being looked for or downloaded" if found is None else ""
    return api.Model(
        name=spec.name,
        task=api.ModelTask.Value(f"MODEL_TASK_{task.name}"),
        revision=spec.revision,
        licence=spec.licence,
        dimensions=spec.dimensions,
        is_available=isinstance(found, Available),
        unavailable_reason=found.reason if isinstance(found, Unavailable) else pending,
        fix_command=found.fix_command if isinstance(found, Unavailable) else "",
        source=found.via.value if isinstance(found, Available) else "",
        device=status.device,
        is_fixture=spec.is_fixture,
        is_selected=task in status.selected_tasks,
    )


def _word_to_proto(word: Word) -> video_pb2.Word:
    return video_pb2.Word(text=word.text, start_s=word.start, end_s=word.end, probability=word.probability)


def _subject_to_proto(subject: Subject) -> api.Subject:
    return api.Subject(
        label=subject.label,
        score=subject.score,
        left=subject.left,
        top=subject.top,
        width=subject.width,
        height=subject.height,
    )


def _recipe_models(seen: SceneDescription) -> list[str]:
    return [recipe.split(":", 1)[0] for recipe in (seen.text_recipe, seen.image_recipe) if recipe]
