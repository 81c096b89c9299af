from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput
from metrics_svc.domain.answers.windows import Period, Window, parse_period, parse_window

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def parse(text="", start_at=None, end_at=None):
    return parse_window(text, start_at=start_at, end_at=end_at, now=NOW)


def test_a_range_is_whole_days_up_to_the_end_of_today_and_30_days_when_empty():
    """R-AD2-06."""
    tomorrow = datetime(2026, 3, 2, tzinfo=UTC)

    assert parse("1d") == Window(tomorrow - timedelta(days=1), tomorrow)
    assert parse("365d") == Window(tomorrow - timedelta(days=365), tomorrow)
    assert parse("") == parse("30d")


@pytest.mark.parametrize(
    "text", ["0d", "366d", "9999d", "abc", "30", "d", "-1d", "1d ", " 1d", "1D", "1.5d", "1d\n", "٣d", "1w"]
)
def test_a_range_outside_1d_to_365d_is_refused_by_name(text):
    """R-AD2-06: 400 with field violations."""
    with pytest.raises(InvalidInput) as refused:
        parse(text)

    assert [violation.field for violation in refused.value.violations] == ["range"]


def test_an_explicit_window_ends_now_unless_told():
    start = NOW - timedelta(hours=5)

    assert parse(start_at=start) == Window(start, NOW)
    assert parse(start_at=start, end_at=start + timedelta(hours=1)) == Window(start, start + timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "start_at", "end_at", "field"),
    [
        ("7d", NOW, None, "range"),
        ("", None, NOW, "start_at"),
        ("", NOW, NOW - timedelta(days=1), "end_at"),
        ("", NOW, NOW, "end_at"),
        ("", NOW + timedelta(days=1), None, "start_at"),
        ("", NOW - timedelta(days=366), NOW, "start_at"),
    ],
)
def test_a_contradictory_window_is_refused_by_name(text, start_at, end_at, field):
    """R-AD2-06."""
    with pytest.raises(InvalidInput) as refused:
        parse(text, start_at, end_at)

    assert [violation.field for violation in refused.value.violations] == [field]


def test_the_end_of_a_window_is_not_in_it():
    midnight = datetime(2026, 3, 1, tzinfo=UTC)

    assert Window(midnight - timedelta(days=2), midnight).days == (date(2026, 2, 27), date(2026, 2, 28))


@pytest.mark.parametrize("text", ["hour", "Day", "year", "day ", "7", "\x00"])
def test_a_bucket_that_is_neither_day_week_nor_month_is_refused_by_name(text):
    """R-AD2-06."""
    with pytest.raises(InvalidInput) as refused:
        parse_period(text)

    assert [violation.field for violation in refused.value.violations] == ["bucket"]


def test_a_bucket_is_a_day_unless_told():
    assert [parse_period(text) for text in ("", "day", "week", "month")] == [Period.DAY, *Period]


@pytest.mark.parametrize(
    "window", [(NOW, NOW), (NOW, NOW - timedelta(seconds=1)), (NOW.replace(tzinfo=None), NOW + timedelta(seconds=1))]
)
def test_there_is_no_window_without_a_length_or_a_time_zone(window):
    with pytest.raises((ValueError, TypeError)):
        Window(*window)
