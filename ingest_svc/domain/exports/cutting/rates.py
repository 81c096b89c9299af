"""Which constant frame rate a clip gets."""

import math
from collections.abc import Sequence
from fractions import Fraction

from ingest_svc.domain.exports.cutting.looks import SourceLook

__all__ = ["RATES", "clip_rate", "is_listed", "source_rate"]

RATES: tuple[Fraction, ...] = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
"""The rates that players and platforms know. None is above 60: more is never asked for on a phone."""

_NEAR = 0.0004
"""24 and 23.976 are 0.1 % apart; averages over a few seconds of rounded times are off by less than half of it."""

_MULTIPLE_NEAR = 0.003
_MOST_REPEATS = 3
_UNKNOWN = Fraction(30)


def clip_rate(looks: Sequence[SourceLook]) -> Fraction:
    """Return the rate of a clip: the highest one of its sources, so that no picture of any is lost."""
    return max((source_rate(look) for look in looks), default=_UNKNOWN)


def source_rate(look: SourceLook) -> Fraction:
    """Return the listed rate that suits one source.

    A listed average is taken as it is. A variable rate whose pictures lie on the grid of a listed rate (some left out)
    gets that rate. Slower sources are repeated: 2 or 3 times where that is a listed rate (10 to 30, 12.5 to 25, 20 to
    60), else at 30. Anything else goes to the nearest listed rate, by proportion.
    """
    average, base = look.average_rate, look.base_rate
    if average <= 0:
        average = base if 0 < base <= RATES[-1] else _UNKNOWN
    if (listed := _listed(average, _NEAR)) is not None:
        return listed
    if average < base < (_MOST_REPEATS + 1) * average and (listed := _listed(base, _NEAR)) is not None:
        return listed
    if average < RATES[0] * Fraction(99, 100):
        for times in range(2, _MOST_REPEATS + 1):
            if (listed := _listed(average * times, _MULTIPLE_NEAR)) is not None:
                return listed
        return _UNKNOWN
    return min(RATES, key=lambda rate: abs(math.log(rate / average)))


def is_listed(rate: Fraction) -> bool:
    """Tell whether a source of this rate keeps it."""
    return _listed(rate, _NEAR) is not None


def _listed(rate: Fraction, near: float) -> Fraction | None:
    nearest = min(RATES, key=lambda one: abs(one - rate))
    return nearest if abs(nearest / rate - 1) <= near else None
