"""The waterfall of a video as the gateway prints it. Proto3 JSON may leave out what is empty: read with `.get`."""

from typing import TypedDict

__all__ = ["WaterfallAnswer", "WaterfallBar", "WaterfallGap", "WaterfallRun"]


class WaterfallBar(TypedDict, total=False):
    """One attempt at a stage; milliseconds."""

    processing_stage: str
    attempt: int
    outcome: str
    reason: str
    model: str
    worker: str
    start_ms: float
    duration_ms: float
    wait_ms: float
    critical_ms: float
    critical_pct: float
    cpu_ms: float
    gpu_ms: float
    energy_j: float
    model_calls: int
    is_clock_corrected: bool


class WaterfallGap(TypedDict, total=False):
    """Time in which nothing was in work; milliseconds."""

    start_ms: float
    duration_ms: float
    after_stage: str
    before_stage: str


class WaterfallRun(TypedDict, total=False):
    """One run; milliseconds, times are RFC 3339."""

    generation: int
    state: str
    failed_stage: str
    reason: str
    queued_at: str
    started_at: str
    finished_at: str
    bars: list[WaterfallBar]
    gaps: list[WaterfallGap]
    queue_ms: float
    processing_ms: float
    elapsed_ms: float
    covered_ms: float
    gap_ms: float
    overlap_ms: float
    span_ms: float
    cpu_ms: float
    gpu_ms: float
    model_calls: int
    is_backfilled: bool


class WaterfallAnswer(TypedDict, total=False):
    """Where every second of a video went."""

    video_id: str
    owner_id: str
    filename: str
    status: str
    duration_s: float
    runs: list[WaterfallRun]
    measured: int
    approximate: int
    missing: int
