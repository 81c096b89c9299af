"""What rules measure, read from events that came in as they do."""

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from metrics_svc.adapters.alert_data_store import PostgresAlertData
from metrics_svc.domain.alerts.readings import Disk, RunEnds, Searches, VideoRtf, Waiting
from metrics_svc.domain.answers.windows import Window
from tests.support.metrics_samples import MINUTE_NS, NOW, run_event, samples_of, search_event, stage_event

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LAST_HOUR, LAST_WEEK = Window(NOW - HOUR, NOW), Window(NOW - timedelta(days=7), NOW)
BEFORE = NOW - 2 * HOUR


@pytest.fixture
def data(database):
    return PostgresAlertData(database)


@pytest.fixture
def tell(event_store):
    async def tell(*events: Message):
        await event_store.add(samples_of(*events))

    return tell


async def test_an_empty_database_has_no_value_rather_than_zero(data):
    usual = await data.usual(LAST_WEEK)

    assert await data.rtf(LAST_HOUR) == VideoRtf(0, None)
    assert await data.run_ends(LAST_HOUR) == RunEnds(0, 0)
    assert await data.waiting() == Waiting(is_known=False, waiting=0, oldest_at=None)
    assert await data.last_ends(["indexing"], BEFORE) == {}
    assert await data.searches(LAST_HOUR) == Searches(0, 0, None)
    assert (usual.searches, usual.work) == (Searches(0, 0, None), {})
    assert (await data.disks(), await data.contradictions(LAST_HOUR)) == ((), 0)


async def test_rtf_is_of_videos_that_became_ready_and_have_a_length(data, tell):
    at = NOW - MINUTE
    await tell(
        *(run_event(n, finished_at=at, duration_ns=n * MINUTE_NS) for n in range(1, 22)),
        run_event(50, finished_at=at, video_duration_ns=0),
        run_event(51, finished_at=at, video_duration_ns=None),
        run_event(52, finished_at=at, duration_ns=-1),
        run_event(53, finished_at=at, failed_in="METADATA", duration_ns=99 * MINUTE_NS),
        run_event(54, finished_at=BEFORE, duration_ns=99 * MINUTE_NS),
    )

    assert await data.rtf(LAST_HOUR) == VideoRtf(21, pytest.approx(10.0))


async def test_cancelled_runs_are_neither_ready_nor_failed(data, tell):
    at = NOW - MINUTE
    await tell(
        *(run_event(n, finished_at=at) for n in range(3)),
        *(run_event(10 + n, finished_at=at, failed_in="METADATA") for n in range(2)),
        run_event(20, finished_at=at, failed_in="METADATA", outcome="CANCELLED"),
        run_event(21, finished_at=BEFORE),
    )

    assert await data.run_ends(LAST_HOUR) == RunEnds(ready=3, failed=2)


async def test_a_video_waits_until_it_is_begun_or_deleted(data, database):
    rows = [
        ("a", "queued", False, NOW - HOUR),
        ("b", "queued", False, BEFORE),
        ("c", "queued", True, BEFORE - HOUR),
        ("d", "processing", False, BEFORE - HOUR),
    ]
    async with database.connection() as connection:
        await connection.executemany(
            "INSERT INTO metrics.videos (video_id, owner_id, sequence, filename, state, stage, generation,"
            " error_reason, error_message, created_at, updated_at, is_deleted)"
            " VALUES ($1, 'owner', 1, 'f', $2, 'queued', 1, '', '', $4, $4, $3)",
            rows,
        )

    assert await data.waiting() == Waiting(is_known=True, waiting=2, oldest_at=BEFORE)


async def test_the_last_end_of_a_stage_is_that_of_any_attempt(data, tell):
    await tell(
        stage_event(1, finished_at=NOW - 5 * MINUTE),
        stage_event(2, finished_at=NOW - MINUTE, outcome="FAILED"),
        stage_event(3, stage="INDEXING", finished_at=NOW - 3 * HOUR),
        stage_event(4, stage="METADATA", finished_at=NOW),
    )

    assert await data.last_ends(["transcription", "indexing"], BEFORE) == {"transcription": NOW - MINUTE}


async def test_searches_are_counted_with_those_that_found_nothing(data, tell):
    await tell(
        *(search_event(n, at=NOW - MINUTE, results_count=n % 4, latency_ns=(1 + n) * 10_000_000) for n in range(21)),
        search_event(99, at=BEFORE),
    )

    assert await data.searches(LAST_HOUR) == Searches(21, 6, pytest.approx(200.0))


async def test_the_usual_is_that_of_whole_hours_and_of_work_that_succeeded(data, tell):
    await tell(
        *(search_event(n, at=BEFORE, results_count=n % 10) for n in range(40)),
        search_event(99, at=NOW, latency_ns=10**12),
        *(stage_event(n, finished_at=BEFORE) for n in range(30)),
        stage_event(40, finished_at=BEFORE, outcome="FAILED", duration_ns=10**15),
        stage_event(41, finished_at=NOW, duration_ns=10**15),
        run_event(42, finished_at=BEFORE, duration_ns=10**15),
    )
    usual = await data.usual(LAST_WEEK)

    assert (usual.searches.searches, usual.searches.empty) == (40, 4)
    assert usual.searches.p95_ms == pytest.approx(20.0, rel=0.005)
    assert set(usual.work) == {"transcription"}
    assert usual.work["transcription"].count == 30
    assert usual.work["transcription"].quantiles((0.99,)) == pytest.approx((MINUTE_NS,), rel=0.005)


async def test_a_store_without_a_file_system_is_no_disk(data, database):
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO metrics.stores VALUES ('objects', $1, 5, 100), ('index', $1, NULL, NULL)", NOW
        )

    assert await data.disks() == (Disk("objects", 5, 100, NOW),)


async def test_a_contradiction_counts_when_it_was_seen(data, tell, database):
    await tell(run_event(1))
    await tell(run_event(1, duration_ns=5), run_event(1, duration_ns=6))
    async with database.connection() as connection:
        await connection.execute("UPDATE metrics.contradictions SET first_seen_at = $1", NOW - MINUTE)

    assert await data.contradictions(LAST_HOUR) == 2
    assert await data.contradictions(Window(BEFORE, NOW - MINUTE)) == 0
