"""What may be asked of an export: lengths to the nanosecond, ranges, videos, and the quota to the microsecond."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput, NotReady, Overloaded
from chassis.core.ids import owner_key
from chassis.core.mediatime import TimeSpan, ns_from_seconds
from ingest_svc.domain.exports.blame import is_ours
from ingest_svc.domain.exports.rules import (
    MAX_SEGMENTS,
    Limits,
    Segment,
    VideoFacts,
    check_cuts,
    check_request,
    check_span,
    check_video,
    quota_of,
)
from ingest_svc.domain.exports.values import Cut
from ingest_svc.exports.record import beside_key, media_key

NS = 1_000_000_000
T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIMITS = Limits()


def cuts(*seconds: float):
    return [Cut("v_1", TimeSpan(0, ns_from_seconds(one)), "s_1") for one in seconds]


def span(start_s, end_s):
    return Segment(video_id="v_1", start_s=start_s, end_s=end_s)


@pytest.mark.parametrize("lengths", [(180.0,), (90.0, 90.0), (0.04,)])
def test_a_clip_of_180_seconds_passes(lengths):
    """R-EXP-03."""
    check_cuts(cuts(*lengths), LIMITS)


@pytest.mark.parametrize(("lengths", "actual"), [((180.1,), "180.1"), ((90.0, 90.000000001), "180.000000001")])
def test_a_longer_one_is_refused_with_both_lengths(lengths, actual):
    """R-EXP-03."""
    with pytest.raises(NotReady) as refused:
        check_cuts(cuts(*lengths), LIMITS)

    assert refused.value.reason == "SCENE_TOO_LONG"
    assert refused.value.metadata == {"max": "180", "actual": actual}


def test_a_scene_without_length_is_refused():
    with pytest.raises(InvalidInput) as refused:
        check_cuts(cuts(1.0, 0.0), LIMITS)

    assert refused.value.reason == "EMPTY_RANGE"


@pytest.mark.parametrize(
    ("scene", "segments", "reason"),
    [
        ("", [], "SCENE_OR_SEGMENTS"),
        ("s_1", [span(0, 1)], "SCENE_OR_SEGMENTS"),
        ("", [span(0, 1)] * (MAX_SEGMENTS + 1), "TOO_MANY_SEGMENTS"),
        ("", [Segment()], "SCENE_OR_RANGE"),
        ("", [Segment(video_id="v_1")], "SCENE_OR_RANGE"),
        ("", [Segment(video_id="v_1", start_s=0.0)], "SCENE_OR_RANGE"),
        ("", [Segment(start_s=0.0, end_s=1.0)], "SCENE_OR_RANGE"),
        ("", [Segment("s_1", "v_1", 0.0, 1.0)], "SCENE_OR_RANGE"),
        ("", [Segment("s_1", "v_1")], "SCENE_OR_RANGE"),
        ("", [Segment("s_1", start_s=0.0)], "SCENE_OR_RANGE"),
    ],
)
def test_one_scene_or_some_stretches(scene, segments, reason):
    with pytest.raises(InvalidInput) as refused:
        check_request(scene, segments)

    assert refused.value.reason == reason


def test_a_scene_is_a_reel_of_one_and_a_reel_keeps_its_order():
    reel = [span(5, 6), Segment("s_1"), span(0, 1)] + [span(0, 1)] * (MAX_SEGMENTS - 3)

    assert check_request("s_1", []) == (Segment("s_1"),)
    assert check_request("", reel) == tuple(reel)


@pytest.mark.parametrize(
    ("start_s", "end_s", "reason"),
    [
        (1.0, 1.0, "EMPTY_RANGE"),
        (2.0, 1.0, "EMPTY_RANGE"),
        (-0.1, 1.0, "RANGE_OUTSIDE_VIDEO"),
        (0.0, 10.1, "RANGE_OUTSIDE_VIDEO"),
        (10.0, 10.0005, "RANGE_OUTSIDE_VIDEO"),
        (float("nan"), 1.0, "RANGE_OUTSIDE_VIDEO"),
        (0.0, float("inf"), "RANGE_OUTSIDE_VIDEO"),
        (0.0, 1e300, "RANGE_OUTSIDE_VIDEO"),
        (-0.0, 0.0, "EMPTY_RANGE"),
    ],
)
def test_a_range_lies_in_its_video(start_s, end_s, reason):
    """Bad input: zero length, outside of the video, no number."""
    with pytest.raises(InvalidInput) as refused:
        check_span(span(start_s, end_s), 0, 10 * NS)

    assert refused.value.reason == reason
    assert refused.value.violations[0].field.startswith("segments[0].")


def test_the_end_as_it_is_shown_is_the_end():
    """A length of 10.0004 s is shown as 10.000, one of 9.9996 s too: asking for that is asking for all."""
    assert check_span(span(0.0, 10.0), 0, 9_999_600_000) == TimeSpan(0, 9_999_600_000)
    assert check_span(span(9.0, 10.0), 0, 10_000_400_000) == TimeSpan(9 * NS, 10 * NS)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"is_ready": False}, "VIDEO_NOT_READY"),
        ({"duration_ns": None}, "VIDEO_LENGTH_UNKNOWN"),
        ({"duration_ns": 0}, "VIDEO_LENGTH_UNKNOWN"),
        ({"has_pictures": False}, "VIDEO_WITHOUT_PICTURES"),
    ],
)
def test_a_video_that_can_not_be_cut_says_why(facts, reason):
    good = {"id": "v_1", "is_ready": True, "duration_ns": NS, "has_pictures": True}
    assert check_video(VideoFacts(**good)) == NS
    with pytest.raises(NotReady) as refused:
        check_video(VideoFacts(**{**good, **facts}))

    assert (refused.value.reason, refused.value.metadata["video"]) == (reason, "v_1")


def test_the_reset_is_the_oldest_export_plus_a_day_to_the_microsecond():
    """R-EXP-04."""
    counted = [T0 + timedelta(microseconds=7 + n) for n in range(10)]
    quota = quota_of(counted, LIMITS)
    now = T0 + timedelta(hours=23)
    with pytest.raises(Overloaded) as refused:
        quota.check(now)

    assert quota.reset_at == quota.free_at == T0 + timedelta(hours=24, microseconds=7)
    assert refused.value.retry_after_seconds == 3600.000007
    assert refused.value.quotas


def test_a_quota_that_was_lowered_frees_when_enough_have_gone():
    counted = [T0 + timedelta(minutes=n) for n in range(10)]
    quota = quota_of(counted, Limits(per_day=3))

    assert (quota.remaining, quota.reset_at) == (0, T0 + timedelta(hours=24))
    assert quota.free_at == T0 + timedelta(hours=24, minutes=7)


def test_nobody_exports_with_a_quota_of_none():
    with pytest.raises(Overloaded) as refused:
        quota_of([], Limits(per_day=0)).check(T0)

    assert refused.value.retry_after_seconds == 86_400
    quota_of([], LIMITS).check(T0)


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        *((reason, True) for reason in ("INTERNAL", "POISON", "SCRATCH_FULL", "SOURCE_MISSING", "EXPORT_CHECK_FAILED")),
        *((reason, True) for reason in ("BLOB_STORE_UNAVAILABLE", "MEDIA_TIMEOUT", "MEDIA_CHILD_KILLED", "NEW_WORD")),
        *((reason, False) for reason in ("DECODE_FAILED", "INVALID_MEDIA", "UNSUPPORTED_CODEC")),
    ],
)
def test_only_what_a_file_is_refused_for_is_charged(reason, ours):
    assert is_ours(reason) is ours


@pytest.mark.parametrize("owner", ["a b", "ada@example.org", "../x", "", "x" * 65, "ä"])
def test_a_user_whose_id_can_not_stand_in_a_key_has_another_folder(owner):
    """R-EXP-07, R-STO-02."""
    assert media_key(owner, "e_1") == f"exports/{owner_key(owner)}/e_1.mp4"
    assert media_key("ada", "e_1") == "exports/ada/e_1.mp4"
    assert beside_key("exports/ada/e_1.mp4", "srt") == "exports/ada/e_1.srt"
