"""`heimdex waterfall` against a real HTTP server that says what the golden file holds."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from client.cli import main
from client.waterfall_view import run_view

GOLDEN = Path(__file__).resolve().parents[2] / "golden/metrics/waterfall.json"


@pytest.fixture
def answer() -> Any:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def drawn(run: Any, width: int = 160) -> str:
    screen = Console(file=StringIO(), width=width, highlight=False)
    screen.print(run_view(run, width=width))
    return screen.file.getvalue()  # type: ignore[attr-defined]


def test_every_attempt_and_every_pause_has_its_line_in_the_order_of_time(door: Any, answer: Any) -> None:
    door.say("GET", "/v1/admin/videos/v1/waterfall", answer)
    lines = heimdex("waterfall", "v1").stdout.splitlines()
    stages = [line.split()[0] for line in lines[4:] if line.strip()]

    assert lines[0] == "clip 1.mp4  ready, 02:00 long"
    assert "17.50 s = waited 2.00 s, then 11.75 s in work and 3.75 s in pauses; 2.00 s more side by side" in lines[2]
    assert stages == [
        *("waiting", "downloading", "metadata", "pause", "scene_detection", "transcription", "pause"),
        *("transcription", "scene_processing", "pause", "indexing", "finalizing", "pause"),
    ]
    assert any("transcription #2" in line and "19 %" in line and "base@1, 12 calls" in line for line in lines)
    assert any("UPSTREAM_UNAVAILABLE" in line and "26 %" in line for line in lines)


def test_bars_lie_on_one_scale(answer: Any) -> None:
    """A bar begins where its time begins: 48 characters for 17.5 seconds."""
    lines = {line.split()[0]: line for line in drawn(answer["runs"][0]).splitlines() if "█" in line or "▐" in line}
    left = lines["waiting"].index("█")

    assert lines["scene_processing"].index("▐") - left == int(14 / 17.5 * 48)
    assert lines["waiting"].count("█") == int(2 / 17.5 * 48)


@pytest.mark.parametrize("width", [60, 80, 100, 240])
def test_no_time_is_cut_on_a_narrow_screen(answer: Any, width: int) -> None:
    shown = drawn(answer["runs"][0], width)

    assert width < 100 or "…" not in shown
    assert max(map(len, shown.splitlines())) <= width


def test_as_json_it_is_what_the_mesh_said(door: Any, answer: Any) -> None:
    door.say("GET", "/v1/admin/videos/v1/waterfall", answer)
    result = heimdex("waterfall", "v1", "--run", "2", "--json")

    assert (json.loads(result.stdout), result.exit_code) == (answer, 0)
    assert door.asked[-1].query == {"generation": ["2"]}


def test_runs_of_which_little_is_known_say_so(answer: Any) -> None:
    queued = drawn({"generation": 2, "state": "queued", "span_ms": 0.0})
    backfilled = drawn({"generation": 1, "state": "ready", "finished_at": "2026-11-20T11:00:00Z"})
    failed = drawn({**answer["runs"][0], "state": "failed", "failed_stage": "metadata", "reason": "[red]"})

    assert "run 2  queued, still going\n  nothing of it has ended yet" in queued
    assert "its end was filled in later; nothing else of it is known" in backfilled
    assert "run 1  failed in metadata: [red]" in failed


def test_what_is_no_id_is_refused_before_anybody_is_asked(door: Any) -> None:
    result = heimdex("waterfall", "../users")

    assert (result.exit_code, door.asked) == (2, [])
