"""What an audit answers, as JSON. What was not told is not there."""

from typing import TypedDict

__all__ = ["AuditAnswer", "AuditCheck", "AuditDifference"]


class AuditCheck(TypedDict, total=False):
    """One answer, computed in one way and held against the raw events."""

    answer: str
    way: str
    compared: int
    differences: int


class AuditDifference(TypedDict, total=False):
    """One number on which the ways disagree."""

    answer: str
    field: str
    labels: str
    sketch_value: float
    raw_value: float
    sql_value: float
    prometheus_value: float
    relative_error: float


class AuditAnswer(TypedDict, total=False):
    """Everything that was compared, and the worst differences."""

    data: list[AuditDifference]
    checks: list[AuditCheck]
    compared: int
    differences: int
    prometheus_series: int
    sketches: int
    days_without_events: list[str]
    start_at: str
    end_at: str
    owner_id: str
    duration_s: float
