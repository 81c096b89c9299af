"""The answers from sketches at their paths, as a browser asks them."""

from datetime import UTC, datetime

import pytest

from tests.support.admin_lab import admin_lab

RANGED = (
    "performance/latency",
    "performance/rtf",
    "performance/queue",
    "performance/stages",
    "performance/operations",
    "failures/by-stage",
    "timeseries/throughput",
    "timeseries/throughput-v2",
    "timeseries/search",
    "timeseries/search-quality",
    "timeseries/latency",
)
WRONG = (
    ({"range": "0d"}, "range"),
    ({"range": "7d", "start_at": "2026-01-01T00:00:00Z"}, "range"),
    ({"start_at": "2026-01-01T00:00:00"}, "start_at"),
    ({"start_at": "0000-01-01T00:00:00Z"}, "start_at"),
    ({"start_at": "2026-01-01T00:00:00Z", "end_at": "2026-01-01T00:00:00Z"}, "end_at"),
    ({"end_at": "2026-01-01T00:00:00Z"}, "start_at"),
)


@pytest.fixture
async def http(tmp_path, new_database, bus_url):
    async with admin_lab(tmp_path, await new_database("metrics_svc", "metrics"), bus_url) as lab:
        yield lab.http


async def test_every_answer_is_at_its_path_and_says_which_days_it_is_about(http):
    """R-AD2-07: an empty database is an empty answer."""
    for path in RANGED:
        answer = await http.get(f"/v1/admin/{path}", params={"range": "2d", "owner_id": "nobody"})
        told = answer.json()

        assert answer.status_code == 200, path
        days = (datetime.fromisoformat(told["end_at"]) - datetime.fromisoformat(told["start_at"])).days
        assert days == 2
        assert datetime.fromisoformat(told["start_at"]) < datetime.now(UTC) < datetime.fromisoformat(told["end_at"])
        assert "NaN" not in answer.text


async def test_every_wrong_question_is_refused_with_its_field(http):
    """R-AD2-06: 400 with BadRequest.field_violations."""
    for path in RANGED:
        for params, field in WRONG:
            answer = await http.get(f"/v1/admin/{path}", params=params)

            assert answer.status_code == 400, (path, params)
            assert _fields(answer.json()) == [field], (path, params)


def _fields(problem):
    found = []
    for detail in problem.get("details", problem.get("error", {}).get("details", [])):
        found += [violation["field"] for violation in detail.get("fieldViolations", detail.get("field_violations", []))]
    return found
