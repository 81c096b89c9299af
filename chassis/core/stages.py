"""Where a video can be, how a piece of work can end, and the record of one that did."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = ["PIPELINE", "Outcome", "Stage", "StageRecord"]


class Stage(StrEnum):
    """The stages in order of display. The proto enum holds the same words (a contract test compares them)."""

    QUEUED = "queued"
    DOWNLOADING = "downloading"
    METADATA = "metadata"
    SCENE_DETECTION = "scene_detection"
    TRANSCRIPTION = "transcription"
    SCENE_PROCESSING = "scene_processing"
    INDEXING = "indexing"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPORTING = "exporting"


PIPELINE: tuple[Stage, ...] = (
    Stage.DOWNLOADING,
    Stage.METADATA,
    Stage.SCENE_DETECTION,
    Stage.TRANSCRIPTION,
    Stage.SCENE_PROCESSING,
    Stage.INDEXING,
    Stage.FINALIZING,
)
"""The stages that do work, in order of display."""


class Outcome(StrEnum):
    """How a piece of work ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One piece of work that ended: the source of a log line, a histogram sample and a stage event.

    `started_at` and `finished_at` are wall time. `duration_ns` is monotonic and never negative; None where nobody
    measured it, as of work whose worker was killed. What was not counted is None, never 0.
    """

    video_id: str
    owner_id: str
    generation: int
    stage: Stage
    attempt: int
    fence: int
    outcome: Outcome
    reason: str
    queued_at: datetime
    started_at: datetime
    finished_at: datetime
    duration_ns: int | None
    video_duration_ns: int | None = None
    items: int | None = None
    bytes_read: int | None = None
    model: str = ""
    worker: str = ""
    cpu_ns: int | None = None
    gpu_ns: int | None = None
    energy_uj: int | None = None
    model_calls: int | None = None
    worker_slots: int = 0

    @property
    def event_id(self) -> str:
        """Identity of the record; the same work reported twice has the same one."""
        return f"{self.video_id}/{self.generation}/{self.stage}/{self.fence}"
