"""What was measured of a short, in a table: it says what the mesh says, with the bounds of the mesh."""

import pytest
from rich.console import Console

from client.check_view import ROWS, check_table, verdict_lines, verdict_of
from client.export_types import CheckReport
from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.exports.checking.verdict import BOUNDS, Reason

REPORT: CheckReport = {
    "verdict": "CHECK_VERDICT_POOR",
    "reasons": ["OUT_OF_SYNC: The sound comes 61 ms late."],
    "duration_s": 3.0,
    "expected_duration_s": 3.02,
    "av_sync_ms": -61.4,
    "width_px": 720,
    "height_px": 1280,
    "picture_format": "h264 yuv420p bt709",
}


def drawn(report: CheckReport) -> dict[str, str]:
    screen = Console(width=100)
    with screen.capture() as captured:
        screen.print(check_table(report))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    rows = {}
    for line in lines:
        if names := [name for name in ROWS if line.startswith(f"{name} ")]:
            rows[max(names, key=len)] = line.removeprefix(max(names, key=len)).strip()
    return rows


def test_a_value_is_not_good_when_the_report_says_so_and_only_then() -> None:
    rows = drawn(REPORT)

    assert rows["sound against picture"] == "-61 ms 40 ms either way NO"
    assert rows["length"] == "3.00 s 3.02 s, within one picture yes"
    assert rows["size"] == "720x1280 as asked for yes"
    assert rows["plays from its begin"] == "no yes yes"


def test_what_was_not_measured_is_not_in_the_table() -> None:
    assert set(drawn(REPORT)) == {"length", "size", "sound against picture", "picture", "plays from its begin"}
    assert drawn({"verdict": "CHECK_VERDICT_FAILED", "reasons": ["UNREADABLE: It is no film."]}) == {}


def test_zero_is_a_value() -> None:
    assert drawn({"black_frames_pct": 0.0})["black pictures"] == "0.0 % at most 5 % yes"


@pytest.mark.parametrize(("verdict", "word"), [("GOOD", "good"), ("POOR", "poor"), ("FAILED", "failed")])
def test_the_verdict_is_a_word(verdict: str, word: str) -> None:
    report: CheckReport = {"verdict": f"CHECK_VERDICT_{verdict}", "reasons": ["X: y\x1b[2J"]}

    assert verdict_of(report) == word
    assert [line.plain for line in verdict_lines(report)] == [f"verdict: {word}", "  X: y\ufffd[2J"]
    assert [line.plain for line in verdict_lines({})] == ["not checked"]


def test_every_reason_of_the_check_has_its_row() -> None:
    shown = [reason for row in ROWS.values() for reason in row.reasons]

    assert sorted(shown) == sorted(Reason)


def test_every_number_of_the_report_is_shown() -> None:
    fields = {field.name for field in export_pb2.CheckReport.DESCRIPTOR.fields}
    asked: set[str] = set()

    class Asking(dict[str, object]):
        def get(self, key: str, _: object = None) -> object:
            asked.add(key)
            return "h264" if key == "picture_format" else 1.0

    for row in ROWS.values():
        row.value(Asking())  # type: ignore[arg-type]
        row.bound(Asking())  # type: ignore[arg-type]

    assert asked == fields - {"verdict", "reasons"}


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("sound against picture", f"{BOUNDS.sync_ms:g} ms"),
        ("black pictures", f"at most {BOUNDS.black_pct:g} %"),
        ("loudness", f"within {BOUNDS.loudness_lu:g}"),
        ("true peak", f"at most {BOUNDS.true_peak_dbtp:g} dBTP"),
        ("subject inside", f"at least {BOUNDS.inside_pct:g} %"),
        ("path jitter", f"at most {BOUNDS.jitter:g} width"),
        ("captions in safe area", f"{BOUNDS.captions_pct:g} %"),
    ],
)
def test_the_bounds_shown_are_those_of_the_mesh(name: str, bound: str) -> None:
    assert bound in ROWS[name].bound({})
