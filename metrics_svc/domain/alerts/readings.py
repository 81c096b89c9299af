"""From what the data say to the value of a rule. No data is None, never 0: a rule without data is unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics_svc.domain.alerts.rules import USUAL_SAMPLES
from metrics_svc.domain.alerts.state import Reading

__all__ = [
    "DISK_FRESH",
    "SHORTEST_USUAL",
    "Disk",
    "RunEnds",
    "Searches",
    "StageLoad",
    "VideoRtf",
    "Waiting",
    "backlog_reading",
    "busy_since",
    "contradiction_reading",
    "disk_reading",
    "failure_reading",
    "quality_reading",
    "queue_reading",
    "rtf_reading",
    "slowness_reading",
    "stall_reading",
]

DISK_FRESH = timedelta(hours=2)
"""How old a measurement of the disk may be and still count."""
SHORTEST_USUAL = timedelta(seconds=30)
"""What the usual length of a stage is taken for when it is shorter: nobody is woken for the quarter of a second."""
_PERCENT = 100.0
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0
_TWO_UNITS = 2.0
_DIGITS_ALONE = 999.5
"""Numbers from here on are written without decimals, and not as powers of ten."""


@dataclass(frozen=True, slots=True)
class VideoRtf:
    """Videos that became ready and have a real-time factor, and its 95th percentile; None without a video."""

    videos: int
    p95: float | None


@dataclass(frozen=True, slots=True)
class RunEnds:
    """Runs that ended; those that were cancelled are neither."""

    ready: int
    failed: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Videos that wait for their first stage, and since when the oldest does; `is_known`: there is a video at all."""

    is_known: bool
    waiting: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Searches:
    """Searches of a stretch of time: how many, how many found nothing, and their p95 in milliseconds, if known."""

    searches: int
    empty: int
    p95_ms: float | None

    @property
    def empty_percent(self) -> float:
        """Share of searches without a result, 0 to 100; there must be a search."""
        return _PERCENT * self.empty / self.searches


@dataclass(frozen=True, slots=True)
class StageLoad:
    """A stage at work. `usual_p99_ns` is None when nothing is usual yet, `last_end_at` when nothing ended lately."""

    stage: str
    messages: int
    busy_since: datetime
    last_end_at: datetime | None
    usual_p99_ns: float | None


@dataclass(frozen=True, slots=True)
class Disk:
    """A measurement of the file system under a store, in bytes."""

    store: str
    free_bytes: int
    total_bytes: int
    measured_at: datetime

    @property
    def free_percent(self) -> float:
        """Free part, 0 to 100; the size may not be 0."""
        return min(_PERCENT, max(0.0, _PERCENT * self.free_bytes / self.total_bytes))


def rtf_reading(rtf: VideoRtf) -> Reading | None:
    """Return the 95th percentile of the real-time factor."""
    if rtf.p95 is None:
        return None
    text = (
        f"The slowest twentieth of {_count(rtf.videos, 'video')} took {_number(rtf.p95)} times their length or longer."
    )
    return Reading(rtf.p95, rtf.videos, sentence=text)


def queue_reading(queue: Waiting, now: datetime) -> Reading | None:
    """Return how many seconds the oldest waiting video has waited: 0 when none waits, None when none is known."""
    if not queue.is_known:
        return None
    if queue.oldest_at is None:
        return Reading(0.0, 0, sentence="No video waits.")
    seconds = max(0.0, (now - queue.oldest_at).total_seconds())
    verb = "waits" if queue.waiting == 1 else "wait"
    text = f"{_count(queue.waiting, 'video')} {verb} to be begun, the oldest for {_length(seconds)}."
    return Reading(seconds, queue.waiting, sentence=text)


def failure_reading(ends: RunEnds) -> Reading | None:
    """Return the share of failed runs in percent; the samples are the failed ones."""
    ended = ends.ready + ends.failed
    if not ended:
        return None
    percent = _PERCENT * ends.failed / ended
    return Reading(
        percent, ends.failed, sentence=f"{ends.failed} of {_count(ended, 'run')} failed, {_number(percent)} percent."
    )


