"""What the frame follows, how calmly, and when it gives up."""

import numpy as np
import pytest

from ingest_svc.domain.exports.camera.camera import (
    MAX_ACCELERATION,
    MAX_SPEED,
    NOTHING_TO_FOLLOW,
    WITHOUT_MODEL,
    Seen,
    plan_camera,
)
from ingest_svc.domain.exports.values import Ratio, Sighting
from tests.support.camera_lab import NS, changes, frame_at, plan, seen_along, sighting

WIDE = 16 / 9


def there_and_back(at_s):
    return float(np.interp(at_s, [0, 2, 6, 8, 11, 13, 20], [0.15, 0.15, 0.85, 0.85, 0.3, 0.3, 0.6]))


def test_a_subject_that_walks_pauses_and_turns_back_is_inside_and_the_frame_goes_calmly():
    """R-EXP-05: inside at least 98 % of the pictures, speed and acceleration within their bounds."""
    path = plan(seen_along(there_and_back, 20), 20).path
    (piece,) = path.pieces
    instants = np.arange(0, 20, 0.04)
    frames = np.array([frame_at(path, at_s) for at_s in instants])
    centres = np.array([there_and_back(at_s) for at_s in instants])
    inside = (frames[:, 0] <= centres - 0.04) & (centres + 0.04 <= frames[:, 2])
    speed, acceleration = changes(piece, path, WIDE)

    assert inside.mean() >= 0.98
    assert np.abs(speed).max() <= MAX_SPEED * (1 + 1e-9)
    assert np.percentile(np.abs(acceleration), 95) <= MAX_ACCELERATION
    assert np.abs(acceleration).max() <= MAX_ACCELERATION * (1 + 1e-9)


def test_a_subject_faster_than_the_frame_may_be_does_not_make_it_faster():
    sprint = seen_along(lambda at_s: float(np.interp(at_s, [2, 2.8], [0.1, 0.9])), 6, width=0.2, height=0.5)
    path = plan(sprint, 6, picture=(2560, 720)).path
    speed, acceleration = changes(path.pieces[0], path, 2 * WIDE)

    assert 0.8 * MAX_SPEED <= np.abs(speed).max() <= MAX_SPEED * (1 + 1e-9)
    assert np.abs(acceleration).max() <= MAX_ACCELERATION * (1 + 1e-9)


def test_a_subject_that_sways_leaves_the_frame_still():
    path = plan(seen_along(lambda at_s: 0.5 + 0.03 * np.sin(3 * at_s), 10), 10).path

    assert [len(piece.x) for piece in path.pieces] == [2]
    assert path.pieces[0].x[0] == path.pieces[0].x[1] == pytest.approx(0.5, abs=0.02)


def test_one_wrong_box_does_not_move_the_frame():
    seen = seen_along(lambda _: 0.4, 6)
    seen[12] = sighting(2.4, 0.45, width=0.2, height=0.5)
    path = plan(seen, 6).path

    assert [len(piece.x) for piece in path.pieces] == [2]
    assert seen[12] not in plan(seen, 6).followed


def test_the_frame_jumps_at_a_cut_and_nowhere_else():
    seen = seen_along(lambda at_s: 0.2 if at_s < 3 else 0.8, 6)
    path = plan(seen, 6, shot_starts_ns=(0, 3 * NS)).path
    before, after = path.pieces

    assert (before.span.end_ns, after.span.start_ns) == (3 * NS, 3 * NS)
    assert (before.x[0], after.x[0]) == (pytest.approx(0.2, abs=0.02), pytest.approx(0.8, abs=0.02))
    assert all(len(piece.x) == 2 and piece.x[0] == piece.x[1] for piece in path.pieces)


@pytest.mark.parametrize("flicker", [0, 1])
def test_the_frame_stays_with_one_of_two_people_of_like_size_at_both_edges(flicker):
    """Each is missed now and then; the frame does not go to the other one for that."""
    left = [one for number, one in enumerate(seen_along(lambda _: 0.1, 12)) if number % 3 != flicker]
    right = [one for number, one in enumerate(seen_along(lambda _: 0.9, 12)) if number % 3 != 1 - flicker]
    planned = plan(left + right, 12)

    assert len({round(x, 6) for x in planned.path.pieces[0].x}) == 1
    assert {one.left < 0.5 for one in planned.followed} in ({True}, {False})


