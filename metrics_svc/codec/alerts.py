"""Alerts, rules and notifications to answers, and what is asked of them to values."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from heimdex.metrics.v1 import alert_pb2
from metrics_svc.codec.wire import moment, optional, question_of, stamp_of
from metrics_svc.domain.alerts.alert import Alert, Situation, documentation_of
from metrics_svc.domain.alerts.changes import RuleChange, etag_of, silence_until
from metrics_svc.domain.alerts.pages import (
    AlertPage,
    AlertQuestion,
    DeliveryPage,
    DeliveryRow,
    read_place,
    write_number,
    write_place,
)
from metrics_svc.domain.alerts.rules import Silence, subject_of
from metrics_svc.domain.alerts.state import Phase, Watchpoint
from metrics_svc.domain.alerts.webhook import Receiver

__all__ = [
    "alert_question",
    "encode_alerts",
    "encode_deliveries",
    "encode_rule",
    "encode_rules",
    "rule_change",
    "silence_of",
]

_NUMBERS = (
    "is_enabled",
    "fire_threshold",
    "resolve_threshold",
    "fire_after_s",
    "resolve_after_s",
    "min_samples",
    "window_s",
)
_RESOLVED, _DISABLED, _UNKNOWN = "resolved", "disabled", "unknown"


def alert_question(request: alert_pb2.ListAlertsRequest) -> AlertQuestion:
    """Read which alerts are asked for.

    Raises:
        InvalidInput: a time is given that no date can hold, or a page that is not one of ours.
    """
    return AlertQuestion(
        question=question_of(request),
        rule_id=request.rule_id,
        is_current=request.is_current,
        page_size=request.page_size,
        after=read_place(request.page_token),
    )


def rule_change(request: alert_pb2.UpdateAlertRuleRequest) -> RuleChange:
    """Read what shall become of a rule."""
    rule = request.alert_rule
    numbers: dict[str, Any] = {name: optional(rule, name) for name in _NUMBERS}
    return RuleChange(rule_id=rule.rule_id, etag=rule.etag, is_reset=request.reset_to_default, **numbers)


def silence_of(request: alert_pb2.SilenceAlertRuleRequest, *, now: datetime, by: str) -> Silence | None:
    """Read for how long a rule shall be silent; None ends a silence.

    Raises:
        InvalidInput: nothing is asked for, or a time that is not in the future or too far in it.
    """
    asked = request.WhichOneof("quiet")
    quiet: dict[str, Any] = {}
    if asked is not None:
        quiet[asked] = moment(request, asked) if asked == "until_at" else getattr(request, asked)
    return silence_until(quiet, comment=request.comment, now=now, by=by)


def encode_alerts(page: AlertPage, now: datetime) -> alert_pb2.ListAlertsResponse:
    """Return the answer of `alerts`."""
    by_rule = {one.rule.rule_id: one for one in page.situations}
    return alert_pb2.ListAlertsResponse(
        data=[
            *(_pending(one, now) for one in page.pending),
            *(_alert(alert, by_rule[alert.rule_id], now) for alert in page.alerts),
        ],
        next_page_token=write_place(page.next_after),
        **_coverage(page.situations),
    )


def encode_rules(situations: Sequence[Situation], now: datetime) -> alert_pb2.ListAlertRulesResponse:
    """Return the answer of `alert-rules`."""
    return alert_pb2.ListAlertRulesResponse(data=[encode_rule(one, now) for one in situations], **_coverage(situations))


def encode_rule(situation: Situation, now: datetime) -> alert_pb2.AlertRule:
    """Return a rule with where it stands."""
    rule, seen, silence = situation.rule, situation.watchpoint, situation.silence
    subject = subject_of(rule.rule_id)
    told: dict[str, Any] = {}
    if silence is not None and silence.holds(now):
        told = {
            "silenced_until": stamp_of(silence.until),
            "silenced_by": silence.by,
            "silence_comment": silence.comment,
        }
    return alert_pb2.AlertRule(
        rule_id=rule.rule_id,
        etag=etag_of(rule),
        is_enabled=rule.is_enabled,
        fire_threshold=rule.fire_threshold,
        resolve_threshold=rule.resolve_threshold,
        fire_after_s=rule.fire_after.total_seconds(),
        resolve_after_s=rule.resolve_after.total_seconds(),
        min_samples=rule.min_samples,
        window_s=None if rule.window is None else rule.window.total_seconds(),
        title=subject.title,
        meaning=subject.meaning,
        samples_are=subject.samples_are,
        what_to_do=subject.what_to_do,
        documentation=documentation_of(rule.rule_id),
        unit=subject.unit,
        direction=subject.direction,
        is_default=rule.version == 0,
        updated_at=stamp_of(rule.updated_at),
        updated_by=rule.updated_by,
        state=_state(situation),
        latest_value=_value(seen),
        measured_at=stamp_of(seen.measured_at),
        no_data_since=stamp_of(seen.no_data_since) if rule.is_enabled else None,
        **told,
    )


def encode_deliveries(page: DeliveryPage, receivers: Iterable[Receiver]) -> alert_pb2.ListAlertDeliveriesResponse:
    """Return the answer of `alert-deliveries`."""
    return alert_pb2.ListAlertDeliveriesResponse(
        data=map(_delivery, page.rows),
        next_page_token=write_number(page.next_before),
        receivers=[one.name for one in receivers],
    )


def _pending(situation: Situation, now: datetime) -> alert_pb2.Alert:
    seen = situation.watchpoint
    reading = seen.reading
    return alert_pb2.Alert(
        rule_id=situation.rule.rule_id,
        state=Phase.PENDING,
        sentence=reading.sentence if reading else "",
        about=reading.about if reading else "",
        value=reading.value if reading else 0.0,
        latest_value=_value(seen),
        fire_threshold=situation.rule.fire_threshold,
        samples=reading.samples if reading else 0,
        began_at=stamp_of(seen.began_at),
        **_of_rule(situation, now),
    )


def _alert(alert: Alert, situation: Situation, now: datetime) -> alert_pb2.Alert:
    seen, is_open = situation.watchpoint, alert.resolved_at is None
    return alert_pb2.Alert(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        state=seen.phase if is_open else _RESOLVED,
        sentence=alert.sentence,
        about=alert.about,
        value=alert.value,
        latest_value=_value(seen) if is_open else alert.resolved_value,
        worst_value=alert.worst_value,
        fire_threshold=alert.fire_threshold,
        samples=alert.samples,
        began_at=stamp_of(alert.began_at),
        fired_at=stamp_of(alert.fired_at),
        resolved_at=stamp_of(alert.resolved_at),
        end_reason=alert.end_reason or "",
        no_data_since=stamp_of(seen.no_data_since) if is_open else None,
        **_of_rule(situation, now),
    )


def _of_rule(situation: Situation, now: datetime) -> dict[str, Any]:
    rule_id = situation.rule.rule_id
    subject = subject_of(rule_id)
    silence = situation.silence if situation.is_silenced(now) else None
    return {
        "title": subject.title,
        "what_to_do": subject.what_to_do,
        "documentation": documentation_of(rule_id),
        "unit": subject.unit,
        "silenced_until": stamp_of(silence.until) if silence else None,
    }


def _delivery(row: DeliveryRow) -> alert_pb2.AlertDelivery:
    return alert_pb2.AlertDelivery(
        delivery_id=row.delivery_id,
        alert_id=row.alert_id,
        rule_id=row.rule_id,
        event=row.event,
        receiver=row.receiver,
        state=row.state,
        attempts=row.attempts,
        created_at=stamp_of(row.created_at),
        next_attempt_at=stamp_of(row.next_attempt_at),
        finished_at=stamp_of(row.finished_at),
        last_status=row.last_status,
        last_error=row.last_error,
    )


def _state(situation: Situation) -> str:
    seen = situation.watchpoint
    if not situation.rule.is_enabled:
        return _DISABLED
    is_unknown = seen.looked_at is None or (seen.no_data_since is not None and not seen.is_firing)
    return _UNKNOWN if is_unknown else seen.phase


def _value(seen: Watchpoint) -> float | None:
    return None if seen.reading is None else seen.reading.value


def _coverage(situations: Sequence[Situation]) -> dict[str, Any]:
    looked = [one.watchpoint for one in situations if one.rule.is_enabled]
    measured = sum(seen.looked_at is not None and seen.no_data_since is None for seen in looked)
    times = [one.watchpoint.looked_at for one in situations if one.watchpoint.looked_at is not None]
    return {
        "measured": measured,
        "missing": len(looked) - measured,
        "evaluated_at": stamp_of(max(times, default=None)),
    }
