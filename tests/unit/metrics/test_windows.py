from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput
from metrics_svc.domain.windows import Window, parse_window

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def parse(text="", start_at=None, end_at=None, **more: bool):
    return parse_window(text, start_at=start_at, end_at=end_at, now=NOW, **more)


def test_a_range_is_the_time_up_to_now_and_30_days_when_empty():
    """R-AD2-06."""
    assert parse("1d") == Window(NOW - timedelta(days=1), NOW)
    assert parse("365d") == Window(NOW - timedelta(days=365), NOW)
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


@pytest.mark.parametrize("now", [NOW, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC)])
@pytest.mark.parametrize("days", [1, 2, 30, 365])
def test_a_range_by_day_has_exactly_that_many_utc_days(now, days):
    """R-AD1-02: 30 buckets, UTC day edges."""
    window = parse_window(f"{days}d", start_at=None, end_at=None, now=now, by_day=True)

    assert len(window.days) == days
    assert window.end == now
    assert (window.start.hour, window.start.minute, window.start.microsecond) == (0, 0, 0)


def test_the_end_of_a_window_is_not_in_it():
    midnight = datetime(2026, 3, 1, tzinfo=UTC)

    assert Window(midnight - timedelta(days=2), midnight).days == (date(2026, 2, 27), date(2026, 2, 28))
