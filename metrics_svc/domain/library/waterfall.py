"""Where every second of a run went: bars, the gaps between them, and the path through them that the run waited for.

Lengths are monotonic and come as they were measured; wall clocks only say where a bar begins. A start that no clock can
have meant is replaced by the end less the length, one before the queueing by the queueing. So nothing is negative, and
span = queue + elapsed, elapsed = covered + gaps, covered = sum of the critical parts, processing = covered + overlap.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chassis.core.stages import Outcome, Stage
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.events.samples import FIRST_BELIEVED_US
from metrics_svc.domain.library.library import VideoChange

__all__ = [
    "MAX_RUNS",
    "Attempt",
    "Bar",
    "Gap",
    "RunEnd",
    "RunPicture",
    "Totals",
    "Waterfall",
    "coverage_of",
    "draw_run",
    "draw_runs",
]

MAX_RUNS = 50
"""How many of the newest runs are shown."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_BELIEVED = _EPOCH + timedelta(microseconds=FIRST_BELIEVED_US)
_NS_PER_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a stage that ended. `counted_at` is its end as far as it can be believed."""

    owner_id: str
    generation: int
    stage: str
    attempt: int
    outcome: str
    reason: str
    model: str
    worker: str
    queued_at: datetime | None
    started_at: datetime | None
    counted_at: datetime
    duration_ns: int | None
    wait_ns: int | None
    is_clock_corrected: bool
    cpu_ns: int | None
    gpu_ns: int | None
    energy_uj: int | None
    model_calls: int | None
    items: int | None
    bytes_read: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """The end of a run. `counted_at` is when, as far as it can be believed."""

    owner_id: str
    generation: int
    stage: str
    outcome: str
    failed_stage: str
    reason: str
    queued_at: datetime | None
    counted_at: datetime
    is_backfilled: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """An attempt where it lies: nanoseconds since the queueing of the run. `critical_ns` is what the run waited for."""

    of: Attempt
    start_ns: int
    length_ns: int
    critical_ns: int
    is_clock_corrected: bool

    @property
    def end_ns(self) -> int:
        """Where it ends."""
        return self.start_ns + self.length_ns


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nothing of the run was in work, nanoseconds since its queueing, and the stages around it."""

    start_ns: int
    end_ns: int
    after_stage: str
    before_stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The time of a run in nanoseconds; `queue_ns` is None while it waits for its first start."""

    queue_ns: int | None
    processing_ns: int
    elapsed_ns: int
    covered_ns: int

    @property
    def gap_ns(self) -> int:
        """Time after the first start in which nothing was in work."""
        return self.elapsed_ns - self.covered_ns

    @property
    def overlap_ns(self) -> int:
        """Time that is in the lengths more than once."""
        return self.processing_ns - self.covered_ns

    @property
    def span_ns(self) -> int:
        """All of it."""
        return (self.queue_ns or 0) + self.elapsed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPicture:
    """One run. `totals` is None when all that is known of it was filled in later."""

    generation: int
    state: str
    failed_stage: str
    reason: str
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    bars: tuple[Bar, ...]
    gaps: tuple[Gap, ...]
    totals: Totals | None
    is_backfilled: bool


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The runs of a video, and what is known of it; None when it was never told of."""

    video_id: str
    owner_id: str
    video: VideoChange | None
    runs: tuple[RunPicture, ...]


def draw_runs(attempts: Iterable[Attempt], ends: Iterable[RunEnd], present: int | None) -> tuple[RunPicture, ...]:
    """Return the newest runs, oldest first; `present` is the run that the video is in, which may have nothing yet."""
    by_run: dict[int, list[Attempt]] = {} if present is None else {present: []}
    ended = {end.generation: end for end in ends}
    for generation in ended:
        by_run.setdefault(generation, [])
    for attempt in attempts:
        by_run.setdefault(attempt.generation, []).append(attempt)
    newest = sorted(by_run)[-MAX_RUNS:]
    return tuple(draw_run(generation, by_run[generation], ended.get(generation)) for generation in newest)


