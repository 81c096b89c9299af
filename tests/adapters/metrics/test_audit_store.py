"""The audit over real events: equal ways give no difference, and a wrong row is found and named."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chassis.core.errors import InvalidInput, Overloaded
from metrics_svc.codec.bins import decode_bins, encode_bins
from metrics_svc.domain.audit.audited import AUDITED
from tests.support.audit_lab import AuditLab, mixed_events
from tests.support.metrics_samples import NOW, operation_event, run_event, search_event, stage_event

DAY = timedelta(days=1)
FEW_DAYS = {"range": "5d"}


@pytest.fixture
async def lab(database):
    return AuditLab(database)


def named(answer):
    """The differences of an audit, as answer and field."""
    return {(one.answer, one.field) for one in answer.data}


async def test_an_empty_database_has_nothing_to_differ(lab):
    """R-AD2-07, R-AD2-08."""
    found = await lab.audit(range="365d")

    assert (found.differences, list(found.data), found.sketches) == (0, [], 0)
    assert found.compared > len(AUDITED)


async def test_every_way_tells_the_same_of_mixed_events(lab):
    """R-AD2-08, R-AD2-11: backfilled, cancelled, corrected, unknown, zero-length, absurd and missing ones."""
    await lab.add(*mixed_events())
    for question in (
        FEW_DAYS,
        {**FEW_DAYS, "owner_id": "ada"},
        {"start_at": NOW - timedelta(days=3, hours=5, minutes=17, microseconds=3), "end_at": NOW - timedelta(hours=7)},
        {"start_at": NOW - timedelta(minutes=90), "owner_id": "bob"},
    ):
        found = await lab.audit(**question)

        assert [] == list(found.data), question
        assert found.differences == 0
        assert found.compared > 500

    checks = {(one.answer, one.way) for one in (await lab.audit(**FEW_DAYS)).checks}
    assert {(one.name, "sketch") for one in AUDITED} | {("sketches", "sketch")} <= checks
    assert {one for one, way in checks if way == "sql"} == {
        "performance/latency",
        "performance/rtf",
        "performance/queue",
        "failures/by-stage",
        "timeseries/throughput-v2?bucket=day",
    }


async def test_days_that_were_folded_and_late_events_after_that_make_no_difference(lab):
    """R-AD2-08: hours that became days, and an hour that came later."""
    events = mixed_events()
    await lab.add(*events[:200])
    await lab.store.fold(NOW + 20 * DAY)
    await lab.add(*events[200:])

    assert [] == list((await lab.audit(**FEW_DAYS)).data)
    assert [] == list((await lab.audit(start_at=NOW - 2.3 * DAY, end_at=NOW - 1.1 * DAY)).data)


async def test_more_stages_and_operations_than_an_answer_lists_make_no_difference(lab):
    """R-STG-06: a flood of words that only a newer version knows."""
    strange = []
    for number in range(520):
        attempt, operation = stage_event(number, model=f"m{number % 3}"), operation_event(number)
        attempt.stage, operation.operation = 20 + number // 3, 10 + number % 130
        strange += [attempt, operation]
    await lab.add(*strange)
    found = await lab.audit(range="1d")

    assert [] == list(found.data)


async def test_an_event_that_arrives_meanwhile_is_in_none_of_the_ways(lab):
    """R-AD2-08: no false alarm while the library is in use."""
    await lab.add(*mixed_events())
    before = await lab.audit(**FEW_DAYS)
    late = {"owner_id": "late"}
    lab.before_answers = lambda: lab.add(run_event(90_001, **late), search_event(90_002, **late))
    meanwhile = await lab.audit(**FEW_DAYS)
    lab.before_answers = None
    after = await lab.audit(**FEW_DAYS)

    assert (before.differences, meanwhile.differences, after.differences) == (0, 0, 0)
    assert before.sketches == meanwhile.sketches < after.sketches


async def test_what_users_are_told_from_memory_is_what_is_audited(lab):
    """R-AD2-08: a day that was kept in memory and should not have been is found."""
    await lab.add(*mixed_events())
    await lab.audit(**FEW_DAYS)
    # What was sketched changes, and its version does not: whoever has read it does not read it again.
    await lab.execute("DELETE FROM metrics.search_events")
    await lab.execute("DELETE FROM metrics.sketches WHERE measure IN ('search', 'empty_search')")
    found = await lab.audit(**FEW_DAYS)

    assert ("timeseries/search?bucket=day", "data.searches") in named(found)
    assert "sketches" not in {one.answer for one in found.data}


async def test_the_day_of_an_audit_does_not_end_before_it_has_begun(lab):
    with pytest.raises(InvalidInput) as refused:
        await lab.audit(start_at=NOW, end_at=NOW - DAY)

    assert [one.field for one in refused.value.violations] == ["end_at"]


async def test_only_one_audit_runs_at_a_time(lab):
    async def second():
        with pytest.raises(Overloaded, match="an audit is running"):
            await lab.audit(range="1d")

    lab.before_answers = second
    await lab.audit(range="1d")
    lab.before_answers = None

    assert (await lab.audit(range="1d")).differences == 0


async def test_days_whose_events_were_removed_are_told_and_not_compared(database):
    """What can not be recomputed is not called right."""
    lab = AuditLab(database, keep_days=20)
    await lab.add(*mixed_events(days=30))
    await lab.store.forget(NOW - 20 * DAY)
    found = await lab.audit(range="25d")

    assert found.differences == 0
    assert list(found.days_without_events) == [f"{NOW - day * DAY:%Y-%m-%d}" for day in (24, 23, 22, 21)]
    assert found.start_at.ToDatetime(UTC) == datetime(2026, 10, 27, tzinfo=UTC)


CORRUPTIONS = {
    "measured": "measured = measured + 1",
    "approximate": "approximate = approximate + 1",
    "missing": "missing = missing + 1",
    "total": "total = total + 1",
    "smallest": "smallest = smallest - 1",
    "largest": "largest = largest + 1",
}


@pytest.mark.parametrize("column", CORRUPTIONS)
async def test_one_wrong_number_in_one_sketch_is_found_and_named(lab, column):
    """R-AD2-08."""
    await lab.add(*mixed_events())
    touched = await lab.execute(
        f"UPDATE metrics.sketches SET {CORRUPTIONS[column]} WHERE ctid = (SELECT ctid FROM metrics.sketches"  # noqa: S608
        " WHERE owner_id = '' AND measure = 'work' AND smallest > 1000 AND stage = 'metadata' LIMIT 1)"
    )
    found = await lab.audit(**FEW_DAYS)
    (sketch,) = [one for one in found.data if one.answer == "sketches"]

    assert touched == "UPDATE 1"
    assert sketch.field == column
    assert "measure=work" in sketch.labels
    assert "owner_id=everybody" in sketch.labels
    assert "stage=metadata" in sketch.labels
    assert abs(sketch.sketch_value - sketch.raw_value) == 1 or column in {"total", "largest"}


async def test_a_value_in_the_wrong_bin_is_found(lab):
    """R-AD2-08: bit for bit."""
    await lab.add(*mixed_events())
    async with lab.database.connection() as connection:
        place, data = await connection.fetchrow(
            "SELECT ctid, bins FROM metrics.sketches WHERE owner_id = 'ada' AND measure = 'processing' AND measured > 0"
        )
        bins, counts = decode_bins(data)
        moved = encode_bins(np.concatenate([bins[:-1], bins[-1:] + 1]), counts)
        await connection.execute("UPDATE metrics.sketches SET bins = $2 WHERE ctid = $1", place, moved)
    (difference,) = (await lab.audit(**FEW_DAYS)).data

    assert (difference.answer, difference.field) == ("sketches", "wrong_bins")
    assert (difference.sketch_value, difference.raw_value) == (2, 0)
    assert "owner_id=ada" in difference.labels


async def test_a_sketch_that_is_gone_is_found(lab):
    await lab.add(*mixed_events())
    await lab.execute(
        "DELETE FROM metrics.sketches WHERE ctid = (SELECT ctid FROM metrics.sketches WHERE owner_id = 'bob' LIMIT 1)"
    )
    (difference,) = [one for one in (await lab.audit(**FEW_DAYS, owner_id="bob")).data if one.answer == "sketches"]

    assert difference.field == "samples"
    assert not difference.HasField("sketch_value")
    assert difference.raw_value > 0


@pytest.mark.parametrize(
    ("table", "answers"),
    [
        ("stage_events", {"performance/stages", "cost?group_by=day", "sketches"}),
        ("video_runs", {"timeseries/throughput-v2?bucket=day", "sketches"}),
        ("search_events", {"timeseries/search?bucket=day", "timeseries/search-quality?bucket=month", "sketches"}),
        ("operations", {"performance/operations", "sketches"}),
    ],
)
async def test_a_raw_event_that_is_gone_is_found_in_every_answer_it_was_in(lab, table, answers):
    """R-AD2-08."""
    await lab.add(*mixed_events())
    await lab.execute(
        f"DELETE FROM metrics.{table} WHERE event_key = (SELECT event_key FROM metrics.{table} LIMIT 1)"  # noqa: S608
    )
    found = await lab.audit(**FEW_DAYS)

    assert found.differences > 0
    assert answers <= {one.answer for one in found.data}


async def test_a_raw_event_that_was_altered_is_found(lab):
    await lab.add(*mixed_events(), run_event(77_777, owner_id="dot"))
    await lab.execute("UPDATE metrics.video_runs SET duration_ns = duration_ns + 1000000000 WHERE owner_id = 'dot'")
    found = await lab.audit(**FEW_DAYS, owner_id="dot")

    assert {
        ("performance/latency", "avg_processing_ms"),
        ("performance/rtf", "avg_rtf"),
        ("performance/queue", "avg_processing_time_s"),
        ("timeseries/latency?bucket=week", "series.data.p99_ms"),
        ("sketches", "total"),
    } <= named(found)
    (average,) = [one for one in found.data if (one.answer, one.field) == ("performance/latency", "avg_processing_ms")]
    assert (average.sketch_value, average.raw_value, average.sql_value) == (60_000, 61_000, 61_000)
    assert average.relative_error == pytest.approx(1 / 61)


async def test_a_thousand_differences_are_listed_and_all_are_counted(lab):
    await lab.add(*mixed_events(days=5, per_day=60))
    await lab.execute("UPDATE metrics.sketches SET total = total + 1, missing = missing + 1")
    found = await lab.audit(range="6d")

    assert len(found.data) == 1_000
    assert found.differences == sum(check.differences for check in found.checks) > 1_500


async def test_a_run_that_ended_in_a_contradiction_is_told_the_same_in_every_way(lab):
    """R-AD2-08: completed and failed at once, failed and succeeded at once, failed where runs end or nowhere."""
    await lab.add(
        run_event(1),
        stage_event(2, stage="COMPLETED", outcome="FAILED"),
        run_event(3, failed_in="METADATA", outcome="SUCCEEDED"),
        run_event(4, failed_in="FAILED"),
        run_event(5, failed_in="UNSPECIFIED"),
    )
    found = await lab.audit(range="1d")

    assert [] == list(found.data)


@pytest.mark.parametrize("outcome", ["FAILED", "SUCCEEDED"])
async def test_a_run_that_failed_in_the_end_of_those_that_became_ready_is_told_the_same_in_every_way(lab, outcome):
    """R-AD2-08: what the audit found in the intake."""
    await lab.add(run_event(1), run_event(2, failed_in="COMPLETED", outcome=outcome))
    found = await lab.audit(range="1d")

    assert [] == list(found.data)
