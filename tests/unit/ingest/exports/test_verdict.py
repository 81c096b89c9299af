"""The bounds of a good export: what is just inside is good, what is just outside is named."""

from dataclasses import replace

import pytest

from ingest_svc.domain.exports.camera.camera import MAX_ACCELERATION
from ingest_svc.domain.exports.checking.check_report import BOUNDS, Reason, Verdict, size_note, unreadable
from ingest_svc.domain.exports.checking.doubts import Doubt, Kind
from ingest_svc.domain.exports.checking.verdict import judge
from tests.support.export_measures import NS, a_camera, a_face, expected, measured, spoilt_pictures, spoilt_sound

MS = NS // 1000
PICTURE_NS = NS // 30


def names(report):
    return [reason.partition(":")[0] for reason in report.reasons]


def test_a_good_export_is_good_and_says_nothing():
    """R-EXP-06."""
    report = judge(measured(), expected())

    assert (report.verdict, report.reasons, report.duration_s, report.av_sync_ms) == (Verdict.GOOD, (), 3.0, 0.0)
    assert (report.picture_format, report.sound_format) == ("h264 yuv420p bt709", "aac 48000 Hz stereo")


@pytest.mark.parametrize(
    ("what", "wanted", "reasons"),
    [
        (measured(), expected(duration_ns=3 * NS + PICTURE_NS), []),
        (measured(), expected(duration_ns=3 * NS + 2 * PICTURE_NS), ["LENGTH_OFF"]),
        (measured(), expected(duration_ns=3 * NS + 250 * MS), ["LENGTH_OFF"]),
        (measured(), expected(duration_ns=3 * NS - 251 * MS), ["WRONG_LENGTH"]),
        (spoilt_sound(start_ns=40 * MS), expected(), []),
        (spoilt_sound(start_ns=41 * MS), expected(), ["OUT_OF_SYNC"]),
        (spoilt_sound(start_ns=-41 * MS), expected(), ["OUT_OF_SYNC"]),
        (spoilt_sound(end_ns=3 * NS - 41 * MS), expected(), ["OUT_OF_SYNC"]),
        (spoilt_sound(end_ns=3 * NS + 41 * MS), expected(), ["OUT_OF_SYNC"]),
        (spoilt_sound(gap_ns=40 * MS), expected(), []),
        (spoilt_sound(gap_ns=41 * MS), expected(), ["SOUND_GAP"]),
        (spoilt_sound(integrated_lufs=-13.0), expected(), []),
        (spoilt_sound(integrated_lufs=-12.9), expected(), ["TOO_LOUD"]),
        (spoilt_sound(integrated_lufs=-15.1), expected(), ["TOO_QUIET"]),
        (spoilt_sound(integrated_lufs=None, true_peak_dbtp=None), expected(), []),
        (spoilt_sound(true_peak_dbtp=0.0), expected(), []),
        (spoilt_sound(true_peak_dbtp=0.1), expected(), ["CLIPPED"]),
        (spoilt_sound(clipped_samples=1), expected(), ["CLIPPED"]),
        (spoilt_sound(channels=6), expected(), ["SOUND_FORMAT"]),
        (spoilt_sound(rate_hz=16_000), expected(), ["SOUND_FORMAT"]),
        (spoilt_pictures(width=720), expected(), ["WRONG_SIZE"]),
        (spoilt_pictures(is_square=False), expected(), ["WRONG_SIZE"]),
        (spoilt_pictures(rotation_degrees=90), expected(), ["WRONG_SIZE"]),
        (spoilt_pictures(codec="hevc"), expected(), ["PICTURE_FORMAT"]),
        (spoilt_pictures(colours=(9, 16, 9, 1)), expected(), ["PICTURE_FORMAT"]),
        (spoilt_pictures(colours=(1, 1, 1, 2)), expected(), ["PICTURE_FORMAT"]),
        (measured(is_faststart=False), expected(), ["NOT_FASTSTART"]),
        (measured(is_whole=False), expected(), ["DAMAGED"]),
        (measured(damaged_packets=1), expected(), ["DAMAGED"]),
        (measured(pictures=None), expected(), ["NO_PICTURE"]),
        (measured(sound=None), expected(), ["NO_SOUND"]),
        (measured(sound=None), expected(has_sound=False), []),
        (measured(), expected(caption_boxes=[(0.1, 0.6, 0.7, 0.1)]), []),
        (measured(), expected(caption_boxes=[(0.1, 0.6, 0.7, 0.1), (0.0, 0.9, 0.7, 0.2)]), ["CAPTIONS_UNSAFE"]),
        (measured(), expected(cameras=(a_camera(0.5, 0.5, 0.5),), subjects=((a_face(0, 0.5),),)), []),
        (measured(), expected(cameras=(a_camera(0.5, 0.5, 0.5),), subjects=((a_face(0, 0.9),),)), ["SUBJECT_OUTSIDE"]),
        (measured(), expected(cameras=(a_camera(*([0.4, 0.5] * 9)),)), ["PATH_JITTER"]),
    ],
)
def test_each_bound_is_where_it_is_said_to_be(what, wanted, reasons):
    """R-EXP-06; docs/exports-check.md."""
    report = judge(what, wanted)

    assert names(report) == reasons
    failed = any(Reason(name).is_failure for name in reasons)
    assert report.verdict is (Verdict.FAILED if failed else Verdict.POOR if reasons else Verdict.GOOD)


def test_a_slow_source_may_end_a_picture_apart():
    """At 10 pictures a second the last one is longer than the bound of 40 ms."""
    slow = spoilt_pictures(at_ns=tuple(number * NS // 10 for number in range(30)), dark=(0.1,) * 30, change=(2.0,) * 30)
    late = replace(slow, sound=replace(slow.sound, end_ns=3 * NS - 99 * MS))

    assert names(judge(late, expected())) == []


def test_black_pictures_are_counted_and_those_the_source_does_not_have_are_a_fault():
    some = spoilt_pictures(dark=(1.0,) * 4 + (0.1,) * 86)
    many = spoilt_pictures(dark=(1.0,) * 5 + (0.1,) * 85)
    lost = (Doubt(Kind.BLACK, 4, None, moves_around=False, is_long=True),)

    assert names(judge(some, expected())) == []
    assert names(judge(many, expected())) == ["BLACK_PICTURES"]
    assert names(judge(some, expected(), lost)) == ["BLACK_PICTURES"]
    assert judge(some, expected()).black_frames_pct == pytest.approx(100 * 4 / 90)


def test_several_reasons_stand_in_the_order_of_their_weight():
    bad = replace(spoilt_sound(integrated_lufs=-30.0), is_faststart=False, damaged_packets=3)

    report = judge(bad, expected())

    assert (report.verdict, names(report)) == (Verdict.FAILED, ["DAMAGED", "TOO_QUIET", "NOT_FASTSTART"])
    assert all(len(reason.partition(": ")[2]) > 20 for reason in report.reasons)


def test_an_unreadable_file_has_failed_with_what_is_known():
    report = unreadable(expected(), "It is text.")

    assert (report.verdict, report.reasons) == (Verdict.FAILED, ("UNREADABLE: It is text.",))
    assert (report.duration_s, report.expected_duration_s) == (None, 3.0)


def test_a_large_file_is_noted_and_no_more():
    note = size_note(60_000_001)

    assert size_note(60_000_000) is None
    assert note is not None
    assert note.startswith("LARGE_FILE: ")


def test_the_bound_of_the_path_is_what_the_camera_promises():
    assert BOUNDS.jitter == MAX_ACCELERATION
