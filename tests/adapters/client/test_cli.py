"""The command against a real HTTP server: what it prints, and what it ends with."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import main

READY = {
    "id": "v1",
    "state": "VIDEO_STATE_READY",
    "stage": "STAGE_COMPLETED",
    "metadata": {"title": "Harbour"},
    "size_bytes": "434493",
    "duration_s": 25.56,
    "scene_count": 5,
    "processing_duration_ms": "2345",
    "steps": [
        {
            "stage": "STAGE_METADATA",
            "state": "STEP_STATE_DONE",
            "attempts": 1,
            "started_at": "2026-11-21T05:00:00Z",
            "finished_at": "2026-11-21T05:00:00.250Z",
        },
        {"stage": "STAGE_TRANSCRIPTION", "state": "STEP_STATE_SKIPPED", "reason": "MODEL_UNAVAILABLE"},
    ],
}
FAILED = {
    "id": "v2",
    "state": "VIDEO_STATE_FAILED",
    "processing_stage": "metadata",
    "error": {
        "code": 3,
        "message": "the file is not a video",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "UNREADABLE_MEDIA"}],
    },
}


def heimdex(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **options)


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\0" * 1000)
    return str(path)


def _takes(door: Any, video: dict[str, Any]) -> None:
    identifier = video["id"]
    door.say("POST", "/v1/uploads", {"id": identifier, "state": "VIDEO_STATE_QUEUED"}, 201)
    door.say("GET", f"/v1/videos/{identifier}:watch", [{"sequence": "1", "video": video}])
    door.say("GET", f"/v1/videos/{identifier}", video)


def test_upload_that_waits_prints_the_final_video_and_its_stages(door: Any, film: str) -> None:
    """R-STG-14, issue 2 point 8: progress on stderr, the video on stdout, 0 when ready."""
    _takes(door, READY)
    result = heimdex("upload", film, "--wait", "--title", "Harbour")

    assert result.exit_code == 0
    assert "Harbour  ready" in result.stdout
    assert "00:25, 5 scenes" in result.stdout
    assert "metadata done 250 ms" in result.stderr
    assert "transcription skipped MODEL_UNAVAILABLE" in result.stderr


def test_upload_as_json_prints_the_final_video_and_nothing_else(door: Any, film: str) -> None:
    _takes(door, READY)
    result = heimdex("upload", film, "--wait", "--json")

    assert json.loads(result.stdout) == READY
    assert result.exit_code == 0


def test_video_that_fails_ends_with_6_and_the_reason_on_stderr(door: Any, film: str) -> None:
    _takes(door, FAILED)
    result = heimdex("upload", film, "--wait", "--json")

    assert result.exit_code == 6
    assert json.loads(result.stdout) == FAILED
    assert "failed in stage metadata: the file is not a video [UNREADABLE_MEDIA]" in result.stderr


def test_upload_without_wait_ends_with_0_when_accepted(door: Any, film: str) -> None:
    _takes(door, READY)
    result = heimdex("upload", film)

    assert result.exit_code == 0
    assert "heimdex video get v1" in result.stderr
    assert [asked.method for asked in door.asked] == ["POST"]


@pytest.mark.parametrize(
    ("http", "code", "exit_code"), [(401, 16, 4), (403, 7, 4), (404, 5, 5), (500, 13, 1), (501, 12, 1)]
)
def test_refusals_end_with_their_status_and_one_sentence(
    door: Any, refusal: Any, http: int, code: int, exit_code: int
) -> None:
    door.say("GET", "/v1/videos/v1", refusal(code, "it can not be", reason="BECAUSE"), http)
    result = heimdex("video", "get", "v1", "--json")

    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr == "heimdex: it can not be [BECAUSE]\n"


def test_mesh_that_is_not_there_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIMDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HEIMDEX_TOKEN", "t")
    result = heimdex("models")

    assert result.exit_code == 3
    assert result.stderr == "heimdex: no mesh answers at http://127.0.0.1:9; start one with: heimdex up\n"


def test_wrong_command_line_ends_with_2() -> None:
    assert heimdex("search").exit_code == 2
    assert heimdex("search", "x", "--limit", "0").exit_code == 2
    assert heimdex("upload", "/no/such/file").exit_code == 2
    assert heimdex("stages", "--range", "fortnight").exit_code == 2


def test_search_shows_time_title_words_and_why(door: Any) -> None:
    """R-SCH: every hit says where it is and which signals found it."""
    scene = {"id": "s", "video_id": "v1", "index": 4, "start_s": 61.2, "end_s": 72, "ocr_lines": ["[Oslo]", "Pier 3"]}
    matches = [{"signal": "SIGNAL_ON_SCREEN_TEXT", "score": 3.25, "rank": 1}]
    signals = [
        {"signal": "SIGNAL_SPEECH", "is_used": False, "reason": "no model"},
        {"signal": "SIGNAL_TITLE", "is_used": True},
    ]
    answer = {"results": [{"scene": scene, "score": 0.875, "matches": matches}], "signals": signals, "latency_ms": 4.2}
    door.say("POST", "/v1/search", answer)
    door.say("GET", "/v1/videos/v1", READY)
    shown = heimdex("search", "ferry", "to", "Oslo", "--limit", "3")
    printed = heimdex("search", "ferry to Oslo", "--json")

    for part in ("0.875", "Harbour", "01:01-01:12", "text: [Oslo] | Pier 3", "on screen text 3.25"):
        assert part in shown.stdout
    assert "searched by title; not by speech (no model) in 4.2 ms" in shown.stderr
    assert json.loads(door.asked[0].body) == {"q": "ferry to Oslo", "page_size": 3}
    assert json.loads(printed.stdout) == answer
    assert printed.stderr == ""


def test_videos_of_several_pages_are_listed_up_to_the_limit(door: Any) -> None:
    pages = {"": {"videos": [READY], "next_page_token": "n"}, "n": {"videos": [FAILED]}}
    door.answers["GET", "/v1/videos"] = lambda asked: (200, pages[asked.query.get("page_token", [""])[0]])
    shown = heimdex("video", "list")
    printed = heimdex("video", "list", "--limit", "1", "--json")

    assert "v1" in shown.stdout
    assert "v2" in shown.stdout
    assert json.loads(printed.stdout) == {"videos": [READY]}


def test_delete_asks_first_and_keeps_the_video_when_told_no(door: Any) -> None:
    door.say("GET", "/v1/videos/v1", READY)
    door.say("DELETE", "/v1/videos/v1", {})
    kept = heimdex("video", "delete", "v1", input="n\n")
    deleted = heimdex("video", "delete", "v1", "--yes")

    assert kept.exit_code == 1
    assert deleted.exit_code == 0
    assert [asked.method for asked in door.asked] == ["GET", "GET", "DELETE"]


def test_models_say_what_would_bring_the_missing_ones_and_what_is_a_fixture(door: Any) -> None:
    """Issue 2 point 6: unavailable capabilities name the one command that would fix it."""
    models = [
        {"name": "whisper-fixture", "task": "MODEL_TASK_ASR", "is_available": True, "is_fixture": True},
        {
            "name": "clip",
            "task": "MODEL_TASK_IMAGE_EMBEDDING",
            "unavailable_reason": "no weights",
            "fix_command": "get clip",
        },
    ]
    door.say("GET", "/v1/models", {"models": models})
    result = heimdex("models")

    assert "fixture: not a claim of quality" in result.stdout
    assert "no weights" in result.stdout
    assert "to get clip: get clip" in result.stdout.splitlines()


def test_stages_print_percentiles_and_leave_out_what_was_not_measured(door: Any) -> None:
    """R-STG: p50, p95, p99 per stage; an absent number is a dash, not 0."""
    rows = [{"processing_stage": "metadata", "outcome": "succeeded", "count": "3", "p50_ms": 120.4, "p95_ms": 1530}]
    door.say("GET", "/v1/admin/performance/stages", {"data": rows})
    door.say("GET", "/v1/admin/performance/latency", {"videos_measured": "3", "p50_processing_ms": 2000})
    door.say("GET", "/v1/admin/performance/rtf", {"p50_rtf": 0.081})
    result = heimdex("stages", "--range", "7d")

    line = next(line for line in result.stdout.splitlines() if line.startswith("metadata"))
    assert line.split() == ["metadata", "succeeded", "3", "120", "ms", "1.53", "s", "-", "-"]
    assert "3 videos became ready: processing p50 2.00 s, p95 -" in result.stdout
    assert "p50 0.081" in result.stdout
    assert {tuple(asked.query["range"]) for asked in door.asked} == {("7d",)}


def test_doctor_says_why_the_mesh_is_not_ready_and_ends_with_1(door: Any) -> None:
    door.say("GET", "/readyz", {"status": "not ready", "reasons": ["index: not serving"]}, 503)
    result = heimdex("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    assert result.exit_code == 1
    assert checks["mesh"]["level"] == "fail"
    assert "index: not serving" in checks["mesh"]["said"]
    assert checks["python"]["level"] == checks["libav"]["level"] == "ok"


def test_doctor_names_who_holds_the_port(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEIMDEX_URL")
    monkeypatch.setenv("HEIMDEX_HTTP_ADDR", door.url.removeprefix("http://"))
    result = heimdex("doctor")

    assert result.exit_code == 1
    assert f"{door.url.removeprefix('http://')} is taken by" in result.stdout
    assert "set HEIMDEX_HTTP_ADDR" in result.stdout


def test_bug_is_one_sentence(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEIMDEX_TRACEBACK")
    door.say("GET", "/v1/models", {"models": [42]})
    result = heimdex("models")

    assert result.exit_code == 1
    assert result.stderr.startswith("heimdex: this is a bug: AttributeError")
    assert "Traceback" not in result.output


def test_scenes_are_listed_with_the_id_that_makes_a_short_of_one(door: Any) -> None:
    scenes = [{"id": "s_mx4kq2v7c3hzn5tw6ypfj2r8ab", "index": 0, "end_s": 7.5, "transcript_segment": "hello there"}]
    door.say("GET", "/v1/videos/v1/scenes", {"scenes": scenes})
    lines = [" ".join(line.split()) for line in heimdex("video", "scenes", "v1").stdout.splitlines()]

    assert lines[1] == "0 s_mx4kq2v7c3hzn5tw6ypfj2r8ab 00:00-00:07 hello there"
