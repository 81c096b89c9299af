"""Search results, in a table for a person."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from client.output import clock, word
from client.types import Scene, SearchAnswer, SearchResult

__all__ = ["content_of", "results_table", "signals_line", "span_of", "why_of"]

_MOST_CHARACTERS = 90


def results_table(answer: SearchAnswer, titles: Mapping[str, str]) -> Table:
    """Return the table; `titles` maps video ids to what people call them."""
    table = Table("score", "title", "time", "what is there", "why", box=None, pad_edge=False, header_style="bold")
    table.columns[2].no_wrap = True
    for result in answer.get("results", []):
        scene = result.get("scene", Scene())
        video_id = scene.get("video_id", "")
        table.add_row(
            f"{result.get('score', 0.0):.3f}",
            Text(titles.get(video_id, video_id)),
            span_of(scene),
            Text(content_of(scene)),
            Text(why_of(result), "dim"),
        )
    return table


def span_of(scene: Scene) -> str:
    """Return `mm:ss-mm:ss`."""
    return f"{clock(scene.get('start_s', 0.0))}-{clock(scene.get('end_s', 0.0))}"


def content_of(scene: Scene) -> str:
    """Return what is said, what is written and what is seen, in one line that is not long."""
    said = scene.get("transcript_segment", "").strip()
    parts = [f'"{said}"'] if said else []
    if lines := scene.get("ocr_lines"):
        parts.append("text: " + " | ".join(lines))
    if tags := scene.get("tags"):
        parts.append("tags: " + ", ".join(tags[:5]))
    text = "; ".join(parts) or scene.get("visual_summary", "")
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def why_of(result: SearchResult) -> str:
    """Return the signals that found a moment, strongest first, with their own scores."""
    reasons = []
    for match in result.get("matches", []):
        name = word(match.get("signal"), "SIGNAL_").replace("_", " ")
        reasons.append(f"{name} {match.get('score', 0.0):.2f}")
    return ", ".join(reasons)


def signals_line(answer: SearchAnswer) -> str:
    """Say which signals took part and which could not, and why."""
    used, missing = [], []
    for report in answer.get("signals", []):
        name = word(report.get("signal"), "SIGNAL_").replace("_", " ")
        if report.get("is_used"):
            used.append(name)
        else:
            missing.append(f"{name} ({reason})" if (reason := report.get("reason")) else name)
    line = f"searched by {', '.join(used) or 'nothing'}"
    return line + (f"; not by {', '.join(missing)}" if missing else "")
