"""metrics_svc hears of every change of a video that users see, in the transaction that makes it."""

import asyncio
from datetime import timedelta

import pytest

from chassis.core.errors import NotFound
from chassis.core.stages import Outcome, Stage
from chassis.io.concurrently import beside
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.report_store import ReportStore
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import CancelRequested, ReprocessRequested
from ingest_svc.metadata import metadata_change
from ingest_svc.telling import VideoTeller
from tests.support.eventually import eventually
from tests.support.ingest_lab import OWNER, T0, count, finish, open_steps, registered, result_of, settle
from tests.support.told_lab import told_videos


@pytest.fixture
def reports(database):
    return ReportStore(database)


def states(events):
    names = [video_pb2.VideoState.Name(event.state).removeprefix("VIDEO_STATE_").lower() for event in events]
    return [f"{name} {event.generation}" for name, event in zip(names, events, strict=True)]


def rising(events):
    numbers = [event.sequence for event in events]
    return numbers == sorted(set(numbers))


async def untold(database):
    async with database.connection() as connection:
        await connection.execute("UPDATE ingest.videos SET told_at = NULL")
        await connection.execute("DELETE FROM ingest.outbox")


async def test_a_run_is_told_in_four_events_and_not_in_one_for_every_step(database, progress):
    """R-AD1-01: registered, begun, length known, ready."""
    video = await finish(progress, await registered(progress), at=T0 + timedelta(seconds=2))
    events = await told_videos(database)

    assert states(events) == ["queued 1", "processing 1", "processing 1", "ready 1"]
    assert rising(events)
    assert [event.HasField("duration_ns") for event in events] == [False, False, True, True]
    first, last = events[0], events[-1]
    assert (first.video_id, first.owner_id, first.filename, first.size_bytes) == (video.id, OWNER, "harbour.mp4", 10)
    assert (last.duration_ns, last.HasField("finished_at"), first.HasField("finished_at")) == (
        12_345_000_000,
        True,
        False,
    )


async def test_a_failure_is_told_with_its_stage_and_reason(database, progress):
    video = await registered(progress)
    broken = result_of(
        open_steps(video)[0], Outcome.FAILED, reason="OBJECT_TRUNCATED", is_permanent=True, message="cut"
    )
    await settle(progress, video, broken)
    last = (await told_videos(database))[-1]

    assert states(await told_videos(database)) == ["queued 1", "failed 1"]
    assert (last.error_reason, last.error_message) == ("OBJECT_TRUNCATED", "cut")
    assert (last.stage, last.HasField("scene_count")) == (stage_pb2.STAGE_DOWNLOADING, False)


async def test_a_retry_is_not_told_and_a_cancelled_and_a_new_run_are(database, progress):
    video = await registered(progress)
    failed = result_of(open_steps(video)[0], Outcome.FAILED, reason="UPSTREAM_UNAVAILABLE")
    video = await settle(progress, video, failed)
    video = await progress.apply(video.id, lambda one: advance(one, CancelRequested(), now=T0))
    again = ReprocessRequested(Stage.DOWNLOADING)
    await progress.apply(video.id, lambda one: advance(one, again, now=T0 + timedelta(seconds=9)))

    assert states(await told_videos(database)) == ["queued 1", "processing 1", "cancelled 1", "queued 2"]


async def test_a_change_that_does_not_happen_is_not_told(database, progress):
    """The event is in the transaction of the change: both are there, or neither."""
    video = await registered(progress)

    def broken(_video):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await progress.apply(video.id, broken)
    await registered(progress)

    assert states(await told_videos(database)) == ["queued 1"]


async def test_a_deletion_is_told_without_what_people_wrote_and_a_new_upload_is_told_after_it(
    database, progress, library
):
    """R-STO-05, and a video that is uploaded again is not the deleted one."""
    video = await registered(progress)
    await library.delete_video(OWNER, video.id, ())
    await registered(progress)
    events = await told_videos(database, video.id)

    assert [event.is_deleted for event in events] == [False, True, False]
    assert rising(events)
    assert (events[1].filename, events[1].owner_id, events[1].created_at) == ("", OWNER, events[0].created_at)


async def test_what_is_not_there_is_not_told_of(database, library):
    with pytest.raises(NotFound):
        await library.delete_video(OWNER, "v_nothing", ())

    assert await told_videos(database) == []


async def test_a_change_of_what_people_say_is_told_since_it_changes_the_time_of_change(database, progress, library):
    video = await registered(progress)
    await library.update_metadata(OWNER, video.id, metadata_change(video_pb2.VideoMetadata(title="Harbour"), ()))
    row = await library.get_video(OWNER, video.id)

    assert (await told_videos(database))[-1].updated_at.ToDatetime() == row.updated_at.replace(tzinfo=None)


async def test_videos_that_were_never_told_of_are_told_once_in_batches(database, progress, reports):
    """A mesh with videos from before: afterwards metrics_svc knows them all."""
    videos = [(await registered(progress, f"clip {number}")).id for number in range(5)]
    await untold(database)
    told = [await reports.tell_videos(T0, 2) for _ in range(4)]
    events = await told_videos(database)

    assert told == [2, 2, 1, 0]
    assert sorted(event.video_id for event in events) == sorted(videos)


async def test_the_teller_tells_the_untold_when_it_starts_and_all_again_before_the_stream_forgets(
    database, progress, reports, clock
):
    await registered(progress)
    await untold(database)
    async with database.connection() as connection:
        clock.at = await connection.fetchval("SELECT now()")
    async with beside(VideoTeller(reports, clock).run()):
        await eventually(lambda: _has_told(database, 1))
    assert await reports.tell_videos(clock.now() - timedelta(days=20), 100) == 0
    clock.forward(20 * 86_400 + 60)

    assert await reports.tell_videos(clock.now() - timedelta(days=20), 100) == 1
    assert rising(await told_videos(database))


async def test_two_replicas_at_once_tell_of_no_video_twice(database, progress, reports):
    for number in range(8):
        await registered(progress, f"clip {number}")
    await untold(database)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(reports.tell_videos(T0, 3))
    while await reports.tell_videos(T0, 3):
        pass

    assert await count(database, "outbox") == 8


async def _has_told(database, number):
    assert len(await told_videos(database)) == number
