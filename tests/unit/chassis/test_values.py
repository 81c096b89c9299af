"""Ids, backoff, media time and subjects: laws."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.backoff import delay_seconds
from chassis.core.ids import check_id, derived_id, owner_key, scene_id, video_id
from chassis.core.mediatime import TimeSpan, ns_from_pts, ns_from_seconds, seconds_from_ns
from chassis.core.stages import PIPELINE, Stage
from chassis.core.subjects import CONSUMERS, STAGE_CONTEXT, STREAMS, work_subject

parts = st.lists(st.text(), max_size=4)


@given(parts, parts)
def test_an_id_is_the_same_for_the_same_parts_and_different_for_different_ones(one, other):
    """R-RET-06: also where joining the parts gives the same text."""
    assert (derived_id("x", *one) == derived_id("x", *other)) == (one == other)


@given(st.text(), st.text(), st.integers(0, 1 << 62))
def test_every_id_fits_a_url_a_file_name_and_a_subject(owner, content, start):
    """R-STO-02: whatever identity providers call their users."""
    for made in (owner_key(owner), video_id(owner, content), scene_id(owner, content, start)):
        assert check_id(made)
        assert len(made) == 28
        assert made == made.lower()


@given(st.text())
def test_what_has_the_shape_of_an_id_needs_no_quoting(value):
    assert check_id(value) == (1 <= len(value) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in value))


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_stay_within_their_window_and_below_the_bound(attempt, spread):
    """R-RET-01."""
    base = min(60.0, 2.0 ** min(attempt - 1, 32))

    assert base * 0.8 <= delay_seconds(attempt, spread=spread) <= base * 1.2 + 1e-9
    assert delay_seconds(attempt + 1) >= delay_seconds(attempt)


@given(st.integers(0, 1 << 53))
def test_whole_microseconds_survive_the_way_to_seconds_and_back(microseconds):
    """R-ING-18, in the range where a float holds them."""
    ns = microseconds % (10**9 * 3600 * 24) * 1000

    assert ns_from_seconds(seconds_from_ns(ns)) == pytest.approx(ns, abs=500)


def test_twelve_seconds_345_are_exact():
    """R-ING-18."""
    assert ns_from_seconds(12.345) == 12_345_000_000
    assert seconds_from_ns(12_345_000_000) == 12.345


@given(st.integers(0, 1 << 40), st.sampled_from([Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 48_000)]))
def test_time_stamps_become_the_nearest_nanosecond(pts, base):
    assert abs(Fraction(ns_from_pts(pts, base)) - pts * base * 10**9) <= Fraction(1, 2)


@given(st.integers(-10, 100), st.integers(-10, 100), st.integers(-10, 120))
def test_a_span_is_half_open_or_does_not_exist(start, end, at):
    if not 0 <= start <= end:
        with pytest.raises(ValueError, match="not a span"):
            TimeSpan(start, end)
        return
    span = TimeSpan(start, end)

    assert span.contains(at) == (at in range(start, end))
    assert span.length_ns == len(range(start, end))


def test_every_stage_that_works_has_one_consumer_of_its_own_subject():
    """R-STG-06, R-STG-07."""
    assert set(STAGE_CONTEXT) == set(PIPELINE)
    for stage in PIPELINE:
        subject = work_subject(STAGE_CONTEXT[stage], stage, "*")
        assert [one.stream for one in CONSUMERS if one.subject == subject] == ["HEIMDEX_WORK"]
    assert {one.stream for one in CONSUMERS} <= {one.name for one in STREAMS}
    work = [one.subject for one in CONSUMERS if one.stream == "HEIMDEX_WORK"]
    assert len(work) == len(set(work))


def test_stages_are_those_of_the_notes():
    """R-STG-06."""
    assert [stage for stage in Stage if stage is not Stage.EXPORTING] == [
        "queued",
        "downloading",
        "metadata",
        "scene_detection",
        "transcription",
        "scene_processing",
        "indexing",
        "finalizing",
        "completed",
        "failed",
    ]
