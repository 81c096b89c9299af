"""Shorts, for a person: an export in a few lines, many in a table, what was measured, and what could be made."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from types import MappingProxyType

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from client.export_spec import print_segment
from client.export_types import Export, ExportSegment, ShortProposal
from client.output import clock, parse_time, printable, size, word

__all__ = ["export_lines", "export_table", "proposal_lines", "state_of"]

_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "expired": "dim"}
_VERDICTS = {"good": "green", "poor": "yellow", "failed": "red"}
_MOST_CHARACTERS = 160


def state_of(export: Export) -> str:
    """Return the state as a lower-case word."""
    return word(export.get("status"), "EXPORT_STATE_")


def export_lines(export: Export) -> list[str]:
    """Return a few lines of console markup: id, state, what is in it, how it looks, what was done otherwise."""
    state = state_of(export)
    facts = [f"[{_STYLES.get(state, 'cyan')}]{escape(state or 'unknown')}[/]"]
    if "duration_s" in export:
        facts.append(f"{export['duration_s']:.1f} s")
    if shown := export.get("resolution"):
        facts.append(escape(shown))
    if "file_size_bytes" in export:
        facts.append(size(float(export["file_size_bytes"])))
    if export.get("is_stream_copy"):
        facts.append("streams copied as they are")
    lines = [f"[bold]{escape(printable(export.get('id', '')))}[/]  {', '.join(facts)}"]
    if segments := export.get("segments"):
        lines.append(escape(f"of {_made_of(segments)}; {_looks(export)}"))
    if cuts := export.get("cuts"):
        lines.append(escape(f"cut from {_made_of(cuts)}"))
    if (expires_at := parse_time(export.get("expires_at"))) and state in {"queued", "processing", "completed"}:
        lines.append(f"kept until {expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    lines += [f"[yellow]{escape(printable(note))}[/]" for note in export.get("notes", [])]
    return lines


def export_table(exports: Iterable[Export], *, width: int = 160) -> Table:
    """Return exports, one per row; a narrow terminal gets fewer columns."""
    shown = {name: cell for name, (cell, least) in _COLUMNS.items() if width >= least}
    table = Table(*shown, box=None, pad_edge=False, header_style="bold")
    for name, column in zip(shown, table.columns, strict=True):
        column.no_wrap = name != "of"
        column.justify = "right" if name in {"length", "size"} else "left"
    for export in exports:
        table.add_row(*(cell(export) for cell in shown.values()))
    return table


def proposal_lines(number: int, video_id: str, proposal: ShortProposal) -> list[Text]:
    """Return one proposal: when, how good, why, what is said, and the line that makes it."""
    start_s, end_s = proposal.get("start_s", 0.0), proposal.get("end_s", 0.0)
    segment: ExportSegment = {"video": video_id, "start_s": start_s, "end_s": end_s}
    head = Text.assemble(
        (f"{number}. ", "dim"),
        (f"{clock(start_s)}-{clock(end_s)}", "bold"),
        f"  {end_s - start_s:.1f} s  score {proposal.get('score', 0.0):.2f}",
    )
    lines = [head]
    for reason in proposal.get("reasons", []):
        name = printable(reason.get("kind", "")).lower().replace("_", " ")
        lines.append(Text(f"   {name} {reason.get('strength', 0.0):.2f}: {printable(reason.get('message', ''))}"))
    if text := printable(proposal.get("text", "")):
        said = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
        lines.append(Text(f'   "{said}"', "dim"))
    lines.append(Text(f"   heimdex export {print_segment(segment)} --to short-{number}.mp4", "cyan"))
    return lines


def _state(export: Export) -> Text:
    state = state_of(export)
    return Text(state, _STYLES.get(state, "cyan"))


def _made_at(export: Export) -> str:
    made = parse_time(export.get("created_at"))
    return f"{made.astimezone(UTC):%m-%d %H:%M}" if made else "-"


def _result(export: Export) -> Text:
    if state_of(export) == "processing" and "progress_pct" in export:
        return Text(f"{export['progress_pct']:.0f} %")
    if reason := export.get("error_reason"):
        return Text(printable(reason), "red")
    verdict = word(export.get("check_report", {}).get("verdict"), "CHECK_VERDICT_")
    return Text(verdict if verdict in _VERDICTS else "-", _VERDICTS.get(verdict, ""))


def _of(export: Export) -> Text:
    segments = export.get("segments", [])
    return Text(f"{len(segments)} stretches" if len(segments) > 1 else _made_of(segments))


def _made_of(segments: Iterable[ExportSegment]) -> str:
    return " + ".join(printable(print_segment(segment)) for segment in segments) or "-"


def _looks(export: Export) -> str:
    asked = word(export.get("aspect_ratio_strategy"), "ASPECT_RATIO_STRATEGY_")
    used = word(export.get("used_strategy"), "ASPECT_RATIO_STRATEGY_")
    ways = used if used not in {"", "unspecified"} else asked
    if ways != asked:
        ways = f"{ways} in place of {asked}"
    parts = {
        "": word(export.get("aspect_ratio"), "ASPECT_RATIO_").replace("_", ":"),
        " ": ways.replace("_", "-"),
        "quality ": word(export.get("output_quality"), "OUTPUT_QUALITY_"),
        "captions ": word(export.get("caption_style"), "CAPTION_STYLE_"),
    }
    return ", ".join(f"{name}{said}".strip() for name, said in parts.items() if said)


_COLUMNS: Mapping[str, tuple[Callable[[Export], str | Text], int]] = MappingProxyType(
    {
        "id": (lambda export: Text(printable(export.get("id", ""))), 0),
        "state": (_state, 0),
        "made": (_made_at, 0),
        "length": (lambda export: clock(export["duration_s"]) if "duration_s" in export else "-", 0),
        "size": (lambda export: size(float(export["file_size_bytes"])) if "file_size_bytes" in export else "-", 100),
        "result": (_result, 0),
        "of": (_of, 120),
    }
)
"""Columns by name: what is in them, and the narrowest terminal that shows them."""
