"""The JSON of shorts, as types; every key may be missing: read with `.get`."""

from typing import TypedDict

__all__ = [
    "TERMINAL_EXPORT_STATES",
    "CheckReport",
    "Export",
    "ExportPage",
    "ExportQuota",
    "ExportSegment",
    "Proposals",
    "ShortProposal",
    "ShortReason",
]

TERMINAL_EXPORT_STATES = frozenset(
    {"EXPORT_STATE_COMPLETED", "EXPORT_STATE_FAILED", "EXPORT_STATE_CANCELLED", "EXPORT_STATE_EXPIRED"}
)
"""The work on an export in one of these is over."""


class ExportSegment(TypedDict, total=False):
    """One stretch: a scene, or a video with both times in seconds."""

    scene: str
    video: str
    start_s: float
    end_s: float


class CheckReport(TypedDict, total=False):
    """What was measured of the file; what could not be measured is missing."""

    verdict: str
    reasons: list[str]
    duration_s: float
    expected_duration_s: float
    av_sync_ms: float
    width_px: int
    height_px: int
    frame_rate: float
    black_frames_pct: float
    frozen_frames_pct: float
    loudness_lufs: float
    true_peak_dbtp: float
    subject_inside_pct: float
    path_jitter: float
    captions_safe_pct: float
    picture_format: str
    sound_format: str
    is_faststart: bool


class Export(TypedDict, total=False):
    """An export; `status` is e.g. `EXPORT_STATE_COMPLETED`, times are RFC 3339, lengths in seconds."""

    id: str
    scene_id: str
    user_id: str
    status: str
    storage_path: str
    file_size_bytes: str
    duration_s: float
    resolution: str
    error_message: str
    created_at: str
    completed_at: str
    expires_at: str
    error_reason: str
    segments: list[ExportSegment]
    cuts: list[ExportSegment]
    aspect_ratio: str
    aspect_ratio_strategy: str
    used_strategy: str
    output_quality: str
    caption_style: str
    snap_to_words: bool
    progress_pct: float
    attempt: int
    started_at: str
    download_url: str
    download_url_expires_at: str
    captions_srt_url: str
    captions_vtt_url: str
    thumbnail_url: str
    check_report: CheckReport
    notes: list[str]
    is_stream_copy: bool
    etag: str


class ExportPage(TypedDict, total=False):
    """A page of exports, newest first."""

    exports: list[Export]
    next_page_token: str


class ExportQuota(TypedDict, total=False):
    """How many exports there are in 24 hours, and how many are left; zeros may be missing."""

    limit: int
    used: int
    remaining: int
    reset_at: str


class ShortReason(TypedDict, total=False):
    """One reason for a proposal; `strength` is 0 to 1."""

    kind: str
    strength: float
    message: str


class ShortProposal(TypedDict, total=False):
    """One stretch that would make a short."""

    start_s: float
    end_s: float
    score: float
    reasons: list[ShortReason]
    text: str
    scene_ids: list[str]


class Proposals(TypedDict, total=False):
    """Stretches, best first; `missing` says what is not known of the video."""

    proposals: list[ShortProposal]
    missing: list[str]
