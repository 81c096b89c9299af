"""VideoService through a real gRPC server: identity, errors and streams as a client sees them."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.core.errors import InvalidInput, NotFound, NotReady, PermissionDenied, Unauthenticated
from chassis.core.stages import Outcome
from chassis.io.identity import mint_token
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2
from tests.support.ingest_lab import count, finish, open_steps, registered, result_of, settle
from tests.support.video_door import FINISH, KEYS, TOKEN, M, chunk


async def test_a_stranger_a_service_and_nobody_are_each_told_what_they_are(door, progress):
    """R-USR-01, R-SRC-06: another's video is NOT_FOUND, a service has no library, nobody is UNAUTHENTICATED."""
    video = await registered(progress)
    eve = mint_token(KEYS.private_pem, subject="eve")
    service = mint_token(KEYS.private_pem, subject="index", service="index")

    for method in (
        "GetVideo",
        "DeleteVideo",
        "CancelVideo",
        "ReprocessVideo",
        "ListScenes",
        "ListJobs",
        "GetTranscript",
    ):
        with pytest.raises(NotFound):
            await door(method, video=video.id, token=eve)
        with pytest.raises(PermissionDenied):
            await door(method, video=video.id, token=service)
        with pytest.raises(Unauthenticated):
            await door(method, video=video.id, token="garbage")
    with pytest.raises(NotFound) as refused:
        await door("GetScene", scene="s_nothing")
    assert refused.value.reason == "SCENE_NOT_FOUND"


async def test_a_walk_over_pages_meets_each_video_once(door, progress):
    """R-ING-20."""
    made = {(await registered(progress, f"clip {number}")).id for number in range(12)}
    seen, token = [], ""
    while True:
        page = await door("ListVideos", page_size=5, page_token=token)
        seen += [video.id for video in page.videos]
        token = page.next_page_token
        if not token:
            break

    assert len(seen) == 12
    assert set(seen) == made
    for wrong in ({"page_size": -1}, {"page_size": 201}, {"page_token": "hello"}):
        with pytest.raises(InvalidInput) as refused:
            await door("ListVideos", **wrong)
        assert [one.field for one in refused.value.violations] == list(wrong)


async def test_an_update_changes_what_its_mask_names(door, progress):
    """R-MET-02."""
    video = await registered(progress, title="old")
    metadata = video_pb2.VideoMetadata(title="new", description="ignored")
    answer = await door("UpdateVideo", video=video.id, metadata=metadata, update_mask=FieldMask(paths=["title"]))

    assert (answer.video.metadata.title, answer.video.metadata.description) == ("new", "")


async def test_a_ready_video_tells_its_times_and_its_length(door, progress):
    """R-ING-18, R-STG-04: 12.345 s is 12.345; the duration is int((finished - started) * 1000)."""
    video = (await door("GetVideo", video=(await finish(progress, await registered(progress))).id)).video
    seconds = (video.processing_finished_at.ToDatetime() - video.processing_started_at.ToDatetime()).total_seconds()

    assert video.duration_s == 12.345
    assert video.processing_duration_ms == int(seconds * 1000)
    assert video.processing_stage == "completed"
    assert video.state == video_pb2.VIDEO_STATE_READY


