"""What `/v1/admin/alerts` and `/v1/admin/alert-rules` answer, as types; every key may be missing."""

from typing import TypedDict

__all__ = ["Alert", "AlertAnswer", "AlertRule", "RuleAnswer"]


class Alert(TypedDict, total=False):
    """An alert; `state` is pending, firing, resolving or resolved. Times are RFC 3339."""

    alert_id: str
    rule_id: str
    state: str
    title: str
    sentence: str
    what_to_do: str
    documentation: str
    about: str
    unit: str
    value: float
    latest_value: float
    worst_value: float
    fire_threshold: float
    began_at: str
    fired_at: str
    resolved_at: str
    end_reason: str
    no_data_since: str
    silenced_until: str


class AlertAnswer(TypedDict, total=False):
    """Alerts, those that are pending first, then the newest first."""

    data: list[Alert]
    next_page_token: str
    evaluated_at: str
    measured: int
    missing: int


class AlertRule(TypedDict, total=False):
    """A rule; `state` is unknown, disabled, inactive, pending, firing or resolving."""

    rule_id: str
    etag: str
    is_enabled: bool
    fire_threshold: float
    resolve_threshold: float
    fire_after_s: float
    resolve_after_s: float
    min_samples: int
    window_s: float
    title: str
    meaning: str
    unit: str
    direction: str
    is_default: bool
    silenced_until: str
    silenced_by: str
    silence_comment: str
    state: str
    latest_value: float
    no_data_since: str


class RuleAnswer(TypedDict, total=False):
    """All rules, in order of display."""

    data: list[AlertRule]
    evaluated_at: str
    measured: int
    missing: int
