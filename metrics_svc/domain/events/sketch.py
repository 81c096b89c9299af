"""A mergeable sketch of many lengths: how many fell into each bin of a fixed, logarithmic scale.

The scale is DDSketch's (Masson, Rim and Lee, VLDB 2019): bin i holds the values v with GAMMA^(i-2) < v <= GAMMA^(i-1),
bin 0 holds zero. Any quantile is within RELATIVE_ERROR of the exact one, whatever the distribution. Counts are
integers, so merging is addition: in any order and any grouping, bit for bit the same.

Values are whole numbers, so the edges of the bins are too. They are computed once, in decimals, and decide; the
logarithm only guesses. So a value falls into the same bin on every machine, whatever its logarithm rounds to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GAMMA", "MAX_VALUE", "RELATIVE_ERROR", "SCALE_BINS", "Bins", "Counts", "Sketch", "bins_of", "bins_values"]

RELATIVE_ERROR = 0.005
"""What is promised. The scale is a little finer, so that rounding of floating point can not break the promise."""
MAX_VALUE = (1 << 63) - 1
_NUMERATOR, _DENOMINATOR = 10_049, 9_951
GAMMA = _NUMERATOR / _DENOMINATOR
"""(1 + 0.0049) / (1 - 0.0049)."""
_LOG_GAMMA = float(np.log(GAMMA))
_DIGITS = 60

Bins = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]


def _upper_edges() -> Bins:
    """Return the largest value of each bin, int64[SCALE_BINS], ascending, the last one MAX_VALUE."""
    edges, power = [0], Decimal(1)
    with localcontext() as context:
        context.prec = _DIGITS
        gamma = Decimal(_NUMERATOR) / Decimal(_DENOMINATOR)
        while edges[-1] < MAX_VALUE:
            edges.append(min(int(power), MAX_VALUE))
            power *= gamma
    return np.array(edges, np.int64)


_UPPER = _upper_edges()
SCALE_BINS = len(_UPPER)
"""How many bins the scale has: bins are 0 to SCALE_BINS - 1."""


def _middles() -> npt.NDArray[np.float64]:
    """Return for each bin what is equally far, relatively, from its smallest and its largest value."""
    upper = _UPPER.astype(np.float64)
    lower = np.concatenate([[0.0], np.minimum(_UPPER[:-1] + 1, _UPPER[1:]).astype(np.float64)])
    return np.divide(2.0 * lower, lower / np.maximum(upper, 1.0) + 1.0)


_MIDDLES = _middles()


def bins_of(values: npt.NDArray[np.int64]) -> Bins:
    """Return the bin of each value; values are 0 to MAX_VALUE, int64[n] to int64[n]."""
    guess = np.ceil(np.log(np.maximum(values, 1).astype(np.float64)) / _LOG_GAMMA).astype(np.int64) + 1
    guess = np.minimum(guess, SCALE_BINS - 1)
    guess -= _UPPER[guess - 1] >= values
    guess += _UPPER[guess] < values
    return guess


def bins_values(bins: Bins) -> npt.NDArray[np.float64]:
    """Return what stands for each bin, within RELATIVE_ERROR of all that fell into it; int64[n] to float64[n]."""
    return _MIDDLES[bins]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Bins that hold something, ascending, int64[n]; how many each holds, int64[n]; and what is known exactly.

    `total` is the exact sum of all values; `smallest` and `largest` are exact, and None when there is no value.
    """

    bins: Bins
    counts: Counts
    total: int = 0
    smallest: int | None = None
    largest: int | None = None

    @classmethod
    def empty(cls) -> "Sketch":
        """Return the sketch of nothing."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def of(cls, values: Sequence[int] | npt.NDArray[np.int64]) -> "Sketch":
        """Return the sketch of values of 0 to MAX_VALUE."""
        array = np.asarray(values, np.int64)
        if not array.size:
            return cls.empty()
        bins, counts = np.unique(bins_of(array), return_counts=True)
        return cls(bins, counts.astype(np.int64), _exact_sum(array), int(array.min()), int(array.max()))

    @classmethod
    def merged(cls, parts: Iterable["Sketch"]) -> "Sketch":
        """Return the sketch of all values of all parts; associative and commutative, bit for bit.

        Parts may have no bins and be only a sum and its extremes.
        """
        several = [part for part in parts if part.smallest is not None]
        if not several:
            return cls.empty()
        if len(several) == 1:
            return several[0]
        bins = np.concatenate([part.bins for part in several])
        if bins.size:
            first = int(bins.min())
            # Exact: float64 of bincount's weights holds integers up to 2^53, more events than a disk holds.
            dense = np.bincount(bins - first, weights=np.concatenate([part.counts for part in several]))
            bins = np.flatnonzero(dense)
            counts = dense[bins].astype(np.int64)
            bins += first
        else:
            counts = bins
        return cls(
            bins,
            counts,
            sum(part.total for part in several),
            min(part.smallest for part in several if part.smallest is not None),
            max(part.largest for part in several if part.largest is not None),
        )

    @property
    def count(self) -> int:
        """How many values it has seen."""
        return int(self.counts.sum())

    def quantiles(self, fractions: Sequence[float]) -> tuple[float, ...] | None:
        """Return the quantiles, each within RELATIVE_ERROR of `percentile_cont`; None when there is no value.

        The q-quantile of n ordered values lies at position q(n-1), linearly between its two neighbours.
        """
        if not self.bins.size:
            return None
        values = np.clip(bins_values(self.bins), self.smallest, self.largest)
        ends = np.cumsum(self.counts)
        positions = np.asarray(fractions, np.float64) * float(ends[-1] - 1)
        low = np.floor(positions).astype(np.int64)
        high = np.minimum(low + 1, ends[-1] - 1)
        below = values[np.searchsorted(ends, low, side="right")]
        above = values[np.searchsorted(ends, high, side="right")]
        return tuple(float(value) for value in below + (above - below) * (positions - low))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and (
            np.array_equal(self.bins, other.bins)
            and np.array_equal(self.counts, other.counts)
            and (self.total, self.smallest, self.largest) == (other.total, other.smallest, other.largest)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are not hashable


def _exact_sum(values: npt.NDArray[np.int64]) -> int:
    """Return the sum without overflow: high and low halves apart."""
    high: Any = (values >> 32).sum(dtype=np.int64)
    low: Any = (values & 0xFFFFFFFF).sum(dtype=np.int64)
    return (int(high) << 32) + int(low)
