"""The runs of a video as bars on one scale of time."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from client.output import clock, milliseconds
from client.waterfall_types import WaterfallAnswer, WaterfallBar, WaterfallGap, WaterfallRun

__all__ = ["run_view", "title_line"]

_BAR_WIDTHS = (20, 48)
_BESIDE = 85
"""What the other columns need, in characters."""
_COLOURS = {"succeeded": "green", "failed": "red", "skipped": "yellow", "cancelled": "yellow"}
_STATES = {"ready": "green", "failed": "red", "cancelled": "yellow"}
_Row = tuple[float, int, tuple[RenderableType, ...]]


def title_line(answer: WaterfallAnswer) -> str:
    """Name the video, as console markup."""
    name = answer.get("filename") or answer.get("video_id", "")
    length = f", {clock(answer['duration_s'])} long" if "duration_s" in answer else ""
    unsure = [
        f"{answer[key]} {what}"  # type: ignore[literal-required]  # the two keys are there
        for key, what in (("approximate", "at an approximate place"), ("missing", "without a measured length"))
        if answer.get(key)
    ]
    note = f"  [yellow]{' and '.join(unsure)}[/]" if unsure else ""
    return f"[bold]{escape(name)}[/]  {escape(answer.get('status', ''))}{length}{note}"


def run_view(run: WaterfallRun, *, width: int) -> Group:
    """Draw one run: what it says in sum, and a line per attempt and per pause, in the order of time.

    `width` is that of the screen in characters.
    """
    state = run.get("state", "")
    head = f"run {run.get('generation', 0)}  [{_STATES.get(state, 'cyan')}]{escape(state)}[/]{escape(_why(run))}"
    if "span_ms" not in run:
        return Group(head, "  its end was filled in later; nothing else of it is known")
    if not run.get("bars") and not run.get("gaps"):
        return Group(head, "  nothing of it has ended yet")
    bar_width = max(_BAR_WIDTHS[0], min(_BAR_WIDTHS[1], width - _BESIDE))
    return Group(head, f"  {_sums(run)}", Padding(_table(run, bar_width), (0, 0, 1, 2)))


def _why(run: WaterfallRun) -> str:
    if run.get("failed_stage"):
        return f" in {run['failed_stage']}: {run.get('reason') or 'no reason was given'}"
    return "" if run.get("finished_at") else ", still going"


def _sums(run: WaterfallRun) -> str:
    waited = f"waited {milliseconds(run['queue_ms'])}, then " if "queue_ms" in run else ""
    parts = [f"{milliseconds(run.get('covered_ms'))} in work", f"{milliseconds(run.get('gap_ms'))} in pauses"]
    said = f"{milliseconds(run.get('span_ms'))} = {waited}{' and '.join(parts)}"
    if run.get("overlap_ms"):
        said += f"; {milliseconds(run['overlap_ms'])} more side by side"
    used = [f"{milliseconds(run[key])} {name}" for key, name in _USED if key in run]  # type: ignore[literal-required]
    if run.get("model_calls"):
        used.append(f"{run['model_calls']} model calls")
    return said + (f"  [dim]{', '.join(used)}[/]" if used else "")


_USED = (("cpu_ms", "CPU"), ("gpu_ms", "accelerator"))


def _table(run: WaterfallRun, bar_width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "", "start", "time", "waited", "critical", "notes"):
        table.add_column(name, no_wrap=name != "notes")
    table.columns[1].min_width = table.columns[1].max_width = bar_width
    for column in table.columns[2:6]:
        column.justify = "right"
    scale = _Scale(max(run.get("span_ms", 0.0), 1e-6), bar_width)
    rows = [*_bars(run.get("bars", []), scale), *_gaps(run.get("gaps", []), scale)]
    for _, _, cells in sorted(rows, key=lambda row: row[:2]):
        table.add_row(*cells)
    return table


def _bars(bars: list[WaterfallBar], scale: "_Scale") -> Iterator[_Row]:
    for bar in bars:
        start, length = bar.get("start_ms", 0.0), bar.get("duration_ms")
        attempt = f" #{bar['attempt']}" if bar.get("attempt", 0) > 1 else ""
        colour = _COLOURS.get(bar.get("outcome", ""), "cyan")
        is_critical = bar.get("critical_ms", 0.0) > 0
        cells = (
            Text(bar.get("processing_stage", "") + attempt, colour),
            scale.drawn(start, start + (length or 0.0), colour if is_critical else f"dim {colour}"),
            _at(start, is_approximate=bar.get("is_clock_corrected", False)),
            "not measured" if length is None else milliseconds(length),
            milliseconds(bar.get("wait_ms")),
            f"{bar['critical_pct']:.0f} %" if is_critical and "critical_pct" in bar else "",
            Text(_note(bar), "dim" if colour == "green" else colour),
        )
        yield start, 1, cells


def _gaps(gaps: list[WaterfallGap], scale: "_Scale") -> Iterator[_Row]:
    for gap in gaps:
        start, length = gap.get("start_ms", 0.0), gap.get("duration_ms", 0.0)
        before = gap.get("before_stage")
        cells = (
            Text("pause" if gap.get("after_stage") else "waiting", "dim"),
            scale.drawn(start, start + length, "bright_black"),
            Text(_at(start), "dim"),
            Text(milliseconds(length), "dim"),
            "",
            "",
            Text(f"before {before}" if before else "before the end", "dim"),
        )
        yield start, 0, cells


@dataclass(frozen=True, slots=True)
class _Scale:
    """So many milliseconds on so many characters."""

    span: float
    width: int

    def drawn(self, start: float, end: float, style: str) -> RenderableType:
        """Return a bar; what is too short to be seen is a tick."""
        cell = self.span / self.width
        if end - start < cell / 8:
            return Text(" " * min(self.width - 1, int(start / cell)) + "▏", style)
        colour = style.removeprefix("dim ")
        bar = Bar(self.span, start, end, width=self.width, color=colour)
        return bar if colour == style else Padding(bar, 0, style="dim")


def _at(start: float, *, is_approximate: bool = False) -> str:
    return f"{'~' if is_approximate else ''}{milliseconds(start)}"


def _note(bar: WaterfallBar) -> str:
    parts = [bar.get("reason", ""), bar.get("model", "")]
    if bar.get("model_calls"):
        parts.append(f"{bar['model_calls']} calls")
    if bar.get("outcome") not in {"succeeded", "failed"}:
        parts.insert(0, bar.get("outcome", ""))
    return ", ".join(part for part in parts if part)
