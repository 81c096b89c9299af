"""What holds for every path, whatever the models say they saw."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest_svc.domain.exports.camera.camera import MAX_ACCELERATION, MAX_SPEED, Seen, plan_camera
from ingest_svc.domain.exports.camera.steady import steady_way
from ingest_svc.domain.exports.values import Ratio, Sighting
from tests.support.camera_lab import NS, changes

anything = st.floats(allow_nan=True, allow_infinity=True)
parts = st.floats(-0.2, 1.2) | anything
labels = st.sampled_from(["face", "person", "dog", "car", "tie"])
sightings = st.lists(
    st.builds(Sighting, st.integers(-NS, 9 * NS), labels, parts, parts, parts, parts, parts), max_size=40
)
sane = st.lists(
    st.builds(
        Sighting,
        st.integers(0, 40).map(lambda look: look * NS // 5),
        labels,
        st.floats(0.3, 1),
        st.floats(0, 0.9),
        st.floats(0, 0.9),
        st.floats(0.02, 0.5),
        st.floats(0.02, 0.9),
    ),
    max_size=60,
)
cuts = st.builds(
    lambda picture, **known: Seen(width=picture[0], height=picture[1], **known),
    st.tuples(st.integers(2, 4000), st.integers(2, 4000)),
    length_ns=st.integers(1, 8 * NS),
    sightings=sightings | sane,
    at_ns=st.just(tuple(look * NS // 5 for look in range(40))),
    motion=st.lists(st.tuples(parts, parts, parts), max_size=40),
    shot_starts_ns=st.lists(st.integers(-NS, 9 * NS), max_size=4),
    models=st.just(("m@1",)),
)


@settings(deadline=None, max_examples=150)
@given(cuts, st.sampled_from(list(Ratio)))
def test_a_path_keeps_to_the_picture_and_to_its_bounds(asked, ratio):
    """R-EXP-05: finite, inside the picture, no faster and no more sudden than stated, whole in time."""
    planned = plan_camera(asked, ratio)
    path = planned.path
    if path is None:
        assert planned.note
        return

    assert 0 < path.width <= 1
    assert 0 < path.height <= 1
    assert [piece.span.end_ns for piece in path.pieces[:-1]] == [piece.span.start_ns for piece in path.pieces[1:]]
    assert (path.pieces[0].span.start_ns, path.pieces[-1].span.end_ns) == (0, asked.length_ns)
    for piece in path.pieces:
        for values, extent in ((piece.x, path.width), (piece.y, path.height)):
            assert all(math.isfinite(value) for value in values)
            assert min(values) >= extent / 2 - 1e-9
            assert max(values) <= 1 - extent / 2 + 1e-9
        speed, acceleration = changes(piece, path, asked.width / asked.height)

        assert np.abs(speed).max(initial=0) <= MAX_SPEED * (1 + 1e-6)
        assert np.abs(acceleration).max(initial=0) <= MAX_ACCELERATION * (1 + 1e-6)
        assert len(piece.x) == len(piece.y) >= 2
    for one in planned.followed:
        assert all(math.isfinite(part) for part in (one.left, one.top, one.width, one.height))


walls = st.integers(1, 80).flatmap(
    lambda count: st.tuples(
        arrays(np.float64, count, elements=st.floats(0, 1)), arrays(np.float64, count, elements=st.floats(0, 0.5))
    )
)


@settings(deadline=None)
@given(walls, st.floats(1e-3, 0.3), st.sampled_from([1, 5, 25]))
def test_a_way_is_bounded_and_stays_between_the_outermost_walls(both, max_step, window):
    low, room = both
    way = steady_way(low, low + room, max_step=max_step, window=window)

    assert len(way) == len(low)
    assert np.abs(np.diff(way)).max(initial=0) <= max_step + 1e-9
    assert np.abs(np.diff(way, 2)).max(initial=0) <= 2 * max_step / window + 1e-9
    assert low.min() - 1e-9 <= way.min()
    assert way.max() <= (low + room).max() + 1e-9


@settings(deadline=None)
@given(walls)
def test_a_corridor_with_a_straight_line_in_it_is_passed_standing_still(both):
    _, room = both
    low = np.full(len(room), 0.3) - room
    way = steady_way(low, np.full(len(room), 0.3) + room, max_step=0.05, window=25)

    assert np.ptp(way) <= 1e-9


@settings(deadline=None)
@given(walls)
def test_a_way_is_planned_over_all_of_the_time_so_backwards_it_is_the_same(both):
    low, room = both
    there = steady_way(low, low + room, max_step=0.05, window=5)
    back = steady_way(low[::-1], (low + room)[::-1], max_step=0.05, window=5)[::-1]

    assert np.allclose(there, back, atol=1e-6)
