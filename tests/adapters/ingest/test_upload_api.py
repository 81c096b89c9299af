"""UploadVideo over gRPC: a whole file becomes a video, anything else leaves nothing."""

import asyncio

import pytest

from chassis.core.errors import InvalidInput
from heimdex.ingest.v1 import video_pb2
from tests.support.ingest_lab import count
from tests.support.video_door import FINISH, TOKEN, M, chunk


async def test_an_upload_comes_back_as_the_queued_video(door):
    """R-ING-01, R-ING-20, R-MET-06, R-STG-11: facts that are not known are absent, not 0."""
    answer = await door.upload(chunk(b"ab"), chunk(b"cd"), FINISH, title="Harbour")
    (listed,) = (await door("ListVideos")).videos
    got = (await door("GetVideo", video=answer.video.id)).video

    assert answer.video == listed == got
    assert got.name == f"videos/{got.id}"
    assert got.state == video_pb2.VIDEO_STATE_QUEUED
    assert (got.size_bytes, got.filename, got.metadata.title) == (4, "clip.mp4", "Harbour")
    absent = (
        "duration_s",
        "processing_started_at",
        "processing_duration_ms",
        "indexed_at",
        "scene_count",
        "media_info",
    )
    assert [name for name in absent if got.HasField(name)] == []
    assert len(got.steps) == 7


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([chunk(b"ab")], "UPLOAD_INCOMPLETE"),
        ([], "UPLOAD_INCOMPLETE"),
        ([chunk(b"ab"), M.UploadVideoRequest(header=M.UploadVideoHeader()), FINISH], "INVALID_INPUT"),
        ([chunk(b"abc"), FINISH], "SIZE_MISMATCH"),
    ],
)
async def test_an_upload_that_is_cut_off_or_confused_leaves_nothing(door, database, blobs, messages, reason):
    """R-ING-01: a gateway that died in the middle sends no finish."""
    with pytest.raises(InvalidInput) as refused:
        await door.upload(*messages, size_bytes=2)

    assert refused.value.reason == reason
    assert await count(database, "videos") == 0
    assert [path for path in blobs.local_path("x").parent.rglob("*") if path.is_file()] == []


async def test_an_upload_that_its_sender_cancels_leaves_nothing(door, database, blobs):
    """R-ING-01."""
    arrived = asyncio.Event()

    async def stream():
        yield M.UploadVideoRequest(header=M.UploadVideoHeader(filename="clip.mp4"))
        yield chunk(b"x" * 100_000)
        arrived.set()
        await asyncio.Event().wait()

    call = door.stub.UploadVideo(stream(), metadata=(("authorization", f"Bearer {TOKEN}"),))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await count(database, "videos") == 0
    assert not list(blobs.local_path("x").parent.rglob("source"))


async def test_a_first_message_that_is_no_header_is_refused(door):
    with pytest.raises(InvalidInput) as refused:
        await door.client.call(door.stub.UploadVideo, iter([chunk(b"x")]), timeout_seconds=5, token=TOKEN)
    assert refused.value.violations[0].field == "header"
