"""`heimdex capacity` against a real HTTP server: what it asks, and what it prints."""

import io
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from client.capacity_view import capacity_table, duration
from client.cli import main

ANSWER = {
    "stages": [
        {
            "processing_stage": "metadata",
            "pieces": 900,
            "avg_service_s": 2.5,
            "busiest_hour": 9,
            "workers": 1,
            "servers": 1,
            "load_pct": 4.0,
            "busiest_hour_load_pct": 7.0,
            "avg_wait_s": 0.004,
            "forecast_workers": 1,
            "forecast_servers": 1,
            "forecast_avg_wait_s": 0.05,
            "forecast_p95_wait_s": 0.3,
            "workers_needed": 1,
        },
        {
            "processing_stage": "transcription",
            "pieces": 900,
            "avg_service_s": 252.0,
            "busiest_hour": 14,
            "workers": 2,
            "servers": 4,
            "servers_are_estimated": True,
            "load_pct": 99.6,
            "busiest_hour_load_pct": 141.0,
            "avg_wait_s": 35.0,
            "forecast_workers": 2,
            "forecast_servers": 4,
            "forecast_avg_wait_s": 5_400.0,
            "forecast_p95_wait_s": 17_000.0,
            "workers_needed": 3,
        },
        {"processing_stage": "indexing", "pieces": 4, "no_forecast_reason": "TOO_FEW_EVENTS"},
    ],
    "observed_from_at": "2026-11-01T00:00:00Z",
    "observed_until_at": "2026-11-21T12:00:00Z",
    "uploads": 1900,
    "uploads_per_hour": 4.0,
    "saturation_uploads_per_hour": 8.4,
    "avg_queue_s": 36.0,
    "forecast_avg_queue_s": 5_460.0,
    "advised_avg_queue_s": 12.0,
    "advice": "transcription is the bottleneck, 99 % busy at 2 times the uploads.",
}
PATH, WHAT_IF = "/v1/admin/capacity", "/v1/admin/capacity:simulate"


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["capacity", *arguments])


def cells(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell.strip()]


def test_stages_are_shown_with_what_they_need(door: Any) -> None:
    """R-AD3-05."""
    door.say("GET", PATH, ANSWER)
    result = heimdex("--range", "20d")
    header, metadata, transcription, indexing, advice = result.stdout.splitlines()

    assert result.exit_code == 0
    assert header.split() == "stage busy busiest hour workers work waited will wait 95 % in needs".split()  # noqa: SIM905
    assert [cell.strip() for cell in cells(metadata)][3:] == [
        "7 % at 09:00",
        "1",
        "2.5 s",
        "4 ms",
        "50 ms",
        "300 ms",
        "1",
    ]
    assert "99 %" in transcription
    assert "141 % at 14:00" in transcription
    assert "~2 x 2" in transcription
    assert [cell.strip() for cell in cells(transcription)][-5:] == ["4.2 min", "35 s", "1.5 h", "4.7 h", "3"]
    assert indexing.rstrip().endswith("too few")
    assert advice == ANSWER["advice"]
    assert "1,900 uploads from 2026-11-01 00:00 to 2026-11-21 12:00 UTC, 4 an hour" in result.stderr
    assert "the first stage is full at 8.4 an hour" in result.stderr
    assert "waited 36 s, will wait 1.5 h, would wait with the workers needed 12 s" in result.stderr
    assert door.asked[0].query == {"range": ["20d"]}


def test_a_bar_is_as_long_as_the_stage_is_busy(door: Any) -> None:
    door.say("GET", PATH, ANSWER)
    _, metadata, transcription, *_ = heimdex().stdout.splitlines()

    assert "▍" + "·" * 9 in metadata
    assert "█" * 10 + "  99 %" in transcription


def test_conditions_are_sent_as_they_were_asked(door: Any) -> None:
    """R-AD3-05: what if."""
    door.say("POST", WHAT_IF, ANSWER)
    result = heimdex(
        *("--uploads-factor", "2", "--target-wait", "30", "--workers", "transcription=3", "--slower", "metadata=1.5"),
        *("--slower", "transcription=2", "--slower-model", "base=large@1=4", "--json"),
    )

    assert json.loads(result.stdout) == ANSWER
    assert json.loads(door.asked[0].body) == {
        "range": "30d",
        "target_wait_s": 30,
        "uploads_factor": 2,
        "stages": [
            {"processing_stage": "transcription", "workers": 3, "service_factor": 2},
            {"processing_stage": "metadata", "service_factor": 1.5},
        ],
        "models": [{"model": "base=large@1", "service_factor": 4}],
    }


def test_nothing_measured_prints_a_sentence_and_no_table(door: Any) -> None:
    door.say("GET", PATH, {"advice": "Nothing was worked on in this time.", "uploads": 0})
    result = heimdex()

    assert result.stdout == "Nothing was worked on in this time.\n"
    assert result.stderr == "0 uploads, 0 an hour\n"


def test_a_refusal_names_the_field(door: Any, refusal: Any) -> None:
    door.say("POST", WHAT_IF, refusal(3, "no", fields={"stages[0].processing_stage": "is no stage"}), 400)
    result = heimdex("--workers", "dreaming=2")

    assert result.exit_code != 0
    assert "stages[0].processing_stage" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [("--range", "0d"), ("--workers", "three"), ("--workers", "=3"), ("--slower", "a=b"), ("--workers", "a=1.5")],
)
def test_a_wrong_option_is_a_usage_error(door: Any, wrong: tuple[str, ...]) -> None:
    result = heimdex(*wrong)

    assert result.exit_code == 2
    assert wrong[0] in result.stderr
    assert not door.asked


def test_a_narrow_terminal_gets_fewer_columns_and_whole_words() -> None:
    screen = Console(width=80, file=io.StringIO())
    screen.print(capacity_table(ANSWER, width=80))
    lines = screen.file.getvalue().splitlines()

    assert "busiest" not in lines[0]
    assert "…" not in "".join(lines)
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (0, "0 ms"), (1.26, "1.3 s"), (59.6, "60 s"), (3_600, "1.0 h"), (1e6, "12 d")]
)
def test_lengths_of_time(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
