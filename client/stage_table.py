"""Percentiles per stage, in a table for a person."""

from rich.table import Table
from rich.text import Text

from client.output import milliseconds
from client.types import Latency, Rtf, StagePerformance

__all__ = ["latency_line", "rtf_line", "stage_table"]


def stage_table(performance: StagePerformance) -> Table:
    """Return the table, in the order of the pipeline."""
    table = Table(
        "stage",
        "outcome",
        "count",
        "p50",
        "p95",
        "p99",
        "longest",
        "model",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in table.columns[2:7]:
        column.justify = "right"
    for row in performance.get("data", []):
        outcome = row.get("outcome", "")
        table.add_row(
            row.get("processing_stage", ""),
            Text(outcome, {"failed": "red", "skipped": "yellow"}.get(outcome, "")),
            str(row.get("count", "0")),
            *(milliseconds(row.get(key)) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")),
            Text(row.get("model", ""), "dim"),
        )
    return table


def latency_line(latency: Latency) -> str:
    """Say how long videos took."""
    count = int(latency.get("videos_measured", 0))
    if not count:
        return "no video has become ready in this time"
    p50, p95, p99 = (milliseconds(latency.get(f"p{rank}_processing_ms")) for rank in (50, 95, 99))
    waited = milliseconds(latency.get("avg_queue_ms"))
    became = "1 video became ready" if count == 1 else f"{count} videos became ready"
    return f"{became}: processing p50 {p50}, p95 {p95}, p99 {p99}; waited {waited} on average"


def rtf_line(rtf: Rtf) -> str:
    """Say how processing time compares to the length of the videos."""
    ranks = {"p50": rtf.get("p50_rtf"), "p95": rtf.get("p95_rtf"), "p99": rtf.get("p99_rtf")}
    known = ", ".join(f"{name} {value:.3f}" for name, value in ranks.items() if value is not None)
    return f"real-time factor (below 1 is faster than real time): {known or 'not measured'}"
