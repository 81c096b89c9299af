"""The body of a notification: JSON, version 1. Fields may be added; a change of their meaning is another version."""

import json
from datetime import UTC, datetime

from metrics_svc.domain.alerts.alert import Alert, AlertEvent, Notice, documentation_of
from metrics_svc.domain.alerts.rules import AlertRule, subject_of
from metrics_svc.domain.alerts.webhook import Receiver
from metrics_svc.ports.alerts import NewDelivery

__all__ = ["VERSION", "deliveries_of"]

VERSION = 1


def deliveries_of(
    notices: tuple[Notice, ...], rule: AlertRule, receivers: tuple[Receiver, ...], now: datetime
) -> tuple[NewDelivery, ...]:
    """Return what is written down for each receiver, in the order in which it is to be told."""
    return tuple(
        NewDelivery(
            f"{notice.alert.alert_id}-{notice.event}-{receiver.name.rpartition('#')[2]}",
            notice.alert,
            notice.event,
            receiver.name,
            _body(notice, rule, now),
        )
        for notice in notices
        for receiver in receivers
    )


def _body(notice: Notice, rule: AlertRule, now: datetime) -> bytes:
    alert = notice.alert
    said = {
        "type": f"alert.{notice.event}",
        "version": VERSION,
        "timestamp": _time(now),
        "data": {**_about(alert, rule), **_end(notice)},
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _about(alert: Alert, rule: AlertRule) -> dict[str, object]:
    subject = subject_of(rule.rule_id)
    return {
        "alert_id": alert.alert_id,
        "rule_id": alert.rule_id,
        "title": subject.title,
        "sentence": alert.sentence,
        "what_to_do": subject.what_to_do,
        "documentation": documentation_of(alert.rule_id),
        "about": alert.about,
        "unit": subject.unit,
        "direction": subject.direction,
        "value": alert.value,
        "worst_value": alert.worst_value,
        "fire_threshold": alert.fire_threshold,
        "samples": alert.samples,
        "began_at": _time(alert.began_at),
        "fired_at": _time(alert.fired_at),
    }


def _end(notice: Notice) -> dict[str, object]:
    alert = notice.alert
    if notice.event is AlertEvent.FIRED or alert.resolved_at is None:
        return {}
    end: dict[str, object] = {"resolved_at": _time(alert.resolved_at), "end_reason": alert.end_reason}
    return end if alert.resolved_value is None else end | {"resolved_value": alert.resolved_value}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
