"""What was measured of a short, in a table for a person: value, bound, good or not.

Whether a value is good is what the report says, not what is computed here: the bounds shown are those of the mesh.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rich.table import Table
from rich.text import Text

from client.export_types import CheckReport
from client.output import printable, word

__all__ = ["ROWS", "Row", "check_table", "verdict_lines", "verdict_of"]

_STYLES = {"good": "bold green", "poor": "bold yellow", "failed": "bold red"}


Written = Callable[[CheckReport], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: how it and its bound are written, and the reasons of a report that mean it."""

    value: Written
    bound: Written
    reasons: frozenset[str]


def check_table(report: CheckReport) -> Table:
    """Return the table; what was not measured is not in it."""
    table = Table("measured", "value", "bound", "good", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    bad = {reason.partition(":")[0].strip() for reason in report.get("reasons", [])}
    for name, row in ROWS.items():
        if value := row.value(report):
            mark = Text("yes", "green") if bad.isdisjoint(row.reasons) else Text("NO", "bold red")
            table.add_row(name, Text(printable(value)), Text(row.bound(report), "dim"), mark)
    return table


def verdict_of(report: CheckReport) -> str:
    """Return `good`, `poor`, `failed`, or an empty text when nothing was checked."""
    found = word(report.get("verdict"), "CHECK_VERDICT_")
    return found if found in _STYLES else ""


def verdict_lines(report: CheckReport) -> list[Text]:
    """Return the verdict and each reason why it is not good."""
    verdict = verdict_of(report)
    if not verdict:
        return [Text("not checked", "dim")]
    lines = [Text.assemble("verdict: ", (verdict, _STYLES[verdict]))]
    return lines + [Text(f"  {printable(reason)}") for reason in report.get("reasons", [])]


def _number(key: str, unit: str, digits: int) -> Written:
    def written(report: CheckReport) -> str:
        value = report.get(key)
        return f"{value:.{digits}f}{unit}" if isinstance(value, int | float) else ""

    return written


def _text(key: str) -> Written:
    return lambda report: str(report.get(key, ""))


def _fixed(text: str) -> Written:
    return lambda _: text


def _expected_length(report: CheckReport) -> str:
    return f"{report.get('expected_duration_s', 0.0):.2f} s, within one picture"


def _size(report: CheckReport) -> str:
    width, height = report.get("width_px", 0), report.get("height_px", 0)
    return f"{width}x{height}" if width and height else ""


def _faststart(report: CheckReport) -> str:
    if not report.get("picture_format"):
        return ""
    return "yes" if report.get("is_faststart") else "no"


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "length": Row(_number("duration_s", " s", 2), _expected_length, frozenset({"WRONG_LENGTH", "LENGTH_OFF"})),
        "size": Row(_size, _fixed("as asked for"), frozenset({"WRONG_SIZE"})),
        "pictures a second": Row(_number("frame_rate", "", 2), _fixed("even"), frozenset({"UNEVEN_RATE"})),
        "sound against picture": Row(
            _number("av_sync_ms", " ms", 0), _fixed("40 ms either way"), frozenset({"OUT_OF_SYNC", "SOUND_GAP"})
        ),
        "black pictures": Row(
            _number("black_frames_pct", " %", 1), _fixed("at most 5 %"), frozenset({"BLACK_PICTURES"})
        ),
        "frozen pictures": Row(
            _number("frozen_frames_pct", " %", 1), _fixed("none where the source moves"), frozenset({"FROZEN_PICTURES"})
        ),
        "loudness": Row(
            _number("loudness_lufs", " LUFS", 1), _fixed("-14 LUFS, within 1"), frozenset({"TOO_LOUD", "TOO_QUIET"})
        ),
        "true peak": Row(_number("true_peak_dbtp", " dBTP", 1), _fixed("at most 0 dBTP"), frozenset({"CLIPPED"})),
        "subject inside": Row(
            _number("subject_inside_pct", " %", 1), _fixed("at least 98 %"), frozenset({"SUBJECT_OUTSIDE"})
        ),
        "path jitter": Row(_number("path_jitter", "", 2), _fixed("at most 3 widths/s²"), frozenset({"PATH_JITTER"})),
        "captions in safe area": Row(
            _number("captions_safe_pct", " %", 0), _fixed("100 %"), frozenset({"CAPTIONS_UNSAFE"})
        ),
        "picture": Row(
            _text("picture_format"),
            _fixed("H.264, 8 bit, BT.709"),
            frozenset({"PICTURE_FORMAT", "NO_PICTURE", "UNREADABLE", "DAMAGED"}),
        ),
        "sound": Row(_text("sound_format"), _fixed("AAC"), frozenset({"SOUND_FORMAT", "NO_SOUND"})),
        "plays from its begin": Row(_faststart, _fixed("yes"), frozenset({"NOT_FASTSTART"})),
    }
)
"""The measures in the order they are shown."""
