"""The JSON that the gateway prints, as types: proto field names, int64 as strings, enums by name.

Proto3 JSON leaves out what is empty, so every key may be missing: read with `.get`.
"""

from typing import Any, TypedDict

__all__ = [
    "Latency",
    "Metadata",
    "Model",
    "Rtf",
    "Scene",
    "SearchAnswer",
    "SearchResult",
    "SignalMatch",
    "SignalReport",
    "StagePerformance",
    "StageRow",
    "Status",
    "Step",
    "Video",
    "VideoPage",
    "WatchEvent",
]


class Status(TypedDict, total=False):
    """google.rpc.Status."""

    code: int
    message: str
    details: list[dict[str, Any]]


class Metadata(TypedDict, total=False):
    """What people say about a video."""

    title: str
    description: str
    tags: list[str]
    attributes: dict[str, Any]
    thumbnail_url: str


class Step(TypedDict, total=False):
    """How far one stage of a run is; times are RFC 3339."""

    stage: str
    state: str
    attempts: int
    reason: str
    message: str
    queued_at: str
    started_at: str
    finished_at: str


class Video(TypedDict, total=False):
    """A video; `state` is e.g. `VIDEO_STATE_READY`, `stage` e.g. `STAGE_INDEXING`."""

    id: str
    name: str
    state: str
    stage: str
    metadata: Metadata
    filename: str
    mime_type: str
    size_bytes: str
    duration_s: float
    media_info: dict[str, Any]
    error: Status
    created_at: str
    indexed_at: str
    queued_at: str
    processing_started_at: str
    processing_finished_at: str
    processing_duration_ms: str
    processing_stage: str
    generation: int
    scene_count: int
    language: str
    steps: list[Step]
    updated_at: str
    etag: str


class VideoPage(TypedDict, total=False):
    """A page of videos, newest first."""

    videos: list[Video]
    next_page_token: str


class WatchEvent(TypedDict, total=False):
    """One change of a video, and the video as it is now."""

    sequence: str
    stage: str
    step_state: str
    at: str
    video: Video


class Scene(TypedDict, total=False):
    """One stretch of a video between two cuts; times in seconds."""

    id: str
    video_id: str
    index: int
    start_s: float
    end_s: float
    transcript_segment: str
    visual_summary: str
    combined_text: str
    thumbnail_url: str
    tags: list[str]
    text_source: str
    ocr_lines: list[str]
    models: list[str]


class SignalMatch(TypedDict, total=False):
    """One reason why a moment was found."""

    signal: str
    score: float
    rank: int
    snippet: str


class SearchResult(TypedDict, total=False):
    """One moment."""

    scene: Scene
    score: float
    matches: list[SignalMatch]


class SignalReport(TypedDict, total=False):
    """Whether a signal took part in a search."""

    signal: str
    is_used: bool
    reason: str
    candidates: int
    weight: float


class SearchAnswer(TypedDict, total=False):
    """Moments, best first."""

    results: list[SearchResult]
    next_page_token: str
    signals: list[SignalReport]
    latency_ms: float


class Model(TypedDict, total=False):
    """A model the mesh knows."""

    name: str
    task: str
    revision: str
    licence: str
    dimensions: int
    is_available: bool
    unavailable_reason: str
    fix_command: str
    source: str
    device: str
    is_fixture: bool
    is_selected: bool


class StageRow(TypedDict, total=False):
    """Latency of one stage and outcome, milliseconds."""

    processing_stage: str
    outcome: str
    model: str
    count: str
    avg_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    sum_ms: float
    avg_wait_ms: float
    buckets: list[dict[str, Any]]


class StagePerformance(TypedDict, total=False):
    """Latency per stage and outcome."""

    data: list[StageRow]
    measured: str
    approximate: str
    missing: str


class Latency(TypedDict, total=False):
    """How long videos that became ready took, milliseconds."""

    videos_measured: str
    avg_processing_ms: float
    p50_processing_ms: float
    p95_processing_ms: float
    p99_processing_ms: float
    avg_queue_ms: float
    avg_total_ms: float


class Rtf(TypedDict, total=False):
    """Processing seconds per second of video."""

    videos_measured: str
    avg_rtf: float
    p50_rtf: float
    p95_rtf: float
    p99_rtf: float
    avg_video_duration_s: float
    avg_processing_duration_s: float
