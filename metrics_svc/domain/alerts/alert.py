"""Alerts as they are remembered, and who has to be told what.

What receivers were told and what is true may differ: while a rule is silenced, nobody is told. `notices` says what
closes the gap. So a receiver hears of an alert at most once that it fires and at most once that it was resolved, the
first before the second; and of one that came and went in silence, nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from metrics_svc.domain.alerts.rules import AlertRule, RuleId, Silence
from metrics_svc.domain.alerts.state import EndReason, Fired, Reading, Resolved, Watchpoint, step

__all__ = [
    "DOCUMENTATION",
    "Alert",
    "AlertEvent",
    "Notice",
    "Outcome",
    "Situation",
    "advance",
    "alert_of",
    "documentation_of",
    "ended",
    "notices",
    "worsened",
]

DOCUMENTATION = "docs/alerts.md"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AlertEvent(StrEnum):
    """What receivers are told of an alert."""

    FIRED = "fired"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert from the moment it fired. Values are in the unit of its rule; the last three come with its end."""

    alert_id: str
    rule_id: RuleId
    began_at: datetime
    fired_at: datetime
    value: float
    worst_value: float
    fire_threshold: float
    samples: int
    about: str
    sentence: str
    resolved_at: datetime | None = None
    resolved_value: float | None = None
    end_reason: EndReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that is known of a rule: its numbers, where it stands, its open alert, and the alert that was told last.

    `told` is the alert of which receivers heard that it fires, and not that it was resolved.
    """

    rule: AlertRule
    watchpoint: Watchpoint
    silence: Silence | None = None
    alert: Alert | None = None
    told: Alert | None = None

    def is_silenced(self, now: datetime) -> bool:
        """Whether notifications are held back."""
        return self.silence is not None and self.silence.holds(now)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that receivers have to be told."""

    event: AlertEvent
    alert: Alert


def alert_of(rule: AlertRule, fired: Fired, now: datetime) -> Alert:
    """Return the alert that begins now."""
    return Alert(
        alert_id=f"{rule.rule_id}-{(now - _EPOCH) // _MICROSECOND:x}",
        rule_id=rule.rule_id,
        began_at=fired.began_at,
        fired_at=now,
        value=fired.reading.value,
        worst_value=fired.reading.value,
        fire_threshold=rule.fire_threshold,
        samples=fired.reading.samples,
        about=fired.reading.about,
        sentence=fired.reading.sentence,
    )


def worsened(rule: AlertRule, alert: Alert, reading: Reading | None) -> Alert:
    """Return the alert with the worst value so far."""
    if reading is None:
        return alert
    return replace(alert, worst_value=rule.worse(alert.worst_value, reading.value))


def ended(alert: Alert, resolved: Resolved, now: datetime) -> Alert:
    """Return the alert with its end, which is never before its beginning, whatever the clock says."""
    value = None if resolved.reading is None else resolved.reading.value
    return replace(alert, resolved_at=max(now, alert.fired_at), resolved_value=value, end_reason=resolved.reason)


def notices(told: Alert | None, alert: Alert | None) -> tuple[Notice, ...]:
    """Return what closes the gap between what was told and what is so, in order; `alert` is the open one.

    `told` must be as it is now, with its end if it has one.
    """
    if told is not None and alert is not None and told.alert_id == alert.alert_id:
        return ()
    closing = (Notice(AlertEvent.RESOLVED, told),) if told is not None else ()
    opening = (Notice(AlertEvent.FIRED, alert),) if alert is not None else ()
    return closing + opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a look changed. `alert` is the one to be written, if it is new or changed; `told` as in Situation."""

    watchpoint: Watchpoint
    alert: Alert | None
    told: Alert | None
    notices: tuple[Notice, ...]


def advance(
    situation: Situation, reading: Reading | None, now: datetime, *, memory: Mapping[str, datetime], is_heard: bool
) -> Outcome:
    """Return what a look at `now` changes; `is_heard` says whether there is anybody to tell."""
    rule, alert, told = situation.rule, situation.alert, situation.told
    watchpoint, change = step(rule, situation.watchpoint, reading, now)
    watchpoint = replace(watchpoint, memory=memory)
    if alert is not None:
        alert = ended(alert, change, now) if isinstance(change, Resolved) else worsened(rule, alert, reading)
        told = alert if told is not None and told.alert_id == alert.alert_id else told
    elif isinstance(change, Fired):
        alert = alert_of(rule, change, now)
    is_open = alert is not None and alert.resolved_at is None
    due: tuple[Notice, ...] = ()
    if is_heard and not situation.is_silenced(now):
        due = notices(told, alert if is_open else None)
        told = alert if is_open else None
    return Outcome(watchpoint=watchpoint, alert=None if alert == situation.alert else alert, told=told, notices=due)


def documentation_of(rule_id: RuleId) -> str:
    """Return where a rule is explained."""
    return f"{DOCUMENTATION}#{rule_id}"
