"""`heimdex backfill` against a real HTTP server: what it shows, and what it ends with."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import main
from client.commands import backfill as command

ROOT = Path(__file__).resolve().parents[3]
START, ONE, LIST = "/v1/admin/backfills", "/v1/admin/backfills/bf_1", "/v1/admin/backfills"
VIDEO = {
    "video_id": "v_old",
    "owner_id": "ada",
    "filename": "[bold]old.mp4",
    "state": "ready",
    "generation": 1,
    "finished_at": "2025-11-03T09:30:00Z",
}
RUNNING = {"backfill_id": "bf_1", "state": "running", "dry_run": False, "videos_total": 3, "examined": 0}
DONE = {
    **RUNNING,
    "state": "done",
    "examined": 3,
    "changed": 1,
    "fine": 1,
    "failed": 1,
    "preview": [VIDEO],
    "failures": [{**VIDEO, "video_id": "v_bad", "finished_at": None, "sentence": "Reprocess it."}],
}


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backfill", *arguments])


@pytest.fixture(autouse=True)
def ready(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    door.say("GET", "/readyz", {"status": "ready"})
    monkeypatch.setattr(command, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(command, "_COUNTING_SECONDS", 0.2)


def in_turn(door: Any, method: str, path: str, *answers: Any) -> None:
    """Answer one after the other; the last one from then on. A number is an HTTP status."""
    left: Iterator[Any] = iter(answers)
    last: list[Any] = [None]

    def answer(_: Any) -> tuple[int, Any]:
        last[0] = next(left, last[0])
        if isinstance(last[0], tuple):
            return last[0]
        return 200, last[0]

    door.answers[method, path] = answer


def test_timing_follows_a_backfill_to_its_end_and_shows_what_became_of_the_videos(door: Any) -> None:
    """R-BKF-01, R-BKF-04: and says what stays unknown."""
    door.say("POST", START, RUNNING)
    in_turn(door, "GET", ONE, {**RUNNING, "examined": 1}, DONE)
    result = heimdex("timing")

    assert result.exit_code == 0
    assert "v_old" in result.stdout
    assert "[bold]old.mp4" in result.stdout
    assert "2025-11-03T09:30:00Z" in result.stdout
    assert "Reprocess it." in result.stdout
    assert "1 of 3 videos got an end; 1 had one, 0 have not ended, 1 can not be given one" in result.stderr
    assert "stay unknown" in result.stderr
    assert "heimdex backfill verify" in result.stderr
    (started,) = [asked for asked in door.asked if asked.method == "POST"]
    assert json.loads(started.body) == {"dry_run": False}


def test_a_dry_run_says_that_nothing_was_changed(door: Any) -> None:
    """R-BKF-03."""
    door.say("POST", START, {**DONE, "dry_run": True})
    result = heimdex("timing", "--dry-run")

    assert result.exit_code == 0
    assert "1 of 3 videos would get an end" in result.stderr
    assert "nothing was changed; to do it: heimdex backfill timing" in result.stderr
    assert json.loads(door.asked[-1].body) == {"dry_run": True}


def test_json_is_one_document_and_nothing_else(door: Any) -> None:
    door.say("POST", START, DONE)
    result = heimdex("timing", "--json")

    assert json.loads(result.stdout) == DONE
    assert result.stderr == ""


def test_a_backfill_that_failed_ends_with_1_and_its_sentence(door: Any) -> None:
    """R-BKF-06."""
    door.say("POST", START, {**RUNNING, "state": "failed", "sentence": "ingest_svc does not know metrics_svc"})
    result = heimdex("timing")

    assert result.exit_code == 1
    assert "heimdex: the backfill is failed: ingest_svc does not know metrics_svc" in result.stderr


def test_one_that_runs_already_is_shown_and_one_of_the_other_kind_is_named(door: Any, refusal: Any) -> None:
    """R-BKF-04: running the command again is how one looks again."""
    door.say("POST", START, refusal(9, "another backfill runs", reason="BACKFILL_RUNNING"), 400)
    door.say("GET", LIST, {"backfills": [RUNNING]})
    door.say("GET", ONE, DONE)
    again = heimdex("timing")
    other = heimdex("timing", "--dry-run")

    assert again.exit_code == 0
    assert "one is under way already; showing it" in again.stderr
    assert other.exit_code == 1
    assert "heimdex backfill cancel" in other.stderr


def test_a_mesh_that_restarts_meanwhile_is_waited_for(door: Any, refusal: Any) -> None:
    """R-BKF-04."""
    door.say("POST", START, RUNNING)
    away = 503, refusal(14, "metrics_svc does not answer")
    in_turn(door, "GET", ONE, away, away, {**RUNNING, "sentence": "It waits."}, DONE)

    assert heimdex("timing").exit_code == 0


def test_a_backfill_that_is_not_there_any_more_is_told_at_once(door: Any, refusal: Any) -> None:
    door.say("POST", START, RUNNING)
    door.say("GET", ONE, refusal(5, "there is no such backfill", reason="BACKFILL_NOT_FOUND"), 404)

    assert heimdex("timing").exit_code == 5


@pytest.mark.parametrize("arguments", [("timing",), ("timing", "--dry-run"), ("verify",)])
def test_a_mesh_that_is_not_ready_is_refused_with_what_to_do(door: Any, arguments: tuple[str, ...]) -> None:
    """R-BKF-06: the database is down -> exit code != 0 and a line saying what to do; nothing is asked for."""
    door.say("GET", "/readyz", {"status": "not ready", "reasons": ["ingest: postgres"]}, 503)
    result = heimdex(*arguments)

    assert result.exit_code == 1
    assert "not ready (ingest: postgres)" in result.stderr
    assert "heimdex doctor" in result.stderr
    assert [asked.path for asked in door.asked] == ["/readyz"]


def test_a_mesh_that_is_not_there_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-BKF-06."""
    monkeypatch.setenv("HEIMDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HEIMDEX_TOKEN", "t")
    result = heimdex("timing")

    assert result.exit_code == 3
    assert "heimdex up" in result.stderr


