"""Where the frame was: whether it held its subject, and how calmly it went."""

import pytest

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.checking.frame_check import captions_safe, path_jitter, subject_inside, window_at
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Quality, Ratio, encoding_of
from tests.support.export_measures import NS, a_camera, a_face

UPRIGHT = encoding_of(Ratio.R_9_16, Quality.MEDIUM)
WIDE = encoding_of(Ratio.R_16_9, Quality.MEDIUM)


def test_the_window_is_where_the_camera_is_between_its_points_too():
    camera = a_camera(0.2, 0.6, step_ns=NS)

    assert window_at(camera, NS // 2) == pytest.approx((0.25, 0.0, 0.55, 1.0))
    assert window_at(None, 0) == (0, 0, 1, 1)


def test_the_window_jumps_where_a_new_piece_begins():
    pieces = tuple(
        CameraPiece(TimeSpan(number * NS, (number + 1) * NS), NS, (x, x), (0.5, 0.5))
        for number, x in enumerate((0.2, 0.8))
    )
    camera = CameraPath(0.4, 1.0, pieces)

    assert [round(window_at(camera, at_ns)[0], 6) for at_ns in (0, NS - 1, NS, 3 * NS)] == [0.0, 0.0, 0.6, 0.6]


@pytest.mark.parametrize(
    ("x", "inside"), [(0.5, 1.0), (0.4, 1.0), (0.35, 0.0), (0.65, 0.0), (0.6, 1.0), (0.0, 0.0), (1.0, 0.0)]
)
def test_a_subject_is_inside_when_nine_tenths_of_it_are(x, inside):
    assert subject_inside([[a_face(0, x)]], [a_camera(0.5, 0.5)], [NS]) == inside


def test_a_subject_larger_than_the_frame_is_inside_when_it_fills_it():
    assert subject_inside([[a_face(0, 0.5, size=0.8)]], [a_camera(0.5, 0.5)], [NS]) == 1.0
    assert subject_inside([[a_face(0, 0.2, size=0.8)]], [a_camera(0.9, 0.9)], [NS]) == 0.0


def test_of_several_the_prominent_ones_count_and_one_of_them_is_enough():
    left, right, small = a_face(0, 0.2), a_face(0, 0.8), a_face(0, 0.5, size=0.04)
    camera = [a_camera(0.2, 0.2)]

    assert subject_inside([[left, right]], camera, [NS]) == 1.0
    assert subject_inside([[right, small]], [a_camera(0.5, 0.5)], [NS]) == 0.0


def test_faces_come_before_things_and_passers_by_are_nobody():
    face, cat = a_face(0, 0.8), a_face(0, 0.2, size=0.4, label="cat")
    far = a_face(0, 0.8, size=0.02)

    assert subject_inside([[face, cat]], [a_camera(0.2, 0.2)], [NS]) == 0.0
    assert subject_inside([[far, cat]], [a_camera(0.2, 0.2)], [NS]) == 1.0
    assert subject_inside([[a_face(0, 0.8, label="cat", score=0.3)]], [a_camera(0.2, 0.2)], [NS]) is None


def test_shares_are_of_pictures_over_all_sources_and_a_source_without_camera_is_shown_whole():
    seen = [[a_face(0, 0.5), a_face(NS // 2, 0.9)], [a_face(0, 0.95)]]

    assert subject_inside(seen, [a_camera(0.5, 0.5), None], [NS, NS]) == pytest.approx(2 / 3)
    assert subject_inside([], [], []) is None
    assert subject_inside([[a_face(2 * NS, 0.9)]], [a_camera(0.5, 0.5)], [NS]) is None, "after the end of the cut"


def test_the_jitter_of_an_even_acceleration_is_that_acceleration():
    """x = t2 / 2, so 1 picture width per second squared: 1 / 0.3 frame widths."""
    camera = a_camera(*(0.5 * (step * 0.04) ** 2 for step in range(30)), step_ns=NS // 25)

    assert path_jitter([camera], UPRIGHT) == pytest.approx(1 / 0.3)
    assert path_jitter([a_camera(0.1, 0.2, 0.3, 0.4)], UPRIGHT) == pytest.approx(0, abs=1e-9)


def test_the_jitter_up_and_down_is_counted_in_the_same_widths():
    """A square frame of a picture as wide as the frame: widths and heights are alike."""
    points = tuple(0.5 * (step * 0.04) ** 2 for step in range(30))
    level = (0.5,) * 30
    span = TimeSpan(0, 29 * NS // 25)
    along = CameraPath(0.5, 0.5, (CameraPiece(span, NS // 25, points, level),))
    down = CameraPath(0.5, 0.5, (CameraPiece(span, NS // 25, level, points),))
    square = encoding_of(Ratio.R_1_1, Quality.LOW)

    assert path_jitter([down], square) == pytest.approx(path_jitter([along], square))
    assert path_jitter([down], UPRIGHT) == pytest.approx(path_jitter([along], UPRIGHT) * 16 / 9)


def test_a_frame_that_stands_has_no_jitter_and_no_frame_has_none_at_all():
    assert path_jitter([a_camera(0.5, 0.5, step_ns=NS)], UPRIGHT) == 0
    assert path_jitter([None], UPRIGHT) is None
    assert path_jitter([a_camera(0.5, 0.5, step_ns=NS // 100)], UPRIGHT) is None


def test_captions_are_counted_by_whether_all_of_them_is_safe():
    good, low = (0.1, 0.6, 0.7, 0.1), (0.1, 0.75, 0.7, 0.1)

    assert captions_safe([good, low], UPRIGHT) == 0.5
    assert captions_safe([low], WIDE) == 1.0
    assert captions_safe([], UPRIGHT) is None
