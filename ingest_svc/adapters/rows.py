"""Rows of PostgreSQL to values and back. Columns that a newer schema adds are ignored.

A missing one is named (R-SCH-01).
"""

import json
from collections.abc import Iterable
from typing import Any

from chassis.core.stages import PIPELINE, Stage
from chassis.io.postgres import Row, record_value
from ingest_svc.domain.video import Failure, Step, StepState, Video, VideoState
from ingest_svc.ports import AttemptRow, SceneRow, TransitionRow, VideoRow

__all__ = [
    "attempt_row",
    "scene_row",
    "step_values",
    "steps_from",
    "transition_row",
    "video_from",
    "video_row",
    "video_values",
]


def _step(row: Row) -> Step:
    return Step(
        stage=Stage(record_value(row, "stage")),
        state=StepState(record_value(row, "state")),
        attempt=record_value(row, "attempt"),
        fence=record_value(row, "fence"),
        queued_at=record_value(row, "queued_at"),
        started_at=record_value(row, "started_at"),
        finished_at=record_value(row, "finished_at"),
        result_key=record_value(row, "result_key"),
        reason=record_value(row, "reason"),
        message=record_value(row, "message"),
        worker=record_value(row, "worker"),
        deliveries=record_value(row, "deliveries"),
    )


def steps_from(rows: Iterable[Row]) -> tuple[Step, ...]:
    """Return the steps of one video in the order of the pipeline; a stage without a row is pending."""
    found = {step.stage: step for step in map(_step, rows)}
    return tuple(found.get(stage, Step(stage)) for stage in PIPELINE)


def step_values(video_id: str, step: Step) -> tuple[Any, ...]:
    """Return the parameters of `upsert_step`."""
    return (
        video_id,
        step.stage,
        step.state,
        step.attempt,
        step.fence,
        step.queued_at,
        step.started_at,
        step.finished_at,
        step.result_key,
        step.reason,
        step.message,
        step.worker,
        step.deliveries,
    )


def video_from(row: Row, steps: Iterable[Row]) -> Video:
    """Return the progress of a video."""
    failed_stage = record_value(row, "failed_stage")
    failure = None
    if failed_stage is not None:
        failure = Failure(
            Stage(failed_stage), record_value(row, "error_reason") or "", record_value(row, "error_message") or ""
        )
    return Video(
        id=record_value(row, "id"),
        owner_id=record_value(row, "owner_id"),
        state=VideoState(record_value(row, "state")),
        stage=Stage(record_value(row, "stage")),
        generation=record_value(row, "generation"),
        fence=record_value(row, "fence"),
        steps=steps_from(steps),
        queued_at=record_value(row, "queued_at"),
        processing_started_at=record_value(row, "processing_started_at"),
        processing_finished_at=record_value(row, "processing_finished_at"),
        indexed_at=record_value(row, "indexed_at"),
        failure=failure,
        duration_ns=record_value(row, "duration_ns"),
        media_info=record_value(row, "media_info") or b"",
    )


def video_values(video: Video) -> tuple[Any, ...]:
    """Return the parameters of `update_video`."""
    failure = video.failure
    return (
        video.id,
        video.state,
        video.stage,
        video.generation,
        video.fence,
        video.queued_at,
        video.processing_started_at,
        video.processing_finished_at,
        video.indexed_at,
        failure.stage if failure else None,
        failure.reason if failure else None,
        failure.message if failure else None,
        video.duration_ns,
        video.media_info or None,
    )


def video_row(row: Row, steps: Iterable[Row]) -> VideoRow:
    """Return a video with everything that is shown of it."""
    plain = [
        "id",
        "owner_id",
        "stage",
        "generation",
        "filename",
        "mime_type",
        "size_bytes",
        "duration_ns",
        "media_info",
        "failed_stage",
        "error_reason",
        "error_message",
        "language",
        "scene_count",
        "created_at",
        "updated_at",
        "queued_at",
        "processing_started_at",
        "processing_finished_at",
        "indexed_at",
    ]
    attributes = record_value(row, "attributes")
    return VideoRow(
        **{name: record_value(row, name) for name in plain},
        state=VideoState(record_value(row, "state")),
        title=record_value(row, "title") or "",
        description=record_value(row, "description") or "",
        tags=tuple(record_value(row, "tags") or ()),
        attributes=json.loads(attributes) if attributes else {},
        thumbnail_key=record_value(row, "thumbnail_key") or "",
        steps=steps_from(steps),
    )


def scene_row(row: Row) -> SceneRow:
    """Return a scene; only what reading needs is filled in, the rest lies in the message."""
    return SceneRow(
        id=record_value(row, "id"),
        index=0,
        start_ns=0,
        end_ns=0,
        transcript_segment="",
        combined_text="",
        text_recipe="",
        message=record_value(row, "scene"),
        created_at=record_value(row, "created_at"),
    )


def attempt_row(row: Row) -> AttemptRow:
    """Return an attempt."""
    return AttemptRow(**{name: record_value(row, name) for name in AttemptRow.__dataclass_fields__})


def transition_row(row: Row) -> TransitionRow:
    """Return a change."""
    return TransitionRow(**{name: record_value(row, name) for name in TransitionRow.__dataclass_fields__})
