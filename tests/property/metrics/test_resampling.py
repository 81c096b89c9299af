"""Days that could have been: whatever was recorded, they are days, and they are like the recorded ones."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.resampling import MAX_UPLOADS, draw_uploads

START = datetime(2026, 11, 2, 7, 20, tzinfo=UTC)
DAY_S = 86_400.0
lengths = st.sampled_from([600.0, 5_000.0, DAY_S, 30 * DAY_S, 365 * DAY_S])
shares = st.lists(st.one_of(st.just(0.5), st.floats(0, 0.999_999)), min_size=30, max_size=120)


def drawn(recorded, length_s, factor, brought=None, start=START):
    window = Window(start, start + timedelta(seconds=length_s))
    return draw_uploads(np.sort(recorded), np.ones(len(recorded)) if brought is None else brought, window, factor)


@settings(deadline=None, max_examples=40)
@given(shares, lengths, st.sampled_from([0.01, 0.5, 1, 2.5, 100]))
def test_whatever_was_recorded_uploads_lie_in_their_stretch_in_order(recorded, length_s, factor):
    """R-AD3-05: all at one instant, all but one, none for months."""
    found = drawn(np.array(recorded) * length_s, length_s, factor)
    steps = np.diff(found.arrivals_s)

    assert found.length_s == pytest.approx(length_s)
    assert ((found.arrivals_s >= 0) & (found.arrivals_s <= length_s)).all()
    assert ((steps >= 0) | (np.diff(found.stretch) > 0)).all()
    assert ((found.stretch >= 0) & (found.stretch < found.stretches)).all()
    assert ((found.like >= 0) & (found.like < len(recorded))).all()


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_as_many_uploads_come_as_were_asked_for(factor):
    recorded = np.random.default_rng(1).uniform(0, 10 * DAY_S, 2_000)
    found = drawn(recorded, 10 * DAY_S, factor)

    assert found.like.size / found.stretches == pytest.approx(2_000 * factor, rel=0.03)
    assert np.bincount(found.like, minlength=2_000).std() < 3 * np.sqrt(found.like.size / 2_000)


def test_they_come_at_the_hours_and_on_the_days_of_the_recorded():
    """Nights stay quiet and a busy day stays busy."""
    random = np.random.default_rng(2)
    days = random.choice(5, 6_000, p=[0.1, 0.1, 0.5, 0.2, 0.1])
    hours = random.choice(24, 6_000, p=np.array([1] * 12 + [5] * 12) / 72)
    recorded = days * DAY_S + hours * 3_600 + random.uniform(0, 3_600, 6_000)
    found = drawn(recorded, 5 * DAY_S, 2, start=START.replace(hour=0, minute=0))
    by_day = np.bincount((found.arrivals_s // DAY_S).astype(int), minlength=5) / found.like.size
    by_half = np.bincount((found.arrivals_s % DAY_S // 43_200).astype(int)) / found.like.size

    assert by_day == pytest.approx([0.1, 0.1, 0.5, 0.2, 0.1], abs=0.02)
    assert by_half == pytest.approx([1 / 6, 5 / 6], abs=0.02)


def test_chance_is_not_taken_for_a_pattern():
    """Of independent users around the clock, hours that had more by chance are not busier in the days that could be."""
    recorded = np.random.default_rng(3).uniform(0, 20 * DAY_S, 2_000)
    found = drawn(recorded, 20 * DAY_S, 1)
    counts = [np.bincount((moments // 3_600).astype(int), minlength=480) for moments in (recorded, found.arrivals_s)]

    assert abs(np.corrcoef(counts)[0, 1]) < 0.3


def test_bursts_stay_bursts_and_long_videos_stay_beside_long_ones():
    """Ten videos at once, every other time all of them long."""
    recorded = np.repeat(np.sort(np.random.default_rng(4).uniform(0, 20 * DAY_S, 200)), 10)
    brought = np.repeat(np.arange(200) % 2 * 100.0, 10)
    found = drawn(recorded, 20 * DAY_S, 1, brought)
    gaps, is_long = np.diff(found.arrivals_s), brought[found.like] > 0

    assert (gaps < 1).mean() == pytest.approx(0.9, abs=0.03)
    assert (is_long[1:] == is_long[:-1]).mean() > 0.85


def test_of_too_many_uploads_the_last_part_of_the_window_stands_for_it():
    recorded = np.linspace(0, 10 * DAY_S, 20_000, endpoint=False)
    found = drawn(recorded, 10 * DAY_S, 50)

    assert found.stretches == 1
    assert found.like.size == pytest.approx(MAX_UPLOADS, rel=0.02)
    assert found.length_s == pytest.approx(DAY_S, rel=0.02)
