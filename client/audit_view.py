"""An audit for a person: a line for every answer, then the numbers that differ."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from client.audit_types import AuditAnswer, AuditCheck, AuditDifference

__all__ = ["audit_lines", "checks_table", "differences_table"]

_WAYS = {"sketch": "sketches", "sql": "SQL functions", "prometheus": "Prometheus"}
_VALUES = {"sketch_value": "told", "raw_value": "raw events", "sql_value": "SQL", "prometheus_value": "Prometheus"}
_PERCENT = 100.0
_MOST_LISTED = 50


def checks_table(answer: AuditAnswer) -> Table:
    """Return a line for every answer, with how many numbers each way agrees on with the raw events."""
    checks: dict[str, dict[str, AuditCheck]] = {}
    for check in answer.get("checks", []):
        checks.setdefault(check.get("answer", ""), {})[check.get("way", "")] = check
    ways = [way for way in _WAYS if any(way in told for told in checks.values())]
    headings = [f"raw events = {_WAYS[way]}" for way in ways]
    table = Table("answer", *headings, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, told in checks.items():
        table.add_row(Text(name), *(_verdict(told.get(way)) for way in ways))
    return table


def differences_table(answer: AuditAnswer) -> Table:
    """Return the numbers that differ, the worst first."""
    found = answer.get("data", [])[:_MOST_LISTED]
    shown = {name: title for name, title in _VALUES.items() if any(name in one for one in found)}
    table = Table(
        "answer", "number", "of what", *shown.values(), "off by", box=None, pad_edge=False, header_style="bold"
    )
    for one in found:
        cells = (_number(one, name) for name in shown)
        labels = Text(_plain(one.get("labels", "")))
        table.add_row(Text(one.get("answer", "")), Text(one.get("field", "")), labels, *cells, _error(one))
    return table


def audit_lines(answer: AuditAnswer) -> Iterator[str]:
    """Say in sentences what was compared, and what could not be."""
    differences, listed = answer.get("differences", 0), len(answer.get("data", [])[:_MOST_LISTED])
    if differences > listed:
        yield f"{differences - listed} more differences are not shown; --json has up to 1,000"
    numbers, sketches = answer.get("compared", 0), answer.get("sketches", 0)
    series = answer.get("prometheus_series", 0)
    yield (
        f"{numbers:,} numbers compared, those of {sketches:,} sketches and {series:,} Prometheus series among them,"
        f" in {answer.get('duration_s', 0.0):.1f} s"
    )
    lost = answer.get("days_without_events", [])
    if lost:
        yield f"{len(lost)} days, {lost[0]} to {lost[-1]}, are not audited: their events were removed"
    yield f"{differences:,} {'difference' if differences == 1 else 'differences'}"


def _verdict(check: AuditCheck | None) -> Text:
    if check is None:
        return Text("")
    differences, compared = check.get("differences", 0), check.get("compared", 0)
    return Text(f"{differences:,} of {compared:,} differ", "red") if differences else Text(f"{compared:,}", "green")


def _number(one: AuditDifference, name: str) -> str:
    value = one.get(name)
    return "-" if not isinstance(value, int | float) else f"{value:,.10g}"


def _error(one: AuditDifference) -> str:
    error = one.get("relative_error")
    return "-" if error is None else f"{error * _PERCENT:.3g} %"


def _plain(text: str) -> str:
    """Return text that does nothing to a terminal; ids are what other people chose."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
