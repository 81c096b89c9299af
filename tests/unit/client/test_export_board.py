"""How far an export is, drawn on terminals of two widths."""

import io
import re

import pytest
from rich.console import Console

from client.check_view import check_table
from client.export_board import show_download, show_export
from client.export_types import CheckReport, Export
from client.export_view import export_lines, export_table

ID = "e_mx4kq2v7c3hzn5tw6ypfj2r8ab"
REPORT: CheckReport = {
    "verdict": "CHECK_VERDICT_GOOD",
    "duration_s": 179.96,
    "expected_duration_s": 180.0,
    "frozen_frames_pct": 12.5,
    "picture_format": "h264 yuv420p bt709",
    "sound_format": "aac 48000 Hz stereo",
}
WAITING: Export = {"id": ID, "status": "EXPORT_STATE_QUEUED", "attempt": 1}
CUTTING: Export = {"id": ID, "status": "EXPORT_STATE_PROCESSING", "attempt": 2, "progress_pct": 41.5}
DONE: Export = {"id": ID, "status": "EXPORT_STATE_COMPLETED", "attempt": 2, "file_size_bytes": "1000000"}


def terminal(width: int) -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=width, height=40, color_system="truecolor"), written


def frames(written: io.StringIO) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue())
    return [part.rstrip() for part in re.split(r"[\r\n]+", plain) if part.strip()]


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_names_stage_attempt_and_part(width: int) -> None:
    screen, written = terminal(width)
    last = show_export([WAITING, CUTTING, DONE], screen)
    seen = frames(written)

    assert last == DONE
    assert seen[-1].startswith("completed (attempt 2)")
    assert "100 %" in seen[-1]
    assert max(map(len, seen)) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_download_counts_its_bytes(width: int) -> None:
    screen, written = terminal(width)

    def fetch(heard):
        heard(0)
        heard(1_000_000)
        return DONE

    assert show_download(fetch, 1_000_000, screen) == DONE
    assert "1.0 MB of 1.0 MB" in frames(written)[-1]
    assert max(map(len, frames(written))) <= width


def test_without_a_terminal_each_change_is_a_line() -> None:
    written = io.StringIO()
    show_export([WAITING, WAITING, CUTTING, DONE], Console(file=written, width=160))

    assert written.getvalue().splitlines() == ["waiting", "cutting (attempt 2) 25 %", "completed (attempt 2)"]


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_a_terminal_and_cut_no_number(width: int) -> None:
    failed: Export = {
        "id": ID,
        "status": "EXPORT_STATE_FAILED",
        "error_reason": "EXPORT_TIMED_OUT",
        "created_at": "2026-11-21T12:00:00Z",
        "duration_s": 179.9,
    }
    screen, written = terminal(width)
    screen.print(export_table([failed, CUTTING], width=width))
    screen.print(check_table(REPORT))
    for line in export_lines({**DONE, "is_stream_copy": True}):
        screen.print(line)
    seen = frames(written)

    assert max(map(len, seen)) <= width
    assert not any("…" in line for line in seen)
    assert f"{ID}  failed      11-21 12:00   02:59" in seen[1]
    assert "EXPORT_TIMED_OUT" in seen[1]
    assert any("streams copied as they are" in line for line in seen)
