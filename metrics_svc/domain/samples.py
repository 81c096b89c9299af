"""One thing that was measured, as it is kept: plain values, times that make sense, ids that fit an index.

The length of work is the monotonic `duration_ns` of the sender and is never derived from two wall clocks. Wall clocks
only say when; where they contradict each other the sample says so (`is_clock_corrected`) and carries no negative.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = [
    "CLOCK_TOLERANCE",
    "MAX_ID_CHARS",
    "MAX_TEXT_CHARS",
    "Batch",
    "Sample",
    "SearchSample",
    "StageSample",
    "VideoRun",
    "Wait",
    "clean_text",
    "counted_at",
    "length_or_none",
    "require_id",
    "wait_between",
]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a sender's clock may run ahead of ours before its end time is not believed."""
MAX_ID_CHARS = 512
"""Longest id; a B-tree refuses entries above 2,704 bytes and a character may take four."""
MAX_TEXT_CHARS = 1_000
"""Longest free text; what is longer is cut."""
_NS_PER_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class Wait:
    """Time between handed out and begun, nanoseconds, never negative; None when either end is unknown."""

    ns: int | None
    is_corrected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSample:
    """One piece of work that ended. `stage` and `outcome` are lower-case words; `stage_17` is one from the future."""

    event_id: str
    video_id: str
    owner_id: str
    generation: int
    stage: str
    attempt: int
    outcome: str
    reason: str
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    counted_at: datetime
    duration_ns: int | None
    wait_ns: int | None
    is_clock_corrected: bool
    video_duration_ns: int | None
    items: int | None
    bytes_read: int | None
    model: str
    worker: str
    cpu_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRun:
    """One run of a video that ended. `duration_ns` sums its attempts, `queue_ns` is the wait for the first start."""

    event_id: str
    video_id: str
    owner_id: str
    generation: int
    stage: str
    outcome: str
    failed_stage: str
    reason: str
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    counted_at: datetime
    duration_ns: int | None
    queue_ns: int | None
    is_clock_corrected: bool
    video_duration_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSample:
    """One search that was answered."""

    event_id: str
    owner_id: str
    asked_at: datetime | None
    counted_at: datetime
    latency_ns: int | None
    results_count: int
    query_text: str


Sample = StageSample | VideoRun | SearchSample


@dataclass(frozen=True, slots=True)
class Batch:
    """What is stored in one transaction."""

    stages: tuple[StageSample, ...] = ()
    runs: tuple[VideoRun, ...] = ()
    searches: tuple[SearchSample, ...] = ()

    @classmethod
    def of(cls, samples: tuple[Sample, ...]) -> "Batch":
        """Sort samples by kind; their order within a kind is kept."""
        return cls(
            tuple(sample for sample in samples if isinstance(sample, StageSample)),
            tuple(sample for sample in samples if isinstance(sample, VideoRun)),
            tuple(sample for sample in samples if isinstance(sample, SearchSample)),
        )


def wait_between(queued_at: datetime | None, started_at: datetime | None) -> Wait:
    """Return the wait; a start before the hand-out is two clocks that disagree, and counts as no wait."""
    if queued_at is None or started_at is None:
        return Wait(None, is_corrected=False)
    microseconds = (started_at - queued_at) // timedelta(microseconds=1)
    return Wait(max(0, microseconds) * _NS_PER_MICROSECOND, is_corrected=microseconds < 0)


def counted_at(finished_at: datetime | None, now: datetime) -> tuple[datetime, bool]:
    """Return the moment by which a sample falls into windows and days, and whether it had to be replaced by `now`."""
    if finished_at is None or finished_at > now + CLOCK_TOLERANCE:
        return now, True
    return finished_at, False


def length_or_none(nanoseconds: int | None) -> int | None:
    """Return a length; a negative one was not measured."""
    return nanoseconds if nanoseconds is not None and nanoseconds >= 0 else None


def clean_text(text: str) -> str:
    """Return text that PostgreSQL can hold, cut to MAX_TEXT_CHARS."""
    return text[:MAX_TEXT_CHARS].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def require_id(field: str, value: str) -> str:
    """Return an id that can be kept.

    Raises:
        InvalidInput: it is empty, longer than MAX_ID_CHARS, or holds a NUL.
    """
    if 0 < len(value) <= MAX_ID_CHARS and "\x00" not in value:
        return value
    raise InvalidInput(
        f"{field} can not be kept",
        reason="INVALID_EVENT",
        violations=(FieldViolation(field, f"must have 1 to {MAX_ID_CHARS} characters and no NUL"),),
    )
