"""Changing a rule: which numbers make sense together, and whose change counts."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chassis.core.errors import FieldViolation, InvalidInput, NotFound, StaleWrite
from metrics_svc.domain.alerts.rules import DEFAULTS, AlertRule, Direction, RuleId, Silence, subject_of

__all__ = [
    "MAX_COMMENT_CHARS",
    "MAX_HOLD",
    "MAX_SAMPLES",
    "MAX_SILENCE",
    "MIN_WINDOW",
    "RuleChange",
    "etag_of",
    "require_same",
    "rule_id_of",
    "silence_until",
]

MAX_HOLD = timedelta(days=1)
"""Longest time that a rule may have to be broken or kept."""
MIN_WINDOW, MAX_WINDOW = timedelta(minutes=1), timedelta(days=1)
MAX_SAMPLES = 1_000_000
MAX_SILENCE = timedelta(days=365)
MAX_COMMENT_CHARS = 500
_HOLD_TEXT = f"must be 0 to {MAX_HOLD.total_seconds():.0f} seconds"
_WINDOW_TEXT = f"must be {MIN_WINDOW.total_seconds():.0f} to {MAX_WINDOW.total_seconds():.0f} seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What shall become of a rule. None leaves a number as it is; lengths are in seconds and not yet validated."""

    rule_id: str
    etag: str
    is_enabled: bool | None = None
    fire_threshold: float | None = None
    resolve_threshold: float | None = None
    fire_after_s: float | None = None
    resolve_after_s: float | None = None
    min_samples: int | None = None
    window_s: float | None = None
    is_reset: bool = False

    def applied_to(self, rule: AlertRule, *, now: datetime, by: str) -> AlertRule:
        """Return the next version of the rule.

        Raises:
            InvalidInput: with a violation per field that is wrong.
            StaleWrite: the etag is that of another version.
        """
        require_same(self.etag, rule)
        start = DEFAULTS[rule.rule_id] if self.is_reset else rule
        checks = _Checks(start)
        changed = checks.read(self)
        checks.require_order(changed)
        if checks.faults:
            first = checks.faults[0]
            raise InvalidInput(
                f"{first.field}: {first.description}", reason="INVALID_ALERT_RULE", violations=tuple(checks.faults)
            )
        return replace(changed, version=rule.version + 1, updated_at=now, updated_by=by)


@dataclass(slots=True)
class _Checks:
    """Reads the fields of a change one after the other and remembers what is wrong."""

    rule: AlertRule
    faults: list[FieldViolation] = field(default_factory=list)

    def read(self, change: RuleChange) -> AlertRule:
        largest = subject_of(self.rule.rule_id).largest
        values: dict[str, Any] = {"is_enabled": change.is_enabled}
        for name in ("fire_threshold", "resolve_threshold"):
            values[name] = self._number(name, getattr(change, name), largest, f"must be 0 to {largest:g}")
        for name in ("fire_after", "resolve_after"):
            seconds = getattr(change, f"{name}_s")
            checked = self._number(f"{name}_s", seconds, MAX_HOLD.total_seconds(), _HOLD_TEXT)
            values[name] = None if checked is None else timedelta(seconds=checked)
        values["min_samples"] = self._samples(change.min_samples)
        values["window"] = self._window(change.window_s)
        return replace(self.rule, **{name: value for name, value in values.items() if value is not None})

    def require_order(self, rule: AlertRule) -> None:
        """Good and bad may not meet: what lies between them keeps an alert from flapping."""
        if not rule.is_bad(rule.resolve_threshold) and not rule.is_good(rule.fire_threshold):
            return
        side = "below" if rule.direction is Direction.ABOVE else "above"
        text = f"must be {side} fire_threshold, {rule.fire_threshold:g}"
        self._fault("resolve_threshold", text)

    def _number(self, name: str, value: float | None, largest: float, text: str) -> float | None:
        if value is None or (math.isfinite(value) and 0 <= value <= largest):
            return value
        self._fault(name, text)
        return None

    def _samples(self, value: int | None) -> int | None:
        if value is None or 1 <= value <= MAX_SAMPLES:
            return value
        self._fault("min_samples", f"must be 1 to {MAX_SAMPLES}")
        return None

    def _window(self, seconds: float | None) -> timedelta | None:
        if seconds is None:
            return None
        if self.rule.window is None:
            self._fault("window_s", "this rule looks at the present alone")
        elif not math.isfinite(seconds) or not MIN_WINDOW.total_seconds() <= seconds <= MAX_WINDOW.total_seconds():
            self._fault("window_s", _WINDOW_TEXT)
        else:
            return timedelta(seconds=seconds)
        return None

    def _fault(self, name: str, text: str) -> None:
        self.faults.append(FieldViolation(f"alert_rule.{name}", text))


