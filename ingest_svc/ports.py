"""Rows as ingest_svc sees them, and the messages it decides to send."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.io.jetstream import Outgoing as Message
from ingest_svc.domain.video import Step, VideoState

__all__ = [
    "AttemptRow",
    "NewVideo",
    "SceneRow",
    "ScheduledMessage",
    "SourceFacts",
    "ToldVideo",
    "TransitionRow",
    "VideoRow",
]


@dataclass(frozen=True, slots=True)
class NewVideo:
    """What an upload leaves to be registered."""

    filename: str
    mime_type: str
    size_bytes: int
    sha256: str
    source_key: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    """A message and the earliest time to send it."""

    message: Message
    not_before: datetime


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a piece of work must know of its video."""

    source_key: str
    size_bytes: int
    sha256: str
    filename: str
    title: str
    duration_ns: int | None


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video with everything that is shown of it. Metadata is optional, so each part has an empty value (R-MET-03)."""

    id: str
    owner_id: str
    state: VideoState
    stage: str
    generation: int
    filename: str
    mime_type: str
    size_bytes: int
    duration_ns: int | None
    media_info: bytes | None
    failed_stage: str | None
    error_reason: str | None
    error_message: str | None
    language: str | None
    scene_count: int | None
    created_at: datetime
    updated_at: datetime
    queued_at: datetime
    processing_started_at: datetime | None
    processing_finished_at: datetime | None
    indexed_at: datetime | None
    title: str
    description: str
    tags: tuple[str, ...]
    attributes: Mapping[str, Any]
    thumbnail_key: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SceneRow:
    """A scene as stored: its id, position and the serialised message."""

    id: str
    index: int
    start_ns: int
    end_ns: int
    transcript_segment: str
    combined_text: str
    text_recipe: str
    message: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt at one stage."""

    generation: int
    stage: str
    number: int
    fence: int
    worker: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    reason: str
    message: str
    deliveries: int
    duration_ns: int | None


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """One change in the history of a video."""

    sequence: int
    stage: str | None
    step_state: str | None
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ToldVideo:
    """A video as metrics_svc is told of it; a later telling has a higher sequence."""

    id: str
    owner_id: str
    sequence: int
    filename: str
    state: str
    stage: str
    generation: int
    duration_ns: int | None
    size_bytes: int
    scene_count: int | None
    error_reason: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
