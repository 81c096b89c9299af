"""`heimdex metrics audit` against a real HTTP server: what it prints, and what it ends with."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import main

SAME = {
    "data": [],
    "checks": [
        {"answer": "performance/latency", "way": "sketch", "compared": 23, "differences": 0},
        {"answer": "performance/latency", "way": "sql", "compared": 7, "differences": 0},
        {"answer": "metrics", "way": "prometheus", "compared": 40, "differences": 0},
    ],
    "compared": 70,
    "differences": 0,
    "prometheus_series": 40,
    "sketches": 5,
    "days_without_events": [],
    "duration_s": 1.25,
}
DIFFERENT = {
    **SAME,
    "data": [
        {
            "answer": "performance/latency",
            "field": "p95_processing_ms",
            "labels": "",
            "sketch_value": 1234.5,
            "raw_value": 1200.0,
            "sql_value": 1200.0,
            "relative_error": 0.02875,
        },
        {"answer": "performance/stages", "field": "data.avg_ms", "labels": "model=a\u001b[2Jb", "raw_value": 0.5},
    ],
    "checks": [{"answer": "performance/latency", "way": "sketch", "compared": 23, "differences": 2}],
    "differences": 1_002,
    "days_without_events": ["2026-09-01", "2026-09-02"],
}


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_no_difference_ends_with_0_and_a_line_for_every_answer(door: Any) -> None:
    """R-AD2-08."""
    door.say("GET", "/v1/admin/audit", SAME)
    result = heimdex("metrics", "audit", "--range", "7d")

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()[1:]]
    assert lines == [["performance/latency", "23", "7"], ["metrics", "40"]]
    assert "70 numbers compared, those of 5 sketches and 40 Prometheus series among them, in 1.2 s" in result.stderr
    assert result.stderr.splitlines()[-1] == "0 differences"
    assert door.asked[-1].query == {"range": ["7d"]}
    assert door.asked[-1].headers["grpc-timeout"] == "3600S"


def test_differences_are_named_with_every_value_and_end_with_7(door: Any) -> None:
    """R-AD2-08."""
    door.say("GET", "/v1/admin/audit", DIFFERENT)
    result = heimdex("metrics", "audit")

    assert result.exit_code == 7
    assert "2 of 23 differ" in result.stdout
    (named,) = [line.split() for line in result.stdout.splitlines() if "p95_processing_ms" in line]
    assert named == ["performance/latency", "p95_processing_ms", "1,234.5", "1,200", "1,200", "2.88", "%"]
    assert "\x1b[2J" not in result.stdout
    assert "1000 more differences are not shown" in result.stderr
    assert "2 days, 2026-09-01 to 2026-09-02, are not audited: their events were removed" in result.stderr


def test_json_is_the_answer_and_nothing_else(door: Any) -> None:
    door.say("GET", "/v1/admin/audit", DIFFERENT)
    result = heimdex("metrics", "audit", "--json", "--start", "2026-11-01T00:00:00Z", "--owner", "ada")

    assert json.loads(result.stdout) == DIFFERENT
    assert result.exit_code == 7
    assert door.asked[-1].query == {"start_at": ["2026-11-01T00:00:00Z"], "owner_id": ["ada"]}


@pytest.mark.parametrize("arguments", [("--range", "0d"), ("--range", "week"), ("--end", "2026-11-01T00:00:00Z")])
def test_a_wrong_window_is_refused_before_anybody_is_asked(door: Any, arguments: tuple[str, ...]) -> None:
    result = heimdex("metrics", "audit", *arguments)

    assert result.exit_code == 2
    assert door.asked == []
