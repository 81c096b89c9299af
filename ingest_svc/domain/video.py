"""A video as far as its progress goes: its state, its steps, and which stage needs which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from chassis.core.stages import PIPELINE, Stage

__all__ = ["NEEDS", "Failure", "Step", "StepState", "Video", "VideoState"]

NEEDS: Mapping[Stage, tuple[Stage, ...]] = MappingProxyType(
    {
        Stage.DOWNLOADING: (),
        Stage.METADATA: (Stage.DOWNLOADING,),
        Stage.SCENE_DETECTION: (Stage.METADATA,),
        Stage.TRANSCRIPTION: (Stage.METADATA,),
        Stage.SCENE_PROCESSING: (Stage.SCENE_DETECTION, Stage.TRANSCRIPTION),
        Stage.INDEXING: (Stage.SCENE_PROCESSING,),
        Stage.FINALIZING: (Stage.INDEXING,),
    }
)
"""What must be done before a stage can start."""


class VideoState(StrEnum):
    """What became of a video."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {VideoState.READY, VideoState.FAILED, VideoState.CANCELLED}


class StepState(StrEnum):
    """How far one stage of the current run is."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether the next stages may rely on it."""
        return self in {StepState.DONE, StepState.SKIPPED}

    @property
    def is_open(self) -> bool:
        """Whether somebody is asked to do it."""
        return self in {StepState.QUEUED, StepState.RUNNING}


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the current run: its last attempt."""

    stage: Stage
    state: StepState = StepState.PENDING
    attempt: int = 0
    fence: int = 0
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result_key: str = ""
    reason: str = ""
    message: str = ""
    worker: str = ""
    deliveries: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a video failed."""

    stage: Stage
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Video:
    """A video as far as its progress goes. `steps` holds every stage of PIPELINE in order."""

    id: str
    owner_id: str
    state: VideoState
    stage: Stage
    generation: int
    fence: int
    steps: tuple[Step, ...]
    queued_at: datetime
    processing_started_at: datetime | None = None
    processing_finished_at: datetime | None = None
    indexed_at: datetime | None = None
    failure: Failure | None = None
    duration_ns: int | None = None
    media_info: bytes = b""

    def step(self, stage: Stage) -> Step:
        """Return the step of a stage."""
        return self.steps[PIPELINE.index(stage)]
