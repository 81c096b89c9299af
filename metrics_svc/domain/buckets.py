"""The columns of the heat map: fixed, log-spaced lengths, so that any two pictures can be laid over each other."""

import bisect
import math

__all__ = ["BOUNDS_NS", "bucket_of", "bucket_span"]

_NS_PER_MS = 1_000_000
_MAX_NS = (1 << 63) - 1


def _bounds() -> tuple[int, ...]:
    steps = []
    step = 0
    while (bound := round(_NS_PER_MS * math.sqrt(2) ** step)) < _MAX_NS:
        steps.append(bound)
        step += 1
    return (0, *steps)


BOUNDS_NS: tuple[int, ...] = _bounds()
"""Lower bounds, nanoseconds, ascending: 0, 1 ms, then two per doubling up to what an int64 can hold."""


def bucket_of(duration_ns: int) -> int:
    """Return the number, from 1, of a length's bucket, as PostgreSQL's `width_bucket(duration_ns, BOUNDS_NS)` does."""
    return bisect.bisect_right(BOUNDS_NS, duration_ns)


def bucket_span(number: int) -> tuple[int, int]:
    """Return [from, to) of a bucket in nanoseconds; the last one ends at the largest int64.

    Raises:
        IndexError: there is no such bucket.
    """
    if not 1 <= number <= len(BOUNDS_NS):
        raise IndexError(number)
    return BOUNDS_NS[number - 1], BOUNDS_NS[number] if number < len(BOUNDS_NS) else _MAX_NS