def test_the_larger_face_is_followed_where_two_do_not_fit():
    small = seen_along(lambda _: 0.12, 6, width=0.05, height=0.12)
    large = seen_along(lambda _: 0.85, 6, width=0.1, height=0.25)
    planned = plan(small + large, 6)

    assert {round(one.width, 6) for one in planned.followed} == {0.1}


def test_two_people_who_fit_are_both_in_the_frame():
    planned = plan(seen_along(lambda _: 0.42, 6) + seen_along(lambda _: 0.56, 6, width=0.07), 6)
    left, _, right, _ = frame_at(planned.path, 3)

    assert left <= 0.38
    assert right >= 0.595
    assert len(planned.followed) == 60


def test_people_who_cross_keep_their_tracks():
    """The near one walks right, the far one left; the frame goes with the near one all the way."""
    near = seen_along(lambda at_s: 0.1 + 0.08 * at_s, 10, width=0.1, height=0.25)
    far = seen_along(lambda at_s: 0.9 - 0.08 * at_s, 10, y=0.3, width=0.06, height=0.14)
    planned = plan(near + far, 10)
    left, _, right, _ = frame_at(planned.path, 9.8)

    assert left <= near[-1].left
    assert near[-1].left + near[-1].width <= right
    assert {round(one.width, 6) for one in planned.followed} == {0.1}


def test_a_face_comes_before_a_larger_thing():
    planned = plan(seen_along(lambda _: 0.2, 6) + seen_along(lambda _: 0.7, 6, width=0.5, height=0.8, label="car"), 6)

    assert planned.basis == ("face",)
    assert {one.label for one in planned.followed} == {"face"}


def test_a_glimpse_of_a_face_does_not_beat_the_dog_that_is_there_all_the_time():
    dog = seen_along(lambda _: 0.3, 6, width=0.2, height=0.5, label="dog")
    planned = plan([*dog, sighting(1, 0.9), sighting(1.2, 0.9)], 6)

    assert planned.basis == ("living",)
    assert {one.label for one in planned.followed} == {"dog"}


def test_a_person_is_followed_while_the_face_is_turned_away():
    face = [one for one in seen_along(lambda _: 0.2, 8) if one.at_ns < 3 * NS]
    body = seen_along(lambda at_s: float(np.interp(at_s, [3, 6], [0.2, 0.8])), 8, y=0.6, height=0.7, label="person")
    path = plan(face + body, 8).path
    left, _, right, _ = frame_at(path, 7.5)

    assert left <= 0.76
    assert right >= 0.84


def test_movement_is_followed_where_nothing_is_known():
    looks = 40
    motion = [(0.05, 0.2 + 0.6 * number / looks, 0.5) for number in range(looks)]
    planned = plan([], 8, motion=motion)
    begin, end = frame_at(planned.path, 0.5), frame_at(planned.path, 7.5)

    assert planned.basis == ("motion",)
    assert planned.followed == ()
    assert begin[0] < 0.24 < begin[2]
    assert end[0] < 0.76 < end[2]


def test_what_moves_clearly_is_followed_where_a_subject_is_seen_too_seldom():
    """A bird that the model knows in two pictures of forty goes on moving in the others."""
    bird = [sighting(at_s, 0.2 + 0.075 * at_s, width=0.15, height=0.4, label="bird") for at_s in (6.0, 6.4)]
    motion = [(0.1, 0.2 + 0.075 * number / 5, 0.5) for number in range(40)]
    with_motion, without = plan(bird, 8, motion=motion), plan(bird, 8)
    left, _, right, _ = frame_at(with_motion.path, 0.5)

    assert left < 0.24 < right
    assert not frame_at(without.path, 0.5)[0] < 0.24 < frame_at(without.path, 0.5)[2]
    assert with_motion.basis == ("living",)


def test_a_camera_that_pans_itself_is_nothing_to_follow():
    planned = plan([], 8, motion=[(0.9, 0.2, 0.5)] * 40)

    assert (planned.path, planned.note) == (None, NOTHING_TO_FOLLOW)


def test_a_shot_without_a_subject_among_others_is_shown_from_its_middle():
    seen = [one for one in seen_along(lambda _: 0.2, 6) if one.at_ns < 3 * NS]
    planned = plan(seen, 6, shot_starts_ns=(0, 3 * NS))

    assert planned.basis == ("face", "")
    assert set(planned.path.pieces[1].x) == {0.5}


def test_without_a_model_there_is_no_path_and_the_note_says_so():
    """R-EXP-05."""
    planned = plan([], 4, models=(), motion=[(0.1, 0.3, 0.5)] * 20, missing=("face_detection: not here",))

    assert planned.path is None
    assert planned.note == f"{WITHOUT_MODEL} (face_detection: not here)"


