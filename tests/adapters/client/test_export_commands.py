"""`heimdex export` against a real HTTP server: what it asks, prints and leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.export_answers import CONTENT, DONE, FAILED, QUEUED, REPORT, heimdex, makes


def test_a_scene_becomes_a_file_and_its_check_is_shown(mesh: Any, tmp_path: Path) -> None:
    """R-EXP-01, R-EXP-05: asked for, waited for, downloaded; value, bound and verdict of every measure."""
    to = tmp_path / "short.mp4"
    options = ["--ratio", "4:5", "--strategy", "letterbox", "--quality", "low", "--captions", "box", "--no-snap"]
    result = heimdex("export", "s1", "--to", str(to), *options)
    body = json.loads(mesh.asked[0].body)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert result.exit_code == 0, result.output
    assert to.read_bytes() == CONTENT
    assert body.pop("request_id")
    assert body == {
        "aspect_ratio": "ASPECT_RATIO_4_5",
        "aspect_ratio_strategy": "ASPECT_RATIO_STRATEGY_LETTERBOX",
        "output_quality": "OUTPUT_QUALITY_LOW",
        "caption_style": "CAPTION_STYLE_BOX",
        "snap_to_words": False,
    }
    assert result.stderr.splitlines() == ["waiting", "cutting 50 %", "completed", "downloading 200.0 kB"]
    assert lines[0] == "e1 completed, 12.0 s, 1080x1920, 200.0 kB"
    assert lines[1] == "of s1; 9:16, blur-pad in place of smart, quality medium, captions bold"
    assert lines[2] == "cut from v1@1:01.2-1:13.24"
    assert "SMART_WITHOUT_MODEL: no model finds faces here" in result.stdout
    assert "loudness -14.1 LUFS -14 LUFS, within 1 yes" in lines
    assert "subject inside 99.2 % at least 98 % yes" in lines
    assert not any(line.startswith("captions in safe area") for line in lines), "it was not measured"
    assert lines[-2:] == ["verdict: good", f"saved {to}"]


def test_what_is_not_good_is_named_with_its_row(mesh: Any, tmp_path: Path) -> None:
    poor = {
        **REPORT,
        "verdict": "CHECK_VERDICT_POOR",
        "loudness_lufs": -18.3,
        "reasons": ["TOO_QUIET: The sound is 4.3 LU below -14 LUFS."],
    }
    makes(mesh, {**DONE, "check_report": poor})
    result = heimdex("export", "s1", "--to", str(tmp_path / "short.mp4"))
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert result.exit_code == 0, "it plays, and it is said what is not good"
    assert "loudness -18.3 LUFS -14 LUFS, within 1 NO" in lines
    assert "verdict: poor" in lines
    assert "TOO_QUIET: The sound is 4.3 LU below -14 LUFS." in lines


def test_a_file_that_is_not_what_was_asked_for_ends_with_6(mesh: Any, tmp_path: Path) -> None:
    failed = {"verdict": "CHECK_VERDICT_FAILED", "reasons": ["WRONG_LENGTH: It is 3 s long."], "duration_s": 3}
    makes(mesh, {**DONE, "check_report": failed})
    result = heimdex("export", "s1", "--to", str(tmp_path / "short.mp4"), "--json")

    assert result.exit_code == 6
    assert json.loads(result.stdout)["export"]["check_report"] == failed
    assert "the check says that the file is not what was asked for" in result.stderr


def test_json_is_one_object_and_nothing_else(mesh: Any, tmp_path: Path) -> None:
    to = tmp_path / "short.mp4"
    result = heimdex("export", "s1", "--to", str(to), "--subtitles", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "export": DONE,
        "files": [str(to), str(to.with_suffix(".srt")), str(to.with_suffix(".vtt"))],
    }
    assert to.with_suffix(".vtt").read_bytes() == b"WEBVTT\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["short.mp4", "short.srt", "short.vtt"]


def test_a_short_without_words_has_no_subtitles_and_says_so(mesh: Any, tmp_path: Path) -> None:
    makes(mesh, {name: value for name, value in DONE.items() if name != "captions_srt_url"})
    result = heimdex("export", "s1", "--to", str(tmp_path / "short.mp4"), "--subtitles")

    assert result.exit_code == 0
    assert "no words are known of it, so there are no subtitles" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["short.mp4"]


def test_ranges_and_scenes_become_one_reel_in_order(mesh: Any, tmp_path: Path) -> None:
    result = heimdex("export", "v1@1:02.5-70", "s1", "--to", str(tmp_path / "reel.mp4"), "--request-id", "mine")
    body = json.loads(mesh.asked[0].body)

    assert result.exit_code == 0
    assert mesh.asked[0].path == "/v1/exports"
    assert body["segments"] == [{"video": "v1", "start_s": 62.5, "end_s": 70.0}, {"scene": "s1"}]
    assert body["request_id"] == "mine"


def test_not_waiting_says_how_to_come_back(mesh: Any) -> None:
    result = heimdex("export", "s1", "--no-wait")

    assert (result.exit_code, result.stdout) == (0, "e1\n")
    assert "heimdex exports wait e1 --to FILE" in result.stderr
    assert json.loads(heimdex("export", "s1", "--no-wait", "--json").stdout) == {"export": QUEUED, "files": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s1"], "--to FILE"),
        ([], "SCENE"),
        (["v1@5-2", "--to", "x.mp4"], "ends before it has begun"),
        (["v1@a-b", "--to", "x.mp4"], "is no time"),
        (["s1", "--to", "x.mp4", "--ratio", "3:2"], "--ratio"),
        (["s1", "--to", "x.mp4", "--no-wait"], "--no-wait"),
        (["s1", "--to", "/no/such/folder/x.mp4"], "there is no folder /no/such/folder"),
        (["s1", "--to", "/proc/x.mp4"], "nothing can be written in /proc"),
        (["s1", "--to", "there.mp4"], "there.mp4 exists; name another file, or overwrite it with --force"),
        (["s1", "--to", "new.mp4", "--subtitles"], "new.srt exists"),
        (["s1", "--to", "x.srt", "--subtitles"], "can not be its subtitles"),
        (["s1", "--to", "."], "is a folder"),
    ],
)
def test_a_wrong_command_line_asks_for_nothing(
    mesh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """A file is never overwritten unasked, and that is said before the mesh has done any work."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mp4").touch()
    (tmp_path / "new.srt").touch()
    result = heimdex("export", *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert mesh.asked == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.srt", "there.mp4"]


def test_force_overwrites(mesh: Any, tmp_path: Path) -> None:
    to = tmp_path / "short.mp4"
    to.write_bytes(b"old")

    assert heimdex("export", "s1", "--to", str(to), "--force").exit_code == 0
    assert to.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("http", "code", "reason", "more", "exit_code", "said"),
    [
        (
            429,
            8,
            "EXPORT_QUOTA_EXCEEDED",
            {"metadata": {"limit": "10", "used": "10"}, "retry_delay": "11501s"},
            1,
            "10 of 10 exports of the last 24 hours are used; next one in 3 h 12 min",
        ),
        (400, 9, "SCENE_TOO_LONG", {}, 1, "for a part of it: heimdex export VIDEO@START-END --to FILE"),
        (400, 9, "VIDEO_NOT_READY", {"metadata": {"video": "v7"}}, 1, "heimdex video get v7 [VIDEO_NOT_READY]"),
        (400, 3, "EMPTY_RANGE", {"fields": {"segments[0].end_s": "not be"}}, 1, ": it can not be [EMPTY_RANGE]"),
        (400, 3, "INVALID_INPUT", {"fields": {"x": "too long"}}, 1, "it can not be (x: too long) [INVALID_INPUT]"),
        (400, 9, "SOURCE_MISSING", {}, 1, "upload it again"),
        (404, 5, "SCENE_NOT_FOUND", {}, 5, "heimdex video scenes VIDEO"),
    ],
)
def test_a_refusal_reads_well(  # noqa: PLR0913, PLR0917 - one per part of a refusal
    mesh: Any,
    refusal: Any,
    tmp_path: Path,
    http: int,
    code: int,
    reason: str,
    more: dict[str, Any],
    exit_code: int,
    said: str,
) -> None:
    """R-EXP-02, R-EXP-03, R-EXP-04: one sentence with what to do, on stderr, and nothing on stdout."""
    mesh.say("POST", "/v1/scenes/s1/exports", refusal(code, "it can not be", reason=reason, **more), http)
    result = heimdex("export", "s1", "--to", str(tmp_path / "x.mp4"), "--json")

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr
    assert result.stderr.endswith(f"[{reason}]\n")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_ends_with_6_and_its_reason(mesh: Any, tmp_path: Path) -> None:
    """R-EXP-08."""
    makes(mesh, FAILED)
    result = heimdex("export", "s1", "--to", str(tmp_path / "x.mp4"), "--json")

    assert result.exit_code == 6
    assert json.loads(result.stdout) == {"export": FAILED, "files": []}
    assert "the export failed: a video of it was deleted; " in result.stderr
    assert "[SOURCE_MISSING]" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_expired_before_it_was_fetched_says_so(mesh: Any, refusal: Any, tmp_path: Path) -> None:
    """R-EXP-11."""
    gone = refusal(5, "the export has expired; ask for it again", reason="EXPORT_EXPIRED")
    mesh.say("GET", "/v1/exports/e1", gone, 404)
    result = heimdex("exports", "download", "e1", "--to", str(tmp_path / "x.mp4"))

    assert result.exit_code == 5
    assert "heimdex: the export has expired; ask for it again [EXPORT_EXPIRED]" in result.stderr
    assert list(tmp_path.iterdir()) == []
