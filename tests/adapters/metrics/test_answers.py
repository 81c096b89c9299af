"""Every answer from sketches against the truth, computed from the events one by one."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from metrics_svc.domain.answers.windows import Period, Window
from tests.support.metrics_answers import AskedAt
from tests.support.metrics_library import MODELS, OWNERS, library
from tests.support.metrics_samples import samples_of
from tests.support.metrics_truth import Truth

NOW = datetime(2026, 11, 20, 17, 42, 13, 567_891, tzinfo=UTC)
BEGIN = NOW - timedelta(days=40)
EVENTS = library(NOW, days=40, videos=250, searches=250, operations=150, seed=3)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
TOMORROW = TODAY + timedelta(days=1)
WINDOWS = {
    "1d": (TODAY, TOMORROW),
    "30d": (TODAY - timedelta(days=29), TOMORROW),
    "365d": (TODAY - timedelta(days=364), TOMORROW),
    "within an hour": (TODAY - timedelta(hours=4, minutes=50, microseconds=3), TODAY - timedelta(hours=4, minutes=1)),
    "hours": (TODAY - timedelta(hours=30), TODAY - timedelta(hours=2)),
    "folded edges": (BEGIN + timedelta(microseconds=1), BEGIN + timedelta(days=12, hours=3, microseconds=7)),
    "folded to fresh": (BEGIN + timedelta(days=3, minutes=17), NOW - timedelta(microseconds=1)),
    "whole days": (TODAY - timedelta(days=20), TODAY - timedelta(days=10)),
}
QUESTIONS = [*((window, "") for window in WINDOWS), ("30d", "ada"), ("folded to fresh", "ada"), ("30d", "nobody")]
BILLIONTH = 1e-9
"""Real-time factors are kept in whole billionths."""
LABELS = {"day", "start_at", "end_at", "processing_stage", "outcome", "model", "operation", "data", "buckets"}


def about(told):
    """The numbers of an answer without what it is about; percentiles may be off by what a sketch promises."""
    return {name: value for name, value in told.items() if name not in LABELS and not name.endswith("left_out")}


def close(truth):
    return {
        name: pytest.approx(value, rel=0.005 if name[:3] in {"p50", "p95", "p99"} else 1e-9, abs=BILLIONTH)
        for name, value in truth.items()
    }


@pytest.fixture
async def asked(database, event_store):
    samples = [samples_of(event, now=NOW)[0] for event in EVENTS]
    await event_store.add(samples)
    await event_store.fold(NOW)
    return AskedAt(database, NOW)


def fields_of(window, owner):
    explicit = (
        {}
        if window.endswith("d") and window[:-1].isdigit()
        else dict(zip(("start_at", "end_at"), WINDOWS[window], strict=True))
    )
    return {"owner_id": owner, **(explicit or {"range": window})}


async def test_latency_rtf_and_queue_are_those_of_the_events(asked):
    """R-AD2-01, R-AD2-02, R-AD2-03, R-AD2-11."""
    for window, owner in QUESTIONS:
        truth = Truth(EVENTS, *WINDOWS[window], owner)
        fields = fields_of(window, owner)

        assert about(await asked.answer("GetProcessingLatency", **fields)) == close(truth.latency()), window
        assert about(await asked.answer("GetRtfDistribution", **fields)) == close(truth.rtf()), window
        told = await asked.answer("GetQueueAnalysis", **fields)
        assert about(told) == close(truth.queue()), window
        if "queue_time_pct" in told:
            assert told["queue_time_pct"] + told["processing_time_pct"] == 100.0


async def test_stages_are_those_of_the_events_by_outcome_and_model(asked):
    """R-AD3-02, R-STG-06: a stage and an outcome of the future have their row."""
    for window, owner in QUESTIONS:
        for filters in (
            {},
            {"model": MODELS["transcription"][0]},
            {"outcome": "failed"},
            {"model": "x", "outcome": "skipped"},
        ):
            truth = Truth(EVENTS, *WINDOWS[window], owner).stages(**filters)
            told = await asked.answer("ListStagePerformance", **fields_of(window, owner), **filters)
            rows = {(row["processing_stage"], row["outcome"], row["model"]): row for row in told["data"]}

            assert {key: about(row) for key, row in rows.items()} == {key: close(row) for key, row in truth.items()}, (
                window
            )
            for row in rows.values():
                assert sum(bucket["count"] for bucket in row["buckets"]) == row["count"]
            for name in ("measured", "approximate", "missing"):
                assert told[name] == sum(row[name] for row in rows.values())


async def test_what_the_stages_took_is_what_the_runs_took(asked):
    """R-AD3-02: per-stage sums are the run time, here to the nanosecond."""
    told = await asked.answer("ListStagePerformance", range="365d")
    truth = Truth(EVENTS, *WINDOWS["365d"])
    of_stages = sum(row["sum_ms"] for row in told["data"] if not row["processing_stage"].startswith("stage_"))
    of_runs = sum(run.duration_ns for run in truth.runs if not run.provenance) / 1e6

    assert of_stages == pytest.approx(of_runs, rel=1e-12)


async def test_failures_are_those_of_the_events_and_cancelled_ones_are_apart(asked):
    """R-AD2-04, R-AD2-11."""
    for window, owner in QUESTIONS:
        truth = Truth(EVENTS, *WINDOWS[window], owner).failures()
        told = await asked.answer("ListFailuresByStage", **fields_of(window, owner))
        stages = {row["processing_stage"]: (row["failure_count"], row["failure_pct"]) for row in told["data"]}

        assert stages == {stage: (count, pytest.approx(share)) for stage, (count, share) in truth.pop("stages").items()}
        assert {name: told[name] for name in truth} == truth
        assert sum(share for _, share in stages.values()) == pytest.approx(100 if stages else 0)


def by_period(truth, bucket):
    """The truth of every period of a window, by its first day as text."""
    days = Window(truth.start, truth.end).days
    first_day = Period(bucket).first_day
    parts = truth.by_period(first_day, dict.fromkeys(map(first_day, days)))
    return {day.isoformat(): part for day, part in parts.items()}


async def test_every_period_of_a_series_is_that_of_its_events(asked):
    """R-AD1-02, R-AD1-03, R-AD2-05: empty periods are there, days are UTC days, weeks begin on Monday."""
    for (window, owner), bucket in product(QUESTIONS, Period):
        truth, fields = Truth(EVENTS, *WINDOWS[window], owner), {**fields_of(window, owner), "bucket": bucket}
        v1, v2, search, quality = [
            await asked.answer(name, **fields)
            for name in ("ListThroughput", "ListThroughputV2", "ListSearchActivity", "ListSearchQuality")
        ]
        of_periods = by_period(truth, bucket)

        for told in (v1, v2, search, quality):
            assert [point["day"] for point in told["data"]] == list(of_periods), window
        for number, part in enumerate(of_periods.values()):
            ended, searched = part.throughput(), part.search()
            assert about(v2["data"][number]) == close(ended)
            in_v1 = {"videos_ready", "hours_ready", "videos_without_duration"} & ended.keys()
            assert about(v1["data"][number]) == close({name: ended[name] for name in in_v1})
            of_search = {"avg_latency_ms": searched["avg_ms"]} if "avg_ms" in searched else {}
            assert about(search["data"][number]) == close({"searches": searched["searches"], **of_search})
            coverage = {"measured", "approximate", "missing"}
            assert about(quality["data"][number]) == close({k: v for k, v in searched.items() if k not in coverage})
        assert about(quality) == close(truth.search())


async def test_every_series_of_latency_is_that_of_its_events(asked):
    """R-AD2-01, R-AD3-02: per stage and of whole videos, over the window and in each period."""
    for (window, owner), bucket in product(QUESTIONS, Period):
        truth = Truth(EVENTS, *WINDOWS[window], owner)
        of_periods = by_period(truth, bucket)
        for filters in ({}, {"model": "tiny@1"}, {"outcome": "failed"}):
            told = await asked.answer("ListStageLatency", **fields_of(window, owner), **filters, bucket=bucket)
            series = {one["processing_stage"]: one for one in told["series"]}

            assert {stage: about(one) for stage, one in series.items()} == {
                stage: close(one) for stage, one in truth.series(**filters).items()
            }, window
            for number, (day, part) in enumerate(of_periods.items()):
                true = part.series(**filters)
                for stage, one in series.items():
                    points = {
                        k: v
                        for k, v in true.get(stage, {"count": 0}).items()
                        if k in {"count", "avg_ms", "p50_ms", "p95_ms", "p99_ms"}
                    }
                    assert one["data"][number]["day"] == day
                    assert about(one["data"][number]) == close(points), (window, stage, day)


async def test_operations_are_those_of_the_events_by_outcome(asked):
    """R-AD2-11; an operation of the future keeps its number."""
    for window, owner in QUESTIONS:
        for outcome in ("", "failed"):
            told = await asked.answer("ListOperationPerformance", **fields_of(window, owner), outcome=outcome)
            truth = Truth(EVENTS, *WINDOWS[window], owner).operation_rows()

            assert {(row["operation"], row["outcome"]): about(row) for row in told["data"]} == {
                key: close(row) for key, row in truth.items() if outcome in {"", key[1]}
            }, window


async def test_an_answer_says_which_time_it_is_about(asked):
    told = await asked.answer("GetProcessingLatency", range="30d")

    assert (told["start_at"], told["end_at"]) == ("2026-10-22T00:00:00Z", "2026-11-21T00:00:00Z")
    told = await asked.answer("ListStageLatency", start_at=BEGIN)
    assert (told["start_at"], told["end_at"]) == ("2026-10-11T17:42:13.567891Z", "2026-11-20T17:42:13.567891Z")


async def test_every_owner_together_is_everybody(asked):
    of_all = await asked.answer("ListThroughputV2", range="365d")
    of_each = [await asked.answer("ListThroughputV2", range="365d", owner_id=owner) for owner in OWNERS]

    for name in ("videos_ready", "videos_failed", "videos_cancelled", "videos_otherwise"):
        assert sum(day[name] for day in of_all["data"]) == sum(day[name] for one in of_each for day in one["data"])
    assert date.fromisoformat(of_all["data"][0]["day"]) == date(2025, 11, 21)
