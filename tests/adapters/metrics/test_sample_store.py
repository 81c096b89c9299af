import itertools
import random
import statistics
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from chassis.core.stages import PIPELINE
from metrics_svc.codec.events import decode_search_event
from metrics_svc.domain.buckets import bucket_of
from metrics_svc.domain.question import Question
from metrics_svc.domain.reports import Coverage
from metrics_svc.domain.samples import Batch
from metrics_svc.domain.windows import Window
from metrics_svc.handlers import answers as handlers
from tests.support.metrics_samples import MINUTE_NS, NOW, batch_of, run_event, search_event, stage_event, stamp

WEEK = Window(NOW - timedelta(days=7), NOW + timedelta(seconds=1))
WITHIN = 0.005


def percentiles(values):
    return tuple(float(value) for value in np.percentile(np.asarray(values, dtype=np.float64), (50, 95, 99)))


def told(quantiles):
    return (quantiles.p50, quantiles.p95, quantiles.p99)


async def test_percentiles_of_1000_durations_are_those_of_an_independent_computation(store):
    """R-AD2-01: on 1,000 seeded durations within 0.5 %."""
    lengths = np.random.default_rng(1).lognormal(24, 2, 1_000).astype(np.int64)
    await store.add(batch_of(*(run_event(number, duration_ns=int(ns)) for number, ns in enumerate(lengths))))
    report = await store.latency(WEEK, "")

    assert told(report.processing_ms) == pytest.approx(percentiles(lengths / 1e6), rel=WITHIN)
    assert report.avg_processing_ms == pytest.approx(lengths.mean() / 1e6)
    assert (report.videos, report.coverage) == (1_000, Coverage(measured=1_000))
    assert report.avg_queue_ms == 1_000
    assert report.avg_total_ms == pytest.approx(lengths.mean() / 1e6 + 1_000)


fresh = itertools.count()
lengths_ns = st.one_of(st.just(0), st.integers(0, 10), st.integers(0, 1 << 42), st.integers((1 << 62), (1 << 63) - 1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lengths_ns, min_size=1, max_size=60))
async def test_percentiles_hold_on_adversarial_sets(store, lengths):
    """R-AD2-01: ties, zeros, one value, heavy tails, the largest int64."""
    owner = f"owner{next(fresh)}"
    events = [
        stage_event(number, event_id=f"{owner}/{number}", owner_id=owner, duration_ns=ns)
        for number, ns in enumerate(lengths)
    ]
    await store.add(batch_of(*events))
    (row,) = await store.stages(WEEK, owner)

    assert told(row.ms) == pytest.approx(percentiles([ns / 1e6 for ns in lengths]), rel=WITHIN, abs=1e-9)
    assert row.max_ms == pytest.approx(max(lengths) / 1e6)
    assert row.sum_ms == pytest.approx(sum(lengths) / 1e6)
    assert row.avg_ms == pytest.approx(statistics.fmean(lengths) / 1e6)


async def test_every_event_three_times_in_any_order_changes_nothing(store):
    """R-STG-08: deliver every event 3 times -> same rows, same percentiles."""
    events = [
        *(stage_event(n, stage=stage.name, duration_ns=n * 1_000_003) for n, stage in enumerate(PIPELINE * 5)),
        *(run_event(n, duration_ns=n * 7_000_001) for n in range(20)),
        *(run_event(n, failed_in="METADATA") for n in range(20, 25)),
    ]
    assert await store.add(batch_of(*events)) == len(events)
    once = await _everything(store)
    again = events * 3
    random.Random(7).shuffle(again)  # noqa: S311  # not a secret
    while again:
        batch, again = again[:13], again[13:]
        assert await store.add(batch_of(*batch, now=NOW + timedelta(hours=len(again)))) == 0

    assert await _everything(store) == once


async def test_a_batch_may_hold_the_same_event_twice(store):
    assert await store.add(batch_of(stage_event(1), stage_event(1), run_event(1), run_event(1))) == 2


async def test_a_run_ends_once_whatever_its_event_is_called(store):
    await store.add(batch_of(run_event(1)))

    assert await store.add(batch_of(run_event(1, event_id="another"))) == 0


async def test_a_batch_is_stored_whole_or_not_at_all(store):
    good = Batch.of((*batch_of(stage_event(1)).stages, decode_search_event(search_event(1).SerializeToString(), NOW)))
    (search,) = good.searches
    object.__setattr__(search, "query_text", "\x00")  # what the codec would never let through
    with pytest.raises(InvalidInput):
        await store.add(good)

    assert await store.stages(WEEK, "") == ()


async def test_rtf_is_processing_over_video_and_leaves_out_what_has_no_length(store):
    """R-AD2-02: the hand-computed set; zero-duration videos are excluded and counted apart."""
    nameless = run_event(5)
    nameless.ClearField("video_duration_ns")
    await store.add(
        batch_of(
            run_event(1, duration_ns=1 * MINUTE_NS, video_duration_ns=2 * MINUTE_NS),
            run_event(2, duration_ns=3 * MINUTE_NS, video_duration_ns=2 * MINUTE_NS),
            run_event(3, duration_ns=2 * MINUTE_NS, video_duration_ns=2 * MINUTE_NS),
            run_event(4, video_duration_ns=0),
            nameless,
            run_event(6, failed_in="INDEXING"),
        )
    )
    report = await store.rtf(WEEK, "")

    assert (report.videos, report.videos_without_duration, report.coverage) == (3, 2, Coverage(measured=3, missing=2))
    assert (report.avg_rtf, told(report.rtf)) == (1.0, pytest.approx((1.0, 1.45, 1.49)))
    assert (report.avg_video_s, report.avg_processing_s) == (120.0, 120.0)


