"""A calm way through a corridor: as still as the corridor allows, never faster than told, never more sudden than told.

Three steps, each of which keeps what the one before it gave:

1. the corridor is narrowed to what can be reached at the highest speed; where it can not be followed at that speed, the
   middle between "too early" and "too late" is taken;
2. the shortest way through it (the taut string): it stands still where it can, and moves evenly where it must;
3. the mean over a window, which bounds the acceleration: 2 * speed / window at most.

The mean cuts corners. Where it leaves the corridor, the corridor is moved the other way and all of it is done again.
Nothing looks at the past alone: a subject that will move is met before it has left.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "steady_way"]

Floats = NDArray[np.float64]
"""float64[n], one value per step."""

_ROUNDS = 4
_NOTHING = 1e-9
_CLEARLY = 1 - 1e-6


def steady_way(low: Floats, high: Floats, *, max_step: float, window: int) -> Floats:
    """Return a way between two walls.

    Args:
        low: lower wall, finite.
        high: upper wall, finite, nowhere below the lower one.
        max_step: most that may change between two steps, > 0; this bound holds exactly, and before the walls.
        window: steps that are averaged, odd; between two steps the change changes by 2 * max_step / window at most.

    Returns:
        float64[n] within [min(low), max(high)]; a way of less than half a window does not move at all.
    """
    walls = np.stack([low, high])
    best, least, shift = np.zeros(len(low)), np.inf, np.zeros(len(low))
    for _ in range(_ROUNDS):
        moved = np.clip(walls + shift, low.min(), high.max())
        way = _pass_through(moved[0], moved[1], max_step, window)
        miss = np.clip(way, low, high) - way
        if (missed := float(np.abs(miss).sum())) < least * _CLEARLY:
            best, least = way, missed
        if missed <= _NOTHING:
            break
        shift += miss
    return best


def _pass_through(low: Floats, high: Floats, max_step: float, window: int) -> Floats:
    low, high = _reachable(low, high, max_step)
    if len(low) <= window // 2:
        return np.full(len(low), float(np.mean((low + high) / 2)))
    return _smoothed(_taut_string(low, high), window)


def _reachable(low: Floats, high: Floats, max_step: float) -> tuple[Floats, Floats]:
    """Return walls that change by `max_step` at most, and meet where no way could keep to both."""
    ramp = np.arange(len(low)) * max_step
    rising = np.maximum(
        np.maximum.accumulate(low + ramp) - ramp, np.maximum.accumulate((low + ramp[::-1])[::-1])[::-1] - ramp[::-1]
    )
    falling = np.minimum(
        np.minimum.accumulate(high - ramp) + ramp, np.minimum.accumulate((high - ramp[::-1])[::-1])[::-1] + ramp[::-1]
    )
    middle = (rising + falling) / 2
    return np.minimum(rising, middle), np.maximum(falling, middle)


def _taut_string(low: Floats, high: Floats) -> Floats:
    """Return the shortest way between two walls whose ends are free."""
    count = len(low)
    start, level = _first_stand(low, high)
    way = np.empty(count)
    way[: start + 1] = level
    while start < count - 1:
        end, value = _next_bend(low, high, start, way[start])
        way[start : end + 1] = np.linspace(way[start], value, end - start + 1)
        start = end
    return way


def _first_stand(low: Floats, high: Floats) -> tuple[int, float]:
    """Return how long one can stand still from the beginning, and where; at the last step when it is for ever."""
    floor, ceiling = np.maximum.accumulate(low), np.minimum.accumulate(high)
    closed = np.flatnonzero(floor > ceiling)
    if not len(closed):
        return len(low) - 1, float((floor[-1] + ceiling[-1]) / 2)
    shut = int(closed[0])
    if low[shut] > ceiling[shut - 1]:
        level = ceiling[shut - 1]
        return int(np.flatnonzero(high[:shut] <= level)[-1]), float(level)
    level = floor[shut - 1]
    return int(np.flatnonzero(low[:shut] >= level)[-1]), float(level)


def _next_bend(low: Floats, high: Floats, start: int, value: float) -> tuple[int, float]:
    """Return the next step at which the string bends, and its place there."""
    ahead = np.arange(1, len(low) - start)
    least = (low[start + 1 :] - value) / ahead
    most = (high[start + 1 :] - value) / ahead
    steepest, flattest = np.maximum.accumulate(least), np.minimum.accumulate(most)
    closed = np.flatnonzero(steepest > flattest)
    shut = int(closed[0]) if len(closed) else len(ahead)
    if shut < len(ahead):
        bends_low = most[shut] < (steepest[shut - 1] if shut else least[shut])
    else:
        if steepest[-1] <= 0 <= flattest[-1]:
            return len(low) - 1, value
        bends_low = steepest[-1] > 0
    if shut == 0:
        # Two walls that touch: no choice is left, only rounding.
        return start + 1, float((low[start + 1] + high[start + 1]) / 2)
    if bends_low:
        bend = int(np.flatnonzero(least[:shut] >= steepest[shut - 1])[-1])
        return start + 1 + bend, float(low[start + 1 + bend])
    bend = int(np.flatnonzero(most[:shut] <= flattest[shut - 1])[-1])
    return start + 1 + bend, float(high[start + 1 + bend])


def _smoothed(way: Floats, window: int) -> Floats:
    """Return the mean over a window; turned about at its ends, a way that moves there is not slowed."""
    half = window // 2
    if half == 0:
        return way
    before = 2 * way[0] - way[half:0:-1]
    after = 2 * way[-1] - way[-2 : -half - 2 : -1]
    sums = np.cumsum(np.concatenate([[0.0], before, way, after]))
    mean: Floats = np.clip((sums[window:] - sums[:-window]) / window, way.min(), way.max())
    return mean
