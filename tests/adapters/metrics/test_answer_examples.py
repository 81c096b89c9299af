"""Answers from sketches on examples that are small enough to be computed by hand."""

from datetime import timedelta

import pytest

from chassis.core.stages import PIPELINE
from heimdex.metrics.v1 import stage_event_pb2
from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.domain.answers.question import Question
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.handlers import answers as handlers
from tests.support.metrics_samples import MINUTE_NS, NOW, run_event, samples_of, search_event, stage_event, stamp

BACKFILLED = {"provenance": stage_event_pb2.PROVENANCE_BACKFILLED}


@pytest.fixture
def answers(database):
    return PostgresAnswerStore(database, cache_bytes=64 << 20)


async def test_failures_are_counted_where_videos_broke_and_cancelled_ones_are_not(answers, event_store):
    """R-AD2-04."""
    broken = [run_event(number, failed_in=stage.name) for number, stage in enumerate(PIPELINE)]
    await event_store.add(samples_of(*broken, run_event(90, failed_in="METADATA", outcome="CANCELLED"), run_event(91)))
    report = await handlers.failures_by_stage(Question(), store=answers, now=NOW)

    assert [(row.stage, row.count) for row in report.rows] == [(stage, 1) for stage in PIPELINE]
    assert sum(row.percent for row in report.rows) == pytest.approx(100)


async def test_stages_are_told_by_outcome_and_model_with_a_heat_map(answers, event_store):
    """R-AD3-02, and R-STG-06: a stage from the future has its row."""
    late = stage_event(9)
    late.stage = 17
    await event_store.add(
        samples_of(
            stage_event(1, model="base@1"),
            stage_event(2, model="base@1", duration_ns=2 * MINUTE_NS),
            stage_event(3, model="tiny@1"),
            stage_event(4, outcome="FAILED", duration_ns=0),
            late,
            run_event(1),
        )
    )
    rows = (await handlers.stage_performance(Question(), store=answers, now=NOW)).rows

    assert [(row.stage, row.outcome, row.model, row.count) for row in rows] == [
        ("transcription", "succeeded", "base@1", 2),
        ("transcription", "succeeded", "tiny@1", 1),
        ("transcription", "failed", "", 1),
        ("stage_17", "succeeded", "", 1),
    ]
    assert (rows[0].sum_ms, rows[0].max_ms, rows[0].avg_wait_ms) == (180_000, 120_000, 1_000)
    assert [
        (bucket.from_ns <= ns < bucket.to_ns, bucket.count)
        for bucket, ns in zip(rows[0].buckets, (MINUTE_NS, 2 * MINUTE_NS), strict=True)
    ] == [(True, 1)] * 2


async def test_days_are_utc_days_and_empty_ones_are_zeros(answers, event_store):
    """R-AD1-02, R-AD2-05."""
    midnight = NOW.replace(hour=0)
    await event_store.add(
        samples_of(
            run_event(1, finished_at=midnight),
            run_event(2, finished_at=midnight - timedelta(microseconds=1)),
            run_event(3, finished_at=midnight, failed_in="METADATA"),
            run_event(4, finished_at=midnight, video_duration_ns=0),
        )
    )
    report = await handlers.throughput(Question(), store=answers, now=NOW)
    *before, yesterday, today = report.days

    assert len(report.days) == 30
    assert {(day.videos_ready, day.videos_failed, day.hours_ready, day.avg_rtf) for day in before} == {
        (0, 0, 0.0, None)
    }
    assert (yesterday.videos_ready, today.videos_ready, today.videos_failed) == (1, 2, 1)
    assert (today.hours_ready, today.avg_processing_s, today.avg_rtf) == (pytest.approx(2 / 60), 60.0, 0.5)


