"""`heimdex alerts` against a real HTTP server: what it asks, and what it prints."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import main

FIRING = {
    "alert_id": "low_disk-1",
    "rule_id": "low_disk",
    "state": "firing",
    "title": "The disk is nearly full",
    "sentence": "5 of 100 GB are free for objects, 5 percent.",
    "what_to_do": "Delete videos or add room.",
    "documentation": "docs/alerts.md#low_disk",
    "about": "objects",
    "unit": "percent",
    "value": 5.0,
    "latest_value": 4.25,
    "worst_value": 4.0,
    "fire_threshold": 10.0,
}
OVER = {
    **FIRING,
    "rule_id": "high_rtf",
    "unit": "ratio",
    "state": "resolved",
    "fired_at": "2026-11-01T10:00:00Z",
    "resolved_at": "2026-11-01T10:30:00Z",
}
ALERTS, SILENCE = "/v1/admin/alerts", "/v1/admin/alert-rules/low_disk:silence"


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def answer(**changes: Any) -> dict[str, Any]:
    alert = {**FIRING, "began_at": ago(3), "fired_at": ago(2), **changes}
    return {"data": [alert], "evaluated_at": ago(0), "measured": 7, "missing": 2}


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["alerts", *arguments], terminal_width=160)


def test_what_fires_is_said_with_what_to_do(door: Any) -> None:
    """R-AD3-04."""
    door.say("GET", ALERTS, answer())
    result = heimdex()

    assert result.exit_code == 0
    assert door.asked[0].query == {"is_current": ["true"], "page_size": ["500"]}
    assert [line.strip() for line in result.stdout.splitlines()] == [
        "firing  The disk is nearly full  low_disk",
        "5 of 100 GB are free for objects, 5 percent.",
        "since 2.0 h; now 4.25 %, the limit is 10 %",
        "Delete videos or add room. (docs/alerts.md#low_disk)",
    ]
    assert result.stderr.strip() == "7 of 9 rules have data"


def test_an_alert_without_data_or_voice_says_so(door: Any) -> None:
    door.say("GET", ALERTS, answer(no_data_since=ago(1), silenced_until="2026-11-30T08:00:00Z"))
    result = heimdex()

    assert "no data since 1.0 h" in result.stdout
    assert "nobody is told until 2026-11-30 08:00 UTC" in result.stdout


@pytest.mark.parametrize(
    ("hours", "remark"),
    [(None, "nobody has looked at the rules yet"), (5.0, "nobody has looked at the rules for 5.0 h"), (0.0, "")],
)
def test_no_alert_is_good_news_only_while_somebody_watches(door: Any, hours: float | None, remark: str) -> None:
    door.say("GET", ALERTS, {"measured": 9} if hours is None else {"measured": 9, "evaluated_at": ago(hours)})
    result = heimdex()

    assert result.stdout == "no alert fires\n"
    assert result.stderr.splitlines() == ["9 of 9 rules have data", *([remark] if remark else [])]


def test_all_alerts_are_a_table_of_all_pages(door: Any) -> None:
    def page(asked: Any) -> tuple[int, Any]:
        is_second = asked.query.get("page_token") == ["more"]
        return 200, {**answer(), "data": [OVER]} if is_second else {**answer(), "next_page_token": "more"}

    door.answers["GET", ALERTS] = page
    result = heimdex("--all", "--range", "7d")
    rows = [line.split() for line in result.stdout.splitlines()]

    assert [one.query["range"] for one in door.asked] == [["7d"]] * 2
    assert rows[1][:2] == ["low_disk", "firing"]
    assert rows[2] == ["high_rtf", "resolved", "2026-11-01", "10:00", "UTC", "30", "min", "5x", "4x", "10x", "objects"]


def test_json_is_what_the_mesh_says_and_nothing_else(door: Any) -> None:
    said = answer()
    door.say("GET", ALERTS, said)

    assert json.loads(heimdex("--json").stdout) == said


def test_rules_say_when_they_fire_and_where_they_stand(door: Any) -> None:
    rule = {
        "rule_id": "low_disk",
        "state": "inactive",
        "unit": "percent",
        "latest_value": 50.0,
        "fire_threshold": 10.0,
        "resolve_threshold": 15.0,
        "fire_after_s": 300.0,
    }
    unknown = {**rule, "rule_id": "high_rtf", "state": "unknown", "unit": "ratio", "no_data_since": ago(0)}
    door.say("GET", "/v1/admin/alert-rules", {"data": [rule, unknown], "evaluated_at": ago(0), "measured": 1})
    result = heimdex("rules")
    rows = [line.split() for line in result.stdout.splitlines()]

    assert rows[1] == ["low_disk", "inactive", "50", "%", "10", "%", "5.0", "min", "15", "%", "at", "once"]
    assert rows[2] == ["high_rtf", "unknown", "-", "10x", "5.0", "min", "15x", "at", "once"]
    assert result.stderr.strip() == "1 of 1 rule has data"


@pytest.mark.parametrize(("length", "seconds"), [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1.5d", 129_600)])
def test_a_rule_is_silenced_for_a_length_of_time(door: Any, length: str, seconds: float) -> None:
    door.say("POST", SILENCE, {"rule_id": "low_disk", "silenced_until": "2026-11-30T08:00:00Z"})
    result = heimdex("silence", "low_disk", "--for", length, "--comment", "moving house")

    assert json.loads(door.asked[0].body) == {"duration_s": seconds, "comment": "moving house"}
    assert result.stdout == "nobody is told of low_disk until 2026-11-30 08:00 UTC\n"


def test_a_silence_is_cleared(door: Any) -> None:
    door.say("POST", SILENCE, {"rule_id": "low_disk"})
    result = heimdex("silence", "low_disk", "--clear")

    assert json.loads(door.asked[0].body) == {"clear": True}
    assert result.stdout == "low_disk is not silent\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--range", "7d"),
        ("--all", "--range", "0d"),
        ("--all", "rules"),
        ("silence", "low_disk"),
        ("silence", "low_disk", "--for", "2h", "--clear"),
        ("silence", "low_disk", "--for", "2"),
        ("silence", "low_disk", "--for", "0h"),
        ("silence", "low_disk", "--for", "-1h"),
    ],
)
def test_a_wrong_command_line_asks_nothing(door: Any, arguments: tuple[str, ...]) -> None:
    assert heimdex(*arguments).exit_code == 2
    assert door.asked == []


def test_a_rule_that_is_none_is_said_in_one_sentence(door: Any, refusal: Any) -> None:
    door.say("POST", SILENCE, refusal(5, "there is no such alert rule", reason="NO_SUCH_ALERT_RULE"), 404)
    result = heimdex("silence", "low_disk", "--for", "2h")

    assert result.exit_code == 5
    assert result.stderr == "heimdex: there is no such alert rule [NO_SUCH_ALERT_RULE]\n"