def rule_id_of(text: str, *, path: str = "rule_id") -> RuleId:
    """Return the rule of an id.

    Raises:
        InvalidInput: the id is empty; `path` is the name of the field.
        NotFound: there is no such rule.
    """
    if not text:
        known = f"must be one of {', '.join(RuleId)}"
        raise InvalidInput(f"{path}: {known}", violations=(FieldViolation(path, known),))
    try:
        return RuleId(text)
    except ValueError as error:
        raise NotFound("there is no such alert rule", reason="NO_SUCH_ALERT_RULE") from error


def etag_of(rule: AlertRule) -> str:
    """Return what names this version and its content."""
    window = None if rule.window is None else rule.window.total_seconds()
    numbers = (rule.is_enabled, rule.fire_threshold, rule.resolve_threshold, rule.min_samples, window)
    holds = (rule.fire_after.total_seconds(), rule.resolve_after.total_seconds())
    digest = hashlib.sha256(repr((str(rule.rule_id), *numbers, *holds)).encode()).hexdigest()
    return f'"{rule.version}-{digest[:12]}"'


def require_same(etag: str, rule: AlertRule) -> None:
    """Raise unless the change was made for this version of the rule.

    Raises:
        InvalidInput: no etag was brought.
        StaleWrite: it is that of another version.
    """
    if not etag:
        fault = FieldViolation("alert_rule.etag", "is needed; read the rule first")
        raise InvalidInput(f"{fault.field}: {fault.description}", reason="ETAG_REQUIRED", violations=(fault,))
    if etag != etag_of(rule):
        raise StaleWrite(
            "the rule has changed since it was read; read it again and repeat", metadata={"etag": etag_of(rule)}
        )


def silence_until(quiet: Mapping[str, Any], *, comment: str, now: datetime, by: str) -> Silence | None:
    """Read one of `until_at` (None: no date can hold it), `duration_s` and `clear`; None ends a silence.

    Raises:
        InvalidInput: none is given, the time is not in the future or too far in it, or the comment is too long.
    """
    if len(comment) > MAX_COMMENT_CHARS or "\x00" in comment:
        raise _refusal("comment", f"must be at most {MAX_COMMENT_CHARS} characters without NUL")
    if "until_at" in quiet:
        until, path = quiet["until_at"], "until_at"
    elif "duration_s" in quiet:
        until, path = _after(now, quiet["duration_s"]), "duration_s"
    elif quiet.get("clear"):
        return None
    else:
        raise _refusal("duration_s", "give until_at, duration_s, or clear")
    if until is None or not now < until <= now + MAX_SILENCE:
        raise _refusal(path, f"must end in the future, within {MAX_SILENCE.days} days")
    return Silence(until, by, comment)


def _after(now: datetime, seconds: float) -> datetime | None:
    is_sane = math.isfinite(seconds) and 0 < seconds <= MAX_SILENCE.total_seconds()
    return now + timedelta(seconds=seconds) if is_sane else None


def _refusal(path: str, text: str) -> InvalidInput:
    return InvalidInput(f"{path}: {text}", reason="INVALID_SILENCE", violations=(FieldViolation(path, text),))
