"""Which stretch of time a question is about, and into which periods it is cut.

Windows are half-open; days, weeks (from Monday) and months are those of UTC. A range is made of whole days, the present
one to its end, so that all answers over the same range add up. An explicit window is taken to the microsecond.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = ["DEFAULT_RANGE", "MAX_DAYS", "Period", "Window", "midnight", "parse_period", "parse_window"]

DEFAULT_RANGE = "30d"
MAX_DAYS = 365
_RANGE = re.compile(r"[0-9]{1,4}d", re.ASCII)
_ONE_DAY = timedelta(days=1)
_ONE_HOUR = timedelta(hours=1)
_LEAST = timedelta(microseconds=1)


class Period(StrEnum):
    """Into what a series is cut."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def first_day(self, day: date) -> date:
        """Return the first day of the period that holds a day: itself, the Monday, the first of the month."""
        if self is Period.WEEK:
            return day - _ONE_DAY * day.weekday()
        return day.replace(day=1) if self is Period.MONTH else day


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` (inclusive) to `end` (exclusive), both aware and in UTC, start before end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError("a window needs aware times, the start before the end")

    @property
    def days(self) -> tuple[date, ...]:
        """Every UTC day that the window touches, in order."""
        first, last = self.start.date(), (self.end - _LEAST).date()
        return tuple(first + _ONE_DAY * number for number in range((last - first).days + 1))

    def periods(self, period: Period) -> tuple[date, ...]:
        """Return the first day of every period that the window touches, in order; it may lie before the window."""
        return self.days if period is Period.DAY else tuple(dict.fromkeys(map(period.first_day, self.days)))

    def partial_days(self) -> tuple["Window", ...]:
        """Return what the window holds of days that it does not hold whole, in order: none, one or two pieces."""
        return _uncovered(self, midnight(self.start.date()), _ONE_DAY)

    def whole_days(self) -> tuple[date, ...]:
        """Return the UTC days that the window holds from the first to the last instant, in order."""
        partial = {piece.start.date() for piece in self.partial_days()}
        return tuple(day for day in self.days if day not in partial)

    def partial_hours(self) -> tuple["Window", ...]:
        """Return what the window holds of hours that it does not hold whole, in order: none, one or two pieces."""
        return _uncovered(self, self.start.replace(minute=0, second=0, microsecond=0), _ONE_HOUR)

    def whole_hours(self) -> "Window | None":
        """Return the whole hours that the window holds; None when it holds none."""
        pieces = self.partial_hours()
        start = pieces[0].end if pieces and pieces[0].start == self.start else self.start
        end = pieces[-1].start if pieces and pieces[-1].end == self.end else self.end
        return Window(start, end) if start < end else None


def midnight(day: date) -> datetime:
    """Return the first instant of a UTC day."""
    return datetime.combine(day, time(), UTC)


def parse_window(range_text: str, *, start_at: datetime | None, end_at: datetime | None, now: datetime) -> Window:
    """Read `1d` to `365d` (empty means 30d), or an explicit window of at most 365 days.

    A range is whole UTC days, the present one the last of them; an explicit window is taken as it is.

    Raises:
        InvalidInput: with a violation per field that is wrong.
    """
    if start_at is None and end_at is None:
        tomorrow = midnight(now.astimezone(UTC).date()) + _ONE_DAY
        return Window(tomorrow - _ONE_DAY * _days_of(range_text), tomorrow)
    if range_text:
        raise _refusal("range", "give range, or start_at and end_at, not both")
    if start_at is None:
        raise _refusal("start_at", "is needed beside end_at")
    end = end_at or now
    if start_at >= end:
        raise _refusal("start_at" if end_at is None else "end_at", "start_at must be before end_at (now when absent)")
    if end - start_at > timedelta(days=MAX_DAYS):
        raise _refusal("start_at", f"at most {MAX_DAYS} days before end_at")
    return Window(start_at, end)


def parse_period(text: str) -> Period:
    """Read `day`, `week` or `month`; empty means `day`.

    Raises:
        InvalidInput: it is none of them.
    """
    if text in ("", *Period):
        return Period(text or Period.DAY)
    raise InvalidInput(
        "bucket: must be day, week or month",
        reason="INVALID_BUCKET",
        violations=(FieldViolation("bucket", "must be day, week or month"),),
    )


def _uncovered(window: Window, first: datetime, length: timedelta) -> tuple[Window, ...]:
    """Return the first and the last piece of a window cut on a grid, as far as they are not whole cells of it."""
    count = (window.end - first) // length
    if not count:
        return (window,)
    pieces = []
    if window.start > first:
        pieces.append(Window(window.start, first + length))
    if first + length * count < window.end:
        pieces.append(Window(first + length * count, window.end))
    return tuple(pieces)


def _days_of(range_text: str) -> int:
    text = range_text or DEFAULT_RANGE
    days = int(text[:-1]) if _RANGE.fullmatch(text) else 0
    if not 1 <= days <= MAX_DAYS:
        raise _refusal("range", f"must be 1d to {MAX_DAYS}d")
    return days


def _refusal(field: str, description: str) -> InvalidInput:
    return InvalidInput(
        f"{field}: {description}", reason="INVALID_RANGE", violations=(FieldViolation(field, description),)
    )
