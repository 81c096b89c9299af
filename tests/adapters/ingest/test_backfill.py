"""MaintenanceService on a real database: one page, one transaction, nothing made up."""

from datetime import UTC, timedelta

import pytest

from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import maintenance_service_pb2 as api
from heimdex.ingest.v1 import video_pb2
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import ReprocessRequested
from tests.support.backfill_lab import T_OLD, fingerprint, old_videos, videos
from tests.support.ingest_lab import T0, finish, registered
from tests.support.maintenance_lab import counts, maintenance, page, run_events, sent


@pytest.fixture
async def call(database):
    async with maintenance(database) as call:
        yield call


async def test_the_end_comes_from_the_last_change_and_nothing_else_comes_from_anywhere(database, call):
    """R-BKF-01, R-BKF-02: started_at, duration, queue and failed stage stay null."""
    await old_videos(database, "v_a", "v_b")
    await old_videos(database, "v_c", state="failed", error_reason="TIMEOUT", duration_ns=None)
    await old_videos(database, "v_d", state="cancelled")
    answer = await call(page())
    after = await videos(database)

    assert counts(answer) == (4, 4, 0, 0, 0)
    ends = {name: row["processing_finished_at"] for name, row in after.items()}
    assert ends == {"v_a": T_OLD, "v_b": T_OLD + timedelta(minutes=1), "v_c": T_OLD, "v_d": T_OLD}
    for row in after.values():
        assert row["updated_at"] == row["processing_finished_at"]
        assert row["end_backfilled_by"] == "bf_1"
        assert (row["processing_started_at"], row["processing_duration_ms"], row["failed_stage"]) == (None, None, None)


async def test_metrics_hears_of_each_end_once_and_hears_nothing_that_is_not_known(database, call):
    """R-BKF-02, R-AD2-11: provenance BACKFILLED, no start, no queue, no lengths."""
    await old_videos(database, "v_a")
    await old_videos(database, "v_b", state="failed", error_reason="TIMEOUT", duration_ns=None)
    await old_videos(database, "v_c", state="cancelled")
    await call(page())
    await call(page())
    ready, failed, cancelled = await run_events(database)

    assert [one.event_id for one in (ready, failed, cancelled)] == [
        "v_a/1/completed/backfill",
        "v_b/1/failed/backfill",
        "v_c/1/failed/backfill",
    ]
    assert ready.finished_at.ToDatetime(tzinfo=UTC) == T_OLD
    assert [one.outcome for one in (ready, failed, cancelled)] == [
        stage_pb2.OUTCOME_SUCCEEDED,
        stage_pb2.OUTCOME_FAILED,
        stage_pb2.OUTCOME_CANCELLED,
    ]
    assert (failed.reason, failed.failed_stage) == ("TIMEOUT", stage_pb2.STAGE_UNSPECIFIED)
    assert (ready.video_duration_ns, failed.HasField("video_duration_ns")) == (60_000_000_000, False)
    for one in (ready, failed, cancelled):
        assert one.provenance == stage_event_pb2.PROVENANCE_BACKFILLED
        assert not any(one.HasField(name) for name in ("queued_at", "started_at", "elapsed_ns", "cpu_ns"))
        assert one.duration_ns == 0
    assert len(await sent(database, "heimdex.metrics.v1.VideoChanged")) == 3


async def test_a_dry_run_has_the_counts_of_the_real_one_and_leaves_every_bit_as_it_was(database, call):
    """R-BKF-03."""
    await old_videos(database, "v_a", "v_b", "v_c")
    await old_videos(database, "v_d", started_at=T_OLD - timedelta(minutes=5))
    await old_videos(database, "v_e", state="processing")
    await old_videos(database, "v_f", started_at=T_OLD, finished_at=T_OLD)
    before = await fingerprint(database, "ingest")
    dry = await call(page(dry=True))

    assert await fingerprint(database, "ingest") == before
    real = await call(page())
    assert counts(real) == counts(dry) == (6, 3, 1, 1, 1)
    assert real == dry  # the preview too
    assert [(one.video_id, one.trouble) for one in dry.videos] == [
        ("v_a", ""),
        ("v_b", ""),
        ("v_c", ""),
        ("v_d", "LENGTH_WOULD_BE_INVENTED"),
    ]
    assert dry.videos[0].finished_at.ToDatetime(tzinfo=UTC) == T_OLD
    assert (dry.videos[0].filename, dry.videos[0].state) == ("v_a.mp4", video_pb2.VIDEO_STATE_READY)
    assert not dry.videos[3].HasField("finished_at")