def busy_since(
    messages: Mapping[str, int], before: Mapping[str, datetime], now: datetime, *, was_paused: bool
) -> dict[str, datetime]:
    """Return since when each stage with messages has had some, as far as somebody looked."""
    known = {} if was_paused else before
    return {stage: min(known.get(stage, now), now) for stage, count in messages.items() if count > 0}


def stall_reading(loads: tuple[StageLoad, ...], now: datetime) -> Reading | None:
    """Return the longest silence of a stage at work in multiples of its usual p99; 0 when no stage is at work.

    None when stages are at work and nothing is usual for any of them.
    """
    if not loads:
        return Reading(0.0, 0, sentence="No stage has work.")
    stalls = [(_stall(load, load.usual_p99_ns, now), load) for load in loads if load.usual_p99_ns is not None]
    if not stalls:
        return None
    (multiple, silence, usual), load = max(stalls, key=lambda one: (one[0][0], one[1].stage))
    text = (
        f"Stage {load.stage} has {_count(load.messages, 'piece')} of work and has ended none for {_length(silence)},"
        f" {_number(multiple)} times its usual p99 of {_length(usual)}."
    )
    return Reading(multiple, load.messages, load.stage, text)


def _stall(load: StageLoad, p99_ns: float, now: datetime) -> tuple[float, float, float]:
    """Return the silence in multiples of the usual, in seconds, and the usual in seconds."""
    quiet_since = load.busy_since if load.last_end_at is None else max(load.busy_since, load.last_end_at)
    silence = max(0.0, (now - quiet_since).total_seconds())
    usual = max(p99_ns / 1e9, SHORTEST_USUAL.total_seconds())
    return silence / usual, silence, usual


def quality_reading(present: Searches, usual: Searches) -> Reading | None:
    """Return by how many points of percent more searches find nothing than in the days before."""
    if not present.searches or usual.searches < USUAL_SAMPLES:
        return None
    points = max(0.0, present.empty_percent - usual.empty_percent)
    text = (
        f"{present.empty} of {_count(present.searches, 'search', 'searches')} found nothing,"
        f" {_number(present.empty_percent)} percent; in the days before it was {_number(usual.empty_percent)} percent."
    )
    return Reading(points, present.searches, sentence=text)


def slowness_reading(present: Searches, usual: Searches) -> Reading | None:
    """Return the p95 of search latency in multiples of that of the days before."""
    if present.p95_ms is None or not usual.p95_ms or usual.searches < USUAL_SAMPLES:
        return None
    multiple = present.p95_ms / usual.p95_ms
    text = (
        f"p95 of {_count(present.searches, 'search', 'searches')} was {_number(present.p95_ms)} ms,"
        f" {_number(multiple)} times the {_number(usual.p95_ms)} ms of the days before."
    )
    return Reading(multiple, present.searches, sentence=text)


def disk_reading(disks: Iterable[Disk], now: datetime) -> Reading | None:
    """Return the free part of the fullest disk in percent; None without a measurement that is fresh and makes sense."""
    fresh = [disk for disk in disks if disk.total_bytes > 0 and now - disk.measured_at <= DISK_FRESH]
    if not fresh:
        return None
    fullest = min(fresh, key=lambda disk: (disk.free_percent, disk.store))
    free, total = _number(fullest.free_bytes / 1e9), _number(fullest.total_bytes / 1e9)
    text = f"{free} of {total} GB are free for {fullest.store}, {_number(fullest.free_percent)} percent."
    return Reading(fullest.free_percent, 1, fullest.store, text)


def backlog_reading(messages: int) -> Reading:
    """Return how many events wait to be counted."""
    verb = "waits" if messages == 1 else "wait"
    return Reading(float(messages), 1, sentence=f"{_count(messages, 'event')} {verb} to be counted.")


def contradiction_reading(events: int) -> Reading:
    """Return how many events came again and said something else."""
    text = (
        f"{_count(events, 'event')} came again and said something else." if events else "No event contradicts another."
    )
    return Reading(float(events), events, sentence=text)


def _count(number: int, noun: str, nouns: str = "") -> str:
    return f"{number} {noun if number == 1 else nouns or f'{noun}s'}"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < _DIGITS_ALONE else f"{value:.0f}"


def _length(seconds: float) -> str:
    for size, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if seconds >= _TWO_UNITS * size:
            return f"{_number(seconds / size)} {unit}"
    return f"{_number(seconds)} seconds"
