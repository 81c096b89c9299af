"""Days that could have been: uploads drawn anew from recorded ones, as many as asked for, at the hours of the recorded.

The recorded uploads are first put on a scale of time on which they come evenly (one per unit): the hours of the day and
the days keep their levels, as far as these differ by more than chance. On that scale the gaps between uploads are
drawn, together with what each upload brought: one by one where they are independent, else in blocks (stationary
bootstrap of Politis and Romano, 1994), so that what came together stays together. Then the scale is undone. More
uploads are the same gaps closer together.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.capacity.load import HOUR_S, hour_edges
from metrics_svc.domain.capacity.queueing import Seconds
from metrics_svc.domain.capacity.recording import Numbers

__all__ = ["MAX_UPLOADS", "Scenario", "draw_uploads"]

MAX_UPLOADS = 100_000
"""The most uploads of one stretch; where the window would hold more, its last part stands for it."""
_WANTED_UPLOADS = 60_000
_MAX_STRETCHES = 400
_SEED = 20_261_121
"""One seed for all settings: what differs between two answers is then the setting, not luck."""
_HOURS = 24
_DAY_S = 86_400.0
_MARGIN = 1.05
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """Uploads of several stretches of time, each begun with nothing waiting; by stretch, then by time."""

    length_s: float
    """Length of a stretch, seconds: that of the window, or less where it holds too many uploads."""
    stretches: int
    stretch: Numbers
    """Which stretch an upload belongs to, from 0."""
    arrivals_s: Seconds
    """When, since the start of its stretch."""
    like: Numbers
    """Number of the recorded upload that it is like."""


def draw_uploads(recorded_s: Seconds, brought_s: Seconds, window: Window, factor: float) -> Scenario:
    """Draw stretches like a window, with `factor` times its uploads. The same arguments give the same uploads.

    Args:
        recorded_s: when the uploads came, within the window, ascending, at least 2.
        brought_s: the work each brought, seconds.
        window: the window.
        factor: how many times as many, above 0.
    """
    scale = _EvenScale.of(recorded_s, window)
    begin = max(0.0, scale.uploads - MAX_UPLOADS / factor)
    span = (scale.uploads - begin) * factor
    stretches = max(1, min(_MAX_STRETCHES, round(_WANTED_UPLOADS / span)))
    gaps = scale.gaps(recorded_s)
    positions, like = _draw(gaps, span * stretches, block=_block(gaps, brought_s))
    stretch = np.minimum(positions // span, stretches - 1).astype(np.int64)
    begin_s = scale.seconds(np.array([begin]))[0]
    return Scenario(
        length_s=float(scale.edges_s[-1] - begin_s),
        stretches=stretches,
        stretch=stretch,
        arrivals_s=scale.seconds(begin + (positions - stretch * span) / factor) - begin_s,
        like=like,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _EvenScale:
    """`until[i]` uploads are expected up to `edges_s[i]`; in between they come evenly."""

    edges_s: Seconds
    until: Seconds

    @classmethod
    def of(cls, recorded_s: Seconds, window: Window) -> "_EvenScale":
        edges = hour_edges(window)
        counts = np.histogram(recorded_s, edges)[0].astype(np.float64)
        expected = np.diff(edges) * counts.sum() / edges[-1]
        middles = window.start.timestamp() + (edges[:-1] + edges[1:]) / 2
        chance = _dispersion(recorded_s + window.start.timestamp())
        for of_day in (
            (middles // HOUR_S).astype(np.int64) % _HOURS,
            (middles // _DAY_S).astype(np.int64) - int(middles[0] // _DAY_S),
        ):
            expected = expected * _levels(of_day, counts, expected, chance)
        return cls(edges, np.concatenate([[0.0], np.cumsum(expected * counts.sum() / expected.sum())]))

    @property
    def uploads(self) -> float:
        """How many uploads the window had."""
        return float(self.until[-1])

    def gaps(self, recorded_s: Seconds) -> Seconds:
        """Return the distance of each upload from the one before it; the first follows the last."""
        even = np.interp(recorded_s, self.edges_s, self.until)
        gaps: Seconds = np.diff(even, prepend=even[-1] - self.uploads)
        return gaps

    def seconds(self, even: Seconds) -> Seconds:
        """Return the moments of places on the scale."""
        return np.interp(even, self.until, self.edges_s)


def _levels(group: Numbers, counts: Seconds, expected: Seconds, chance: float) -> Seconds:
    """Return by how much the group of each hour is above or below what is expected, less what is chance.

    The part of the spread between groups that counts alone would have is taken away (James and Stein, 1961).
    """
    wanted = np.bincount(group, expected)
    is_there = wanted > 0
    ratios = np.divide(np.bincount(group, counts, wanted.size), wanted, out=np.ones(wanted.size), where=is_there)
    weights = wanted / wanted.sum()
    spread = float((weights * (ratios - 1) ** 2).sum())
    by_chance = chance * int(is_there.sum()) / float(wanted.sum())
    kept = max(0.0, 1 - by_chance / spread) if spread > 0 else 0.0
    levels: Seconds = (1 + kept * (ratios - 1))[group]
    return levels


def _dispersion(recorded_at: Seconds) -> float:
    """Return how much more the number of uploads varies than that of independent users would; at least 1.

    Both halves of an hour have the same level, so what differs between them is chance.
    """
    halves = np.unique((recorded_at // (HOUR_S / 2)).astype(np.int64), return_counts=True)
    numbers, counts = halves
    hours, place = np.unique(numbers // 2, return_inverse=True)
    first = np.bincount(place, counts * (numbers % 2 == 0), hours.size)
    second = np.bincount(place, counts * (numbers % 2 == 1), hours.size)
    return max(1.0, float(((first - second) ** 2).sum() / counts.sum()))


def _block(*series: Seconds) -> int:
    """Return the mean length of a block: 1 where successive uploads have nothing to do with each other.

    Longer blocks keep what they have to do with each other, and with it what only chance put beside each other.
    """
    longer = max(2, round(2 * series[0].size ** (1 / 3)))
    return longer if any(_is_dependent(values, longer) for values in series) else 1


def _is_dependent(values: Seconds, count: int) -> bool:
    """Return whether sums of successive values vary otherwise than sums of independent ones would.

    The variance ratio of Lo and MacKinlay (1988), two standard errors away from 1.
    """
    spread = float(values.var())
    if spread <= 0 or values.size <= count:
        return False
    until = np.cumsum(values - values.mean())
    ratio = float((until[count:] - until[:-count]).var()) / (count * spread)
    error = math.sqrt(2 * (2 * count - 1) * (count - 1) / (3 * count * values.size))
    return abs(ratio - 1) > _STANDARD_ERRORS * error


def _draw(gaps: Seconds, until: float, *, block: int) -> tuple[Seconds, Numbers]:
    """Draw blocks of successive gaps until they reach so far; return the places and which gap led to each."""
    random = np.random.default_rng(_SEED)
    pieces: list[Numbers] = []
    reached = 0.0
    while reached < until:
        count = int((until - reached) * _MARGIN) + 10 * block
        begins: npt.NDArray[np.bool_] = random.random(count) < 1 / block
        begins[0] = True
        at = np.arange(count)
        since = np.maximum.accumulate(np.where(begins, at, 0))
        pieces.append((random.integers(0, gaps.size, count)[since] + at - since) % gaps.size)
        reached += float(gaps[pieces[-1]].sum())
    like = np.concatenate(pieces)
    places = np.cumsum(gaps[like])
    inside = int(np.searchsorted(places, until))
    return places[:inside], like[:inside]
