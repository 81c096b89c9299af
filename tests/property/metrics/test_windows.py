from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.answers.windows import MAX_DAYS, Period, Window, midnight, parse_window

LEAST = timedelta(microseconds=1)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
edges = st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=1), LEAST, -LEAST])


@st.composite
def windows(draw):
    """Of any length up to a year, often beginning or ending at the edge of a day or an hour, or a hair beside it."""
    start = draw(times)
    if draw(st.booleans()):
        start = midnight(start.date()) + abs(draw(edges))
    lengths = st.timedeltas(LEAST, timedelta(days=MAX_DAYS)) | st.integers(1, 40).map(lambda days: timedelta(days=days))
    length = draw(lengths | st.integers(1, 50).map(lambda hours: timedelta(hours=hours))) + draw(edges)
    end = start + min(max(length, LEAST), datetime(9999, 12, 31, 23, tzinfo=UTC) - start)
    return Window(start, end)


def whole_days(window):
    return [Window(midnight(day), midnight(day) + timedelta(days=1)) for day in window.whole_days()]


def touch(pieces, window):
    """Whether pieces follow each other without a gap, from the start of a window to its end."""
    ordered = sorted(pieces, key=lambda piece: piece.start)
    return (ordered[0].start, ordered[-1].end) == (window.start, window.end) and all(
        left.end == right.start for left, right in pairwise(ordered)
    )


@given(windows())
def test_whole_days_and_pieces_of_days_are_the_window(window):
    pieces = window.partial_days()

    assert touch([*whole_days(window), *pieces], window)
    assert all(len(piece.days) == 1 and piece.end - piece.start < timedelta(days=1) for piece in pieces)
    assert len(pieces) <= 2


@given(windows())
def test_whole_hours_and_pieces_of_hours_are_the_window(window):
    hours, pieces = window.whole_hours(), window.partial_hours()

    assert touch([*([hours] if hours else []), *pieces], window)
    assert all(piece.end - piece.start < timedelta(hours=1) for piece in pieces)
    if hours:
        assert {(at.minute, at.second, at.microsecond) for at in (hours.start, hours.end)} == {(0, 0, 0)}


@given(windows(), st.sampled_from(Period))
def test_every_day_is_in_one_period_and_every_period_has_a_day(window, period):
    periods = window.periods(period)

    assert list(periods) == sorted(set(periods))
    assert set(periods) == {period.first_day(day) for day in window.days}
    for day in window.days:
        first = period.first_day(day)
        assert first <= day
        assert period.first_day(first) == first
        assert period is not Period.WEEK or (first.weekday() == 0 and (day - first).days < 7)
        assert period is not Period.MONTH or (first.day, first.month) == (1, day.month)


@given(times.filter(lambda at: at.year > 2), st.integers(1, MAX_DAYS))
def test_a_range_is_that_many_whole_days_and_today_is_the_last(now, days):
    """R-AD1-02, R-AD2-06."""
    window = parse_window(f"{days}d", start_at=None, end_at=None, now=now)

    assert (len(window.days), window.partial_days(), window.days[-1]) == (days, (), now.date())