def draw_run(generation: int, attempts: Sequence[Attempt], end: RunEnd | None) -> RunPicture:
    """Return one run; without an end as far as it went."""
    origin = _origin(attempts, end)
    bars = sorted((_placed(one, origin) for one in attempts), key=_place)
    last = max((bar.end_ns for bar in bars), default=0)
    if end is not None:
        last = max(last, _ns_between(origin, end.counted_at))
    bars = _with_critical_parts(bars, last)
    totals = (
        None if end is not None and end.is_backfilled and not bars else _totals(bars, last, is_over=end is not None)
    )
    return RunPicture(
        generation=generation,
        state=_state(bars, end),
        failed_stage=end.failed_stage if end else "",
        reason=end.reason if end else "",
        queued_at=origin if _queueings(attempts, end) else None,
        started_at=origin + timedelta(microseconds=bars[0].start_ns // _NS_PER_MICROSECOND) if bars else None,
        finished_at=end.counted_at if end else None,
        bars=tuple(bars),
        gaps=() if totals is None else _gaps(bars, last),
        totals=totals,
        is_backfilled=end is not None and end.is_backfilled,
    )


def coverage_of(runs: Iterable[RunPicture]) -> Coverage:
    """Return how many bars are measured, are at a place that is approximate, and have no length."""
    bars = [bar for run in runs for bar in run.bars]
    missing = sum(bar.of.duration_ns is None for bar in bars)
    approximate = sum(bar.of.duration_ns is not None and bar.is_clock_corrected for bar in bars)
    return Coverage(len(bars) - missing - approximate, approximate, missing)


def _queueings(attempts: Sequence[Attempt], end: RunEnd | None) -> list[datetime]:
    """Return the believable times of hand-out: that of the run, else those of its attempts."""
    if end is not None and _is_believed(end.queued_at, end.counted_at):
        return [end.queued_at]  # type: ignore[list-item]  # what is believed is there
    return [one.queued_at for one in attempts if one.queued_at and _is_believed(one.queued_at, one.counted_at)]


def _origin(attempts: Sequence[Attempt], end: RunEnd | None) -> datetime:
    known = _queueings(attempts, end) or [_start_of(one)[0] for one in attempts]
    return min(known, default=end.counted_at if end else _EPOCH)


def _is_believed(at: datetime | None, until: datetime) -> bool:
    return at is not None and _FIRST_BELIEVED <= at <= until


def _start_of(attempt: Attempt) -> tuple[datetime, bool]:
    """Return when an attempt began, and whether that was told and can be believed."""
    if attempt.started_at is not None and _is_believed(attempt.started_at, attempt.counted_at):
        return attempt.started_at, True
    length = timedelta(microseconds=(attempt.duration_ns or 0) // _NS_PER_MICROSECOND)
    return max(_FIRST_BELIEVED, attempt.counted_at - min(length, attempt.counted_at - _FIRST_BELIEVED)), False


def _placed(attempt: Attempt, origin: datetime) -> Bar:
    start, is_told = _start_of(attempt)
    is_corrected = attempt.is_clock_corrected or not is_told or start < origin
    return Bar(attempt, _ns_between(origin, start), attempt.duration_ns or 0, 0, is_corrected)


def _place(bar: Bar) -> tuple[int, int, str, int]:
    return bar.start_ns, bar.end_ns, bar.of.stage, bar.of.attempt


def _ns_between(start: datetime, end: datetime) -> int:
    return max(0, (end - start) // timedelta(microseconds=1)) * _NS_PER_MICROSECOND


def _with_critical_parts(bars: Sequence[Bar], last: int) -> list[Bar]:
    """Walk back from the end: of what began before, the run waited for what ended last.

    The parts are disjoint, and together they are all the time in which something was in work.
    """
    parts = [0] * len(bars)
    starts = [bar.start_ns for bar in bars]
    latest = _latest_ends(bars)
    at = last
    while place := bisect_left(starts, at):
        chosen = latest[place - 1]
        end = min(at, bars[chosen].end_ns)
        parts[chosen] += max(0, end - bars[chosen].start_ns)
        at = bars[chosen].start_ns
    return [replace(bar, critical_ns=part) for bar, part in zip(bars, parts, strict=True)]


def _latest_ends(bars: Sequence[Bar]) -> list[int]:
    """Return for each place which of the bars up to there ends last; of equal ones the first."""
    latest: list[int] = []
    for place, bar in enumerate(bars):
        best = latest[-1] if latest else place
        latest.append(place if bar.end_ns > bars[best].end_ns else best)
    return latest


def _totals(bars: Sequence[Bar], last: int, *, is_over: bool) -> Totals:
    first = bars[0].start_ns if bars else last
    return Totals(
        queue_ns=first if bars or is_over else None,
        processing_ns=sum(bar.length_ns for bar in bars),
        elapsed_ns=last - first,
        covered_ns=sum(bar.critical_ns for bar in bars),
    )


def _gaps(bars: Sequence[Bar], last: int) -> tuple[Gap, ...]:
    gaps = []
    at, after = 0, ""
    for bar in bars:
        if bar.start_ns > at:
            gaps.append(Gap(at, bar.start_ns, after, bar.of.stage))
        if bar.end_ns >= at:
            at, after = max(at, bar.end_ns), bar.of.stage
    if last > at:
        gaps.append(Gap(at, last, after, ""))
    return tuple(gaps)


def _state(bars: Sequence[Bar], end: RunEnd | None) -> str:
    if end is None:
        return "processing" if bars else "queued"
    if end.stage == Stage.COMPLETED:
        return "ready"
    return "cancelled" if end.outcome == Outcome.CANCELLED else "failed"
