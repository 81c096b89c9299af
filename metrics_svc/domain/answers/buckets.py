"""The columns of the heat map: fixed, log-spaced lengths, so that any two pictures can be laid over each other.

A column holds whole bins of the sketches, so its count is exact.
"""

import bisect

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.events.sketch import MAX_VALUE, SCALE_BINS, bins_of

__all__ = ["BOUNDS_NS", "bucket_of", "bucket_span", "counts_by_bucket"]

_FIRST_NS = 1_000_000
_STEP_BINS = 35
"""Bins of a column; it spans a factor of 1.41."""


def _smallest_of(bins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the smallest value of each bin above 0, found by halving."""
    below, found = np.zeros(bins.size, np.int64), np.full(bins.size, MAX_VALUE)
    while np.any(found - below > 1):
        middle = below + (found - below) // 2
        reaches = bins_of(middle) >= bins
        below, found = np.where(reaches, below, middle), np.where(reaches, middle, found)
    return found


_FIRST_BIN = int(bins_of(np.array([_FIRST_NS]))[0])
_FIRST_BINS = np.array([0, *range(_FIRST_BIN, SCALE_BINS, _STEP_BINS)], np.int64)
BOUNDS_NS: tuple[int, ...] = (0, *_smallest_of(_FIRST_BINS[1:]).tolist())
"""Lower bounds, nanoseconds, ascending: 0, about 1 ms, then by a factor of 1.41 up to what an int64 can hold."""


def bucket_of(duration_ns: int) -> int:
    """Return the number, from 1, of a length's bucket, as PostgreSQL's `width_bucket(duration_ns, BOUNDS_NS)` does."""
    return bisect.bisect_right(BOUNDS_NS, duration_ns)


def bucket_span(number: int) -> tuple[int, int]:
    """Return [from, to) of a bucket in nanoseconds; the last one ends at the largest int64, which is in it.

    Raises:
        IndexError: there is no such bucket.
    """
    if not 1 <= number <= len(BOUNDS_NS):
        raise IndexError(number)
    return BOUNDS_NS[number - 1], BOUNDS_NS[number] if number < len(BOUNDS_NS) else MAX_VALUE


def counts_by_bucket(bins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> dict[int, int]:
    """Return how many values fall into each bucket that holds some, by its number, ascending."""
    numbers = np.searchsorted(_FIRST_BINS, bins, side="right")
    sums = np.zeros(len(BOUNDS_NS) + 1, np.int64)
    np.add.at(sums, numbers, counts)
    found = np.flatnonzero(sums)
    return dict(zip(found.tolist(), sums[found].tolist(), strict=True))
