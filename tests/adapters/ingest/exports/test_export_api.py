"""ExportService through a real gRPC server: identity, refusals, links and streams as a client sees them."""

import math

import pytest

from chassis.core.errors import AlreadyExists, InvalidInput, NotFound, NotReady, Overloaded
from heimdex.ingest.v1 import video_pb2
from tests.support.export_door import EVE, E, refusal
from tests.support.export_lab import DAY
from tests.support.ingest_lab import OWNER, registered


async def test_an_export_of_a_scene_comes_back_queued(door):
    """R-EXP-01, R-EXP-07, R-EXP-13: defaults are filled in, both times are there, what is not known is absent."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    (listed,) = (await door("ListExports")).exports

    assert made == listed == await door.get(made.id)
    assert made.id.startswith("e_")
    assert (made.scene_id, made.user_id, made.status) == ("s_harbour_0", OWNER, E.EXPORT_STATE_QUEUED)
    assert (made.aspect_ratio, made.resolution) == (E.ASPECT_RATIO_9_16, "1080x1920")
    assert (made.aspect_ratio_strategy, made.output_quality) == (E.ASPECT_RATIO_STRATEGY_SMART, E.OUTPUT_QUALITY_MEDIUM)
    assert (made.caption_style, made.snap_to_words, made.attempt) == (E.CAPTION_STYLE_NONE, True, 1)
    assert made.expires_at.ToDatetime() - made.created_at.ToDatetime() == DAY
    assert made.storage_path == f"exports/{OWNER}/{made.id}.mp4"
    assert list(made.segments) == [E.ExportSegment(scene="s_harbour_0")]
    absent = ("progress_pct", "started_at", "completed_at", "duration_s", "file_size_bytes", "check_report")
    assert [name for name in absent if made.HasField(name)] == []
    assert (made.download_url, made.error_message) == ("", "")


async def test_a_reel_keeps_what_was_asked_for(door):
    """Several stretches, scenes and ranges of several videos, in order."""
    one, other = await door.video("one"), await door.video("other")
    segments = [
        E.ExportSegment(video=other, start_s=5.5, end_s=8.25),
        E.ExportSegment(scene="s_one_0"),
        E.ExportSegment(video=one, start_s=0.0, end_s=1.0),
    ]
    made = await door.create(segments=segments, aspect_ratio=E.ASPECT_RATIO_1_1, snap_to_words=False)

    assert (list(made.segments), made.scene_id) == (segments, "")
    assert (made.resolution, made.snap_to_words) == ("1080x1080", False)
    assert [len((await door("ListExports", video=video)).exports) for video in (one, other, "v_x")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("fields", "kind", "reason"),
    [
        ({}, InvalidInput, "SCENE_OR_SEGMENTS"),
        ({"scene": "s_x"}, NotFound, "SCENE_NOT_FOUND"),
        ({"scene": "a\0b"}, InvalidInput, "INVALID_CHARACTER"),
        ({"segments": [E.ExportSegment(scene="s_x")]}, NotFound, "SCENE_NOT_FOUND"),
        ({"segments": [E.ExportSegment(video="v_x", start_s=0.0, end_s=1.0)]}, NotFound, "VIDEO_NOT_FOUND"),
        ({"scene": "s_long_1"}, NotReady, "SCENE_TOO_LONG"),
        ({"scene": "s_long_2"}, InvalidInput, "EMPTY_RANGE"),
        ({"scene": "s_long_0", "request_id": "x" * 129}, InvalidInput, "INVALID_INPUT"),
        ({"scene": "s_long_0", "aspect_ratio": 99}, InvalidInput, "INVALID_INPUT"),
        ({"scene": "s_long_0", "caption_style": 99}, InvalidInput, "INVALID_INPUT"),
    ],
)
async def test_what_can_not_be_made_is_refused_and_not_charged(door, fields, kind, reason):
    """R-EXP-02, R-EXP-03: 180.0 s passes, 180.1 s does not; nothing is stored."""
    await door.video("long", scenes=((0.0, 180.0), (0.0, 180.1), (5.0, 5.0)), seconds=200.0)

    assert (await refusal(door("CreateExport", **fields), kind)).reason == reason
    assert (await door("GetExportQuota")).used == 0
    assert (await door.create(scene="s_long_0")).status == E.EXPORT_STATE_QUEUED


@pytest.mark.parametrize("times", [(0.0, 300.1), (-1.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
async def test_a_range_outside_of_its_video_is_refused(door, times):
    video = await door.video()
    segments = [E.ExportSegment(video=video, start_s=times[0], end_s=times[1])]

    assert (await refusal(door("CreateExport", segments=segments), InvalidInput)).reason == "RANGE_OUTSIDE_VIDEO"


async def test_a_video_that_can_not_be_cut_says_why(door):
    """R-ING-17: not ready, no pictures, no source in the store."""
    unready = (await registered(door.shelves.progress, "fresh")).id
    await door.video("sound", info=video_pb2.MediaInfo(container="mp3", audio_codec="mp3"))
    await door.video("gone")
    await door.shelves.blobs.delete_prefix("users")
    await door.video("here")
    segments = [E.ExportSegment(video=unready, start_s=0.0, end_s=1.0)]

    assert (await refusal(door("CreateExport", segments=segments), NotReady)).reason == "VIDEO_NOT_READY"
    assert (await refusal(door("CreateExport", scene="s_sound_0"), NotReady)).reason == "VIDEO_WITHOUT_PICTURES"
    assert (await refusal(door("CreateExport", scene="s_gone_0"), NotReady)).reason == "SOURCE_MISSING"
    assert (await door.create(scene="s_here_0")).id


async def test_a_trial_checks_everything_and_stores_nothing(door):
    """validate_only: no id and no place, and the refusals are those of the real thing."""
    await door.video()
    trial = await door.create(scene="s_harbour_0", validate_only=True, request_id="r")

    assert (trial.id, trial.storage_path, trial.resolution) == ("", "", "1080x1920")
    assert list((await door("ListExports")).exports) == []
    await refusal(door("CreateExport", scene="s_x", validate_only=True), NotFound)
    for _ in range(10):
        await door.create(scene="s_harbour_0")
    await refusal(door("CreateExport", scene="s_harbour_0", validate_only=True), Overloaded)


async def test_the_same_request_is_the_same_export_even_after_its_video_has_gone(door):
    """request_id: a repeat is answered from what is kept."""
    await door.video()
    first = await door.create(scene="s_harbour_0", request_id="r")
    await door.shelves.blobs.delete_prefix("users")

    assert (await door.create(scene="s_harbour_0", request_id="r")).id == first.id
    again = door("CreateExport", scene="s_harbour_0", request_id="r", output_quality=E.OUTPUT_QUALITY_LOW)
    assert (await refusal(again, AlreadyExists)).reason == "REQUEST_ID_REUSED"
    await door("DeleteExport", export=first.id)
    deleted = door("CreateExport", scene="s_harbour_0", request_id="r")
    assert (await refusal(deleted, NotFound)).reason == "EXPORT_NOT_FOUND"


async def test_the_quota_travels_with_its_details(door):
    """R-EXP-04, R-USR-05: QuotaFailure, RetryInfo and the reset reach a client."""
    await door.video()
    for _ in range(10):
        await door.create(scene="s_harbour_0")
        door.clock.forward(60)
    refused = await refusal(door("CreateExport", scene="s_harbour_0"), Overloaded)
    quota = await door("GetExportQuota")

    assert refused.retry_after_seconds == 86_400 - 600
    assert refused.quotas[0].subject == "exports per 24 hours"
    assert refused.metadata["reset_at"] == "2026-11-21T12:00:00Z"
    assert (quota.limit, quota.used, quota.remaining) == (10, 10, 0)
    assert quota.reset_at.ToJsonString() == "2026-11-21T12:00:00Z"
    assert not (await door("GetExportQuota", token=EVE)).HasField("reset_at")