async def test_queue_and_processing_are_told_for_videos_that_have_both(store):
    """R-AD2-03, R-AD2-11: measured, approximate and missing are told apart."""
    backwards = run_event(2, queued_at=stamp(NOW + timedelta(hours=2)))
    unqueued = run_event(3)
    unqueued.ClearField("queued_at")
    await store.add(batch_of(run_event(1), backwards, unqueued))
    report = await store.queue(WEEK, "")

    assert (report.videos, report.coverage) == (2, Coverage(measured=1, approximate=1, missing=1))
    assert (report.avg_queue_s, report.avg_processing_s) == (0.5, 60.0)


async def test_failures_are_counted_where_videos_broke_and_cancelled_ones_are_not(store):
    """R-AD2-04."""
    broken = [run_event(number, failed_in=stage.name) for number, stage in enumerate(PIPELINE)]
    await store.add(batch_of(*broken, run_event(90, failed_in="METADATA", outcome="CANCELLED"), run_event(91)))
    report = await handlers.failures_by_stage(Question(), store=store, now=WEEK.end)

    assert [(row.stage, row.count) for row in report.rows] == [(stage, 1) for stage in PIPELINE]
    assert sum(row.percent for row in report.rows) == pytest.approx(100)


async def test_stages_are_told_by_outcome_and_model_with_a_heat_map(store):
    """R-AD3-02, and R-STG-06: a stage from the future has its row."""
    late = stage_event(9)
    late.stage = 17
    await store.add(
        batch_of(
            stage_event(1, model="base@1"),
            stage_event(2, model="base@1", duration_ns=2 * MINUTE_NS),
            stage_event(3, model="tiny@1"),
            stage_event(4, outcome="FAILED", duration_ns=0),
            late,
            run_event(1),
        )
    )
    rows = (await handlers.stage_performance(Question(), store=store, now=WEEK.end)).rows

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


async def test_the_database_cuts_buckets_as_the_domain_does(store, database):
    edges = [0, 1, 999_999, 1_000_000, 1_414_213, 1_414_214, (1 << 63) - 1]
    await store.add(batch_of(*(stage_event(number, duration_ns=ns) for number, ns in enumerate(edges))))
    (row,) = await store.stages(WEEK, "")

    assert {(bucket.from_ns, bucket.count) for bucket in row.buckets} == {
        (bucket.from_ns, sum(bucket.from_ns <= ns and bucket_of(ns) == bucket_of(bucket.from_ns) for ns in edges))
        for bucket in row.buckets
    }
    assert sum(bucket.count for bucket in row.buckets) == len(edges)


async def test_a_window_is_half_open_and_an_owner_sees_only_his_own(store):
    await store.add(
        batch_of(
            run_event(1, finished_at=WEEK.start),
            run_event(2, finished_at=WEEK.start - timedelta(microseconds=1)),
            run_event(3, owner_id="other"),
            now=NOW,
        )
    )

    assert (await store.latency(WEEK, "")).videos == 2
    assert (await store.latency(WEEK, "owner")).videos == 1
    assert (await store.latency(Window(WEEK.start - timedelta(days=1), WEEK.start), "")).videos == 1
    assert (await store.latency(WEEK, "nobody")).videos == 0


async def test_days_are_utc_days_and_empty_ones_are_zeros(store):
    """R-AD1-02, R-AD2-05."""
    midnight = NOW.replace(hour=0)
    await store.add(
        batch_of(
            run_event(1, finished_at=midnight),
            run_event(2, finished_at=midnight - timedelta(microseconds=1)),
            run_event(3, finished_at=midnight, failed_in="METADATA"),
            run_event(4, finished_at=midnight, video_duration_ns=0),
        )
    )
    report = await handlers.throughput(Question(), store=store, now=NOW)
    *before, yesterday, today = report.days

    assert len(report.days) == 30
    assert {(day.videos_ready, day.videos_failed, day.hours_ready, day.avg_rtf) for day in before} == {
        (0, 0, 0.0, None)
    }
    assert (yesterday.videos_ready, today.videos_ready, today.videos_failed) == (1, 2, 1)
    assert (today.hours_ready, today.avg_processing_s, today.avg_rtf) == (pytest.approx(2 / 60), 60.0, 0.5)


async def test_searches_of_a_day_are_in_its_bucket(store):
    """R-AD1-03: n searches today -> bucket n."""
    samples = [
        decode_search_event(search_event(number, latency_ns=number * 1_000_000).SerializeToString(), NOW)
        for number in (10, 30)
    ]
    await store.add(Batch.of(tuple(samples)))
    report = await handlers.search_activity(Question(range_text="7d"), store=store, now=NOW + timedelta(seconds=1))

    assert [day.searches for day in report.days] == [0, 0, 0, 0, 0, 0, 2]
    assert (report.days[-1].avg_latency_ms, report.days[0].avg_latency_ms) == (20.0, None)


async def _everything(store):
    return (
        await store.latency(WEEK, ""),
        await store.rtf(WEEK, ""),
        await store.queue(WEEK, ""),
        sorted(await store.stages(WEEK, ""), key=repr),
        sorted(await store.failures(WEEK, ""), key=repr),
        await store.throughput(WEEK, ""),
    )
