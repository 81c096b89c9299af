"""Exact time inside a video: whole nanoseconds, half-open spans, no floats until the border."""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["NANOSECONDS_PER_SECOND", "TimeSpan", "ns_from_pts", "ns_from_seconds", "seconds_from_ns"]

NANOSECONDS_PER_SECOND = 1_000_000_000


def ns_from_seconds(seconds: float) -> int:
    """Round seconds to whole nanoseconds."""
    return round(seconds * NANOSECONDS_PER_SECOND)


def ns_from_pts(pts: int, time_base: Fraction) -> int:
    """Turn a presentation time stamp into nanoseconds, rounded to the nearest."""
    return round(pts * time_base * NANOSECONDS_PER_SECOND)


def seconds_from_ns(nanoseconds: int) -> float:
    """Return seconds rounded to the microsecond: what people and JSON are shown."""
    return round(nanoseconds / NANOSECONDS_PER_SECOND, 6)


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """A half-open span [start_ns, end_ns) of media time.

    Raises:
        ValueError: the start is negative or lies after the end.
    """

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ns <= self.end_ns:
            raise ValueError(f"not a span: [{self.start_ns}, {self.end_ns})")

    @property
    def length_ns(self) -> int:
        """Length in nanoseconds, >= 0."""
        return self.end_ns - self.start_ns

    def contains(self, at_ns: int) -> bool:
        """Tell whether an instant lies inside."""
        return self.start_ns <= at_ns < self.end_ns
