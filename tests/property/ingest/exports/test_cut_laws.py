"""Laws of cutting: whatever a source is like, what is cut out of it is inside of it, even, and of the right shape."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.cutting.crop_moves import Move, crops_of, expression, moves_of, positions
from ingest_svc.domain.exports.cutting.geometry import cover, fit
from ingest_svc.domain.exports.cutting.looks import SourceLook
from ingest_svc.domain.exports.cutting.rates import RATES, source_rate
from ingest_svc.domain.exports.cutting.timeline import place
from ingest_svc.domain.exports.values import CameraPath, CameraPiece, Quality, Ratio, encoding_of

SIDES = st.integers(16, 8192)
ASPECTS = st.fractions(Fraction(1, 4), Fraction(4), max_denominator=100)
LOOKS = st.builds(SourceLook, width=SIDES, height=SIDES, aspect=ASPECTS, is_turned=st.booleans())
FRAMES = st.builds(
    lambda ratio, quality: encoding_of(ratio, quality).size, st.sampled_from(Ratio), st.sampled_from(Quality)
)
RATED = st.builds(
    SourceLook,
    width=SIDES,
    height=SIDES,
    average_rate=st.fractions(Fraction(0), Fraction(1000), max_denominator=1001),
    base_rate=st.fractions(Fraction(0), Fraction(90000), max_denominator=1001),
)
PARTS = st.floats(0, 1)


@given(LOOKS, FRAMES)
def test_a_cover_lies_inside_and_has_the_shape_of_the_frame(look, frame):
    width, height = look.stored
    part = cover(look, frame)

    assert 0 <= part.x <= part.x + part.width <= width
    assert 0 <= part.y <= part.y + part.height <= height
    assert part.width == width or (part.width % 2 == 0 and part.x % 2 == 0)
    assert part.height == height or (part.height % 2 == 0 and part.y % 2 == 0)
    assert part.width == width or part.height == height
    # An even length is at most one pixel off, a kept one less than two, and two pixels are the least.
    exact = Fraction(frame.width, frame.height) / look.upright_aspect
    assert abs(part.width - part.height * exact) <= 2 * max(1, exact)


@given(LOOKS, FRAMES)
def test_a_fit_lies_inside_in_the_middle_and_is_even(look, frame):
    inside = fit(look, frame)

    assert 0 <= inside.x <= inside.x + inside.width <= frame.width
    assert 0 <= inside.y <= inside.y + inside.height <= frame.height
    assert all(length % 2 == 0 for length in (inside.width, inside.height, inside.x, inside.y))
    assert inside.width == frame.width or inside.height == frame.height
    assert abs(frame.width - inside.width - 2 * inside.x) <= 2
    assert abs(frame.height - inside.height - 2 * inside.y) <= 2


@given(RATED)
def test_every_source_gets_a_listed_rate(look):
    assert source_rate(look) in RATES


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(42_000_000, 10**11)), min_size=1, max_size=20),
    st.sampled_from(RATES),
)
def test_sources_follow_each_other_and_the_whole_is_within_half_a_picture(cuts, rate):
    spans = [TimeSpan(start, start + length) for start, length in cuts]
    placed = place(spans, [SourceLook(width=2, height=2)] * len(spans), rate)

    assert placed[0].first_picture == placed[0].first_sample == 0
    for one, following in pairwise(placed):
        assert one.first_picture + one.pictures == following.first_picture
        assert one.first_sample + one.samples == following.first_sample
    assert all(one.pictures >= 1 and one.seek_ns >= 0 and one.lead_ns >= 0 for one in placed)
    for one in placed:
        begin = Fraction(one.first_picture) / rate
        assert abs(Fraction(one.first_sample, 48_000) - begin) <= Fraction(1, 96_000)
    exact = Fraction(sum(span.length_ns for span in spans), 10**9)
    pictures = placed[-1].first_picture + placed[-1].pictures
    assert abs(pictures / rate - exact) <= Fraction(1, 2) / rate


@given(
    st.integers(0, 10**11),
    st.none() | st.integers(-(10**9), 10**9),
    st.none() | st.integers(0, 10**9),
    st.sampled_from(RATES),
)
def test_a_cut_begins_within_half_a_picture_and_its_first_picture_is_read(start, before, after, rate):
    look = SourceLook(
        width=2,
        height=2,
        shown_ns=None if before is None else min(start, start - before),
        next_ns=None if after is None else start + after,
    )
    (one,) = place([TimeSpan(start, start + 10**9)], [look], rate)

    assert abs(one.shift_ns) <= Fraction(51, 100) * 10**9 / rate
    assert one.seek_ns + one.lead_ns == start + one.shift_ns
    if look.shown_ns is not None and one.shift_ns == 0:
        assert one.seek_ns <= max(0, look.shown_ns)


PATHS = st.builds(
    lambda height, x, y: CameraPath(height, height, (CameraPiece(TimeSpan(0, 10**10), 10**9, tuple(x), tuple(y)),)),
    st.floats(0.1, 1),
    st.lists(PARTS, min_size=11, max_size=11),
    st.lists(PARTS, min_size=11, max_size=11),
)


def replayed(moves, pictures):
    """The places that ffmpeg comes to: the same floor of the same line."""
    found = []
    for number in range(pictures):
        move = max((one for one in moves if one.first <= number), key=lambda one: one.first)
        found.append(
            round(move.start) if not move.slope else np.floor(move.start + 0.5 + move.slope * (number - move.first))
        )
    return np.array(found)


@given(LOOKS, FRAMES, PATHS)
def test_crops_never_leave_the_picture_and_stay_on_their_path(look, frame, path):
    width, height = look.stored
    crops = crops_of(path, look, frame, pictures=100, rate=Fraction(10), shift_ns=0)
    x, y = positions(path, np.arange(100) * 1e8)

    assert crops.window[0] <= width
    assert crops.window[1] <= height
    assert crops.enlarged.width >= frame.width
    assert crops.enlarged.height >= frame.height
    shape = Fraction(frame.width, frame.height) / look.upright_aspect
    part_height = max(2.0, min(path.height * height, height, float(width / shape)))
    for centre, whole, window, enlarged, side, outer, inner, part in (
        (x, width, crops.window[0], crops.enlarged.width, frame.width, crops.window_x, crops.frame_x,
         min(part_height * float(shape), width)),
        (y, height, crops.window[1], crops.enlarged.height, frame.height, crops.window_y, crops.frame_y, part_height),
    ):  # fmt: skip
        outside, within = replayed(outer, 100), replayed(inner, 100)
        assert (outside >= 0).all()
        assert (outside + window <= whole).all()
        assert (outside % 2 == 0).all()
        assert (within >= 0).all()
        assert (within + side <= enlarged).all()
        expected = np.clip(centre * whole - part / 2, 0, max(0.0, whole - part))
        found = outside + within * window / enlarged
        assert np.abs(found - expected).max() <= 2.0 + window / enlarged


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=200), st.data())
def test_moves_come_within_a_pixel_of_every_place(places, data):
    breaks = data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
    moves = moves_of(np.array(places), np.array(breaks))

    assert np.abs(replayed(moves, len(places)) - np.array(places)).max() <= 0.76
    assert {number for number, is_break in enumerate(breaks) if is_break and number} <= {one.first for one in moves}


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 4000), st.floats(-9, 9)), min_size=1, max_size=300))
def test_an_expression_is_numbers_and_choices_alone(steps):
    """No name, no quote, no comma that is not an argument: nothing of it can be anything but a place."""
    first, moves = 0, []
    for length, start, slope in steps:
        moves.append(Move(first, start, slope))
        first += length
    text = expression(moves)

    assert set(text) <= set("0123456789.+-*(),nifltoreo")
    assert text.count("(") == text.count(")")
