"""Which stretch of time a question is about. Windows are half-open, days are UTC days."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from chassis.core.errors import FieldViolation, InvalidInput

__all__ = ["DEFAULT_RANGE", "MAX_DAYS", "Window", "parse_window"]

DEFAULT_RANGE = "30d"
MAX_DAYS = 365
_RANGE = re.compile(r"[0-9]{1,4}d", re.ASCII)
_ONE_DAY = timedelta(days=1)


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
        first, last = self.start.date(), (self.end - timedelta(microseconds=1)).date()
        return tuple(first + _ONE_DAY * number for number in range((last - first).days + 1))

    def widened_to_days(self) -> "Window":
        """Return the window of as many whole UTC days that ends in the day of `end`; the present day counts as one.

        `30d` asked at noon is thirty buckets: today so far and the twenty-nine days before.
        """
        length = -((self.start - self.end) // _ONE_DAY)
        first = (self.end - timedelta(microseconds=1)).date() - _ONE_DAY * (length - 1)
        return Window(datetime.combine(first, time(), UTC), self.end)


def parse_window(
    range_text: str, *, start_at: datetime | None, end_at: datetime | None, now: datetime, by_day: bool = False
) -> Window:
    """Read `1d` to `365d` (empty means 30d) as the time up to `now`, or an explicit window of at most 365 days.

    With `by_day` a range is made of whole UTC days, today included; an explicit window is taken as it is.

    Raises:
        InvalidInput: with a violation per field that is wrong.
    """
    if start_at is None and end_at is None:
        window = Window(now - timedelta(days=_days_of(range_text)), now)
        return window.widened_to_days() if by_day else window
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
