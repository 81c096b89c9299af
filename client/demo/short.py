"""The part of the demo in which a moment becomes a short."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from client.api import HeimdexClient
from client.check_view import check_table, verdict_lines
from client.errors import ClientError, HeimdexApiError
from client.export_board import show_export
from client.export_errors import failure_of, in_words
from client.export_spec import Choices, print_segment
from client.export_types import Export, ExportSegment
from client.export_view import state_of

__all__ = ["show_short"]

_SHORTEST_S, _LONGEST_S = 5.0, 12.0


def show_short(client: HeimdexClient, video_id: str, to: Path, screen: Console) -> dict[str, Any]:
    """Make a short of the best stretch of a video, save it, and print what was measured of it; return export and file.

    A refusal, such as a quota that is used up, is one line: the rest of the demo does not hang on it.
    """
    screen.print("\n[bold]4. A short[/]  the best stretch, upright, measured by code that did not make it")
    try:
        with in_words():
            segment, why = _best_stretch(client, video_id)
            screen.print(f"{print_segment(segment)}  {why}", markup=False, highlight=False)
            # The same one again on the same day: the demo may be run often and costs one place in the quota.
            asked = client.exports.create(
                [segment],
                Choices(quality="low", captions="bold"),
                request_id=f"demo-{video_id}-{datetime.now(UTC).date()}",
            )
            export = show_export(client.exports.follow(asked.get("id", "")), screen)
            if state_of(export) != "completed":
                screen.print(failure_of(export), style="red", markup=False)
                return {"export": export, "files": []}
            return {"export": export, "files": _saved(client, export, to, screen)}
    except (HeimdexApiError, ClientError) as refused:
        screen.print(f"[yellow]-[/] {escape(str(refused))}", soft_wrap=True)
        return {"export": {}, "files": []}


def _best_stretch(client: HeimdexClient, video_id: str) -> tuple[ExportSegment, str]:
    found = client.exports.propose_shorts(video_id, min_duration_s=_SHORTEST_S, max_duration_s=_LONGEST_S, limit=1).get(
        "proposals", []
    )
    if not found:
        return ExportSegment(video=video_id, start_s=2.0, end_s=2.0 + _SHORTEST_S), "no stretch stands out"
    best = found[0]
    why = "; ".join(reason.get("message", "") for reason in best.get("reasons", [])[:2])
    return ExportSegment(video=video_id, start_s=best.get("start_s", 0.0), end_s=best.get("end_s", 0.0)), why


def _saved(client: HeimdexClient, export: Export, to: Path, screen: Console) -> list[str]:
    to.parent.mkdir(parents=True, exist_ok=True)
    client.exports.download(export.get("id", ""), to, may_overwrite=True)
    for note in export.get("notes", []):
        screen.print(note, style="dim", markup=False, soft_wrap=True)
    report = export.get("check_report", {})
    screen.print(check_table(report))
    for line in verdict_lines(report):
        screen.print(line)
    screen.print(f"saved {to}", markup=False, soft_wrap=True)
    return [str(to)]
