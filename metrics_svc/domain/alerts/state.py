"""When a rule fires and when it resolves: pure, one step per look.

    INACTIVE --bad--> PENDING --bad for fire_after--> FIRING --good--> RESOLVING --good for resolve_after--> INACTIVE
        ^______not bad_____|                            ^_____not good______|

Without data nothing fires and nothing resolves, and what was being waited for begins anew. So it does after a pause
longer than MAX_PAUSE, as when the service was down or a clock jumped: a rule is broken for ten minutes only when
somebody looked during those ten minutes. A clock that goes back begins the wait anew and changes nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from metrics_svc.domain.alerts.rules import AlertRule

__all__ = ["MAX_PAUSE", "Change", "EndReason", "Fired", "Phase", "Reading", "Resolved", "Watchpoint", "step"]

MAX_PAUSE = timedelta(minutes=3)
"""Longest time between two looks that counts as having looked all the time."""


class Phase(StrEnum):
    """Where a rule stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVING = "resolving"


class EndReason(StrEnum):
    """Why an alert ended."""

    KEPT = "kept"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at the data found. `samples` is what is counted against min_samples; `sentence` says it to people."""

    value: float
    samples: int
    about: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchpoint:
    """What is remembered of a rule between two looks.

    `since` is when its phase began, `began_at` when it was first broken. `reading` is the latest one, taken at
    `measured_at`; `no_data_since` is the first look in a row that found nothing. `memory` belongs to who measures.
    """

    phase: Phase = Phase.INACTIVE
    since: datetime | None = None
    began_at: datetime | None = None
    looked_at: datetime | None = None
    reading: Reading | None = None
    measured_at: datetime | None = None
    no_data_since: datetime | None = None
    memory: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_firing(self) -> bool:
        """Whether it has fired and has not resolved."""
        return self.phase in {Phase.FIRING, Phase.RESOLVING}


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert begins."""

    reading: Reading
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """An alert ends. `reading` is the one by which it did; None when nothing was measured."""

    reading: Reading | None
    reason: EndReason


Change = Fired | Resolved


def step(
    rule: AlertRule, before: Watchpoint, reading: Reading | None, now: datetime
) -> tuple[Watchpoint, Change | None]:
    """Return where the rule stands after a look at `now`, and what happened; `reading` None: there were no data."""
    seen = _seen(before, reading, now)
    if not rule.is_enabled:
        ended = Resolved(reading, EndReason.DISABLED) if before.is_firing else None
        return _moved(seen, Phase.INACTIVE, now), ended
    if reading is None:
        return _without_data(seen, now), None
    since = _held_since(before, now)
    if before.is_firing:
        return _while_firing(rule, seen, reading, since, now)
    return _while_quiet(rule, seen, reading, since, now)


def _while_quiet(
    rule: AlertRule, seen: Watchpoint, reading: Reading, since: datetime, now: datetime
) -> tuple[Watchpoint, Change | None]:
    if not rule.is_bad(reading.value) or reading.samples < rule.min_samples:
        return _moved(seen, Phase.INACTIVE, now), None
    pending = since if seen.phase is Phase.PENDING else now
    began_at = min(seen.began_at or pending, now) if seen.phase is Phase.PENDING else now
    if now - pending < rule.fire_after:
        return replace(seen, phase=Phase.PENDING, since=pending, began_at=began_at), None
    return replace(seen, phase=Phase.FIRING, since=now, began_at=began_at), Fired(reading, began_at)


def _while_firing(
    rule: AlertRule, seen: Watchpoint, reading: Reading, since: datetime, now: datetime
) -> tuple[Watchpoint, Change | None]:
    if not rule.is_good(reading.value):
        return _moved(seen, Phase.FIRING, now), None
    good = since if seen.phase is Phase.RESOLVING else now
    if now - good < rule.resolve_after:
        return replace(seen, phase=Phase.RESOLVING, since=good), None
    return _moved(seen, Phase.INACTIVE, now), Resolved(reading, EndReason.KEPT)


def _without_data(seen: Watchpoint, now: datetime) -> Watchpoint:
    return _moved(seen, Phase.FIRING if seen.is_firing else Phase.INACTIVE, now)


def _moved(seen: Watchpoint, phase: Phase, now: datetime) -> Watchpoint:
    """Return the watchpoint in a phase; one that it was in already keeps its beginning."""
    since = seen.since if phase is seen.phase and seen.since is not None else now
    return replace(seen, phase=phase, since=since, began_at=None if phase is Phase.INACTIVE else seen.began_at)


def _seen(before: Watchpoint, reading: Reading | None, now: datetime) -> Watchpoint:
    if reading is None:
        return replace(before, looked_at=now, no_data_since=before.no_data_since or now)
    return replace(before, looked_at=now, reading=reading, measured_at=now, no_data_since=None)


def _held_since(before: Watchpoint, now: datetime) -> datetime:
    """Return since when the phase may be said to have held: anew after a pause, or when a clock went back."""
    looked, since = before.looked_at, before.since
    if looked is None or since is None or not timedelta(0) <= now - looked <= MAX_PAUSE:
        return now
    return since