async def test_a_failed_video_tells_why_and_runs_again_from_there(door, progress):
    """R-ING-15, R-ING-16, R-RET-02, R-RET-03, R-RET-07."""
    video = await registered(progress)
    video = await settle(progress, video, result_of(open_steps(video)[0]))
    broken = result_of(
        open_steps(video)[0], Outcome.FAILED, reason="INVALID_MEDIA", is_permanent=True, message="no video"
    )
    video = await settle(progress, video, broken)
    shown = (await door("GetVideo", video=video.id)).video

    assert (shown.error.message, shown.stage) == ("no video", stage_pb2.STAGE_METADATA)
    assert [one.state for one in shown.steps][:2] == [video_pb2.STEP_STATE_DONE, video_pb2.STEP_STATE_FAILED]
    with pytest.raises(NotReady) as refused:
        await door("ReprocessVideo", video=video.id, from_stage=stage_pb2.STAGE_INDEXING)
    assert refused.value.reason == "STAGE_WITHOUT_RESULT"
    with pytest.raises(InvalidInput):
        await door("ReprocessVideo", video=video.id, from_stage=stage_pb2.STAGE_COMPLETED)
    assert list((await door("ReplayFailed", stage=stage_pb2.STAGE_INDEXING)).video_ids) == []
    assert list((await door("ReplayFailed")).video_ids) == [video.id]
    jobs = (await door("ListJobs", video=video.id)).jobs
    assert [(one.generation, one.stage, len(one.attempts)) for one in jobs] == [
        (1, stage_pb2.STAGE_DOWNLOADING, 1),
        (1, stage_pb2.STAGE_METADATA, 1),
        (2, stage_pb2.STAGE_METADATA, 1),
    ]


async def test_a_running_video_can_be_cancelled_once_and_not_reprocessed_before(door, progress):
    """R-ING-16."""
    video = await registered(progress)
    with pytest.raises(NotReady):
        await door("ReprocessVideo", video=video.id)
    for _ in range(2):  # a repeat is not an error
        assert (await door("CancelVideo", video=video.id)).video.state == video_pb2.VIDEO_STATE_CANCELLED
    assert (await door("ReprocessVideo", video=video.id)).video.generation == 2


async def test_a_watcher_sees_every_change_in_order_until_the_end(door, progress, database):
    """R-STG-14: the past first, then live."""
    video = await registered(progress)
    async with _woken(database, door.api.watchers):
        seen = []
        stream = door.client.stream(
            door.stub.WatchVideo, M.WatchVideoRequest(video=video.id), timeout_seconds=20, token=TOKEN
        )
        async for change in stream:
            seen.append(change)
            if len(seen) == 2:
                await finish(progress, video)

    assert [one.sequence for one in seen] == sorted({one.sequence for one in seen})
    done = [one.stage for one in seen if one.step_state == video_pb2.STEP_STATE_DONE]
    assert len(done) == len(set(done)) == 7
    assert seen[-1].video.state == video_pb2.VIDEO_STATE_READY


async def test_a_deleted_video_is_gone_although_the_index_is_down_and_the_index_will_hear_of_it(
    door, database, blobs, progress
):
    """R-STO-05."""
    video = (await door.upload(chunk(b"abc"), FINISH)).video
    await door("DeleteVideo", video=video.id)

    with pytest.raises(NotFound):
        await door("GetVideo", video=video.id)
    assert [path for path in blobs.local_path("x").parent.rglob("*") if path.is_file()] == []
    assert await count(database, "outbox", "subject LIKE '%.forget_video.%'") == 1


async def test_an_id_that_no_video_can_have_is_the_callers_fault(door):
    """R-OPS-09: the character NUL is no bug of ours."""
    with pytest.raises(InvalidInput) as refused:
        await door("GetVideo", video="v\0")
    assert refused.value.reason == "INVALID_CHARACTER"


async def test_a_bug_shows_its_correlation_id_and_nothing_else(door, database):
    """R-OPS-09: what the database says is not for clients."""
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE ingest.videos RENAME TO secret_table_name")
    call = door.stub.GetVideo(
        M.GetVideoRequest(video="v"),
        metadata=(("authorization", f"Bearer {TOKEN}"), ("heimdex-correlation-id", "quote-me")),
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call

    assert refused.value.code() in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    assert "secret" not in f"{refused.value.details()} {refused.value.trailing_metadata()}"
    assert "videos" not in str(refused.value.details())


@asynccontextmanager
async def _woken(database, watchers):
    task = asyncio.create_task(database.listen("heimdex_video", watchers.notify))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
