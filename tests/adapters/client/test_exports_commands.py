"""Coming back to an export, `heimdex exports` and `heimdex propose` against a real HTTP server."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from client.download import part_of
from tests.support.export_answers import CONTENT, CUTTING, DONE, FAILED, QUEUED, heimdex


def test_ctrl_c_leaves_the_export_running_and_says_how_to_come_back(mesh: Any, tmp_path: Path) -> None:
    held: list[float] = []

    def cutting(_: Any) -> tuple[int, Any]:
        held.append(time.monotonic())
        while time.monotonic() < held[0] + 20 and process.poll() is None:
            time.sleep(0.02)
        return 200, [{"export": CUTTING}]

    mesh.answers["GET", "/v1/exports/e1:watch"] = cutting
    to = tmp_path / "a short.mp4"
    line = [sys.executable, "-c", "from client.cli import main; main()", "export", "s1", "--to", str(to), "--subtitles"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while not held and time.monotonic() < deadline:
            time.sleep(0.02)
        while process.poll() is None and time.monotonic() < deadline:
            # One that comes right before the process begins to wait for the answer is noticed with the answer only.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
        out, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert out == ""
    assert f"the export goes on; come back with: heimdex exports wait e1 --to '{to}' --subtitles" in err
    assert "Traceback" not in err
    assert not any(one.path.endswith(":cancel") for one in mesh.asked)
    assert list(tmp_path.iterdir()) == []


def test_a_mesh_that_goes_away_and_stays_away_leaves_the_way_back(
    mesh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_: Any) -> tuple[int, Any]:
        raise ConnectionResetError

    monkeypatch.setattr("client.patience.Patience.__init__.__defaults__", (-1.0,))
    mesh.answers["GET", "/v1/exports/e1:watch"] = break_off
    result = heimdex("export", "s1", "--to", str(tmp_path / "x.mp4"))

    assert result.exit_code == 3
    assert f"the export goes on; come back with: heimdex exports wait e1 --to {tmp_path / 'x.mp4'}" in result.stderr


def test_coming_back_goes_on_with_what_is_here(mesh: Any, tmp_path: Path) -> None:
    to = tmp_path / "short.mp4"
    part_of(to, "e1").write_bytes(CONTENT[:150_000])
    result = heimdex("exports", "wait", "e1", "--to", str(to))

    assert result.exit_code == 0
    assert to.read_bytes() == CONTENT
    assert mesh.asked[-1].headers["range"] == "bytes=150000-"
    assert "verdict: good" in result.stdout


def test_waiting_without_a_file_says_what_became_of_it(mesh: Any) -> None:
    result = heimdex("exports", "wait", "e1", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"export": DONE, "files": []}
    assert heimdex("exports", "wait", "e1", "--force").exit_code == 2


def test_an_export_on_its_way_is_not_downloaded(mesh: Any, tmp_path: Path) -> None:
    mesh.say("GET", "/v1/exports/e1", CUTTING)
    result = heimdex("exports", "download", "e1", "--to", str(tmp_path / "x.mp4"))

    assert result.exit_code == 6
    assert "the export is processing and has no file yet; wait for it: heimdex exports wait e1" in result.stderr


def test_exports_are_listed_up_to_the_limit(mesh: Any) -> None:
    pages = {"": {"exports": [DONE, CUTTING], "next_page_token": "n"}, "n": {"exports": [FAILED]}}
    mesh.answers["GET", "/v1/exports"] = lambda asked: (200, pages[asked.query.get("page_token", [""])[0]])
    lines = [" ".join(line.split()) for line in heimdex("exports").stdout.splitlines()]
    printed = heimdex("exports", "--limit", "1", "--state", "failed", "--json")

    assert lines[0] == "id state made length size result of"
    assert lines[1] == "e1 completed 11-21 12:00 00:12 200.0 kB good s1"
    assert lines[2] == "e1 processing 11-21 12:00 - - 55 % s1"
    assert lines[3] == "e1 failed 11-21 12:00 - - SOURCE_MISSING s1"
    assert json.loads(printed.stdout) == {"exports": [DONE]}
    assert mesh.asked[-1].query["status"] == ["EXPORT_STATE_FAILED"]


def test_no_exports_are_said_with_how_to_make_one(door: Any) -> None:
    door.say("GET", "/v1/exports", {})
    result = heimdex("exports")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "heimdex export SCENE --to FILE" in result.stderr


def test_an_export_is_shown_cancelled_and_tried_again(mesh: Any) -> None:
    mesh.say("POST", "/v1/exports/e1:cancel", {**QUEUED, "status": "EXPORT_STATE_CANCELLED"})
    mesh.say("POST", "/v1/exports/e1:retry", QUEUED)
    shown, cancelled, again = (heimdex("exports", verb, "e1") for verb in ("show", "cancel", "retry"))

    assert (shown.exit_code, cancelled.exit_code, again.exit_code) == (0, 0, 0)
    assert "verdict: good" in shown.stdout
    assert "cancelled" in cancelled.stdout
    assert "heimdex exports wait e1 --to FILE" in again.stderr
    assert json.loads(heimdex("exports", "show", "e1", "--json").stdout) == DONE

    mesh.say("GET", "/v1/exports/e1", FAILED)
    failed = heimdex("exports", "show", "e1")
    assert failed.exit_code == 0
    assert "the export failed: a video of it was deleted" in failed.stdout


def test_deleting_asks_first(mesh: Any) -> None:
    mesh.say("DELETE", "/v1/exports/e1", {})
    kept = heimdex("exports", "delete", "e1", input="n\n")
    assert kept.exit_code == 1
    assert mesh.asked == []

    assert heimdex("exports", "delete", "e1", "--yes").exit_code == 0
    assert json.loads(heimdex("exports", "delete", "e1", "--json").stdout) == {"deleted": "e1"}
    assert [asked.method for asked in mesh.asked] == ["DELETE", "DELETE"]


def test_the_quota_counts_down(door: Any) -> None:
    """R-EXP-04."""
    reset_at = (datetime.now(UTC) + timedelta(hours=3, minutes=11, seconds=30)).isoformat()
    quota = {"limit": 10, "used": 3, "remaining": 7, "reset_at": reset_at}
    door.say("GET", "/v1/exports:quota", quota)
    result = heimdex("exports", "quota")

    assert result.stdout.startswith("7 of 10 exports are left in these 24 hours; one more in 3 h 12 min (")
    assert json.loads(heimdex("exports", "quota", "--json").stdout) == quota


PROPOSALS = {
    "proposals": [
        {
            "start_s": 61.2,
            "end_s": 88.8,
            "score": 0.81,
            "reasons": [
                {"kind": "QUESTION_AND_ANSWER", "strength": 0.9, "message": "a question is asked and answered"},
                {"kind": "FACES", "strength": 0.4, "message": "a face is seen in 9 of 12 pictures"},
            ],
            "text": "Why is the\nsea \x1b[2Jsalty? " + "Because of rivers. " * 20,
        }
    ],
    "missing": ["no search popularity: INDEX_UNREACHABLE"],
}


def test_proposals_say_why_and_how_to_make_them(door: Any) -> None:
    door.say("POST", "/v1/videos/v1:proposeShorts", PROPOSALS)
    result = heimdex("propose", "v1", "--min", "10", "--max", "30", "--limit", "2")
    lines = result.stdout.splitlines()

    assert result.exit_code == 0
    assert json.loads(door.asked[0].body) == {"min_duration_s": 10.0, "max_duration_s": 30.0, "limit": 2}
    assert lines[0] == "1. 01:01-01:28  27.6 s  score 0.81"
    assert lines[1] == "   question and answer 0.90: a question is asked and answered"
    assert lines[3].startswith('   "Why is the sea \ufffd[2Jsalty?')
    assert lines[3].endswith('…"')
    assert lines[4] == "   heimdex export v1@1:01.2-1:28.8 --to short-1.mp4"
    assert "not known of this video: no search popularity: INDEX_UNREACHABLE" in result.stderr
    assert json.loads(heimdex("propose", "v1", "--json").stdout) == PROPOSALS
    assert heimdex("propose", "v1", "--min", "30", "--max", "20").exit_code == 2


def test_a_proposed_line_is_one_that_works(mesh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh.say("POST", "/v1/videos/v1:proposeShorts", PROPOSALS)
    monkeypatch.chdir(tmp_path)
    line = heimdex("propose", "v1").stdout.splitlines()[4].split()
    result = heimdex(*line[1:])

    assert result.exit_code == 0
    assert json.loads(mesh.asked[1].body)["segments"] == [{"video": "v1", "start_s": 61.2, "end_s": 88.8}]
    assert (tmp_path / "short-1.mp4").read_bytes() == CONTENT


def test_nothing_to_propose_is_said(door: Any) -> None:
    door.say("POST", "/v1/videos/v1:proposeShorts", {"missing": ["no words: MODEL_UNAVAILABLE"]})
    result = heimdex("propose", "v1")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing in it makes a short of that length" in result.stderr
    assert "no words: MODEL_UNAVAILABLE" in result.stderr
