"""One thing that was measured, as it is kept: plain values, times that make sense, ids that fit an index.

The length of work is the monotonic `duration_ns` of the sender and is never derived from two wall clocks. Wall clocks
only say when; where they contradict each other the sample says so (`is_clock_corrected`) and carries no negative.

Samples come by the ten thousand in a second and are turned into columns at once. So they are named tuples, which take
a third of the time of dataclasses to make and turn, and their times (`*_us`) are whole microseconds since 1970, UTC.
Their fields are the columns of their tables, in order: `event_id` stands for `event_key`, `*_us` for `*_at`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = [
    "CLOCK_TOLERANCE_US",
    "FIRST_BELIEVED_US",
    "MAX_ID_CHARS",
    "MAX_TEXT_CHARS",
    "MAX_WORD_CHARS",
    "Batch",
    "OperationSample",
    "Sample",
    "SearchSample",
    "StageSample",
    "VideoRun",
    "Wait",
    "clean_text",
    "clean_word",
    "counted_us",
    "event_key",
    "length_or_none",
    "require_id",
    "wait_between",
]

CLOCK_TOLERANCE_US = 5 * 60 * 1_000_000
"""How far a sender's clock may run ahead of ours before its end time is not believed."""
FIRST_BELIEVED_US = 946_684_800 * 1_000_000
"""The year 2000: a clock that says an earlier time was never set."""
MAX_ID_CHARS = 512
"""Longest id; a B-tree refuses entries above 2,704 bytes and a character may take four."""
MAX_TEXT_CHARS = 1_000
"""Longest free text; what is longer is cut."""
MAX_WORD_CHARS = 120
"""Longest text by which samples are grouped, such as a model: it stands in an index beside an id."""
_MAX_NS = (1 << 63) - 1
_NS_PER_MICROSECOND = 1_000


class Wait(NamedTuple):
    """Time between handed out and begun, nanoseconds, never negative; None when it is not known."""

    ns: int | None
    is_corrected: bool


class StageSample(NamedTuple):
    """One piece of work that ended. `stage` and `outcome` are lower-case words; `stage_17` is one from the future."""

    event_id: str
    video_id: str
    owner_id: str
    generation: int
    stage: str
    attempt: int
    outcome: str
    reason: str
    queued_us: int | None
    started_us: int | None
    finished_us: int | None
    counted_us: int
    duration_ns: int | None
    wait_ns: int | None
    is_clock_corrected: bool
    video_duration_ns: int | None
    items: int | None
    bytes_read: int | None
    model: str
    worker: str
    cpu_ns: int | None
    gpu_ns: int | None
    energy_uj: int | None
    model_calls: int | None
    worker_slots: int
    is_backfilled: bool


class VideoRun(NamedTuple):
    """One run of a video that ended. `duration_ns` sums its attempts, `queue_ns` is the wait for the first start."""

    event_id: str
    video_id: str
    owner_id: str
    generation: int
    stage: str
    outcome: str
    failed_stage: str
    reason: str
    queued_us: int | None
    started_us: int | None
    finished_us: int | None
    counted_us: int
    duration_ns: int | None
    queue_ns: int | None
    is_clock_corrected: bool
    video_duration_ns: int | None
    elapsed_ns: int | None
    unmeasured_attempts: int
    is_backfilled: bool


class SearchSample(NamedTuple):
    """One search that was answered; `video_id` is the video it was limited to, empty for none or several."""

    event_id: str
    owner_id: str
    asked_us: int | None
    counted_us: int
    latency_ns: int | None
    results_count: int
    query_text: str
    video_id: str = ""


class OperationSample(NamedTuple):
    """One thing a user waited for: `operation` is upload, export, or `operation_7` from the future."""

    event_id: str
    operation: str
    owner_id: str
    video_id: str
    outcome: str
    reason: str
    started_us: int | None
    finished_us: int | None
    counted_us: int
    duration_ns: int | None
    is_clock_corrected: bool
    size_bytes: int | None
    media_duration_ns: int | None


Sample = StageSample | VideoRun | SearchSample | OperationSample


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples by kind; their order within a kind is kept."""

    stages: tuple[StageSample, ...] = ()
    runs: tuple[VideoRun, ...] = ()
    searches: tuple[SearchSample, ...] = ()
    operations: tuple[OperationSample, ...] = ()

    def __len__(self) -> int:
        return len(self.stages) + len(self.runs) + len(self.searches) + len(self.operations)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Batch":
        """Sort samples by kind."""
        kinds: dict[type, list[Sample]] = {StageSample: [], VideoRun: [], SearchSample: [], OperationSample: []}
        for sample in samples:
            kinds[type(sample)].append(sample)
        return cls(*map(tuple, kinds.values()))  # type: ignore[arg-type]  # each list holds its own kind


def event_key(event_id: str) -> bytes:
    """Return the 16 bytes under which an event is known in the database.

    Its first half comes from what stands before the first slash, the video: the events of a video lie side by side in
    the index, and a batch touches a few pages of it instead of one for every event.
    """
    return _half(event_id.partition("/")[0]) + sha256(event_id.encode("utf-8")).digest()[:8]


@lru_cache(maxsize=16_384)
def _half(video: str) -> bytes:
    return sha256(video.encode("utf-8")).digest()[:8]


def wait_between(queued_us: int | None, started_us: int | None) -> Wait:
    """Return the wait.

    A start before the hand-out is two clocks that disagree, and counts as no wait; one that no 64 bits can hold is not
    known.
    """
    if queued_us is None or started_us is None:
        return Wait(None, is_corrected=False)
    ns = (started_us - queued_us) * _NS_PER_MICROSECOND
    if ns < 0:
        return Wait(0, is_corrected=True)
    return Wait(ns, is_corrected=False) if ns <= _MAX_NS else Wait(None, is_corrected=True)


def counted_us(finished_us: int | None, now_us: int) -> tuple[int, bool]:
    """Return the moment by which a sample falls into windows and days, and whether `now_us` had to stand in for it."""
    if finished_us is None or not FIRST_BELIEVED_US <= finished_us <= now_us + CLOCK_TOLERANCE_US:
        return now_us, True
    return finished_us, False


def length_or_none(value: int | None) -> int | None:
    """Return a length or an amount; a negative one was not measured."""
    return value if value is not None and value >= 0 else None


def clean_text(text: str) -> str:
    """Return text that PostgreSQL can hold, cut to MAX_TEXT_CHARS."""
    return text[:MAX_TEXT_CHARS].replace("\x00", "\N{REPLACEMENT CHARACTER}") if text else text


def clean_word(text: str) -> str:
    """Return text that an index of PostgreSQL can hold, cut to MAX_WORD_CHARS."""
    return text[:MAX_WORD_CHARS].replace("\x00", "\N{REPLACEMENT CHARACTER}") if text else text


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