async def test_pages_by_key_meet_every_video_once(database, call):
    """R-BKF-04."""
    names = [f"v_{number:03d}" for number in range(25)]
    await old_videos(database, *names)
    seen, after, answers = [], "", []
    while not answers or not answers[-1].is_last:
        answers.append(await call(page(after, size=10)))
        after = answers[-1].last_video_id
        seen += [one.video_id for one in answers[-1].videos]

    assert seen == names
    assert [counts(one)[1] for one in answers] == [10, 10, 5]
    assert [one.HasField("videos_total") for one in answers] == [True, False, False]
    assert answers[0].videos_total == 25
    beyond = await call(page("v_999"))
    assert (counts(beyond), beyond.last_video_id, beyond.is_last) == ((0, 0, 0, 0, 0), "", True)


async def test_the_same_page_again_has_the_same_counts_and_another_backfill_finds_it_done(database, call):
    """R-BKF-04: who asked may have died before it wrote the answer down."""
    await old_videos(database, "v_a", "v_b")
    first = await call(page())
    before = await fingerprint(database, "ingest")

    assert await call(page()) == first
    assert counts(await call(page(backfill="bf_2"))) == (2, 0, 2, 0, 0)
    assert await fingerprint(database, "ingest") == before


async def test_new_videos_are_untouched(database, progress, call):
    """R-BKF-01."""
    ready = await finish(progress, await registered(progress, "new"))
    running = await registered(progress, "running")
    before = await fingerprint(database, "ingest")
    answer = await call(page())

    assert counts(answer) == (2, 0, 1, 1, 0)
    assert await fingerprint(database, "ingest") == before
    assert ready.state.is_terminal
    assert not running.state.is_terminal


async def test_a_reprocess_measures_anew_and_forgets_that_the_end_was_filled_in(database, progress, call):
    """R-RET-04: old videos have no timing until they are reprocessed."""
    video = await finish(progress, await registered(progress))
    async with database.connection() as connection:
        await connection.execute("UPDATE ingest.videos SET processing_started_at = NULL, processing_finished_at = NULL")
    await call(page())
    assert (await videos(database))[video.id]["end_backfilled_by"] == "bf_1"
    again = ReprocessRequested(video.steps[0].stage)
    running = await progress.apply(video.id, lambda one: advance(one, again, now=T0))
    await finish(progress, running)
    row = (await videos(database))[video.id]

    assert (row["end_backfilled_by"], row["processing_started_at"]) == (None, T0)
    assert await call(page(backfill="bf_2")) == api.BackfillEndsResponse(
        examined=1, fine=1, last_video_id=video.id, is_last=True, videos_total=1
    )


async def test_a_check_names_what_is_wrong_and_lists_what_was_filled_in(database, call):
    """R-BKF-08."""
    await old_videos(database, "v_a", "v_b", "v_c")
    assert [(one.video_id, one.trouble) for one in (await call(api.CheckEndsRequest())).troubled] == [
        (name, "NO_END") for name in ("v_a", "v_b", "v_c")
    ]
    await call(page())
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ingest.videos SET processing_started_at = processing_finished_at WHERE id = 'v_b'"
        )
        await connection.execute("UPDATE ingest.videos SET updated_at = updated_at - interval '1 day' WHERE id = 'v_c'")
    first = await call(api.CheckEndsRequest(page_size=2))
    second = await call(api.CheckEndsRequest(page_size=2, after_video_id=first.last_video_id))

    assert [(one.video_id, one.trouble) for one in (*first.troubled, *second.troubled)] == [
        ("v_b", "START_INVENTED"),
        ("v_c", "END_AFTER_LAST_CHANGE"),
    ]
    assert [one.video_id for one in (*first.backfilled, *second.backfilled)] == ["v_a", "v_b", "v_c"]
    assert (first.is_last, second.is_last, first.examined, second.examined) == (False, True, 2, 1)
