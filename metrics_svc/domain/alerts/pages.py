"""What is asked of alerts and their notifications, and the pages of the answers."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.alerts.alert import Alert, Situation
from metrics_svc.domain.alerts.changes import rule_id_of
from metrics_svc.domain.alerts.rules import RuleId
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.windows import Window

__all__ = [
    "DEFAULT_PAGE_SIZE",
    "MAX_PAGE_SIZE",
    "AlertPage",
    "AlertQuestion",
    "DeliveryPage",
    "DeliveryRow",
    "Place",
    "page_size_of",
    "read_number",
    "read_place",
    "write_number",
    "write_place",
]

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 500
_MAX_NUMBER = (1 << 63) - 1
_MAX_ID_CHARS = 512

Place = tuple[datetime, str]
"""Where a page of alerts begins: after the alert that fired then and has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuestion:
    """Which alerts are asked for. Not yet validated, but for the place."""

    question: Question = field(default_factory=Question)
    rule_id: str = ""
    is_current: bool = False
    page_size: int = 0
    after: Place | None = None

    def rule(self) -> RuleId | None:
        """Return the rule that is asked for; None for all.

        Raises:
            NotFound: there is no such rule.
        """
        return rule_id_of(self.rule_id) if self.rule_id else None

    def window(self, now: datetime) -> Window | None:
        """Return the stretch of time; None when open alerts are asked for, whenever they fired.

        Raises:
            InvalidInput: it is none, or both are asked for.
        """
        if not self.is_current:
            return self.question.window(now)
        asked = self.question
        if asked.range_text or asked.start_at or asked.end_at:
            raise _refusal("is_current", "can not be given together with a window", "INVALID_RANGE")
        return None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Rules that are pending (on the first page only), alerts, where the next page begins, and all rules."""

    pending: tuple[Situation, ...]
    alerts: tuple[Alert, ...]
    next_after: Place | None
    situations: tuple[Situation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A notification as it stands; `number` is its place in the order in which they were written down."""

    number: int
    delivery_id: str
    alert_id: str
    rule_id: str
    event: str
    receiver: str
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    last_status: int | None
    last_error: str


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Notifications, and the number before which the next page begins; None on the last."""

    rows: tuple[DeliveryRow, ...]
    next_before: int | None


def page_size_of(asked: int) -> int:
    """Return how many rows a page has.

    Raises:
        InvalidInput: it is not 0 to MAX_PAGE_SIZE.
    """
    if not 0 <= asked <= MAX_PAGE_SIZE:
        raise _refusal("page_size", f"must be 1 to {MAX_PAGE_SIZE}; 0 means {DEFAULT_PAGE_SIZE}", "INVALID_PAGE")
    return asked or DEFAULT_PAGE_SIZE


def write_place(place: Place | None) -> str:
    """Return the token of a place; empty for None."""
    return "" if place is None else _write([place[0].isoformat(), place[1]])


def read_place(token: str) -> Place | None:
    """Return the place of a token; None for an empty one.

    Raises:
        InvalidInput: it is not one of ours.
    """
    if not token:
        return None
    try:
        at, alert_id = _read(token)
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError) as error:
        raise _bad_token() from error
    if moment.tzinfo is None or not isinstance(alert_id, str) or len(alert_id) > _MAX_ID_CHARS or "\x00" in alert_id:
        raise _bad_token()
    return moment, alert_id


def write_number(number: int | None) -> str:
    """Return the token of a number; empty for None."""
    return "" if number is None else _write(number)


def read_number(token: str) -> int | None:
    """Return the number of a token; None for an empty one.

    Raises:
        InvalidInput: it is not one of ours.
    """
    if not token:
        return None
    number = _read(token)
    if type(number) is not int or not 0 <= number <= _MAX_NUMBER:
        raise _bad_token()
    return number


def _write(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _read(token: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _bad_token() from error


def _bad_token() -> InvalidInput:
    return _refusal("page_token", "must be the next_page_token of the page before", "INVALID_PAGE")


def _refusal(field_name: str, text: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field_name}: {text}", reason=reason, violations=(FieldViolation(field_name, text),))
