"""The audit through HTTP, in the service as it runs: with its intake, its memory, and its Prometheus view."""

from datetime import UTC, datetime

import pytest

from chassis.core.subjects import stage_subject
from chassis.io.jetstream import Bus, Outgoing
from tests.support.admin_lab import USER, admin_lab
from tests.support.audit_lab import mixed_events
from tests.support.eventually import eventually

NOW = datetime.now(UTC)


@pytest.fixture
async def lab(tmp_path, new_database, bus_url):
    async with admin_lab(tmp_path, await new_database("metrics_svc", "metrics"), bus_url) as lab:
        yield lab


async def test_what_came_over_the_bus_is_told_the_same_in_every_way(lab, bus_url):
    """R-AD2-08, K1: sketches, raw events, SQL functions and Prometheus, from one replayed stream."""
    events = mixed_events(days=3, per_day=20, until=NOW)
    async with Bus.open(bus_url, name="test") as bus:
        for number, event in enumerate([*events, *events[::-1]]):
            subject = stage_subject("ingest", "stage_event", "v")
            kind = event.DESCRIPTOR.full_name
            await bus.publish(Outgoing(subject, event.SerializeToString(), kind, f"{number}/{event.event_id}"))

    async def all_are_in():
        async with lab.database.connection() as connection:
            tables = ("stage_events", "video_runs", "search_events", "operations")
            counts = [await connection.fetchval(f"SELECT count(*) FROM metrics.{table}") for table in tables]  # noqa: S608
        return sum(counts) == len(events)

    await eventually(all_are_in, within_seconds=30)
    answer = (await lab.http.get("/v1/admin/audit", params={"range": "7d"})).json()

    assert answer.get("data", []) == []
    assert answer.get("differences", 0) == 0
    assert answer["sketches"] > 500
    assert answer["prometheus_series"] > 80
    assert answer["duration_s"] > 0
    assert {one["way"] for one in answer["checks"]} == {"sketch", "sql", "prometheus"}


async def test_a_corrupted_sketch_is_named_through_http(lab, bus_url):
    """R-AD2-08."""
    event = next(one for one in mixed_events(until=NOW) if one.DESCRIPTOR.name == "SearchEvent" and one.latency_ns > 0)
    async with Bus.open(bus_url, name="test") as bus:
        subject = stage_subject("index", "search_event", "v")
        await bus.publish(Outgoing(subject, event.SerializeToString(), event.DESCRIPTOR.full_name, "search"))

    async def is_in():
        async with lab.database.connection() as connection:
            return await connection.fetchval("SELECT count(*) = 1 FROM metrics.search_events")

    await eventually(is_in, within_seconds=30)
    async with lab.database.connection() as connection:
        await connection.execute("UPDATE metrics.sketches SET total = total * 2 WHERE measure = 'search'")
        await connection.execute("UPDATE metrics.sketch_days SET version = version + 1000000")
    answer = (await lab.http.get("/v1/admin/audit", params={"range": "5d"})).json()
    (average,) = [
        one
        for one in answer["data"]
        if (one["answer"], one["field"]) == ("timeseries/search-quality?bucket=day", "avg_ms")
    ]

    assert average["sketch_value"] == pytest.approx(2 * average["raw_value"])
    assert average["relative_error"] == pytest.approx(1)
    assert answer["differences"] == sum(one.get("differences", 0) for one in answer["checks"])


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"range": "0d"}, "range"),
        ({"range": "366d"}, "range"),
        ({"range": "abc"}, "range"),
        ({"start_at": "2026-11-02T00:00:00Z", "end_at": "2026-11-01T00:00:00Z"}, "end_at"),
        ({"owner_id": "a\x00b"}, "owner_id"),
    ],
)
async def test_a_window_that_is_none_is_refused_with_the_field(lab, params, field):
    """R-AD2-06."""
    answer = await lab.http.get("/v1/admin/audit", params=params)

    assert answer.status_code == 400
    assert f'"field": "{field}"' in answer.text or f'"field":"{field}"' in answer.text


async def test_a_user_is_refused(lab):
    """R-AD1-06."""
    answer = await lab.http.get("/v1/admin/audit", headers={"Authorization": f"Bearer {USER}"})

    assert answer.status_code == 403