def test_a_picture_of_the_frames_own_shape_needs_no_model():
    planned = plan([], 4, models=(), ratio=Ratio.R_16_9)

    assert (planned.path.width, planned.path.height, planned.note) == (1.0, 1.0, "")
    assert planned.path.pieces[0].x == (0.5, 0.5)


@pytest.mark.parametrize(
    ("ratio", "picture", "size"),
    [
        (Ratio.R_9_16, (1280, 720), (81 / 256, 1)),
        (Ratio.R_1_1, (1280, 720), (9 / 16, 1)),
        (Ratio.R_4_5, (1280, 720), (9 / 20, 1)),
        (Ratio.R_16_9, (720, 1280), (1, 81 / 256)),
        (Ratio.R_1_1, (720, 1280), (1, 9 / 16)),
        (Ratio.R_9_16, (200, 200), (9 / 16, 1)),
    ],
)
def test_the_frame_is_as_large_as_the_picture_allows(ratio, picture, size):
    path = plan(seen_along(lambda _: 0.5, 2), 2, ratio=ratio, picture=picture).path

    assert (path.width, path.height) == (pytest.approx(size[0]), pytest.approx(size[1]))


def test_a_face_is_in_the_upper_third_where_the_frame_can_move_up_and_down():
    path = plan(seen_along(lambda _: 0.5, 4, y=0.5, height=0.1), 4, ratio=Ratio.R_1_1, picture=(720, 1280)).path
    _, top, _, bottom = frame_at(path, 2)

    assert 0.2 <= (0.5 - top) / (bottom - top) <= 0.46
    assert path.pieces[0].x == (0.5, 0.5)


def test_a_subject_wider_than_the_frame_does_not_make_it_tremble():
    noise = np.random.default_rng(4).normal(0, 0.02, 60)
    seen = [
        sighting(number / 5, 0.5 + offset, width=0.6, height=0.9, label="person") for number, offset in enumerate(noise)
    ]
    path = plan(seen, 12).path

    assert [len(piece.x) for piece in path.pieces] == [2]


def test_a_face_that_fills_the_frame_stays_nearly_whole():
    path = plan(seen_along(lambda at_s: 0.5 + 0.02 * at_s, 8, width=0.3, height=0.6), 8).path

    for at_s in np.arange(0, 8, 0.2):
        left, _, right, _ = frame_at(path, at_s)
        held = min(right, 0.65 + 0.02 * at_s) - max(left, 0.35 + 0.02 * at_s)

        assert held >= 0.9 * 0.3


def test_pieces_follow_each_other_without_a_gap_and_reach_their_ends():
    seen = seen_along(there_and_back, 20)
    path = plan(seen, 20, shot_starts_ns=(0, 7_000_000_001, 7_000_000_001, 40 * NS, -5, 13 * NS)).path
    ends = [(piece.span.start_ns, piece.span.end_ns) for piece in path.pieces]

    assert ends == [(0, 7_000_000_001), (7_000_000_001, 13 * NS), (13 * NS, 20 * NS)]
    for piece in path.pieces:
        last_ns = piece.span.start_ns + (len(piece.x) - 1) * piece.step_ns

        assert piece.span.end_ns <= last_ns < piece.span.end_ns + piece.step_ns


@pytest.mark.parametrize("sizes", [(0, 1280, 720), (NS, 0, 720), (NS, 1280, -1)])
def test_a_cut_without_length_or_picture_is_refused(sizes):
    length_ns, width, height = sizes
    with pytest.raises(ValueError, match="length"):
        plan_camera(Seen(length_ns=length_ns, width=width, height=height), Ratio.R_9_16)


def test_numbers_that_make_no_sense_are_left_out():
    bad = [
        Sighting(0, "face", float("nan"), 0.1, 0.1, 0.1, 0.1),
        Sighting(0, "face", 0.9, float("inf"), 0.1, 0.1, 0.1),
        Sighting(0, "face", 0.9, 0.1, 0.1, -0.1, 0.1),
        Sighting(0, "face", 0.9, 1.5, 0.1, 0.1, 0.1),
    ]
    planned = plan([*bad, *seen_along(lambda _: 0.3, 4)], 4)

    assert len(planned.followed) == 20
    assert planned.path.pieces[0].x[0] == pytest.approx(0.3, abs=0.02)