def test_verify_goes_through_all_pages_and_ends_with_0_when_there_is_nothing_wrong(door: Any) -> None:
    """R-BKF-08: prints 0 problems."""
    page = {"problems_total": 0, "problems": [], "videos_examined": 20_000, "videos_backfilled": 5, "runs_forgotten": 2}
    in_turn(door, "GET", "/v1/admin/backfills:verify", {**page, "next_page_token": "t"}, page)
    result = heimdex("verify")

    assert result.exit_code == 0
    assert "0 problems in 40000 videos, 10 of them with an end that was filled in" in result.stderr
    assert "4 of these ended before" in result.stderr
    assert [asked.query for asked in door.asked if asked.path.endswith(":verify")] == [{}, {"page_token": ["t"]}]


def test_verify_names_each_problem_and_ends_with_1(door: Any) -> None:
    """R-BKF-08."""
    problem = {"video_id": "v_old", "owner_id": "ada", "problem": "NO_END", "sentence": "Run: heimdex backfill timing"}
    door.say("GET", "/v1/admin/backfills:verify", {"problems_total": 1, "problems": [problem], "videos_examined": 9})
    shown, as_json = heimdex("verify"), heimdex("verify", "--json")

    assert (shown.exit_code, as_json.exit_code) == (1, 1)
    assert "NO_END" in shown.stdout
    assert "Run: heimdex backfill timing" in shown.stdout
    assert "1 problems in 9 videos" in shown.stderr
    assert json.loads(as_json.stdout)["problems"] == [problem]


def test_verify_waits_a_moment_for_what_is_on_its_way_to_be_counted(door: Any) -> None:
    late = {"problems_total": 1, "problems": [{"problem": "RUN_NOT_COUNTED"}], "videos_examined": 9}
    in_turn(door, "GET", "/v1/admin/backfills:verify", late, late, {**late, "problems_total": 0, "problems": []})
    assert heimdex("verify").exit_code == 0

    door.say("GET", "/v1/admin/backfills:verify", late)
    assert heimdex("verify").exit_code == 1


def test_make_runs_the_same_command() -> None:
    """R-BKF-06, R-BKF-07: make backfill DRY_RUN=1."""
    said = {}
    for flags in ((), ("DRY_RUN=1",)):
        line = ["make", "--dry-run", "--no-print-directory", "backfill", *flags]
        shown = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        said[flags] = shown.stdout.splitlines()[-1].split()

    assert said[()][-2:] == ["backfill", "timing"]
    assert said["DRY_RUN=1",][-3:] == ["backfill", "timing", "--dry-run"]


def test_cancel_ends_the_one_that_runs(door: Any) -> None:
    door.say("GET", LIST, {"backfills": [RUNNING]})
    door.say("POST", f"{ONE}:cancel", {**RUNNING, "state": "cancelled", "examined": 2})
    done, as_json = heimdex("cancel"), heimdex("cancel", "--json")

    assert "cancelled after 2 videos" in done.stderr
    assert json.loads(as_json.stdout)["state"] == "cancelled"
    door.say("GET", LIST, {"backfills": [DONE]})
    nothing = heimdex("cancel")
    assert (nothing.exit_code, nothing.stderr) == (1, "heimdex: no backfill runs\n")
