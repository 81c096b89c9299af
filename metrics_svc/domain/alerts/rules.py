"""What is watched: the rules as data, with their defaults. docs/alerts.md explains each under its id."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = [
    "BASELINE",
    "DEFAULTS",
    "USUAL_SAMPLES",
    "AlertRule",
    "Direction",
    "RuleId",
    "Silence",
    "Subject",
    "Unit",
    "subject_of",
]

BASELINE = timedelta(days=7)
"""What comes before the window of a rule that compares: the usual."""
USUAL_SAMPLES = 20
"""Samples in BASELINE below which nothing is usual, and a rule that compares is without data."""


class RuleId(StrEnum):
    """The rules, in order of display; also the values of the label of heimdex_alert_firing."""

    HIGH_RTF = "high_rtf"
    QUEUE_GROWTH = "queue_growth"
    FAILURE_SPIKE = "failure_spike"
    STALLED_STAGE = "stalled_stage"
    FALLING_SEARCH_QUALITY = "falling_search_quality"
    SLOW_SEARCHES = "slow_searches"
    LOW_DISK = "low_disk"
    LATE_NUMBERS = "late_numbers"
    CONTRADICTIONS = "contradictions"


class Direction(StrEnum):
    """Which values are bad."""

    ABOVE = "above"
    BELOW = "below"


class Unit(StrEnum):
    """What a value is counted in."""

    PERCENT = "percent"
    RATIO = "ratio"
    SECONDS = "seconds"
    EVENTS = "events"
    POINTS = "points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a rule is about: texts for people, and what its numbers may be. `largest` bounds the thresholds."""

    title: str
    meaning: str
    samples_are: str
    what_to_do: str
    unit: Unit
    direction: Direction
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """The numbers of a rule. `window` is None for a rule that looks at the present alone; version 0 is the default.

    It fires once its value has been at `fire_threshold` or worse for `fire_after`, with at least `min_samples` behind
    it, and resolves once the value has been at `resolve_threshold` or better for `resolve_after`.
    """

    rule_id: RuleId
    fire_threshold: float
    resolve_threshold: float
    fire_after: timedelta
    resolve_after: timedelta
    min_samples: int = 1
    window: timedelta | None = None
    is_enabled: bool = True
    version: int = 0
    updated_at: datetime | None = None
    updated_by: str = ""

    @property
    def direction(self) -> Direction:
        """Which values are bad."""
        return subject_of(self.rule_id).direction

    def is_bad(self, value: float) -> bool:
        """Whether a value is at the threshold or worse."""
        return value >= self.fire_threshold if self.direction is Direction.ABOVE else value <= self.fire_threshold

    def is_good(self, value: float) -> bool:
        """Whether a value is good enough to resolve; between good and bad nothing changes."""
        return value <= self.resolve_threshold if self.direction is Direction.ABOVE else value >= self.resolve_threshold

    def worse(self, one: float, other: float) -> float:
        """Return the worse of two values."""
        return max(one, other) if self.direction is Direction.ABOVE else min(one, other)


@dataclass(frozen=True, slots=True)
class Silence:
    """Notifications of a rule are held back before `until`."""

    until: datetime
    by: str = field(default="")
    comment: str = field(default="")

    def holds(self, now: datetime) -> bool:
        """Whether it has not lifted itself yet."""
        return now < self.until


def subject_of(rule_id: RuleId) -> Subject:
    """Return what a rule is about."""
    return _SUBJECTS[rule_id]


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

DEFAULTS: dict[RuleId, AlertRule] = {
    rule.rule_id: rule
    for rule in (
        AlertRule(
            rule_id=RuleId.HIGH_RTF,
            fire_threshold=2.0,
            resolve_threshold=1.5,
            fire_after=10 * _MINUTE,
            resolve_after=10 * _MINUTE,
            min_samples=5,
            window=_HOUR,
        ),
        AlertRule(
            rule_id=RuleId.QUEUE_GROWTH,
            fire_threshold=1_800.0,
            resolve_threshold=600.0,
            fire_after=5 * _MINUTE,
            resolve_after=5 * _MINUTE,
        ),
        AlertRule(
            rule_id=RuleId.FAILURE_SPIKE,
            fire_threshold=20.0,
            resolve_threshold=10.0,
            fire_after=2 * _MINUTE,
            resolve_after=10 * _MINUTE,
            min_samples=5,
            window=_HOUR,
        ),
        AlertRule(
            rule_id=RuleId.STALLED_STAGE,
            fire_threshold=5.0,
            resolve_threshold=2.0,
            fire_after=_MINUTE,
            resolve_after=2 * _MINUTE,
        ),
        AlertRule(
            rule_id=RuleId.FALLING_SEARCH_QUALITY,
            fire_threshold=25.0,
            resolve_threshold=10.0,
            fire_after=10 * _MINUTE,
            resolve_after=10 * _MINUTE,
            min_samples=20,
            window=_HOUR,
        ),
        AlertRule(
            rule_id=RuleId.SLOW_SEARCHES,
            fire_threshold=3.0,
            resolve_threshold=2.0,
            fire_after=10 * _MINUTE,
            resolve_after=10 * _MINUTE,
            min_samples=20,
            window=_HOUR,
        ),
        AlertRule(
            rule_id=RuleId.LOW_DISK,
            fire_threshold=10.0,
            resolve_threshold=15.0,
            fire_after=5 * _MINUTE,
            resolve_after=5 * _MINUTE,
        ),
        AlertRule(
            rule_id=RuleId.LATE_NUMBERS,
            fire_threshold=10_000.0,
            resolve_threshold=1_000.0,
            fire_after=5 * _MINUTE,
            resolve_after=5 * _MINUTE,
        ),
        AlertRule(
            rule_id=RuleId.CONTRADICTIONS,
            fire_threshold=1.0,
            resolve_threshold=0.0,
            fire_after=timedelta(0),
            resolve_after=5 * _MINUTE,
            window=24 * _HOUR,
        ),
    )
}
"""Every rule with the numbers it has until somebody changes them."""

