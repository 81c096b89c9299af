"""Alerts and their rules, for a person."""

from datetime import UTC, datetime, timedelta

from rich.table import Table
from rich.text import Text

from client.alert_types import Alert, AlertAnswer, AlertRule, RuleAnswer
from client.capacity_view import duration
from client.output import parse_time

__all__ = ["alert_lines", "alert_table", "coverage_line", "rule_line", "rule_table", "staleness_line"]

_STYLES = {"firing": "bold red", "resolving": "yellow", "pending": "yellow", "resolved": "green", "unknown": "dim"}
_SYMBOLS = {"percent": " %", "ratio": "x", "seconds": " s", "events": "", "points": " points"}
_STALE = timedelta(minutes=2)
_DIGITS_ALONE = 999.5


def alert_lines(alert: Alert, *, now: datetime | None = None) -> list[Text]:
    """Say what is wrong, since when, and what to do."""
    state = alert.get("state", "")
    head = Text.assemble(
        (state, _STYLES.get(state, "")), f"  {alert.get('title', '')}", (f"  {alert.get('rule_id', '')}", "dim")
    )
    lines = [head, Text(f"  {alert.get('sentence', '')}")]
    since = _ago(alert.get("fired_at") or alert.get("began_at"), now)
    value = _value(alert.get("latest_value"), alert)
    lines.append(Text(f"  since {since}; now {value}, the limit is {_value(alert.get('fire_threshold'), alert)}"))
    if alert.get("no_data_since"):
        lines.append(Text(f"  no data since {_ago(alert['no_data_since'], now)}", "yellow"))
    if alert.get("silenced_until"):
        lines.append(Text(f"  nobody is told until {_time(alert['silenced_until'])}", "yellow"))
    lines.append(Text(f"  {alert.get('what_to_do', '')} ({alert.get('documentation', '')})", "dim"))
    return lines


def alert_table(answer: AlertAnswer) -> Table:
    """Return alerts that fire or fired, one per row."""
    table = Table("rule", "state", "fired", "lasted", "value", "worst", "limit", "about", box=None, pad_edge=False)
    table.header_style = "bold"
    for column in table.columns[3:7]:
        column.justify = "right"
    for alert in answer.get("data", []):
        state = alert.get("state", "")
        begin, end = parse_time(alert.get("fired_at")), parse_time(alert.get("resolved_at"))
        table.add_row(
            alert.get("rule_id", ""),
            Text(state, _STYLES.get(state, "")),
            _time(alert.get("fired_at")),
            duration((end - begin).total_seconds()) if begin and end else "-",
            _value(alert.get("value", 0.0), alert),
            _value(alert.get("worst_value"), alert),
            _value(alert.get("fire_threshold"), alert),
            alert.get("about", ""),
        )
    return table


def rule_table(answer: RuleAnswer) -> Table:
    """Return the rules: where they stand, and when they fire and resolve."""
    table = Table("rule", "state", "value", "fires at", "for", "resolves at", "for", "silent until", box=None)
    table.pad_edge, table.header_style = False, "bold"
    for column in table.columns[2:7]:
        column.justify = "right"
    for rule in answer.get("data", []):
        state = rule.get("state", "")
        table.add_row(
            rule.get("rule_id", ""),
            Text(state, _STYLES.get(state, "")),
            "-" if rule.get("no_data_since") else _value(rule.get("latest_value"), rule),
            _value(rule.get("fire_threshold", 0.0), rule),
            duration(rule.get("fire_after_s", 0.0)) if rule.get("fire_after_s") else "at once",
            _value(rule.get("resolve_threshold", 0.0), rule),
            duration(rule.get("resolve_after_s", 0.0)) if rule.get("resolve_after_s") else "at once",
            _time(rule.get("silenced_until")) if rule.get("silenced_until") else "",
        )
    return table


def rule_line(rule: AlertRule) -> str:
    """Say whether a rule is silent, and until when."""
    until = rule.get("silenced_until")
    name = rule.get("rule_id", "")
    return f"nobody is told of {name} until {_time(until)}" if until else f"{name} is not silent"


def coverage_line(answer: AlertAnswer | RuleAnswer) -> str:
    """Say how many rules have data."""
    measured, missing = answer.get("measured", 0), answer.get("missing", 0)
    rules = measured + missing
    return f"{measured} of {rules} {'rule has' if rules == 1 else 'rules have'} data"


def staleness_line(answer: AlertAnswer | RuleAnswer, *, now: datetime | None = None) -> str:
    """Say that nobody watches; empty when somebody does."""
    at = parse_time(answer.get("evaluated_at"))
    if at is None:
        return "nobody has looked at the rules yet"
    is_stale = (now or datetime.now(UTC)) - at > _STALE
    return f"nobody has looked at the rules for {_ago(answer['evaluated_at'], now)}" if is_stale else ""


def _value(value: float | None, of: Alert | AlertRule) -> str:
    if value is None:
        return "-"
    number = f"{value:.3g}" if abs(value) < _DIGITS_ALONE else f"{value:,.0f}"
    return f"{number}{_SYMBOLS.get(of.get('unit', ''), '')}"


def _time(text: str | None) -> str:
    at = parse_time(text)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "-"


def _ago(text: str | None, now: datetime | None) -> str:
    at = parse_time(text)
    return "-" if at is None else duration(max(0.0, ((now or datetime.now(UTC)) - at).total_seconds()))
