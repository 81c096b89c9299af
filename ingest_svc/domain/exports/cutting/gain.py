"""How much louder or quieter a clip becomes, and how its peaks are kept down.

A gain alone where the peaks allow it. Where they do not, a limiter takes them off, which also takes loudness: what is
lost is found by trying, on the sound alone, and made up for.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["GENTLE", "QUICK", "Gain", "Heard", "Limiter", "Tried", "best", "first_gain", "next_gain", "read_meter"]

_CEILING_DBTP = -2.0
"""Highest true peak before coding; the sound coder may add some tenths of a decibel to it (measured: 0.4)."""

_NEAR_LU = 0.3
_SILENT_LUFS = -70.0
"""What the meter shows where nothing was above its gate."""

_LEAST_LUFS = -60.0
"""Below this nobody speaks: a gain would make noise loud."""

_GENTLE_DB = 6.0
_MOST_MORE_DB = 24.0
_MOST_TRIES = 6
_MIN_SLOPE, _MAX_SLOPE = 0.2, 1.0
_INTEGRATED, _TRUE_PEAK = "lavfi.r128.I", "lavfi.r128.true_peak"


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter: how fast it goes down and comes back, in milliseconds."""

    attack_ms: float
    release_ms: float

    @property
    def ceiling(self) -> float:
        """Highest amplitude, of 1."""
        return float(10 ** (_CEILING_DBTP / 20))


GENTLE = Limiter(attack_ms=5, release_ms=50)
"""For speech and music: it is not heard."""

QUICK = Limiter(attack_ms=1, release_ms=10)
"""For lone peaks over quiet, such as clicks: it bends them, since to turn them down as a whole would leave nothing."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A gain in decibels, and the limiter behind it; None where no peak reaches the ceiling."""

    db: float
    limiter: Limiter | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sound is like: integrated loudness in LUFS and true peak in dBTP; None where there is none to tell."""

    lufs: float | None
    peak_dbtp: float | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A gain, and the loudness that it came to."""

    gain: Gain
    lufs: float


def first_gain(heard: Heard, target_lufs: float) -> Gain | None:
    """Return the gain to begin with; None for silence and for sounds too short to have a loudness.

    Without a limiter it is final; with one it is to be tried.
    """
    if heard.lufs is None or heard.lufs < _LEAST_LUFS:
        return None
    db = target_lufs - heard.lufs
    if heard.peak_dbtp is not None and heard.peak_dbtp + db <= _CEILING_DBTP:
        return Gain(db)
    return Gain(db, GENTLE)


def next_gain(tried: Sequence[Tried], target_lufs: float) -> Gain | None:
    """Return what to try next; None when the last one is near enough, or nothing more is worth a try.

    The answer of a limiter to more gain is nearly straight over a few decibels: the next try lies where the line
    through the last two meets the target. Where a gentle limiter would need 6 dB more than the gain alone, the quick
    one takes its place.
    """
    last = tried[-1]
    missing = target_lufs - last.lufs
    if abs(missing) <= _NEAR_LU or len(tried) >= _MOST_TRIES:
        return None
    slope = 0.8
    if len(tried) > 1 and tried[-2].gain.limiter == last.gain.limiter and tried[-2].gain.db != last.gain.db:
        slope = (last.lufs - tried[-2].lufs) / (last.gain.db - tried[-2].gain.db)
    db = last.gain.db + missing / min(max(slope, _MIN_SLOPE), _MAX_SLOPE)
    limiter = last.gain.limiter
    if limiter == GENTLE and db - tried[0].gain.db > _GENTLE_DB:
        return Gain(tried[0].gain.db + _GENTLE_DB, QUICK)
    return Gain(min(db, tried[0].gain.db + _MOST_MORE_DB), limiter)


def best(tried: Sequence[Tried], target_lufs: float) -> Tried:
    """Return the try that came nearest."""
    return min(tried, key=lambda one: abs(one.lufs - target_lufs))


def read_meter(text: str) -> Heard:
    """Read the lines that the meter wrote: of each value the last one counts, since it covers all before."""
    values: dict[str, float] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key in {_INTEGRATED, _TRUE_PEAK}:
            with suppress(ValueError):
                values[key] = float(value)
    lufs, peak = values.get(_INTEGRATED, -math.inf), values.get(_TRUE_PEAK, 0.0)
    return Heard(lufs if lufs > _SILENT_LUFS else None, 20 * math.log10(peak) if peak > 0 else None)