_SUBJECTS: dict[RuleId, Subject] = {
    RuleId.HIGH_RTF: Subject(
        title="Videos take too long for their length",
        meaning="95th percentile of processing seconds per second of video, of videos that became ready in the window.",
        samples_are="videos that became ready and have a known length",
        what_to_do="Run `heimdex stages` to see which stage is slow, and add workers or another device for it.",
        unit=Unit.RATIO,
        direction=Direction.ABOVE,
        largest=1e6,
    ),
    RuleId.QUEUE_GROWTH: Subject(
        title="Videos wait too long for their first stage",
        meaning="Seconds that the oldest video has waited that nobody has begun.",
        samples_are="videos that wait",
        what_to_do="Add workers (`heimdex capacity` says for which stage), or wait: uploads are not lost.",
        unit=Unit.SECONDS,
        direction=Direction.ABOVE,
        largest=1e9,
    ),
    RuleId.FAILURE_SPIKE: Subject(
        title="Many videos fail",
        meaning="Failed runs of all that became ready or failed in the window, in percent.",
        samples_are="runs that failed",
        what_to_do="See `GET /v1/admin/failures/by-stage`, mend the cause, replay: `POST /v1/videos:replayFailed`.",
        unit=Unit.PERCENT,
        direction=Direction.ABOVE,
        largest=100.0,
    ),
    RuleId.STALLED_STAGE: Subject(
        title="A stage has work and ends none",
        meaning="Time without an end of work, while there was work, in multiples of the usual p99 of the stage.",
        samples_are="pieces of work that wait or are in hand",
        what_to_do="Look at the log and the readiness of the service that does this stage, and start it again.",
        unit=Unit.RATIO,
        direction=Direction.ABOVE,
        largest=1e6,
    ),
    RuleId.FALLING_SEARCH_QUALITY: Subject(
        title="More searches find nothing",
        meaning="Share of searches without a result in the window, less that of the 7 days before, in points.",
        samples_are="searches",
        what_to_do="Run `heimdex models` to see which signal is missing, and search for something you know is there.",
        unit=Unit.POINTS,
        direction=Direction.ABOVE,
        largest=100.0,
    ),
    RuleId.SLOW_SEARCHES: Subject(
        title="Searches are slower than usual",
        meaning="95th percentile of search latency in the window, in multiples of that of the 7 days before.",
        samples_are="searches",
        what_to_do="Look at the load of the machine and at `heimdex_rpc_duration_seconds` of index_svc and others.",
        unit=Unit.RATIO,
        direction=Direction.ABOVE,
        largest=1e6,
    ),
    RuleId.LOW_DISK: Subject(
        title="The disk is nearly full",
        meaning="Free part of the file system that holds the object store, in percent.",
        samples_are="measurements",
        what_to_do="Look at `GET /v1/admin/storage`, delete videos or add room; uploads fail when nothing is left.",
        unit=Unit.PERCENT,
        direction=Direction.BELOW,
        largest=100.0,
    ),
    RuleId.LATE_NUMBERS: Subject(
        title="The numbers are behind",
        meaning="Events that wait to be counted; what they tell is in no answer yet.",
        samples_are="measurements",
        what_to_do="Look at the log of metrics_svc and at the load of PostgreSQL; the events are kept for 30 days.",
        unit=Unit.EVENTS,
        direction=Direction.ABOVE,
        largest=1e9,
    ),
    RuleId.CONTRADICTIONS: Subject(
        title="Events contradict each other",
        meaning="Events of the window that came again and said something else; what came first stands.",
        samples_are="events",
        what_to_do="Look at table `metrics.contradictions`, which names the fields, and at the version of the sender.",
        unit=Unit.EVENTS,
        direction=Direction.ABOVE,
        largest=1e9,
    ),
}
