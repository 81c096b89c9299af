"""What can happen to a video, and what can follow from it."""

from dataclasses import dataclass
from datetime import datetime

from chassis.core.stages import Outcome, Stage
from ingest_svc.domain.lengths import AttemptLength, RunLength
from ingest_svc.domain.video import Step

__all__ = [
    "CancelRequested",
    "DeadLetter",
    "Dispatch",
    "Ended",
    "Fact",
    "Lost",
    "Outgoing",
    "ReprocessRequested",
    "RunEnded",
    "Started",
]


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has begun."""

    stage: Stage
    fence: int
    at: datetime
    worker: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has ended; CANCELLED gives the work back."""

    stage: Stage
    fence: int
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    result_key: str = ""
    reason: str = ""
    message: str = ""
    is_permanent: bool = False
    worker: str = ""
    media_info: bytes = b""
    duration_ns: int | None = None
    """Length of the video; that of the work is in `lengths`."""
    deliveries: int = 0
    lengths: tuple[AttemptLength, ...] = ()
    """What was measured: true of its attempts whatever becomes of the answer."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Work that was handed out is nowhere any more."""

    stage: Stage
    fence: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The owner wants it to stop."""


@dataclass(frozen=True, slots=True)
class ReprocessRequested:
    """The owner wants it to run again from a stage on."""

    from_stage: Stage


Fact = Started | Ended | Lost | CancelRequested | ReprocessRequested


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Hand a stage out, not before a time."""

    step: Step
    not_before: datetime
    replaces: Step | None = None
    """The attempt before it, as that one ended; None for a first attempt."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over: this becomes the end-of-run stage event."""

    outcome: Outcome
    length: RunLength | None = None
    """Filled in where the attempts are, before it is told."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Work that ended in failure, kept for a replay."""

    step: Step


Outgoing = Dispatch | RunEnded | DeadLetter
