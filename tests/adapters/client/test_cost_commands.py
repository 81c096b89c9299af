"""`heimdex cost`, `rate-card` and `admin` against a real HTTP server."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import main

CARD = {
    "per_cpu_second": "0.0000125",
    "per_gpu_second": "0.0005",
    "per_joule": "0",
    "per_gb_month": "0.02",
    "per_model_call": "0",
    "per_model_call_of": [{"model": "base@1", "per_call": "0.001"}, {"model": "clip", "per_call": "0.002"}],
    "currency": "EUR",
    "etag": '"2-abc"',
    "version": 2,
    "updated_by": "ada",
    "updated_at": "2026-11-20T12:00:00Z",
}
BILL = {
    "group_by": "video",
    "data": [
        {
            "key": "v1",
            "cpu_s": 5400.0,
            "model_calls": 1200.0,
            "gb_months": 0.7,
            "total_amount": "0.081500000",
            "total": 0.0815,
        },
        {"key": "v2", "total_amount": "0.000000000"},
        {"name": "shared", "gb_months": 0.01, "total_amount": "0.000200000", "total": 0.0002},
    ],
    "total": {
        "cpu_s": 5400.0,
        "model_calls": 1200.0,
        "gb_months": 0.71,
        "total_amount": "0.081700000",
        "total": 0.0817,
    },
    "total_rows": 5,
    "rate_card": CARD,
    "measured": 3,
    "missing": 1,
}


def heimdex(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_cost_prints_what_each_thing_used_and_cost(door: Any) -> None:
    """R-AD3-01."""
    door.say("GET", "/v1/admin/cost", BILL)
    result = heimdex("cost", "--by", "video", "--range", "7d", "--owner", "ann", "--limit", "3")
    lines = [line.split() for line in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert door.asked[-1].query == {"group_by": ["video"], "range": ["7d"], "page_size": ["3"], "owner_id": ["ann"]}
    assert lines[0] == ["video", "CPU", "stored", "x", "months", "model", "calls", "EUR"]
    assert lines[1] == ["v1", "90.0", "min", "700.0", "MB", "1,200", "0.0815"]
    assert lines[2] == ["v2", "-", "-", "-", "0.0000"]
    assert lines[3] == ["shared", "-", "10.0", "MB", "-", "0.0002"]
    assert lines[4] == ["and", "2", "more"]
    assert lines[5] == ["total", "90.0", "min", "710.0", "MB", "1,200", "0.0817"]
    assert "CPU time of 1 of 4 attempts was not measured" in result.stderr
    assert "prices: version 2, set by ada on 2026-11-20" in result.stderr


def test_an_id_does_nothing_to_the_terminal(door: Any) -> None:
    door.say("GET", "/v1/admin/cost", {**BILL, "data": [{"key": "a\x1b[2J\nb", "total_amount": "0.1"}]})
    lines = heimdex("cost", "--by", "owner").stdout.splitlines()

    assert lines[1].startswith("a\ufffd[2J\ufffdb ")


def test_cost_without_prices_says_so(door: Any) -> None:
    door.say("GET", "/v1/admin/cost", {"total": {}, "rate_card": {"is_default": True, "currency": "EUR"}})
    result = heimdex("cost")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing was used" in result.stderr
    assert "heimdex rate-card set --help" in result.stderr


def test_cost_as_json_is_the_answer(door: Any) -> None:
    door.say("GET", "/v1/admin/cost", BILL)

    assert json.loads(heimdex("cost", "--json").stdout) == BILL


def test_a_table_is_written_to_a_file(door: Any, tmp_path: Any) -> None:
    """R-AD3-08."""
    door.say("GET", "/v1/admin/cost", b"key,total\r\n")
    place = tmp_path / "bill.csv"
    result = heimdex("cost", "--format", "csv", "-o", str(place))

    assert (result.exit_code, result.stdout) == (0, "")
    assert door.asked[-1].query["format"] == ["csv"]
    assert place.read_bytes() == b"key,total\r\n"
    assert heimdex("cost", "--format", "csv").stdout_bytes == b"key,total\r\n"


def test_any_answer_for_administrators_can_be_asked_for(door: Any, tmp_path: Any) -> None:
    door.say("GET", "/v1/admin/timeseries/throughput-v2", {"data": [{"day": "2026-11-20"}]})
    result = heimdex("admin", "timeseries/throughput-v2", "range=7d", "owner_id=a=b")

    assert json.loads(result.stdout) == {"data": [{"day": "2026-11-20"}]}
    assert door.asked[-1].query == {"range": ["7d"], "owner_id": ["a=b"]}
    assert heimdex("admin", "/v1/admin/timeseries/throughput-v2").exit_code == 0
    assert heimdex("admin", "overview", "range").exit_code == 2
    assert heimdex("admin", "overview", "-o", str(tmp_path / "x")).exit_code == 2


def test_a_refusal_is_one_sentence(door: Any, refusal: Any) -> None:
    door.say("GET", "/v1/admin/cost", refusal(7, "this needs an administrator's token", reason="ADMIN_REQUIRED"), 403)

    for arguments in (["cost"], ["cost", "--format", "xlsx", "-o", "x"]):
        result = heimdex(*arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (4, 1)


@pytest.mark.parametrize(
    "arguments", [["--range", "0d"], ["--range", "fortnight"], ["--by", "colour"], ["--limit", "0"]]
)
def test_a_wrong_option_is_a_wrong_command_line(door: Any, arguments: list[str]) -> None:
    assert heimdex("cost", *arguments).exit_code == 2
    assert door.asked == []


def test_the_card_is_shown(door: Any) -> None:
    door.say("GET", "/v1/admin/rate-card", CARD)
    result = heimdex("rate-card", "show", "--version", "2")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert door.asked[-1].query == {"version": ["2"]}
    assert lines[:2] == ["for a EUR", "second of CPU time 0.0000125"]
    assert lines[-1] == "call of clip 0.0020000"
    assert json.loads(heimdex("rate-card", "show", "--json").stdout) == CARD


def test_prices_that_are_named_change_and_no_others(door: Any) -> None:
    door.say("GET", "/v1/admin/rate-card", CARD)
    door.say("PATCH", "/v1/admin/rate-card", {**CARD, "version": 3})
    result = heimdex("rate-card", "set", "--joule", "0.1", "--model", "clip=", "--model", "a=b@1=5", "--dry-run")
    asked = door.asked[-1]
    body = json.loads(asked.body)

    assert result.exit_code == 0
    assert asked.query == {"update_mask": ["per_joule,per_model_call_of"], "validate_only": ["true"]}
    assert (body["per_joule"], body["etag"]) == ("0.1", CARD["etag"])
    assert body["per_model_call_of"] == [{"model": "base@1", "per_call": "0.001"}, {"model": "a=b@1", "per_call": "5"}]
    assert "nothing was changed" in result.stderr
    assert heimdex("rate-card", "set").exit_code == 2
    assert heimdex("rate-card", "set", "--model", "base").exit_code == 2
