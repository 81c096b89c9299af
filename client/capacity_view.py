"""How busy the workers are, for a person."""

from collections.abc import Callable, Mapping

from rich.table import Table
from rich.text import Text

from client.capacity_types import CapacityAnswer, StageCapacity
from client.output import parse_time

__all__ = ["capacity_lines", "capacity_table", "duration"]

_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"
_WARM_PCT, _HOT_PCT = 70.0, 90.0
_FULL_PCT = 100.0
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))
_TWO_DIGITS = 10.0
_REASONS = {"TOO_FEW_EVENTS": "too few", "SERVERS_UNKNOWN": "unknown"}


def capacity_table(answer: CapacityAnswer, *, width: int = 160) -> Table:
    """Return the stages: how busy, at which hour most, with how many workers, how long work waits and what it needs.

    A narrow terminal gets fewer columns.
    """
    shown = {name: cell for name, (cell, least) in _COLUMNS.items() if width >= least}
    table = Table(*shown, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[2:]:
        column.justify = "right"
    for row in answer.get("stages", []):
        table.add_row(*(cell(row) for cell in shown.values()))
    return table


def capacity_lines(answer: CapacityAnswer) -> list[str]:
    """Say from what the answer was computed, and how long a video waits in all."""
    begin, end = parse_time(answer.get("observed_from_at")), parse_time(answer.get("observed_until_at"))
    uploads = answer.get("uploads", 0)
    count = "1 upload" if uploads == 1 else f"{uploads:,} uploads"
    when = f" from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC" if begin and end else ""
    lines = [f"{count}{when}, {answer.get('uploads_per_hour', 0.0):.3g} an hour{_room(answer)}"]
    waits = {
        "waited": answer.get("avg_queue_s"),
        "will wait": answer.get("forecast_avg_queue_s"),
        "would wait with the workers needed": answer.get("advised_avg_queue_s"),
    }
    said = [f"{verb} {duration(seconds)}" for verb, seconds in waits.items() if seconds is not None]
    return [*lines, f"a video {', '.join(said)}"] if said else lines


def duration(seconds: float | None) -> str:
    """Return a length of time with two digits: `4.2 min`, `35 s`, `120 ms`; one that is not known is a dash."""
    if seconds is None:
        return "-"
    for unit, length in _UNITS:
        if seconds >= length:
            number = seconds / length
            return f"{number:.0f} {unit}" if number >= _TWO_DIGITS else f"{number:.1f} {unit}"
    return f"{seconds * 1_000:.0f} ms"


def _room(answer: CapacityAnswer) -> str:
    most = answer.get("saturation_uploads_per_hour")
    return "" if most is None else f"; the first stage is full at {most:.3g} an hour"


def _busy(row: StageCapacity) -> Text:
    load = row.get("load_pct", row.get("utilisation_pct"))
    if load is None:
        return Text("-")
    style = "green" if load < _WARM_PCT else "yellow" if load < _HOT_PCT else "red"
    eighths = round(min(load, _FULL_PCT) / _FULL_PCT * _CELLS * 8)
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return Text.assemble((bar, style), ("·" * (_CELLS - len(bar)), "dim"), f" {_percent(load):>5}")


def _busiest(row: StageCapacity) -> Text:
    hour, load = row.get("busiest_hour"), row.get("busiest_hour_load_pct")
    if hour is None or load is None:
        return Text("-")
    return Text.assemble((_percent(load), "red" if load >= _FULL_PCT else ""), (f" at {hour:02d}:00", "dim"))


def _percent(share: float) -> str:
    """Return whole percent; what is below 100 is never rounded up to it."""
    return f"{min(99, round(share)) if share < _FULL_PCT else round(share)} %"


def _workers(row: StageCapacity) -> str:
    workers, servers = row.get("forecast_workers"), row.get("forecast_servers")
    if workers is None or servers is None:
        return "-"
    slots = "" if servers == workers else f" x {servers / workers:.3g}"
    return f"{'~' if row.get('servers_are_estimated') else ''}{workers}{slots}"


def _needs(row: StageCapacity) -> Text:
    if reason := row.get("no_forecast_reason"):
        return Text(_REASONS.get(reason, reason), "dim")
    needed, workers = row.get("workers_needed"), row.get("forecast_workers")
    if needed is None:
        return Text("none do", "red")
    return Text(str(needed), "bold red" if workers is None or needed > workers else "green" if needed < workers else "")


_COLUMNS: Mapping[str, tuple[Callable[[StageCapacity], str | Text], int]] = {
    "stage": (lambda row: Text(row.get("processing_stage", "")), 0),
    "busy": (_busy, 0),
    "busiest hour": (_busiest, 100),
    "workers": (_workers, 0),
    "work": (lambda row: duration(row.get("avg_service_s")), 110),
    "waited": (lambda row: duration(row.get("avg_wait_s")), 0),
    "will wait": (lambda row: duration(row.get("forecast_avg_wait_s")), 0),
    "95 % in": (lambda row: duration(row.get("forecast_p95_wait_s")), 0),
    "needs": (_needs, 0),
}
"""Header to what stands below it, and the narrowest terminal that has room for it."""
