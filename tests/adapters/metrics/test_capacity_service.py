"""Capacity through HTTP: the gateway, the service, and a real database."""

from datetime import timedelta

import pytest

from metrics_svc.adapters.event_store import PostgresEventStore
from tests.support.admin_lab import USER, admin_lab, golden
from tests.support.capacity_events import START, events_of
from tests.support.capacity_simulation import DAY_S, Line, daily, exponential, lognormal, mixed, simulate
from tests.support.metrics_samples import samples_of

PATH, WHAT_IF = "/v1/admin/capacity", "/v1/admin/capacity:simulate"
LENGTH_S = 2 * DAY_S
WINDOW = {"start_at": "2026-11-02T00:00:00Z", "end_at": "2026-11-04T00:00:00Z"}
LINES = [
    Line("metadata", 1, exponential(4), model="probe@1"),
    Line("scene_detection", 2, lognormal(110, 1), ("metadata",)),
    Line("transcription", 3, mixed(240, 2), ("metadata",), fails=0.03, model="base@1"),
    Line("scene_processing", 2, lognormal(90, 1), ("scene_detection", "transcription"), model="clip@1"),
]

WRONG = [
    ({"range": "0d"}, "range"),
    ({"range": "366d"}, "range"),
    ({"range": "abc"}, "range"),
    ({"start_at": "2026-11-04T00:00:00Z", "end_at": "2026-11-02T00:00:00Z"}, "end_at"),
    ({"target_wait_s": 0}, "target_wait_s"),
    ({"target_wait_s": "NaN"}, "target_wait_s"),
    ({"uploads_factor": "Infinity"}, "uploads_factor"),
    ({"uploads_factor": 0}, "uploads_factor"),
    ({"stages": [{"processing_stage": "dreaming", "workers": 2}]}, "stages[0].processing_stage"),
    ({"stages": [{"processing_stage": "metadata", "workers": 0}]}, "stages[0].workers"),
    ({"stages": [{"processing_stage": "metadata", "service_factor": -1}]}, "stages[0].service_factor"),
    ({"models": [{"model": "nobody@1", "service_factor": 2}]}, "models[0].model"),
]
"""What is asked, and the field that is wrong with it."""


@pytest.fixture
async def lab(tmp_path, new_database, bus_url):
    async with admin_lab(tmp_path, await new_database("metrics_svc", "metrics"), bus_url) as lab:
        yield lab


@pytest.fixture
async def busy(lab):
    """Two days of a pipeline, 25 uploads an hour, most at noon."""
    seen = simulate(LINES, daily(25, swing=0.5), length_s=LENGTH_S, seed=11)
    events = events_of(seen, length_s=LENGTH_S)
    await PostgresEventStore(lab.database).add(samples_of(*events, now=START + timedelta(seconds=LENGTH_S)))
    return lab


def rounded(value):
    """The same, every number with six digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def same(found, expected):
    """Whether two answers are the same but for the last digits: processors round and add in different ways."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], one) for key, one in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(same(*pair) for pair in zip(found, expected, strict=True))
    return found == pytest.approx(expected, rel=1e-4) if isinstance(expected, float) else found == expected


async def test_capacity_is_answered_as_it_always_was(busy):
    """R-AD3-05, R-AD2-12: golden JSON of a seeded pipeline, to four digits."""
    answer = await busy.http.get(PATH, params={**WINDOW, "target_wait_s": 30})
    doubled = await busy.http.post(WHAT_IF, json={**WINDOW, "target_wait_s": 30, "uploads_factor": 2})

    assert (answer.status_code, doubled.status_code) == (200, 200), (answer.text, doubled.text)
    assert same(answer.json(), golden("capacity", rounded(answer.json())))
    assert same(doubled.json(), golden("capacity_simulate", rounded(doubled.json())))


async def test_a_simulation_of_nothing_else_is_the_present(busy):
    present = (await busy.http.get(PATH, params=WINDOW)).json()

    assert present == (await busy.http.post(WHAT_IF, json=WINDOW)).json()


async def test_conditions_change_the_forecast_and_nothing_that_was_measured(busy):
    """R-AD3-05: what if."""
    conditions = {
        "uploads_factor": 1.5,
        "stages": [{"processing_stage": "scene_detection", "workers": 4, "service_factor": 2}],
        "models": [{"model": "base@1", "service_factor": 0.5}],
    }
    present = (await busy.http.get(PATH, params=WINDOW)).json()
    changed = (await busy.http.post(WHAT_IF, json={**WINDOW, **conditions})).json()
    before, after = ({one["processing_stage"]: one for one in answer["stages"]} for answer in (present, changed))
    times = {name: after[name]["load_pct"] / before[name]["load_pct"] for name in before}

    assert times == pytest.approx(
        {"metadata": 1.5, "scene_detection": 1.5, "transcription": 0.75, "scene_processing": 1.5}
    )
    for name in before:
        for field in ("utilisation_pct", "avg_wait_s", "p95_wait_s", "avg_service_s", "workers", "pieces"):
            assert after[name][field] == before[name][field]
    assert after["scene_detection"]["forecast_workers"] == 4
    assert after["scene_detection"]["workers"] == 2


async def test_the_answer_comes_as_a_table(busy):
    answer = await busy.http.get(PATH, params={**WINDOW, "format": "csv"})
    header, *rows = answer.text.splitlines()

    assert answer.status_code == 200, answer.text
    assert header.startswith("processing_stage,pieces,retries,")
    assert [row.split(",")[0] for row in rows] == [line.stage for line in LINES]


async def test_an_empty_database_has_an_empty_answer(lab):
    """R-AD2-07: 200 and no stages; what is not known is absent."""
    answer = await lab.http.get(PATH)

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said.get("stages", []), said.get("uploads", 0), said["no_forecast_reason"]) == ([], 0, "TOO_FEW_EVENTS")
    assert said["advice"] == "Nothing was worked on in this time."
    assert not {"bottleneck_load_pct", "avg_queue_s", "forecast_avg_queue_s", "forecast_hours"} & said.keys()


async def test_bad_input_is_a_400_with_the_field(lab):
    """R-AD2-06."""
    for body, field in WRONG:
        answer = await lab.http.post(WHAT_IF, json=body)

        assert answer.status_code == 400, answer.text
        violations = [fault for detail in answer.json()["details"] for fault in detail.get("field_violations", [])]
        assert [fault["field"] for fault in violations] == [field]


async def test_only_administrators_are_answered(lab):
    """R-AD1-06."""
    for answer in (
        await lab.http.get(PATH, headers={"Authorization": f"Bearer {USER}"}),
        await lab.http.post(WHAT_IF, json={}, headers={"Authorization": f"Bearer {USER}"}),
    ):
        assert answer.status_code == 403