async def test_searches_of_a_day_are_in_its_bucket(answers, event_store):
    """R-AD1-03: n searches today -> bucket n."""
    searches = [search_event(number, latency_ns=number * 1_000_000) for number in (10, 30)]
    await event_store.add(samples_of(*searches))
    report = await handlers.search_activity(Question(range_text="7d"), store=answers, now=NOW + timedelta(seconds=1))

    assert [day.searches for day in report.days] == [0, 0, 0, 0, 0, 0, 2]
    assert (report.days[-1].avg_latency_ms, report.days[0].avg_latency_ms) == (20.0, None)


async def test_real_time_factors_of_known_videos_are_told_and_the_others_counted(answers, event_store):
    """R-AD2-02, R-AD2-11: hand-computed: 60 s of work on 30 s, 60 s and 120 s of video; four more have no factor."""
    lengths = [MINUTE_NS // 2, MINUTE_NS, 2 * MINUTE_NS, 0]
    known = [run_event(number, video_duration_ns=length) for number, length in enumerate(lengths)]
    partial = run_event(10, unmeasured_attempts=1)
    unknown = run_event(11)
    unknown.ClearField("video_duration_ns")
    await event_store.add(samples_of(*known, partial, unknown, run_event(12, **BACKFILLED)))
    report = await handlers.rtf_distribution(Question(), store=answers, now=NOW)

    assert (report.videos, report.videos_without_duration) == (4, 2)
    assert report.coverage == Coverage(measured=3, approximate=1, missing=3)
    assert (report.avg_rtf, report.avg_video_s, report.avg_processing_s) == (1.0, 82.5, 60.0)
    assert report.rtf.p50 == pytest.approx(0.75, rel=0.005)


async def test_backfilled_runs_are_missing_in_lengths_and_approximate_in_counts(answers, event_store):
    """R-AD2-11, R-BKF-02."""
    await event_store.add(samples_of(run_event(1), run_event(2, **BACKFILLED)))
    asked = Question(range_text="1d")
    latency = await handlers.processing_latency(asked, store=answers, now=NOW)
    queue = await handlers.queue_analysis(asked, store=answers, now=NOW)
    throughput = await handlers.throughput(asked, store=answers, now=NOW)

    assert (latency.videos, latency.coverage) == (1, Coverage(measured=1, missing=1))
    assert (latency.videos_with_queue, latency.videos_with_total) == (1, 1)
    assert (queue.videos, queue.coverage) == (1, Coverage(measured=1, missing=1))
    assert (throughput.days[0].videos_ready, throughput.coverage) == (2, Coverage(measured=1, approximate=1))


async def test_hours_are_absent_when_no_length_is_known_and_zero_when_nothing_became_ready(answers, event_store):
    """R-STG-11: absent, not 0."""
    unknown = run_event(1)
    unknown.ClearField("video_duration_ns")
    await event_store.add(samples_of(unknown, run_event(2, finished_at=NOW - timedelta(days=1))))
    days = (await handlers.throughput(Question(range_text="3d"), store=answers, now=NOW)).days

    assert [day.hours_ready for day in days] == [0.0, pytest.approx(1 / 30), None]
    assert [day.videos_without_duration for day in days] == [0, 0, 1]


async def test_a_retried_video_counts_its_attempts_and_its_first_wait(answers, event_store):
    """K4: processing is the sum of the attempts, queue the wait for the first of them; a clock gives no negative."""
    run = run_event(1, duration_ns=3 * MINUTE_NS, elapsed_ns=10 * MINUTE_NS)
    backwards = run_event(2, queued_at=stamp(NOW + timedelta(hours=1)))
    await event_store.add(samples_of(run, backwards))
    report = await handlers.processing_latency(Question(), store=answers, now=NOW)

    assert (report.avg_processing_ms, report.avg_queue_ms, report.avg_total_ms) == (120_000, 500, 120_500)
    assert (report.avg_elapsed_ms, report.videos_with_elapsed) == (600_000, 1)
    assert report.coverage == Coverage(measured=1, approximate=1)
    assert report.queue_ms.p50 == pytest.approx(500, rel=0.005)
